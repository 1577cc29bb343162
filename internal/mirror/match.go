// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// entry is what matching needs to know of a person or group in the directory.
type entry struct {
	id, name string
	// index in the snapshot.
	index int
}

// object is what matching needs to know of a User or Group that refers to the directory.
type object struct {
	// name of the object itself.
	name string
	// entryName is the directory's name for it, as the spec has it.
	entryName string
	// id of the entry that it was found to be. Empty before that.
	id string
	// imported says that the Directory created it, so that it may be deleted.
	imported bool
	// bound says that a certificate of that username is still valid: until it expires the object has to keep the name.
	bound bool
	// altered says that somebody set something on an imported object, which would be lost with it.
	altered bool
	// present says that its entry was there, and not disabled, when it was last seen.
	present bool
	// missing is since when the entry has been missing, while that does not count yet. Zero: it is not.
	missing time.Time
	// index in the input.
	index int
}

// verb is what to do with an object.
type verb int

const (
	// observe writes what the directory says to the object's status.
	observe verb = iota
	// create makes an object for an entry.
	create
	// remove deletes an imported object whose entry is gone.
	remove
	// follow deletes an imported object whose entry was renamed, after another was made for it.
	follow
	// release deletes an imported object whose entry is there but not wanted any more.
	release
	// await leaves an object as it is while the entry may come back.
	await
)

// step is one decision of matching.
type step struct {
	verb verb
	// state to write, for observe.
	state v1alpha1.IdentityState
	// object to observe, remove or follow; for create the object whose spec is carried over. -1: none.
	object int
	// entry behind it. -1: none.
	entry int
}

const none = -1

// policy is what the Directory's spec says to matching.
type policy struct {
	// wants says whether an entry shall have an object that nobody declared, releases that objects of those which it does not want go.
	wants         func(e entry) bool
	releases      bool
	deleteLeavers bool
	grace         time.Duration
	now           time.Time
}

// gone says whether an entry that is missing counts as gone. Who has nothing to lose is not waited for.
func (p policy) gone(o object) bool {
	since := o.missing
	if since.IsZero() {
		since = p.now
	}
	return !o.present || !p.now.Before(since.Add(p.grace))
}

// matcher pairs entries with objects, by id first, and by name only where an object has no id yet.
type matcher struct {
	policy    policy
	byID      map[string][]object
	unclaimed map[string]object
	steps     []step
	done      map[int]bool
}

// match decides, for valid entries (unique by id and by name) and all objects of one kind, oldest first, what to do. Objects that
// are held stay as they are: their entry is there, but cannot be mirrored.
func match(entries []entry, objects []object, held held, p policy) []step {
	m := &matcher{policy: p, byID: map[string][]object{}, unclaimed: map[string]object{}, done: map[int]bool{}}
	for _, o := range objects {
		if o.id != "" {
			m.byID[IDKey(o.id)] = append(m.byID[IDKey(o.id)], o)
		} else if _, found := m.unclaimed[o.entryName]; !found {
			m.unclaimed[o.entryName] = o
		}
	}
	names := make(map[string]bool, len(entries))
	for _, e := range entries {
		names[e.name] = true
		m.place(e)
	}
	for _, o := range objects {
		if !m.done[o.index] && !held.has(o) {
			m.leave(o, names[o.entryName])
		}
	}
	return m.steps
}

// place finds the object of an entry, or decides to make one.
func (m *matcher) place(e entry) {
	known := m.byID[IDKey(e.id)]
	current := m.current(e, known)
	if current != nil {
		m.add(step{verb: m.keep(*current, e), state: v1alpha1.IdentityPresent, object: current.index, entry: e.index})
	}
	declared := slices.ContainsFunc(known, func(o object) bool { return !o.imported })
	if current == nil && !declared {
		m.make(e, known)
	}
	for _, o := range known {
		m.renamed(o, e)
	}
}

// keep says whether an entry's object stays.
func (m *matcher) keep(o object, e entry) verb {
	if o.imported && !o.bound && !o.altered && m.policy.releases && !m.policy.wants(e) {
		return release
	}
	return observe
}

