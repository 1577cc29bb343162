// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

const (
	// defaultMaxLossPercent is spec.leavers.maxLossPercent where there is no leavers.
	defaultMaxLossPercent = 10
	// never is the percentage that asks nobody.
	never = 100
	// floor is how many people may always lose access unasked: in a small directory every one of them is many percent.
	floor = 5
	// tokenBytes of a digest make a token.
	tokenBytes = 8
)

// loss is what a change takes from people who have access.
type loss int

const (
	noLoss loss = iota
	// lossGone: a person is not there any more. That is a conclusion, and may be a wrong one.
	lossGone
	// lossOfName: a person is there by another name, and what was given to the old one does not follow.
	lossOfName
	// lossOfGroup: a person leaves a group that gives something, or that group goes.
	lossOfGroup
	// lossDisabled: the directory says of this very person that they are out.
	lossDisabled
	// lossDoubted: it said so once, and may have changed its mind since.
	lossDoubted
)

// Guard is what the loss guard has to know besides the plan.
type Guard struct {
	// Lost are the Users who lost access since the last full read, whether or not they show that yet.
	Lost map[string]bool
	// Behind says that the snapshot is older than what was read before: then nothing of it is believed unasked.
	Behind bool
	// Doubted are people, by IDKey, whom such a snapshot called disabled, which may have been long ago.
	Doubted map[string]bool
	// Accepted are the losses of a plan that was accepted and is not written completely.
	Accepted map[string]bool
}

// Held is a plan that waits for a person's decision.
type Held struct {
	// Pending goes into the Directory's status.
	Pending v1alpha1.PendingPlan
	// Of is how many people have access.
	Of int
	// Doubted are the people among them, by IDKey, who are called disabled by a snapshot that is older than what was read before.
	Doubted map[string]bool
}

// weigher sorts the losses of a plan.
type weigher struct {
	in Input
	// present counts the people who have access, before those who had it at the last full read.
	present, before int
	// lost are the people who would lose it by inference, leaving those of them who are not there any more, disabled those by
	// the directory's own word, each by the name of their User.
	lost, leaving, disabled, doubted map[string]bool
	// keys identify the losses.
	keys map[string]loss
}

// guard takes the losses out of a plan that takes access from too many people: not the joiners, and not the disabled, unless
// they are too many themselves.
func guard(in Input, plan Plan) (allowed Plan, staying map[string]bool) {
	w := weigh(in, &plan)
	holds := w.verdict()
	losses := w.held(holds)
	if in.Guard.Behind {
		losses = w.everything(&plan)
	}
	switch {
	case len(losses) == 0:
		plan.Lost = w.lost
	case w.accepted(losses):
		plan.Lost, plan.Accepted = w.lost, losses
	default:
		staying = map[string]bool{}
		for i := range plan.Groups {
			if holds(plan.Groups[i].loss) {
				staying[plan.Groups[i].name] = true
			}
		}
		plan.hold(w, holds, losses)
	}
	return plan, staying
}

// hold takes the losses out of the plan.
func (p *Plan) hold(w *weigher, holds func(loss) bool, losses map[string]bool) {
	var users, groups tally
	p.Users, users = without(p.Users, holds)
	p.Groups, groups = without(p.Groups, holds)
	people := map[string]bool{}
	if holds(lossGone) {
		maps.Copy(people, w.lost)
		p.UsernamePrefix = w.in.Directory.UsernamePrefix()
	} else {
		p.Lost = w.lost
	}
	for name := range w.disabled {
		// Whom the directory disables, and nobody holds that, is out whatever else they would lose.
		delete(people, name)
		if holds(lossDisabled) {
			people[name] = true
		}
	}
	start := startTime(w.in)
	p.Held = &Held{Of: w.present, Doubted: w.doubted, Pending: v1alpha1.PendingPlan{
		Create: count(users.create + groups.create), Update: count(users.update + groups.update), Withdraw: count(len(people)),
		Token: token(losses, start.Time), StartTime: start,
	}}
}

func count(n int) *int32 { return new(int32(n)) } //nolint:gosec // Objects in memory.

func startTime(in Input) metav1.Time {
	if pending := in.Directory.Status.Pending; pending != nil {
		return pending.StartTime
	}
	return *since(in.Now)
}

// token is a digest of losses and of when the guard began to hold, so that what was accepted once is not accepted for ever.
func token(losses map[string]bool, start time.Time) string {
	keys := slices.Sorted(maps.Keys(losses))
	digest := sha256.Sum256(fmt.Appendf(nil, "%d\n%q", start.Unix(), keys))
	return hex.EncodeToString(digest[:tokenBytes])
}

func weigh(in Input, plan *Plan) *weigher {
	w := &weigher{
		in: in, keys: map[string]loss{},
		lost: map[string]bool{}, leaving: map[string]bool{}, disabled: map[string]bool{}, doubted: map[string]bool{},
	}
	all := map[string]bool{}
	maps.Copy(all, in.Guard.Lost)
	for i := range in.Users {
		user := &in.Users[i]
		if hasAccess(user) {
			w.present++
			all[user.Name] = true
		}
	}
	w.before = len(all)
	if now := in.Directory.UsernamePrefix(); now != plan.UsernamePrefix {
		w.everybody("prefix " + plan.UsernamePrefix)
	}
	for i := range plan.Users {
		w.user(&plan.Users[i])
	}
	for i := range plan.Groups {
		w.group(&plan.Groups[i])
	}
	return w
}

