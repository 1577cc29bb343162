// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"maps"
	"slices"
)

// Replica is what is known of a directory: its last full read, and the changes since.
type Replica struct {
	people map[string]Person
	groups map[string]Group
	// left are the refs that nobody goes by any more, or somebody else does.
	left map[string]bool
}

// NewReplica begins with a full read.
func NewReplica(s *Snapshot) *Replica {
	r := &Replica{people: make(map[string]Person, len(s.People)), groups: make(map[string]Group, len(s.Groups)), left: map[string]bool{}}
	for _, p := range s.People {
		r.people[p.Key] = p
	}
	for _, g := range s.Groups {
		r.groups[g.Key] = g
	}
	return r
}

// Apply makes changes in their order. Each says how an entry is now, so that one which is told twice does no harm.
//
// Servers keep member lists in order when a member is renamed or goes, and do not tell of it. So does the replica: a name that is
// free again must not bring its next bearer into the groups of the last. Where a group is told to list such a name, which may be old
// news of it, only a full read knows who is meant: then it returns true.
func (r *Replica) Apply(changes []Change) (ambiguous bool) {
	for _, c := range changes {
		switch {
		case c.Person != nil:
			r.refer(r.people[c.Person.Key].Refs, c.Person.Refs)
			r.people[c.Person.Key] = *c.Person
		case c.Group != nil:
			r.refer(r.groups[c.Group.Key].Refs, c.Group.Refs)
			r.groups[c.Group.Key] = *c.Group
			ambiguous = ambiguous || slices.ContainsFunc(c.Group.Members, func(member string) bool { return r.left[member] })
		default:
			r.refer(r.people[c.Gone].Refs, nil)
			r.refer(r.groups[c.Gone].Refs, nil)
			delete(r.people, c.Gone)
			delete(r.groups, c.Gone)
		}
	}
	return ambiguous
}

// refer makes member lists call someone otherwise than before, or not at all.
func (r *Replica) refer(before, after []string) {
	if slices.Equal(before, after) {
		return
	}
	for i, old := range before {
		if slices.Contains(after, old) {
			continue
		}
		renamed := ""
		if i < len(after) && !slices.Contains(before, after[i]) {
			renamed = after[i]
		}
		r.left[old] = true
		r.replace(old, renamed)
	}
}

// replace puts another member into every group that lists one, or none.
func (r *Replica) replace(old, renamed string) {
	for key, g := range r.groups {
		at := slices.Index(g.Members, old)
		if at < 0 {
			continue
		}
		g.Members = slices.Clone(g.Members)
		if renamed == "" || slices.Contains(g.Members, renamed) {
			g.Members = slices.DeleteFunc(g.Members, func(member string) bool { return member == old })
		} else {
			g.Members[at] = renamed
		}
		r.groups[key] = g
	}
}

// Snapshot is the whole of it.
func (r *Replica) Snapshot() *Snapshot {
	return &Snapshot{People: slices.Collect(maps.Values(r.people)), Groups: slices.Collect(maps.Values(r.groups))}
}
