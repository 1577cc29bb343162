// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

const (
	// readTimeout bounds a full read.
	readTimeout = 10 * time.Minute
	// triesBehind is how often a server that is behind is read before that is believed.
	triesBehind = 3
	// againBehind is how soon such a server is read again: a replica may catch up any moment.
	againBehind = 10 * time.Second
)

// readWhole replaces what is known by a full read. What the directory tells meanwhile does not wait for the end of it, and is not
// undone by it: the read may have seen the entry before. A read that is behind what was read before replaces nothing, and is returned.
func (r *Reconciler) readWhole(ctx context.Context, s *scope) (outdated *directory.Replica, err error) {
	m, d := s.memory, s.directory
	m.asked.Store(false)
	source, err := r.Sources.Open(ctx, d.Spec.LDAP)
	if err != nil {
		return nil, err
	}
	if m.source != source.String() {
		m.feed.Stop()
		m.feed.Take()
		m.source, m.position = source.String(), nil
		if progress := progressAt(d, source); progress != nil {
			m.position = directory.ParsePosition(progress.Position)
		}
	}
	found, err := r.readWatching(ctx, s, source)
	if err == nil {
		err = usable(d, found.snapshot)
	}
	if err != nil {
		return nil, err
	}
	replica := directory.NewReplica(found.snapshot)
	replica.Apply(found.meanwhile)
	m.readPosition = found.snapshot.Position
	m.generation, m.accept = d.Generation, d.Annotations[v1alpha1.AnnotationAcceptLoss]
	m.nextRead = s.started.Add(interval(d))
	r.watch(m, d, source)
	if found.behind {
		m.nextRead = s.started.Add(min(interval(d), againBehind))
		return replica, nil
	}
	m.adopt(replica, s.started)
	m.planned.Store(true)
	return nil, nil
}

// reading is what came of a full read.
type reading struct {
	snapshot *directory.Snapshot
	// meanwhile is what the directory told during the read.
	meanwhile []directory.Change
	// behind says that the server has less than what was seen of the directory before.
	behind bool
}

// readWatching reads a directory whole, and again where the server turns out to be behind what was seen of the directory before: a replica
// that lags may have caught up.
func (r *Reconciler) readWatching(ctx context.Context, s *scope, source directory.Source) (reading, error) {
	m, tries := s.memory, triesBehind
	if m.aside != nil {
		tries = 1
	}
	for try := 1; ; try++ {
		known := m.position
		found, err := r.readOnce(ctx, s, source)
		if err != nil {
			return reading{}, err
		}
		found.behind = found.snapshot.Position.Behind(known)
		if !found.behind || try == tries {
			return found, nil
		}
		if err := pause(ctx, settle); err != nil {
			return reading{}, err
		}
	}
}

// readOnce reads a directory whole, and mirrors what it tells of changes meanwhile.
func (r *Reconciler) readOnce(ctx context.Context, s *scope, source directory.Source) (reading, error) {
	var (
		found reading
		err   error
		done  = make(chan struct{})
	)
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	stop := r.Metrics.timeRead(s.directory.Name)
	go func() {
		defer close(done)
		found.snapshot, err = source.Read(ctx)
	}()
	var meanwhile []directory.Change
	for {
		select {
		case <-done:
			stop(err)
			found.meanwhile = slices.Concat(meanwhile, s.memory.hear())
			return found, err
		case <-s.memory.feed.Arrived():
			meanwhile = append(meanwhile, s.memory.hear()...)
			if err := r.catchUp(ctx, s); err != nil {
				log.FromContext(ctx).V(1).Info("not mirrored while reading", "error", err.Error())
			}
		}
	}
}

// pause waits, or says why not.
func pause(ctx context.Context, howLong time.Duration) error {
	timer := time.NewTimer(howLong)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// watch lets the directory tell its changes from now on, if it may.
func (r *Reconciler) watch(m *memory, d *v1alpha1.Directory, source directory.Source) {
	if d.Spec.LDAP.Changes == v1alpha1.ChangesPoll {
		m.feed.Stop()
		return
	}
	var cookies []string
	if progress := progressAt(d, source); progress != nil {
		cookies = progress.Cookies
	}
	r.memories.follow(m.feed, source, cookies)
}

// usable refuses a read in which nobody has an id: that is a wrong attribute or a missing right, not a company of strangers.
func usable(d *v1alpha1.Directory, snapshot *directory.Snapshot) error {
	people := len(snapshot.People)
	if people > 0 && !slices.ContainsFunc(snapshot.People, func(p directory.Person) bool { return p.ID != "" }) {
		return outcome.Terminalf(v1alpha1.ReasonInvalidConfig,
			"none of the %d entries below %q shows its id: check spec.ldap.users.attributes.id, and what the bind DN may read",
			people, d.Spec.LDAP.Users.BaseDN)
	}
	return nil
}
