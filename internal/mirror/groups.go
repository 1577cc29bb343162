// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

type groupChange = Change[v1alpha1.Group, GroupFacts]

// groupPlanner turns steps into changes of Groups.
type groupPlanner struct {
	in      Input
	name    func(name, id string) string
	entries []entry
	valid   []entry
	kept    held
	skipped Skipped
}

func newGroupPlanner(in Input) *groupPlanner {
	p := &groupPlanner{in: in, name: namer(in.GroupTaken), entries: groupEntries(in)}
	p.valid, p.kept, p.skipped = sift(p.entries, groupObjects(in), in.Directory.GroupPrefix())
	return p
}

func (p *groupPlanner) plan() ([]groupChange, int, Skipped) {
	steps := match(p.valid, groupObjects(p.in), p.kept, policyOf(p.in.Directory))
	var changes []groupChange
	for _, s := range steps {
		if change, differs := p.change(s); differs {
			changes = append(changes, change)
		}
	}
	sortChanges(changes)
	return changes, placed(steps), p.skipped
}

// names are the names by which groups count for their members, by index in the snapshot: those of valid entries, and for entries
// that cannot be mirrored any more the names that their objects keep. Any other entry of that name counts for nothing, and nor do
// entries that share an id, since only one of them can be the group that it was.
func (p *groupPlanner) names() map[int]string {
	ids := map[string]int{}
	for _, e := range p.entries {
		ids[e.id]++
	}
	kept := map[string]string{}
	for _, o := range groupObjects(p.in) {
		if o.id != "" && p.kept.has(o) {
			kept[o.id] = o.entryName
		}
	}
	names := make(map[int]string, len(p.entries))
	for _, e := range p.entries {
		if name := kept[e.id]; name != "" && ids[e.id] == 1 {
			names[e.index] = name
		}
	}
	for _, e := range p.valid {
		names[e.index] = e.name
	}
	return names
}

func groupEntries(in Input) []entry {
	entries := make([]entry, len(in.Snapshot.Groups))
	for i := range in.Snapshot.Groups {
		entries[i] = entry{id: in.Snapshot.Groups[i].ID, name: in.Snapshot.Groups[i].Name, index: i}
	}
	return entries
}

func groupObjects(in Input) []object {
	objects := make([]object, len(in.Groups))
	for i := range in.Groups {
		g := &in.Groups[i]
		objects[i] = object{
			entryName: g.Spec.GroupName, id: g.Status.ID, imported: imported(g.Labels, in.Directory), index: i,
		}
	}
	return objects
}

func (p *groupPlanner) change(s step) (groupChange, bool) {
	switch s.verb {
	case create:
		return p.create(s), true
	case remove:
		group := &p.in.Groups[s.object]
		return groupChange{Verb: Delete, Object: group, Why: "gone", rank: rankWithdraw, name: group.Name}, true
	case follow:
		group := &p.in.Groups[s.object]
		return groupChange{Verb: Delete, Object: group, Why: "renamed", rank: rankCleanUp, name: group.Name}, true
	default:
		return p.observe(s)
	}
}

func (p *groupPlanner) create(s step) groupChange {
	found := &p.in.Snapshot.Groups[s.entry]
	name := p.name(found.Name, found.ID)
	group := &v1alpha1.Group{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.LabelDirectory: p.in.Directory.Name}},
		Spec: v1alpha1.GroupSpec{
			GroupName:    found.Name,
			DirectoryRef: &v1alpha1.NameReference{Name: p.in.Directory.Name},
		},
	}
	facts := GroupFacts{ID: found.ID, State: v1alpha1.IdentityPresent}
	return groupChange{Verb: Create, Object: group, Facts: facts, Why: "appeared", rank: rankGive, name: name}
}

func (p *groupPlanner) observe(s step) (groupChange, bool) {
	group := &p.in.Groups[s.object]
	facts := GroupFacts{ID: group.Status.ID, State: s.state}
	if s.state == v1alpha1.IdentityPresent {
		facts.ID = p.in.Snapshot.Groups[s.entry].ID
	}
	change := groupChange{Verb: Observe, Object: group, Facts: facts, Why: "gone", rank: rankWithdraw, name: group.Name}
	if s.state == v1alpha1.IdentityPresent {
		change.Why, change.rank = "changed", rankGive
	}
	return change, group.Status.ID != facts.ID || group.Status.State != facts.State
}
