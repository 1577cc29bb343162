// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/feed"
	"github.com/rollcall-iam/rollcall/internal/mirror"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// saveAfter is how long changes are gathered before the status says how far the directory was followed. A server that is behind less than
// that is not recognized after a crash.
const saveAfter = 10 * time.Second

// memory is what the operator keeps of a Directory between two runs. All of it can be had again by a full read.
type memory struct {
	uid types.UID
	// asked says that a full read is wanted, and planned that a plan is: something was told, or has changed outside the directory.
	asked, planned atomic.Bool
	feed           *feed.Feed

	// What follows is the Directory's worker's alone.

	// replica is the last full read and the changes since; nil before the first.
	replica *directory.Replica
	// source is what was read, as it calls itself: progress at another means nothing.
	source string
	// generation and accept are the spec and the annotation that the last full read was made for.
	generation int64
	accept     string
	// readAt is when the last full read began that was complete, nextRead when the next one is due.
	readAt, nextRead time.Time
	// again is when to plan once more, since the cache did not show what was written when the last plans were made. Zero: no need.
	again time.Time
	// learnt is when the first of what is not mirrored yet became known. Zero: it is not known of anything, or all is mirrored.
	learnt time.Time
	// fresh says that this read was not reported yet.
	fresh bool
	// position is the newest state of the directory that was seen, readPosition that of the last full read.
	position, readPosition directory.Position
	// aside is what the last full read would change, where it was behind that and so is not believed; nil where it was not.
	aside *mirror.Held
	// doubted are the people, by mirror.IDKey, whom such a read called disabled, and of whom nothing was told since.
	doubted map[string]bool
	// problem is what the last full read came to; nil where all went well.
	problem *outcome.Problem
	// unsaved is since when there is progress that the status does not show. Zero: there is none.
	unsaved time.Time
	// reported is the status that was written last, which the cache may not show yet; nil before the first.
	reported *v1alpha1.DirectoryStatus
	// last is the last plan without its changes; nil before the first.
	last *mirror.Plan
	// lost are the people who lost access since the last full read, accepted identify losses that somebody let pass.
	lost, accepted map[string]bool
}

// due says whether it is time for a full read.
func (m *memory) due(d *v1alpha1.Directory, now time.Time) bool {
	return m.asked.Load() || m.generation != d.Generation || m.accept != d.Annotations[v1alpha1.AnnotationAcceptLoss] ||
		!now.Before(m.nextRead)
}

// adopt takes a full read for the state of the directory now.
func (m *memory) adopt(replica *directory.Replica, readAt time.Time) {
	m.replica, m.aside, m.fresh, m.readAt = replica, nil, true, readAt
	m.learn(readAt)
	m.position = m.position.And(m.readPosition)
}

// learn notes when something became known, unless something before that is not mirrored yet.
func (m *memory) learn(at time.Time) {
	if m.learnt.IsZero() {
		m.learnt = at
	}
}

// goBack makes that state the one that counts, although newer ones were seen.
func (m *memory) goBack() {
	maps.Copy(m.position, m.readPosition)
}

// owes says whether the cluster may not be as is known, or what is known means something else by now. Asking makes it be done.
func (m *memory) owes(now time.Time) bool {
	passed := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	owes := m.planned.Swap(false) || passed(m.again) || m.last != nil && passed(m.last.Recheck)
	if passed(m.again) {
		m.again = time.Time{}
	}
	return owes
}

// next is how long after now there is something to do even if nothing happens.
func (m *memory) next(now time.Time) time.Duration {
	const atOnce = time.Millisecond
	if m.asked.Load() || m.planned.Load() {
		return atOnce
	}
	next := m.nextRead
	consider := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	consider(m.again)
	if !m.unsaved.IsZero() {
		consider(m.unsaved.Add(saveAfter))
	}
	if m.last != nil {
		consider(m.last.Recheck)
	}
	return max(next.Sub(now), atOnce)
}

// held is what waits for a decision; nil where nothing does.
func (m *memory) held() *mirror.Held {
	if m.aside == nil && m.last != nil {
		return m.last.Held
	}
	return m.aside
}

// guard is what the loss guard has to know.
func (m *memory) guard() mirror.Guard {
	return mirror.Guard{Lost: m.lost, Accepted: m.accepted, Doubted: m.doubted}
}

