// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"cmp"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
)

type groupChange = Change[v1alpha1.Group, GroupFacts]

// groupPlanner turns steps into changes of Groups.
type groupPlanner struct {
	in      Input
	name    func(name, id string) string
	objects []object
	entries []entry
	valid   []entry
	kept    held
	skipped Skipped
	steps   []step
	members membership
	// reached are the indexes of the groups that Grants reach.
	reached map[int]bool
	// granted are the names of groups that Grants name, awaited those of groups whose entries are missing and may come back.
	granted, awaited map[string]bool
	// staying are the objects that stay as they are: since the loss guard keeps them, or since their entry may come back.
	staying map[string]bool
}

// newGroupPlanner prepares a plan in which the guarded objects stay.
func newGroupPlanner(in Input, guarded map[string]bool) *groupPlanner {
	p := &groupPlanner{
		in: in, name: namer(in.GroupTaken), objects: groupObjects(in), entries: groupEntries(in),
		granted: map[string]bool{}, awaited: map[string]bool{}, staying: map[string]bool{},
		members: memberships(in.Snapshot.Groups, in.Nested),
	}
	maps.Copy(p.staying, guarded)
	p.valid, p.kept, p.skipped = sift(p.entries, p.objects, in.Directory.GroupPrefix())
	for i := range in.Groups {
		if p.gives(&in.Groups[i]) {
			p.granted[in.Groups[i].Spec.GroupName] = true
		}
	}
	if in.Directory.Spec.Import == v1alpha1.ImportGranted {
		p.reached = p.members.under(p.directly())
	}
	p.steps = match(p.valid, p.objects, p.kept, policyOf(in, func(e entry) bool { return p.reached[e.index] }))
	for _, s := range p.steps {
		if s.verb == await {
			p.awaited[in.Groups[s.object].Spec.GroupName] = true
			p.staying[in.Groups[s.object].Name] = true
		}
	}
	p.members.call(p.names())
	return p
}

// directly are the indexes of the groups that Grants name.
func (p *groupPlanner) directly() map[int]bool {
	found, n := map[int]bool{}, newNaming(p.objects, p.in.Granted.Groups, p.in.GroupTaken)
	for _, e := range p.valid {
		if n.names(e) {
			found[e.index] = true
		}
	}
	return found
}

// reaches says whether a person is in a group that Grants reach.
func (p *groupPlanner) reaches(person *directory.Person) bool {
	return slices.ContainsFunc(p.members.holding(person), func(group int) bool { return p.reached[group] })
}

func (p *groupPlanner) plan() ([]groupChange, int, Skipped) {
	var changes []groupChange
	for _, s := range p.steps {
		if change, differs := p.change(s); differs {
			changes = append(changes, change)
		}
	}
	sortChanges(changes)
	return changes, placed(p.steps), p.skipped
}

// names are the names by which groups count for their members, by index in the snapshot: those of valid entries, and for entries
// that cannot be mirrored any more the names that their objects keep. Any other entry of a name that an object keeps counts for
// nothing, and nor do entries that share an id, since only one of them can be the group that it was.
func (p *groupPlanner) names() map[int]string {
	ids := map[string]int{}
	for _, e := range p.entries {
		ids[IDKey(e.id)]++
	}
	kept, occupied := p.occupied()
	names := make(map[int]string, len(p.entries))
	for _, e := range p.entries {
		if name := kept[IDKey(e.id)]; name != "" && ids[IDKey(e.id)] == 1 {
			names[e.index] = name
		}
	}
	for _, e := range p.valid {
		if by, found := occupied[e.name]; !found || by == IDKey(e.id) {
			names[e.index] = e.name
		}
	}
	return names
}

// occupied are the names that objects keep although no entry of that name may be theirs: by the id of an entry that cannot be mirrored
// any more, and by name for all.
func (p *groupPlanner) occupied() (byID, byName map[string]string) {
	byID, byName = map[string]string{}, map[string]string{}
	for _, o := range p.objects {
		if o.id != "" && p.kept.has(o) {
			byID[IDKey(o.id)] = o.entryName
		}
		if o.present && (p.kept.has(o) || p.staying[o.name]) {
			byName[o.entryName] = IDKey(o.id)
		}
	}
	return byID, byName
}

// containers are the names of groups that hold others, and no person directly: who is in one of them is a matter of other groups.
func (p *groupPlanner) containers() map[string]bool {
	people := map[string]bool{}
	for i := range p.in.Snapshot.People {
		for _, ref := range p.in.Snapshot.People[i].Refs {
			people[ref] = true
		}
	}
	found := map[string]bool{}
	for _, e := range p.valid {
		members := p.in.Snapshot.Groups[e.index].Members
		if len(members) > 0 && !slices.ContainsFunc(members, func(ref string) bool { return people[ref] }) {
			found[e.name] = true
		}
	}
	return found
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
			name: g.Name, entryName: g.Spec.GroupName, id: g.Status.ID, imported: imported(g.Labels, in.Directory), index: i,
			present: g.Status.State == v1alpha1.IdentityPresent, missing: timeOf(g.Status.MissingTime),
		}
	}
	return objects
}

func (p *groupPlanner) change(s step) (groupChange, bool) {
	switch s.verb {
	case create:
		return p.create(s), true
	case remove, follow, release:
		return p.delete(s), p.in.Groups[s.object].DeletionTimestamp.IsZero()
	default:
		return p.observe(s)
	}
}

func (p *groupPlanner) delete(s step) groupChange {
	group := &p.in.Groups[s.object]
	change := groupChange{Verb: Delete, Object: group, Why: "gone", rank: rankWithdraw, name: group.Name, loss: p.loss(group)}
	switch s.verb {
	case follow:
		change.Why, change.rank = "renamed", rankCleanUp
	case release:
		change.Why, change.loss = "released", noLoss
	default:
	}
	return change
}

// loss is what people in a group lose with it.
func (p *groupPlanner) loss(group *v1alpha1.Group) loss {
	if p.gives(group) {
		return lossOfGroup
	}
	return noLoss
}

// gives says whether being in a group gives something: one whose entry is gone does not, whoever names it.
func (p *groupPlanner) gives(group *v1alpha1.Group) bool {
	return group.Status.State == v1alpha1.IdentityPresent && p.in.Granted.Groups[group.Name] && group.DeletionTimestamp.IsZero()
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
	change := groupChange{Verb: Create, Object: group, Facts: facts, Why: "appeared", rank: rankGive, name: name}
	if s.object != none {
		change.successorOf = p.in.Groups[s.object].Name
	}
	return change
}

func (p *groupPlanner) observe(s step) (groupChange, bool) {
	group := &p.in.Groups[s.object]
	before := GroupFacts{ID: group.Status.ID, State: group.Status.State, MissingTime: group.Status.MissingTime}
	change := groupChange{Verb: Observe, Object: group, Facts: before, Why: "gone", rank: rankWithdraw, name: group.Name}
	switch {
	case s.verb == await:
		change.Facts.MissingTime, change.Why = cmp.Or(before.MissingTime, since(p.in.Now)), "missing"
	case s.state == v1alpha1.IdentityPresent:
		change.Facts = GroupFacts{ID: p.in.Snapshot.Groups[s.entry].ID, State: s.state}
		if IDKey(before.ID) == IDKey(change.Facts.ID) {
			change.Facts.ID = before.ID
		}
		change.Why, change.rank = "changed", rankGive
	default:
		change.Facts.State, change.Facts.MissingTime = s.state, nil
		change.loss = p.loss(group)
	}
	return change, !equality.Semantic.DeepEqual(before, change.Facts)
}
