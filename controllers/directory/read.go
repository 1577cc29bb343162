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
// undone by it: the read may have seen the entry before.
func (r *Reconciler) readWhole(ctx context.Context, s *scope) error {
	m, d := s.memory, s.directory
	m.asked.Store(false)
	source, err := r.open(ctx, d.Spec.LDAP)
	if err != nil {
		return err
	}
	if m.source != source.String() {
		m.feed.Stop()
		m.feed.Take()
		m.source, m.position = source.String(), nil
		if progress := progressAt(d, source); progress != nil {
			m.position = directory.ParsePosition(progress.Position)
		}
	}
	snapshot, meanwhile, err := r.readWatching(ctx, s, source)
	if err != nil {
		return err
	}
	if err := usable(d, snapshot); err != nil {
		return err
	}
	m.replica = directory.NewReplica(snapshot)
	m.replica.Apply(meanwhile)
	m.readAt, m.fresh, m.generation, m.accept = s.started, true, d.Generation, d.Annotations[v1alpha1.AnnotationAcceptLoss]
	m.nextRead = s.started.Add(interval(d))
	if m.behind {
		m.nextRead = s.started.Add(min(interval(d), againBehind))
	}
	r.watch(m, d, source)
	return nil
}

// readWatching reads a directory whole, and again where the server turns out to be behind what was seen of the directory before: a replica
// that lags may have caught up.
func (r *Reconciler) readWatching(ctx context.Context, s *scope, source directory.Source) (*directory.Snapshot, []directory.Change, error) {
	m := s.memory
	tries := triesBehind
	if m.behind {
		tries = 1
	}
	for try := 1; ; try++ {
		known := m.position
		snapshot, meanwhile, err := r.readOnce(ctx, s, source)
		if err != nil {
			return nil, nil, err
		}
		m.behind, m.readPosition = snapshot.Position.Behind(known), snapshot.Position
		if !m.behind || try == tries {
			return snapshot, meanwhile, nil
		}
		if err := pause(ctx, settle); err != nil {
			return nil, nil, err
		}
	}
}

// readOnce reads a directory whole, and mirrors what it tells of changes meanwhile.
func (r *Reconciler) readOnce(ctx context.Context, s *scope, source directory.Source) (*directory.Snapshot, []directory.Change, error) {
	var (
		snapshot  *directory.Snapshot
		meanwhile []directory.Change
		err       error
		done      = make(chan struct{})
	)
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	stop := r.Metrics.timeRead(s.directory.Name)
	go func() {
		defer close(done)
		snapshot, err = source.Read(ctx)
	}()
	for {
		select {
		case <-done:
			stop(err)
			return snapshot, append(meanwhile, s.memory.hear()...), err
		case <-s.memory.feed.Arrived():
			told := s.memory.hear()
			meanwhile = append(meanwhile, told...)
			if s.memory.replica == nil || len(told) == 0 {
				continue
			}
			if err := r.mirror(ctx, s); err != nil {
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
