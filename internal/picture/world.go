// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package picture shows who gets what through what: as a tree for one person, group or grant, and as a picture of many. It is pure:
// objects as they were read go in; text comes out, in which nothing that somebody wrote into an object is more than text.
package picture

import (
	"cmp"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// World is everything that a picture is made of.
type World struct {
	Users    []v1alpha1.User
	Groups   []v1alpha1.Group
	Grants   []v1alpha1.Grant
	Locks    []v1alpha1.Lock
	Requests []v1alpha1.AccessRequest
	// RoleBindings and ClusterRoleBindings that Rollcall made.
	RoleBindings        []rbacv1.RoleBinding
	ClusterRoleBindings []rbacv1.ClusterRoleBinding
	// BindingsUnknown says that they could not be read: what objects say of them is shown instead.
	BindingsUnknown bool
	// Now decides what is over; its location is that of the times that are shown.
	Now time.Time
}

// binding is a RoleBinding, or a ClusterRoleBinding where Namespace is empty, that gives somebody something.
type binding struct {
	namespace, name string
	grant, request  string
	subjects        []rbacv1.Subject
}

// Sort puts what was read in order, as everything here expects it.
func (w *World) Sort() {
	slices.SortFunc(w.Users, func(a, b v1alpha1.User) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(w.Groups, func(a, b v1alpha1.Group) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(w.Grants, func(a, b v1alpha1.Grant) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(w.Locks, func(a, b v1alpha1.Lock) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(w.Requests, func(a, b v1alpha1.AccessRequest) int { return cmp.Compare(a.Name, b.Name) })
}

// Find says which kinds have an object of that name, of User, Group and Grant.
func (w *World) Find(name string) []string {
	var kinds []string
	if w.user(name) != nil {
		kinds = append(kinds, KindUser)
	}
	if w.group(name) != nil {
		kinds = append(kinds, KindGroup)
	}
	if w.grant(name) != nil {
		kinds = append(kinds, KindGrant)
	}
	return kinds
}

func (w *World) user(name string) *v1alpha1.User {
	i := slices.IndexFunc(w.Users, func(u v1alpha1.User) bool { return u.Name == name })
	if i < 0 {
		return nil
	}
	return &w.Users[i]
}

func (w *World) group(name string) *v1alpha1.Group {
	i := slices.IndexFunc(w.Groups, func(g v1alpha1.Group) bool { return g.Name == name })
	if i < 0 {
		return nil
	}
	return &w.Groups[i]
}

func (w *World) grant(name string) *v1alpha1.Grant {
	i := slices.IndexFunc(w.Grants, func(g v1alpha1.Grant) bool { return g.Name == name })
	if i < 0 {
		return nil
	}
	return &w.Grants[i]
}

// holds says whether a User is in a Group, as the operator sees it: a directory's Group whose entry is gone has nobody.
func holds(user *v1alpha1.User, group *v1alpha1.Group) bool {
	ref := group.Spec.DirectoryRef
	if ref == nil {
		return slices.Contains(group.Spec.Members, user.Name)
	}
	return group.Status.State == v1alpha1.IdentityPresent && user.Spec.DirectoryRef != nil && *user.Spec.DirectoryRef == *ref &&
		user.Status.Identity != nil && slices.Contains(user.Status.Identity.Groups, group.Spec.GroupName)
}

func (w *World) members(group *v1alpha1.Group) []*v1alpha1.User {
	var members []*v1alpha1.User
	for i := range w.Users {
		if holds(&w.Users[i], group) {
			members = append(members, &w.Users[i])
		}
	}
	return members
}

func (w *World) groupsOf(user *v1alpha1.User) []*v1alpha1.Group {
	var groups []*v1alpha1.Group
	for i := range w.Groups {
		if holds(user, &w.Groups[i]) {
			groups = append(groups, &w.Groups[i])
		}
	}
	return groups
}

// grantsOf are the Grants that name a subject.
func (w *World) grantsOf(kind v1alpha1.SubjectKind, name string) []*v1alpha1.Grant {
	var grants []*v1alpha1.Grant
	for i := range w.Grants {
		if slices.Contains(w.Grants[i].Spec.Subjects, v1alpha1.Subject{Kind: kind, Name: name}) {
			grants = append(grants, &w.Grants[i])
		}
	}
	return grants
}

func (w *World) subjectsOf(grant string) []v1alpha1.Subject {
	if found := w.grant(grant); found != nil {
		return found.Spec.Subjects
	}
	return nil
}

// locks are those in force that keep a User or the members of a Group out.
func (w *World) locks(keeps func(v1alpha1.LockTarget) bool) []*v1alpha1.Lock {
	var locks []*v1alpha1.Lock
	for i := range w.Locks {
		expire := w.Locks[i].Spec.ExpireTime
		if keeps(w.Locks[i].Spec.Target) && (expire == nil || w.Now.Before(expire.Time)) {
			locks = append(locks, &w.Locks[i])
		}
	}
	return locks
}

func (w *World) locksOnUser(user *v1alpha1.User) []*v1alpha1.Lock {
	return w.locks(func(target v1alpha1.LockTarget) bool {
		switch target.Kind {
		case v1alpha1.LockUser:
			return target.Name == user.Name
		case v1alpha1.LockGroup:
			group := w.group(target.Name)
			return group != nil && holds(user, group)
		default: // Sessions and devices are not people.
			return false
		}
	})
}

func (w *World) locksOnGroup(group *v1alpha1.Group) []*v1alpha1.Lock {
	return w.locks(func(target v1alpha1.LockTarget) bool {
		return target.Kind == v1alpha1.LockGroup && target.Name == group.Name
	})
}

// requestsFor are the requests for a Grant that give access now.
func (w *World) requestsFor(grant *v1alpha1.Grant) []*v1alpha1.AccessRequest {
	var requests []*v1alpha1.AccessRequest
	for i := range w.Requests {
		r := &w.Requests[i]
		active := meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.ConditionActive)
		if r.Spec.GrantRef.Name == grant.Name && active && (r.Status.ExpireTime == nil || w.Now.Before(r.Status.ExpireTime.Time)) {
			requests = append(requests, r)
		}
	}
	return requests
}

// bindings of a Grant, those of requests for it among them, by namespace and name.
func (w *World) bindings(grant string) []binding {
	if w.BindingsUnknown {
		return w.reported(grant)
	}
	var bindings []binding
	add := func(m *metav1.ObjectMeta, subjects []rbacv1.Subject) {
		if m.Labels[v1alpha1.LabelGrant] == grant {
			bindings = append(bindings, binding{m.Namespace, m.Name, grant, m.Labels[v1alpha1.LabelRequest], subjects})
		}
	}
	for i := range w.RoleBindings {
		add(&w.RoleBindings[i].ObjectMeta, w.RoleBindings[i].Subjects)
	}
	for i := range w.ClusterRoleBindings {
		add(&w.ClusterRoleBindings[i].ObjectMeta, w.ClusterRoleBindings[i].Subjects)
	}
	sortBindings(bindings)
	return bindings
}

// reported are the bindings that a Grant and its requests say they have.
func (w *World) reported(name string) []binding {
	var bindings []binding
	add := func(applied []v1alpha1.AppliedBinding, request string) {
		for _, b := range applied {
			bindings = append(bindings, binding{b.Namespace, b.Name, name, request, nil})
		}
	}
	grant := w.grant(name)
	add(grant.Status.Applied, "")
	for _, request := range w.requestsFor(grant) {
		add(request.Status.Applied, request.Name)
	}
	sortBindings(bindings)
	return bindings
}

func sortBindings(bindings []binding) {
	slices.SortFunc(bindings, func(a, b binding) int {
		return cmp.Or(strings.Compare(a.namespace, b.namespace), strings.Compare(a.name, b.name))
	})
}

// gives says whether a binding names a person, or a group that their certificate or token speaks for.
func (b *binding) gives(user *v1alpha1.User) bool {
	return slices.ContainsFunc(b.subjects, func(s rbacv1.Subject) bool {
		return s.Kind == rbacv1.UserKind && s.Name == user.Status.Username ||
			s.Kind == rbacv1.GroupKind && slices.Contains(user.Status.Groups, s.Name)
	})
}