// writes remembers whom a plan takes access from, before it does: a write that fails may have taken it all the same.
func (m *memory) writes(plan *mirror.Plan) {
	if plan.Accepted != nil {
		m.accepted = plan.Accepted
	}
	if m.lost == nil || m.fresh {
		m.lost = map[string]bool{}
	}
	if !m.fresh {
		maps.Copy(m.lost, plan.Lost)
	}
}

// wrote remembers a plan that was written.
func (m *memory) wrote(plan *mirror.Plan, now time.Time) {
	m.learnt = time.Time{}
	if len(plan.Users)+len(plan.Groups) > 0 {
		m.again = now.Add(settle)
		if m.unsaved.IsZero() {
			m.unsaved = now
		}
	}
	if plan.Held == nil && plan.Accepted == nil && m.aside == nil {
		// Not with the plan that was accepted: the next may be made before the cache shows what this one wrote. And not while a read
		// is put aside, which plans of what was told know nothing of.
		m.accepted, m.doubted = nil, nil
	}
	kept := *plan
	kept.Users, kept.Groups, kept.Lost = nil, nil, nil
	m.last = &kept
}

// progressAt is how far a source was followed by an earlier run of the operator; nil where that was another.
func progressAt(d *v1alpha1.Directory, source directory.Source) *v1alpha1.ChangesProgress {
	if progress := d.Status.Progress; progress != nil && progress.Source == shortened(source.String()) {
		return progress
	}
	return nil
}

// shortened is a digest of what a source calls itself.
func shortened(source string) string {
	sum := sha256.Sum256([]byte(source))
	return hex.EncodeToString(sum[:16])
}

// hear takes what the directory told. If it is to be mirrored, a plan is owed.
func (m *memory) hear() (changes []directory.Change) {
	heard := m.feed.Take()
	if heard.Gap {
		m.asked.Store(true)
	}
	m.position = m.position.And(heard.Position)
	for _, c := range heard.Changes {
		if c.Person != nil {
			delete(m.doubted, mirror.IDKey(c.Person.ID))
		}
	}
	if m.replica != nil && len(heard.Changes) > 0 {
		m.planned.Store(true)
		m.learn(heard.Since)
		if m.replica.Apply(heard.Changes) {
			m.asked.Store(true)
		}
	}
	return heard.Changes
}

// memories are those of all Directories, by name.
type memories struct {
	mutex sync.Mutex
	all   map[string]*memory
	clock clock.PassiveClock
	// wake runs a Directory, and follow makes a feed watch a source for as long as the manager runs. Without one they do nothing.
	wake   func(name string)
	follow func(f *feed.Feed, source directory.Source, cookies []string)
}

func newMemories(c clock.PassiveClock) *memories {
	return &memories{
		all: map[string]*memory{}, clock: c,
		wake: func(string) {}, follow: func(*feed.Feed, directory.Source, []string) {},
	}
}

// begin ties the memories to a manager. It implements source.Func, which gets its queue before anything runs.
func (m *memories) begin(ctx context.Context, q queue) error {
	m.wake = func(name string) { q.Add(reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}) }
	m.follow = func(f *feed.Feed, source directory.Source, cookies []string) { f.Follow(ctx, source, cookies) }
	return nil
}

// of is the memory of a Directory. One that was deleted and made anew is another.
func (m *memories) of(d *v1alpha1.Directory) *memory {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	found := m.all[d.Name]
	if found != nil && found.uid == d.UID {
		return found
	}
	if found != nil {
		found.feed.Stop()
	}
	name := d.Name
	fresh := &memory{uid: d.UID, feed: feed.New(m.clock, func() { m.wake(name) })}
	m.all[name] = fresh
	return fresh
}

// forget ends the watch of a Directory that is gone or paused.
func (m *memories) forget(name string) {
	m.mutex.Lock()
	found := m.all[name]
	delete(m.all, name)
	m.mutex.Unlock()
	if found != nil {
		found.feed.Stop()
	}
}

// read wants a full read of a Directory, if it was read before: else one is due anyway.
func (m *memories) read(name string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if found := m.all[name]; found != nil {
		found.asked.Store(true)
	}
}

// plan wants another plan of a Directory, from what is known of it.
func (m *memories) plan(name string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if found := m.all[name]; found != nil {
		found.planned.Store(true)
	}
}