func (m *matcher) current(e entry, known []object) *object {
	if i := slices.IndexFunc(known, func(o object) bool { return o.entryName == e.name }); i >= 0 {
		return &known[i]
	}
	if o, found := m.unclaimed[e.name]; found {
		return &o
	}
	return nil
}

// make decides about an entry without an object of its name. Known are those that it had by other names.
func (m *matcher) make(e entry, known []object) {
	predecessor := none
	if len(known) > 0 {
		// The newest is the one that people have been looking after.
		predecessor = known[len(known)-1].index
	}
	kept := predecessor != none && (!m.policy.releases || slices.ContainsFunc(known, func(o object) bool { return o.altered }))
	if kept || m.policy.wants(e) {
		m.steps = append(m.steps, step{verb: create, object: predecessor, entry: e.index})
	}
}

// renamed deals with an object whose entry now has another name: an imported one follows, a declared one keeps its spec.
func (m *matcher) renamed(o object, e entry) {
	switch {
	case m.done[o.index]:
	case o.imported && !o.bound:
		m.add(step{verb: follow, object: o.index, entry: e.index})
	default:
		m.add(step{verb: observe, state: v1alpha1.IdentityReplaced, object: o.index, entry: e.index})
	}
}

// leave deals with an object that no entry was found for.
func (m *matcher) leave(o object, nameInUse bool) {
	switch {
	case !m.policy.gone(o):
		m.add(step{verb: await, object: o.index, entry: none})
	case o.imported && m.policy.deleteLeavers && !o.bound:
		m.add(step{verb: remove, object: o.index, entry: none})
	case o.id != "" && nameInUse:
		m.add(step{verb: observe, state: v1alpha1.IdentityReplaced, object: o.index, entry: none})
	default:
		m.add(step{verb: observe, state: v1alpha1.IdentityMissing, object: o.index, entry: none})
	}
}

func (m *matcher) add(s step) {
	m.done[s.object] = true
	m.steps = append(m.steps, s)
}

// held says which objects stay as they are: those of entries that cannot be mirrored. An entry that shows no id, which is what
// a missing right to read it looks like, holds the objects of its name.
type held struct{ ids, names map[string]bool }

func (h held) has(o object) bool { return h.ids[IDKey(o.id)] || h.names[o.entryName] }

func (h held) add(e entry) {
	if e.id != "" {
		h.ids[IDKey(e.id)] = true
	} else if e.name != "" {
		h.names[e.name] = true
	}
}

// IDKey is what tells ids apart: directories compare them without regard to case, and do not always write them alike.
func IDKey(id string) string { return strings.ToLower(id) }

// binding is a name that an object holds for an id.
type binding struct{ id, name string }

// sift drops entries that cannot be mirrored, and says which objects are to stay as they are for that.
func sift(entries []entry, objects []object, prefix string) (valid []entry, kept held, skipped Skipped) {
	known := make(map[binding]bool, len(objects))
	for _, o := range objects {
		known[binding{id: IDKey(o.id), name: o.entryName}] = true
	}
	ids, names := map[string]int{}, map[string][]entry{}
	for _, e := range entries {
		ids[IDKey(e.id)]++
		names[e.name] = append(names[e.name], e)
	}
	kept, skipped = held{ids: map[string]bool{}, names: map[string]bool{}}, Skipped{}
	for _, e := range entries {
		skip := checkEntry(e, prefix, ids[IDKey(e.id)], names[e.name], known)
		if skip == "" {
			valid = append(valid, e)
			continue
		}
		skipped[skip]++
		kept.add(e)
	}
	slices.SortFunc(valid, func(a, b entry) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.id, b.id)) })
	return valid, kept, skipped
}

func checkEntry(e entry, prefix string, sameID int, sameName []entry, known map[binding]bool) Skip {
	if e.id == "" {
		return SkipNoID
	}
	if len(e.id) > maxIDBytes {
		return SkipLongID
	}
	if sameID > 1 {
		return SkipSharedID
	}
	if skip := checkName(e.name, prefix); skip != "" {
		return skip
	}
	if len(sameName) > 1 && !known[binding{id: IDKey(e.id), name: e.name}] {
		return SkipAmbiguousName
	}
	return ""
}
