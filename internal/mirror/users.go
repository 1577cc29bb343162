// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"cmp"
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
	in      Input
	objects []object
	groups  membership
	// awaited are the groups whose entries are missing and may come back, granted those that Grants give something to.
	awaited, granted map[string]bool
	// containers are the groups that hold groups only. Known where groups are awaited.
	containers map[string]bool
	name       func(name, id string) string
}

// wants says which people Grants reach.
func (p userPlanner) wants(groups *groupPlanner) func(entry) bool {
	n := newNaming(p.objects, p.in.Granted.Users, p.in.UserTaken)
	return func(e entry) bool { return groups.reaches(&p.in.Snapshot.People[e.index]) || n.names(e) }
}

// planUsers plans, given what is known of the groups.
func planUsers(in Input, groups *groupPlanner) ([]userChange, int, Skipped) {
	entries, objects := userEntries(in.Snapshot.People), userObjects(in)
	valid, kept, skipped := sift(entries, objects, in.Directory.UsernamePrefix())
	p := userPlanner{
		in: in, objects: objects, name: namer(in.UserTaken), groups: groups.members, awaited: groups.awaited, granted: groups.granted,
	}
	if len(p.awaited) > 0 && in.Nested {
		p.containers = groups.containers()
	}
	var wants func(entry) bool
	if in.Directory.Spec.Import == v1alpha1.ImportGranted {
		wants = p.wants(groups)
	}
	steps := match(valid, objects, kept, policyOf(in, wants))
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
		objects[i] = object{
			name: u.Name, entryName: u.Spec.UserName, imported: imported(u.Labels, in.Directory), bound: u.HoldsCertificate(in.Now), index: i,
			altered: u.Spec.State == v1alpha1.UserSuspended || u.Spec.ExpireTime != nil || u.Spec.Kubeconfig != nil,
		}
		if identity := u.Status.Identity; identity != nil {
			objects[i].id = identity.ID
			objects[i].present = identity.State == v1alpha1.IdentityPresent
			objects[i].missing = timeOf(identity.MissingTime)
		}
	}
	return objects
}

func (p userPlanner) change(s step) (userChange, bool) {
	switch s.verb {
	case create:
		return p.create(s), true
	case remove, follow, release:
		return p.delete(s), p.in.Users[s.object].DeletionTimestamp.IsZero()
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
	change := userChange{Verb: Create, Object: user, Facts: p.present(person, nil), Why: "joined", rank: rankGive, name: name}
	if s.object != none {
		// What an admin set on the old object, a suspension above all, holds for the person and not for the name.
		user.Spec = *p.in.Users[s.object].Spec.DeepCopy()
		change.successorOf = p.in.Users[s.object].Name
	}
	user.Spec.UserName = person.UserName
	user.Spec.DirectoryRef = &v1alpha1.NameReference{Name: p.in.Directory.Name}
	return change
}

func (p userPlanner) delete(s step) userChange {
	user := &p.in.Users[s.object]
	change := userChange{Verb: Delete, Object: user, Why: WhyLeft, rank: rankWithdraw, name: user.Name}
	if hasAccess(user) {
		change.loss = lossGone
	}
	switch s.verb {
	case follow:
		change.Why, change.rank = "renamed", rankCleanUp
		if hasAccess(user) {
			change.loss = lossOfName
		}
	case release:
		// Whom no Grant reaches had nothing to lose, unless it is the directory that took them out of a group.
		change.Why, change.loss = "released", noLoss
		if change.lostGroups = p.lostGroups(user, nil); len(change.lostGroups) > 0 {
			change.loss = lossOfGroup
		}
	default:
	}
	return change
}

func (p userPlanner) observe(s step) (userChange, bool) {
	user := &p.in.Users[s.object]
	change := userChange{Verb: Observe, Object: user, Facts: p.identity(user, s), rank: rankWithdraw, name: user.Name}
	change.Why = map[v1alpha1.IdentityState]string{
		v1alpha1.IdentityPresent:  "changed",
		v1alpha1.IdentityDisabled: WhyDisabled,
		v1alpha1.IdentityMissing:  WhyLeft,
		v1alpha1.IdentityReplaced: WhyReplaced,
	}[change.Facts.State]
	change.loss, change.lostGroups = p.loss(user, &change.Facts)
	if s.verb == await {
		change.Why = "missing"
	}
	if change.Facts.State == v1alpha1.IdentityPresent && !losesGroups(user.Status.Identity, &change.Facts) {
		change.rank = rankGive
	}
	return change, user.Status.Identity == nil || !equality.Semantic.DeepEqual(*user.Status.Identity, change.Facts)
}

// loss is what a person loses by new facts.
func (p userPlanner) loss(user *v1alpha1.User, facts *v1alpha1.Identity) (what loss, groups []string) {
	switch {
	case !hasAccess(user):
		return noLoss, nil
	case facts.State == v1alpha1.IdentityDisabled:
		return lossDisabled, nil
	case facts.State != v1alpha1.IdentityPresent && facts.UserName != "":
		return lossOfName, nil
	case facts.State != v1alpha1.IdentityPresent:
		return lossGone, nil
	}
	if groups = p.lostGroups(user, facts.Groups); len(groups) > 0 {
		return lossOfGroup, groups
	}
	return noLoss, nil
}

// lostGroups are the groups that give something which a person leaves.
func (p userPlanner) lostGroups(user *v1alpha1.User, after []string) []string {
	if !hasAccess(user) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(user.Status.Identity.Groups), func(group string) bool {
		_, kept := slices.BinarySearch(after, group)
		return kept || !p.granted[group]
	})
}

