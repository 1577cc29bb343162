// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package history remembers what Users, Sessions, Grants, requests and bindings were like, and tells it of the time of an event.
package history

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/chronicle"
	"github.com/rollcall-iam/rollcall/internal/ledger"
)

const (
	// together is how many changes go into one transaction at most.
	together = 500
	// again is how soon a store, or a ledger, that failed is tried again, and each how manieth time that is said.
	again    = 2 * time.Second
	complain = 30
)

// Recorder writes down what it sees in the cache. One of the replicas does.
type Recorder struct {
	// Cache has what the operator reads and makes. Others has roles, and bindings that the operator did not make; nil where it need not be
	// known what else allows something.
	Cache, Others cache.Cache
	// Store is the open store, or an error.
	Store func() (*store.Store, error)
	// Ledger gets what changed, before the store does; nil where there is none, and nobody else who is told.
	Ledger Ledger
	Clock  clock.PassiveClock

	caughtUp atomic.Bool
	// waits is when the oldest was seen of what is being written; nil where nothing is. The store, or the ledger, may be away.
	waits atomic.Pointer[time.Time]
}

// Recorded is until when everything that happened is recorded; zero until all that is there has been.
func (r *Recorder) Recorded() time.Time {
	if !r.caughtUp.Load() {
		return time.Time{}
	}
	if waits := r.waits.Load(); waits != nil {
		return *waits
	}
	return r.Clock.Now()
}

// Ledger is where entries are written.
type Ledger interface {
	RecordAll(ctx context.Context, entries []*ledger.Entry) (numbers []uint64, err error)
}

// kinds are what is remembered. Of bindings the cache has those that the operator made.
func kinds() []client.Object {
	return []client.Object{
		&v1alpha1.User{}, &v1alpha1.Session{}, &v1alpha1.Grant{}, &v1alpha1.AccessRequest{}, &v1alpha1.Lock{}, &v1alpha1.Directory{},
		&rbacv1.RoleBinding{}, &rbacv1.ClusterRoleBinding{},
	}
}

// others are what is remembered of what the operator did not make.
func others() []client.Object {
	return []client.Object{&rbacv1.RoleBinding{}, &rbacv1.ClusterRoleBinding{}, &rbacv1.Role{}, &rbacv1.ClusterRole{}}
}

// Start implements manager.Runnable.
func (r *Recorder) Start(ctx context.Context) error {
	var b *book
	if !r.persist(ctx, func(ctx context.Context, s *store.Store) error {
		standing, err := s.Standing(ctx)
		b = newBook(standing)
		return err
	}) {
		return nil
	}
	seen := make(chan observation, together)
	told, stop, err := r.listen(ctx, seen)
	if err != nil {
		return err
	}
	defer stop()
	if err := r.catchUp(ctx, b, seen, told); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := r.write(ctx, b, collect(ctx, seen, nil)); err != nil {
			return err
		}
	}
	return nil
}

// catchUp writes what is there, and what is no longer: it went while nobody looked.
func (r *Recorder) catchUp(ctx context.Context, b *book, seen <-chan observation, told func() bool) error {
	there := map[string]bool{}
	for ctx.Err() == nil {
		done := told() // Before the rest of it is taken.
		const moment = 100 * time.Millisecond
		batch := collect(ctx, seen, time.After(moment))
		for _, o := range batch {
			there[string(o.object.GetUID())] = true
		}
		if err := r.write(ctx, b, batch); err != nil {
			return err
		}
		if done && len(batch) == 0 {
			r.enter(ctx, b, b.vanished(there, r.Clock.Now()))
			r.caughtUp.Store(r.persist(ctx, func(ctx context.Context, s *store.Store) error { return s.BeginRecording(ctx, r.Clock.Now()) }))
			return nil
		}
	}
	return nil
}

// listen has the cache tell what is there, and what changes. Told says whether all that was there has been told.
func (r *Recorder) listen(ctx context.Context, seen chan<- observation) (told func() bool, stop func(), err error) {
	var registrations []toolscache.ResourceEventHandlerRegistration
	var stops []func()
	stop = func() {
		for _, stop := range stops {
			stop()
		}
	}
	watch := func(c, other cache.Cache, kind client.Object) error {
		informer, err := c.GetInformer(ctx, kind)
		if err != nil {
			return fmt.Errorf("watch %T: %w", kind, err)
		}
		registration, err := informer.AddEventHandler(r.handler(ctx, seen, moved(ctx, other)))
		if err != nil {
			return fmt.Errorf("watch %T: %w", kind, err)
		}
		registrations = append(registrations, registration)
		stops = append(stops, func() { _ = informer.RemoveEventHandler(registration) })
		return nil
	}
	for _, kind := range kinds() {
		if err := watch(r.Cache, r.Others, kind); err != nil {
			return nil, stop, err
		}
	}
	if r.Others != nil {
		for _, kind := range others() {
			if err := watch(r.Others, r.Cache, kind); err != nil {
				return nil, stop, err
			}
		}
	}
	return func() bool {
		for _, registration := range registrations {
			if !registration.HasSynced() {
				return false
			}
		}
		return true
	}, stop, nil
}

