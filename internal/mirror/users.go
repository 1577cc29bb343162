// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
)

const (
	maxDisplayName = 256
	maxEmail       = 320
	maxGroups      = 4096
)

type userChange = Change[v1alpha1.User, v1alpha1.Identity]

// userPlanner turns steps into changes of Users.
type userPlanner struct {
	in     Input
	groups membership
	name   func(name, id string) string
}

// planUsers plans, given the names of the groups that are mirrored, by their index in the snapshot.
func planUsers(in Input, groupNames map[int]string) ([]userChange, int, Skipped) {
	entries, objects := userEntries(in.Snapshot.People), userObjects(in)
	valid, kept, skipped := sift(entries, objects, in.Directory.UsernamePrefix())
	steps := match(valid, objects, kept, policyOf(in.Directory))
	p := userPlanner{
		in: in, name: namer(in.UserTaken),
		groups: memberships(in.Snapshot.Groups, in.Nested, groupNames),
	}
	changes := p.disableHeld(kept, steps)
	for _, s := range steps {
		if change, differs := p.change(s); differs {
			changes = append(changes, change)
		}
	}
	sortChanges(changes)
	return changes, placed(steps), skipped
}

func userEntries(people []directory.Person) []entry {
	entries := make([]entry, len(people))
	for i := range people {
		entries[i] = entry{id: people[i].ID, name: people[i].UserName, index: i}
	}
	return entries
}

func userObjects(in Input) []object {
	objects := make([]object, len(in.Users))
	for i := range in.Users {
		u := &in.Users[i]
		objects[i] = object{entryName: u.Spec.UserName, imported: imported(u.Labels, in.Directory), bound: u.HoldsCertificate(in.Now), index: i}
		if u.Status.Identity != nil {
			objects[i].id = u.Status.Identity.ID
		}
	}
	return objects
}

func (p userPlanner) change(s step) (userChange, bool) {
	switch s.verb {
	case create:
		return p.create(s), true
	case remove, follow:
		return p.delete(s), true
	default:
		return p.observe(s)
	}
}

func (p userPlanner) create(s step) userChange {
	person := &p.in.Snapshot.People[s.entry]
	name := p.name(person.UserName, person.ID)
	user := &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{
		Name:   name,
		Labels: map[string]string{v1alpha1.LabelDirectory: p.in.Directory.Name},
	}}
	if s.object != none {
		// What an admin set on the old object, a suspension above all, holds for the person and not for the name.
		user.Spec = *p.in.Users[s.object].Spec.DeepCopy()
	}
	user.Spec.UserName = person.UserName
	user.Spec.DirectoryRef = &v1alpha1.NameReference{Name: p.in.Directory.Name}
	return userChange{Verb: Create, Object: user, Facts: p.present(person), Why: "joined", rank: rankGive, name: name}
}

func (p userPlanner) delete(s step) userChange {
	user := &p.in.Users[s.object]
	if s.verb == follow {
		return userChange{Verb: Delete, Object: user, Why: "renamed", rank: rankCleanUp, name: user.Name}
	}
	return userChange{Verb: Delete, Object: user, Why: "left", rank: rankWithdraw, name: user.Name}
}

func (p userPlanner) observe(s step) (userChange, bool) {
	user := &p.in.Users[s.object]
	change := userChange{Verb: Observe, Object: user, Facts: p.identity(user, s), rank: rankWithdraw, name: user.Name}
	change.Why = map[v1alpha1.IdentityState]string{
		v1alpha1.IdentityPresent:  "changed",
		v1alpha1.IdentityDisabled: "disabled",
		v1alpha1.IdentityMissing:  "left",
		v1alpha1.IdentityReplaced: "replaced",
	}[change.Facts.State]
	if change.Facts.State == v1alpha1.IdentityPresent && !losesGroups(user.Status.Identity, &change.Facts) {
		change.rank = rankGive
	}
	return change, user.Status.Identity == nil || !equality.Semantic.DeepEqual(*user.Status.Identity, change.Facts)
}

func losesGroups(before, after *v1alpha1.Identity) bool {
	if before == nil {
		return false
	}
	return slices.ContainsFunc(before.Groups, func(group string) bool {
		_, found := slices.BinarySearch(after.Groups, group)
		return !found
	})
}

// identity is what the directory now says about an object's person.
func (p userPlanner) identity(user *v1alpha1.User, s step) v1alpha1.Identity {
	if s.state == v1alpha1.IdentityPresent {
		return p.present(&p.in.Snapshot.People[s.entry])
	}
	var identity v1alpha1.Identity
	if user.Status.Identity != nil {
		identity = *user.Status.Identity.DeepCopy()
	}
	identity.State, identity.Groups, identity.UserName = s.state, nil, ""
	if s.entry != none {
		identity.UserName = p.in.Snapshot.People[s.entry].UserName
	}
	return identity
}

func (p userPlanner) present(person *directory.Person) v1alpha1.Identity {
	identity := v1alpha1.Identity{
		ID:          person.ID,
		DisplayName: text(person.DisplayName, maxDisplayName),
		Email:       text(person.Email, maxEmail),
		Groups:      p.groups.of(person),
		State:       v1alpha1.IdentityPresent,
	}
	if len(identity.Groups) > maxGroups {
		identity.Groups = identity.Groups[:maxGroups]
	}
	if person.Disabled {
		identity.State = v1alpha1.IdentityDisabled
	}
	return identity
}

// disableHeld keeps out people whose entry cannot be mirrored any more but says that they are disabled: that much is certain.
func (p userPlanner) disableHeld(kept held, steps []step) []userChange {
	disabled := held{ids: map[string]bool{}, names: map[string]bool{}}
	for i := range p.in.Snapshot.People {
		if person := &p.in.Snapshot.People[i]; person.Disabled {
			disabled.add(entry{id: person.ID, name: person.UserName})
		}
	}
	decided := map[int]bool{}
	for _, s := range steps {
		decided[s.object] = decided[s.object] || s.verb != create
	}
	var changes []userChange
	for i, o := range userObjects(p.in) {
		user := &p.in.Users[i]
		identity := user.Status.Identity
		if decided[i] || identity == nil || identity.State != v1alpha1.IdentityPresent || !kept.has(o) || !disabled.has(o) {
			continue
		}
		facts := *identity.DeepCopy()
		facts.State = v1alpha1.IdentityDisabled
		changes = append(changes, userChange{
			Verb: Observe, Object: user, Facts: facts, Why: "disabled", rank: rankWithdraw, name: user.Name,
		})
	}
	return changes
}