// hasAccess says whether there is something that the directory could take from a person.
func hasAccess(user *v1alpha1.User) bool {
	identity := user.Status.Identity
	return identity != nil && identity.State == v1alpha1.IdentityPresent && user.Spec.State != v1alpha1.UserSuspended &&
		user.DeletionTimestamp.IsZero()
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
	if s.verb == observe && s.state == v1alpha1.IdentityPresent {
		return p.present(&p.in.Snapshot.People[s.entry], user.Status.Identity)
	}
	var identity v1alpha1.Identity
	if user.Status.Identity != nil {
		identity = *user.Status.Identity.DeepCopy()
	}
	if s.verb == await {
		identity.MissingTime = cmp.Or(identity.MissingTime, since(p.in.Now))
		return identity
	}
	identity.MissingTime = nil
	identity.State, identity.Groups, identity.UserName = s.state, nil, ""
	if s.entry != none {
		identity.UserName = p.in.Snapshot.People[s.entry].UserName
	}
	return identity
}

// present is what the directory says of a person who is there. An id that is only written otherwise than before stays as it was.
func (p userPlanner) present(person *directory.Person, before *v1alpha1.Identity) v1alpha1.Identity {
	identity := v1alpha1.Identity{
		ID:          person.ID,
		DisplayName: text(person.DisplayName, maxDisplayName),
		Email:       text(person.Email, maxEmail),
		Groups:      p.groups.of(person),
		State:       v1alpha1.IdentityPresent,
	}
	if before != nil && IDKey(before.ID) == IDKey(person.ID) {
		identity.ID = before.ID
	}
	if before != nil && slices.ContainsFunc(before.Groups, func(group string) bool { return p.awaited[group] }) {
		identity.Groups = slices.Compact(slices.Sorted(slices.Values(slices.Concat(identity.Groups, p.frozen(before.Groups)))))
	}
	if len(identity.Groups) > maxGroups {
		identity.Groups = identity.Groups[:maxGroups]
	}
	if person.Out(p.in.Now) {
		identity.State = v1alpha1.IdentityDisabled
	}
	return identity
}

// frozen are the groups that someone stays in while one of them may come back: that one, and those that it may have been in.
func (p userPlanner) frozen(groups []string) []string {
	return slices.DeleteFunc(slices.Clone(groups), func(group string) bool { return !p.awaited[group] && !p.containers[group] })
}

// disableHeld keeps out people whose entry cannot be mirrored any more but says that they are disabled: that much is certain.
func (p userPlanner) disableHeld(kept held, steps []step) []userChange {
	disabled := held{ids: map[string]bool{}, names: map[string]bool{}}
	for i := range p.in.Snapshot.People {
		if person := &p.in.Snapshot.People[i]; person.Out(p.in.Now) {
			disabled.add(entry{id: person.ID, name: person.UserName})
		}
	}
	decided := map[int]bool{}
	for _, s := range steps {
		decided[s.object] = decided[s.object] || s.verb != create
	}
	var changes []userChange
	for i, o := range p.objects {
		user := &p.in.Users[i]
		identity := user.Status.Identity
		if decided[i] || identity == nil || identity.State != v1alpha1.IdentityPresent || !kept.has(o) || !disabled.has(o) {
			continue
		}
		facts := *identity.DeepCopy()
		facts.State, facts.MissingTime = v1alpha1.IdentityDisabled, nil
		changes = append(changes, userChange{
			Verb: Observe, Object: user, Facts: facts, Why: WhyDisabled, rank: rankWithdraw, name: user.Name, loss: lossDisabled,
		})
	}
	return changes
}