// moved says whether a binding that is gone from one cache is in the other: somebody wrote the label that tells them apart, or took it
// away.
func moved(ctx context.Context, other cache.Cache) func(client.Object) bool {
	return func(gone client.Object) bool {
		var there client.Object
		switch gone.(type) {
		case *rbacv1.RoleBinding:
			there = &rbacv1.RoleBinding{}
		case *rbacv1.ClusterRoleBinding:
			there = &rbacv1.ClusterRoleBinding{}
		default:
			return false
		}
		if other == nil {
			return false
		}
		limited, cancel := context.WithTimeout(ctx, again) // It waits for a cache that is not there yet.
		defer cancel()
		err := other.Get(limited, client.ObjectKeyFromObject(gone), there)
		return err == nil && there.GetUID() == gone.GetUID()
	}
}

// handler passes on what it is told. While the store is away the cache keeps what follows.
func (r *Recorder) handler(ctx context.Context, seen chan<- observation, moved func(client.Object) bool) toolscache.ResourceEventHandler {
	see := func(object any, gone bool) {
		if last, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
			object = last.Obj
		}
		if o, ok := object.(client.Object); ok && (!gone || !moved(o)) {
			select {
			case seen <- observation{object: o, gone: gone, at: r.Clock.Now()}:
			case <-ctx.Done():
			}
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { see(object, false) },
		UpdateFunc: func(old, object any) {
			if !same(old, object) { // What waits while the store is away is what matters, and not each write of a lastSeenTime.
				see(object, false)
			}
		},
		DeleteFunc: func(object any) { see(object, true) },
	}
}

// same says whether an update changed nothing that is recorded.
func same(old, now any) bool {
	before, known := old.(client.Object)
	after, ok := now.(client.Object)
	if !known || !ok || before.GetUID() != after.GetUID() {
		return false
	}
	was, err := versionOf(before)
	if err != nil {
		return false
	}
	is, err := versionOf(after)
	if err != nil || was.Digest() != is.Digest() {
		return false
	}
	session, ok := now.(*v1alpha1.Session)
	earlier, _ := old.(*v1alpha1.Session)
	return !ok || newest(session) == newest(earlier)
}

// newest is the fingerprint of the last certificate of a Session.
func newest(session *v1alpha1.Session) string {
	if issued := session.Status.Certificates; len(issued) > 0 {
		return issued[len(issued)-1].Fingerprint
	}
	return ""
}

// collect waits for something to record, until then, and takes what else there is.
func collect(ctx context.Context, seen <-chan observation, until <-chan time.Time) (batch []observation) {
	select {
	case <-ctx.Done():
		return nil
	case <-until:
		return nil
	case o := <-seen:
		batch = append(batch, o)
	}
	for len(batch) < together {
		select {
		case o := <-seen:
			batch = append(batch, o)
		default:
			return batch
		}
	}
	return batch
}

func (r *Recorder) write(ctx context.Context, b *book, batch []observation) error {
	if len(batch) > 0 {
		r.waits.Store(&batch[0].at)
		defer r.waits.Store(nil)
	}
	e, err := b.plan(batch)
	if err != nil {
		return err
	}
	r.enter(ctx, b, e)
	return nil
}

func (r *Recorder) enter(ctx context.Context, b *book, e *entries) {
	if e.empty() {
		return
	}
	told := r.Ledger == nil
	if r.persist(ctx, func(ctx context.Context, s *store.Store) error {
		if !told { // What comes between may have an entry told twice, and none is left out.
			if err := r.tell(ctx, s, e.changes); err != nil {
				return err
			}
			told = true
		}
		return s.Record(ctx, e.changes, e.certificates)
	}) {
		b.written(e)
	}
}

// tell writes into the ledger what changed.
func (r *Recorder) tell(ctx context.Context, s *store.Store, changes []store.Version) error {
	var entries []*ledger.Entry
	earlier := map[string]*store.Version{}
	for i := range changes {
		v := &changes[i]
		before, known := earlier[v.UID]
		if !known {
			var err error
			before, err = s.Latest(ctx, v.Kind, v.UID)
			if errors.Is(err, store.ErrChanged) { // What somebody does to one record keeps no other out of the ledger.
				log.FromContext(ctx).WithName("audit").Error(err, "what an object was like before is not known any more", "uid", v.UID)
				before = nil
			} else if err != nil {
				return err
			}
		}
		earlier[v.UID] = v
		some, err := chronicle.Entries(change(v, before))
		if err != nil {
			return err
		}
		entries = append(entries, some...)
	}
	if len(entries) == 0 {
		return nil
	}
	_, err := r.Ledger.RecordAll(ctx, entries)
	return err
}

// change is what became of an object. One that went while nobody looked is known by what it was before.
func change(v, before *store.Version) chronicle.Change {
	c := chronicle.Change{
		Object: ledger.Object{Kind: v.Kind, Namespace: v.Namespace, Name: v.Name, UID: v.UID, Generation: v.Generation},
		Time:   v.Since, After: v.Document,
	}
	if before == nil {
		return c
	}
	c.Before = before.Document
	if v.Name == "" {
		c.Object.Namespace, c.Object.Name, c.Object.Generation = before.Namespace, before.Name, before.Generation
	}
	return c
}

// persist does something with the store, again until it is done. It is not where there is no time left.
func (r *Recorder) persist(ctx context.Context, do func(context.Context, *store.Store) error) bool {
	for attempt := 0; ctx.Err() == nil; attempt++ {
		s, err := r.Store()
		if err == nil {
			err = do(ctx, s)
		}
		if err == nil {
			return true
		}
		if attempt%complain == 0 && !errors.Is(err, store.ErrClosed) { // Why it is not open is told by whoever opens it.
			log.FromContext(ctx).WithName("audit").Error(err, "what objects are like is not recorded; tried again")
		}
		select {
		case <-ctx.Done():
		case <-time.After(again):
		}
	}
	return false
}
