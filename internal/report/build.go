// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/person"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// builder is what was read, indexed, while a page is made of it.
type builder struct {
	in    Input
	now   time.Time
	world *answers.World
	// holders are the Users by username, members the Users of a Group by the name of its object.
	holders map[string]*v1alpha1.User
	members map[string][]*v1alpha1.User
	users   map[string]*v1alpha1.User
	// groups are the Groups by what Kubernetes calls them.
	groups map[string]*v1alpha1.Group
	// usage by the uid of a Grant, and access by the name of a User.
	usage  map[string]*wire.GrantUsage
	access map[string]answers.Access
	// sessions that go on, and how many of them a User has.
	sessions []v1alpha1.Session
	counts   map[string]int
}

// Build decides all that is on the page.
func Build(in Input, now time.Time) Page {
	in = sorted(in)
	b := &builder{in: in, now: now, world: answers.Index(in.Snapshot, now)}
	b.indexPeople()
	b.indexRest()
	page := Page{
		Cluster: in.Cluster, By: in.By, Made: metav1.NewTime(now), Since: metav1.NewTime(now.AddDate(0, 0, -in.Days)), Days: in.Days,
		People: b.people(), Grants: b.grants(), Requests: b.requests(), Sessions: b.sessionRows(), Locks: b.locks(),
		Directories: b.directories(), Activity: b.activity(), Missing: sortMissing(in.Missing),
	}
	page.Coverage = b.coverage()
	page.Findings = b.findings(&page)
	page.Picture = b.picture(page.Grants)
	page.Glance = glance(&page)
	return page
}

// sorted is the input in order, in slices of its own: what was read stays as it was.
func sorted(in Input) Input {
	in.Users = slices.SortedFunc(slices.Values(in.Users), func(a, b v1alpha1.User) int { return cmp.Compare(a.Name, b.Name) })
	in.Groups = slices.SortedFunc(slices.Values(in.Groups), func(a, b v1alpha1.Group) int { return cmp.Compare(a.Name, b.Name) })
	in.Grants = slices.SortedFunc(slices.Values(in.Grants), func(a, b v1alpha1.Grant) int { return cmp.Compare(a.Name, b.Name) })
	in.Locks = slices.SortedFunc(slices.Values(in.Locks), func(a, b v1alpha1.Lock) int { return cmp.Compare(a.Name, b.Name) })
	in.AccessRequests = slices.SortedFunc(slices.Values(in.AccessRequests),
		func(a, b v1alpha1.AccessRequest) int { return cmp.Compare(a.Name, b.Name) })
	return in
}

func (b *builder) indexPeople() {
	b.users, b.holders = map[string]*v1alpha1.User{}, map[string]*v1alpha1.User{}
	b.groups, b.members = map[string]*v1alpha1.Group{}, map[string][]*v1alpha1.User{}
	locals := map[string][]string{}
	for i := range b.in.Groups {
		group := &b.in.Groups[i]
		if group.Status.GroupName != "" {
			b.groups[group.Status.GroupName] = group
		}
		if group.Spec.DirectoryRef == nil {
			for _, member := range group.Spec.Members {
				locals[member] = append(locals[member], group.Name)
			}
		}
	}
	for i := range b.in.Users {
		user := &b.in.Users[i]
		b.users[user.Name] = user
		if holder := b.holders[user.Status.Username]; user.Status.Username != "" && (holder == nil || person.Precedes(user, holder)) {
			b.holders[user.Status.Username] = user
		}
		in := slices.Clone(locals[user.Name])
		for _, name := range user.Status.Groups {
			if group := b.groups[name]; group != nil {
				in = append(in, group.Name)
			}
		}
		slices.Sort(in)
		for _, group := range slices.Compact(in) {
			b.members[group] = append(b.members[group], user)
		}
	}
}