// everybody loses the name that Grants were given to.
func (w *weigher) everybody(key string) {
	for i := range w.in.Users {
		if user := &w.in.Users[i]; hasAccess(user) {
			w.lost[user.Name], w.leaving[user.Name] = true, true
			w.keys[key] = lossGone
		}
	}
}

func (w *weigher) user(c *userChange) {
	guard := &w.in.Guard
	if c.loss == lossDisabled && (guard.Behind || guard.Doubted[IDKey(c.Facts.ID)]) {
		c.loss = lossDoubted
	}
	switch c.loss {
	case noLoss:
		return
	case lossDisabled:
		w.disabled[c.Object.Name] = true
	case lossGone:
		w.lost[c.Object.Name], w.leaving[c.Object.Name] = true, true
	case lossDoubted:
		w.lost[c.Object.Name], w.doubted[IDKey(c.Facts.ID)] = true, true
	case lossOfName, lossOfGroup:
		w.lost[c.Object.Name] = true
	}
	// What is lost tells one plan from another, what is gained besides does not.
	w.keys[fmt.Sprintf("user %s %s %d %s %q", c.Object.UID, c.Object.Name, c.loss, c.Facts.State, c.lostGroups)] = c.loss
}

// group finds the people who lose what a group gives.
func (w *weigher) group(c *groupChange) {
	if c.loss == noLoss {
		return
	}
	for i := range w.in.Users {
		user := &w.in.Users[i]
		if hasAccess(user) && slices.Contains(user.Status.Identity.Groups, c.Object.Spec.GroupName) {
			w.lost[user.Name] = true
		}
	}
	w.keys[fmt.Sprintf("group %s %s %s", c.Object.UID, c.Object.Name, c.Facts.State)] = c.loss
}

// verdict says which losses are too many. Who is disabled is weighed alone: nobody's suspension waits because others are missing.
func (w *weigher) verdict() (holds func(loss) bool) {
	if w.in.Guard.Behind {
		return func(loss) bool { return true }
	}
	percent := int(ptr.Deref(w.in.Directory.Spec.Leavers.MaxLossPercent, defaultMaxLossPercent))
	if percent >= never {
		return func(loss) bool { return false }
	}
	all := maps.Clone(w.lost)
	maps.Copy(all, w.disabled)
	maps.Copy(all, w.in.Guard.Lost)
	overLimit := func(people int) bool { return people*100 > percent*w.before }
	tooMany := func(people int) bool { return people > floor && overLimit(people) }
	most := len(w.leaving) > 1 && 2*len(w.leaving) > w.present && overLimit(len(w.leaving))
	lost := w.holding() || most || tooMany(len(all))
	disabled := tooMany(len(w.disabled))
	return func(l loss) bool {
		switch l {
		case noLoss:
			return false
		case lossDisabled:
			return disabled
		default:
			return lost && len(w.lost) > 0
		}
	}
}

// holding says that the guard holds already: then it lets go only when nothing is lost any more, when somebody says so, or when the
// spec has changed. A directory that fills again after an accident would otherwise lose the last ones as soon as they are few enough, and
// a server that was restored from a backup would take from people, by telling how its groups are, what it gave them since.
func (w *weigher) holding() bool {
	status := &w.in.Directory.Status
	return status.Pending != nil && ptr.Deref(status.ObservedGeneration, -1) == w.in.Directory.Generation
}

// held are the keys of the losses that the guard holds.
func (w *weigher) held(holds func(loss) bool) map[string]bool {
	held := map[string]bool{}
	for key, l := range w.keys {
		if holds(l) {
			held[key] = true
		}
	}
	return held
}

// everything are keys of all changes of the plan: of gains too, which a snapshot from the past gives to people who lost them since.
func (w *weigher) everything(plan *Plan) map[string]bool {
	all := w.held(func(loss) bool { return true })
	for i := range plan.Users {
		if c := &plan.Users[i]; c.loss == noLoss {
			all[fmt.Sprintf("user %s %s %d %s %s %q", c.Object.UID, c.name, c.Verb, c.Facts.ID, c.Facts.State, c.Facts.Groups)] = true
		}
	}
	for i := range plan.Groups {
		if c := &plan.Groups[i]; c.loss == noLoss {
			all[fmt.Sprintf("group %s %s %d %s %s", c.Object.UID, c.name, c.Verb, c.Facts.ID, c.Facts.State)] = true
		}
	}
	return all
}

// accepted says whether somebody let exactly these losses pass, or others that these are left of.
func (w *weigher) accepted(losses map[string]bool) bool {
	if w.in.Directory.Annotations[v1alpha1.AnnotationAcceptLoss] == token(losses, startTime(w.in).Time) {
		return true
	}
	for key := range losses {
		if !w.in.Guard.Accepted[key] {
			return false
		}
	}
	return true
}

// tally counts the changes that are held.
type tally struct{ create, update int }

// without is changes without those that are held, and without the successors of what they would have taken away.
func without[Object, Facts any](changes []Change[Object, Facts], holds func(loss) bool) ([]Change[Object, Facts], tally) {
	var count tally
	held := map[string]bool{}
	for i := range changes {
		if holds(changes[i].loss) {
			held[changes[i].name] = true
		}
	}
	rest := make([]Change[Object, Facts], 0, len(changes))
	for _, c := range changes {
		switch {
		case c.Verb == Create && (holds(c.loss) || held[c.successorOf]):
			count.create++
		case holds(c.loss):
			count.update++
		default:
			rest = append(rest, c)
		}
	}
	return rest, count
}
