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

// NewReplica begins with a full read, which is the replica's from then on. Who is in many lists is called by one string in all of them.
func NewReplica(s *Snapshot) *Replica {
	r := &Replica{people: make(map[string]Person, len(s.People)), groups: make(map[string]Group, len(s.Groups)), left: map[string]bool{}}
	for _, p := range s.People {
		r.people[p.Key] = p
	}
	known := s.refs()
	for _, g := range s.Groups {
		for i, member := range g.Members {
			if ref, found := known[member]; found {
				g.Members[i] = ref
			}
		}
		r.groups[g.Key] = g
	}
	return r
}

// refs are what people and groups are called, each by itself.
func (s *Snapshot) refs() map[string]string {
	known := make(map[string]string, len(s.People)+len(s.Groups))
	for i := range s.People {
		for _, ref := range s.People[i].Refs {
			known[ref] = ref
		}
	}
	for i := range s.Groups {
		for _, ref := range s.Groups[i].Refs {
			known[ref] = ref
		}
	}
	return known
}

// Apply makes changes in their order. Each says how an entry is now, so that one which is told twice does no harm.
//
// Servers keep member lists in order when a member is renamed or goes, and do not tell of it. So does the replica: a name that is
// free again must not bring its next bearer into the groups of the last. Where a group is told to list such a name, which may be old
// news of it, only a full read knows who is meant: then it returns true.
func (r *Replica) Apply(changes []Change) (ambiguous bool) {
	renamed := renames{to: map[string]string{}, from: map[string][]string{}}
	for _, c := range changes {
		switch {
		case c.Person != nil:
			r.refer(renamed, r.people[c.Person.Key].Refs, c.Person.Refs)
			r.people[c.Person.Key] = *c.Person
		case c.Group != nil:
			r.refer(renamed, r.groups[c.Group.Key].Refs, c.Group.Refs)
			// What is told of this one is newer than that.
			r.follow(renamed)
			r.groups[c.Group.Key] = *c.Group
			ambiguous = ambiguous || slices.ContainsFunc(c.Group.Members, func(member string) bool { return r.left[member] })
		default:
			r.refer(renamed, r.people[c.Gone].Refs, nil)
			r.refer(renamed, r.groups[c.Gone].Refs, nil)
			delete(r.people, c.Gone)
			delete(r.groups, c.Gone)
		}
	}
	r.follow(renamed)
	return ambiguous
}

// refer finds out whom member lists are to call otherwise than before, or not at all.
func (r *Replica) refer(renamed renames, before, after []string) {
	if slices.Equal(before, after) {
		return
	}
	for i, old := range before {
		if slices.Contains(after, old) {
			continue
		}
		now := ""
		if i < len(after) && !slices.Contains(before, after[i]) {
			now = after[i]
		}
		r.left[old] = true
		renamed.add(old, now)
	}
}

// follow brings all member lists in order, by one look at each, and forgets what that was for.
func (r *Replica) follow(renamed renames) {
	if len(renamed.to) == 0 {
		return
	}
	concerns := renamed.concerns()
	for key, g := range r.groups {
		if slices.ContainsFunc(g.Members, concerns) {
			g.Members = renamed.in(g.Members)
			r.groups[key] = g
		}
	}
	clear(renamed.to)
	clear(renamed.from)
}

// renames say what names in member lists are to be.
type renames struct {
	// to is the new name of each, empty where it goes; from are those that get a new name.
	to   map[string]string
	from map[string][]string
}

// add makes another rename after those that are there: what these led to is renamed too, and a name that they freed stands in no list.
func (n renames) add(old, now string) {
	affected := n.from[old]
	delete(n.from, old)
	if _, freed := n.to[old]; !freed {
		affected = append(affected, old)
	}
	for _, name := range affected {
		n.to[name] = now
	}
	if now != "" {
		n.from[now] = append(n.from[now], affected...)
	}
}

// concerns tells the names that change. One is the most frequent number of them, and compared three times as fast as looked up.
func (n renames) concerns() func(member string) bool {
	if len(n.to) == 1 {
		for only := range n.to {
			return func(member string) bool { return member == only }
		}
	}
	return func(member string) bool { _, found := n.to[member]; return found }
}

// in is a member list after the renames. Nobody is listed twice.
func (n renames) in(members []string) []string {
	after, listed := make([]string, 0, len(members)), make(map[string]bool, len(members))
	for _, member := range members {
		if now, found := n.to[member]; found {
			member = now
		}
		if member != "" && !listed[member] {
			after, listed[member] = append(after, member), true
		}
	}
	return after
}

// Snapshot is the whole of it.
func (r *Replica) Snapshot() *Snapshot {
	return &Snapshot{
		People: slices.AppendSeq(make([]Person, 0, len(r.people)), maps.Values(r.people)),
		Groups: slices.AppendSeq(make([]Group, 0, len(r.groups)), maps.Values(r.groups)),
	}
}