func (b *builder) indexRest() {
	b.usage = map[string]*wire.GrantUsage{}
	if b.in.Usage != nil {
		for i := range b.in.Usage.Items {
			b.usage[b.in.Usage.Items[i].UID] = &b.in.Usage.Items[i]
		}
	}
	b.access = make(map[string]answers.Access, len(b.in.Users))
	for i := range b.in.Users {
		if access, err := b.world.Access(b.in.Users[i].Name); err == nil {
			b.access[b.in.Users[i].Name] = access
		}
	}
	b.counts = map[string]int{}
	for i := range b.in.Sessions {
		if s := &b.in.Sessions[i]; !over(s) {
			b.sessions = append(b.sessions, *s)
			b.counts[s.Spec.UserRef.Name]++
		}
	}
}

// over says whether a Session has ended, or was told to.
func over(s *v1alpha1.Session) bool {
	return s.Status.EndTime != nil || s.Spec.Termination != nil || meta.IsStatusConditionFalse(s.Status.Conditions, v1alpha1.ConditionActive)
}

func sortMissing(missing []Missing) []Missing {
	return slices.SortedFunc(slices.Values(missing), func(a, b Missing) int {
		return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.Why, b.Why))
	})
}

func (b *builder) people() []Person {
	mayAsk := b.askable()
	people := make([]Person, 0, len(b.in.Users))
	for i := range b.in.Users {
		user := &b.in.Users[i]
		p := b.person(user)
		p.MayAsk = mayAsk[user.Name]
		people = append(people, p)
	}
	return people
}

func (b *builder) person(user *v1alpha1.User) Person {
	access := b.access[user.Name]
	p := Person{
		Name: user.Name, Username: user.Status.Username, DisplayName: access.Person.DisplayName, MayAct: person.MayAct(user),
		State: cmp.Or(access.Person.Reason, "not decided"), LastSeen: user.Status.LastSeenTime, Sessions: b.counts[user.Name],
	}
	if user.Spec.DirectoryRef != nil {
		p.Directory = user.Spec.DirectoryRef.Name
	}
	for _, way := range access.Ways {
		b.hold(&p, way)
	}
	slices.Sort(p.Unmanaged)
	p.Unmanaged = slices.Compact(p.Unmanaged)
	for _, remark := range access.Remarks {
		p.Remarks = append(p.Remarks, remark.Message)
	}
	return p
}

// hold adds a way to what somebody has. What everybody has who is logged in says nothing of anybody.
func (b *builder) hold(p *Person, way answers.Way) {
	if way.Via == answers.ViaUnmanaged {
		if !everybody(way.Subject) {
			p.Unmanaged = append(p.Unmanaged, bindingName(way.Binding))
		}
		return
	}
	held := Held{Grant: way.Grant, Request: way.Via == answers.ViaRequest, Usage: b.usageOf(way.Grant)}
	if !slices.Contains(p.Grants, held) {
		p.Grants = append(p.Grants, held)
	}
}

func everybody(s answers.Subject) bool {
	return s.Kind == rbacv1.GroupKind && (s.Name == v1alpha1.ManagedGroup || strings.HasPrefix(s.Name, "system:"))
}

func bindingName(binding answers.Binding) string {
	return binding.Kind + " " + strings.TrimPrefix(binding.Namespace+"/"+binding.Name, "/")
}

// askable are the Grants that somebody may ask for, by the name of their User.
func (b *builder) askable() map[string][]string {
	grants := map[string][]string{}
	for i := range b.in.Grants {
		if grant := &b.in.Grants[i]; grant.Spec.Activation == v1alpha1.ActivationOnRequest {
			for _, user := range b.reached(grant) {
				grants[user.Name] = append(grants[user.Name], grant.Name)
			}
		}
	}
	for name := range grants {
		slices.Sort(grants[name])
	}
	return grants
}

// reached are the people who may act and whom a Grant names, by themselves or by a Group.
func (b *builder) reached(grant *v1alpha1.Grant) []*v1alpha1.User {
	seen := map[string]bool{}
	var reached []*v1alpha1.User
	add := func(users ...*v1alpha1.User) {
		for _, user := range users {
			if user != nil && !seen[user.Name] && person.MayAct(user) {
				seen[user.Name] = true
				reached = append(reached, user)
			}
		}
	}
	for _, subject := range grant.Spec.Subjects {
		if subject.Kind == v1alpha1.SubjectUser {
			add(b.users[subject.Name])
		} else {
			add(b.members[subject.Name]...)
		}
	}
	return reached
}
