// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"maps"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
)

// observation is an object that is, or is gone.
type observation struct {
	object client.Object
	gone   bool
	at     time.Time
}

// book knows what is recorded: the version of each object that holds, by uid, and the last certificate of each Session.
type book struct {
	standing  map[string]store.Standing
	certified map[string]string
}

func newBook(standing map[string]store.Standing) *book {
	return &book{standing: standing, certified: map[string]string{}}
}

// entries are what is to be written, and what the book says once it is.
type entries struct {
	changes      []store.Version
	certificates []store.Certificate

	standing  map[string]store.Standing
	certified map[string]string
}

func (e *entries) empty() bool { return len(e.changes)+len(e.certificates) == 0 }

// plan finds out what of the things seen is new.
func (b *book) plan(seen []observation) (*entries, error) {
	e := &entries{standing: map[string]store.Standing{}, certified: map[string]string{}}
	for _, o := range seen {
		if err := b.enter(e, o); err != nil {
			return nil, err
		}
		session, ok := o.object.(*v1alpha1.Session)
		if !ok {
			continue
		}
		fresh, err := certificatesOf(session, latest(e.certified, b.certified, string(session.UID)))
		if err != nil {
			return nil, err
		}
		if len(fresh) > 0 {
			e.certificates = append(e.certificates, fresh...)
			e.certified[string(session.UID)] = fresh[len(fresh)-1].Fingerprint
		}
	}
	return e, nil
}

func (b *book) enter(e *entries, o observation) error {
	v, err := versionOf(o.object)
	if err != nil {
		return err
	}
	before := latest(e.standing, b.standing, v.UID)
	known := before.Kind != ""
	switch {
	case o.gone && !known, !o.gone && known && before.Digest == v.Digest():
		return nil
	case known:
		v.Since = later(o.at, before.Since)
	default:
		v.Since = since(o.object, o.at)
	}
	standing := store.Standing{Kind: v.Kind, Digest: v.Digest(), Since: v.Since}
	if o.gone {
		v.Document, standing = nil, store.Standing{}
	}
	e.changes, e.standing[v.UID] = append(e.changes, v), standing
	return nil
}

// later is a time, and in any case one after another.
func later(at, than time.Time) time.Time {
	if next := than.Add(time.Microsecond); at.Before(next) {
		return next
	}
	return at
}

// latest is what the entries say, or else the book.
func latest[T any](entered, written map[string]T, uid string) T {
	if value, ok := entered[uid]; ok {
		return value
	}
	return written[uid]
}

// vanished are the ends of what is recorded as being there, and is not.
func (b *book) vanished(there map[string]bool, now time.Time) *entries {
	e := &entries{standing: map[string]store.Standing{}}
	for _, uid := range slices.Sorted(maps.Keys(b.standing)) {
		if !there[uid] {
			before := b.standing[uid]
			e.changes = append(e.changes, store.Version{Kind: before.Kind, UID: uid, Since: later(now, before.Since)})
			e.standing[uid] = store.Standing{}
		}
	}
	return e
}

// written takes over what was written.
func (b *book) written(e *entries) {
	for uid, standing := range e.standing {
		if standing.Kind == "" {
			delete(b.standing, uid)
			delete(b.certified, uid)
			continue
		}
		b.standing[uid] = standing
	}
	for uid, fingerprint := range e.certified {
		if _, there := b.standing[uid]; there {
			b.certified[uid] = fingerprint
		}
	}
}
