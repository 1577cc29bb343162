// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package answers says who may do what, and why: what a person can do, who can do something, and what is missing where somebody cannot.
// It is pure: users, groups, grants, roles and bindings go in as they were read; sorted answers come out. They agree with what the API
// server's RBAC authorizer decides for a person who comes with their username and their groups (see Person).
//
// What else authorizes is not seen: the group system:masters, which may do everything, webhooks, and the node authorizer.
package answers

import (
	"cmp"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/person"
)

// Snapshot is what the answers are taken from, as it was read from a cluster.
type Snapshot struct {
	Users               []v1alpha1.User
	Groups              []v1alpha1.Group
	Grants              []v1alpha1.Grant
	AccessRequests      []v1alpha1.AccessRequest
	Locks               []v1alpha1.Lock
	ClusterRoles        []rbacv1.ClusterRole
	Roles               []rbacv1.Role
	ClusterRoleBindings []rbacv1.ClusterRoleBinding
	RoleBindings        []rbacv1.RoleBinding
	Namespaces          []corev1.Namespace
}

// roleKey names a role: a ClusterRole has no namespace.
type roleKey struct{ kind, namespace, name string }

// World is a snapshot, indexed.
type World struct {
	now      time.Time
	users    map[string]*v1alpha1.User
	groups   map[string]*v1alpha1.Group
	grants   map[string]*v1alpha1.Grant
	requests map[string]*v1alpha1.AccessRequest
	locks    []v1alpha1.Lock
	// holders are the Users by username: of several the one whose it is.
	holders map[string]*v1alpha1.User
	// members are the Users by the Kubernetes name of a group, sorted by object name.
	members map[string][]*v1alpha1.User
	// known are the Kubernetes names of groups that a Group stands for.
	known      map[string]bool
	namespaces map[string]*corev1.Namespace
	roles      map[roleKey][]rbacv1.PolicyRule
	// bindings by namespace, the cluster-wide ones under none, each sorted by name; and by whom they name.
	bindings map[string][]*binding
	naming   map[principal][]*binding
}

// Index indexes a snapshot, which must not change any more. At now it weighs what is limited in time.
func Index(snapshot Snapshot, now time.Time) *World {
	w := &World{
		now:        now,
		users:      byName(snapshot.Users, func(u *v1alpha1.User) string { return u.Name }),
		groups:     byName(snapshot.Groups, func(g *v1alpha1.Group) string { return g.Name }),
		grants:     byName(snapshot.Grants, func(g *v1alpha1.Grant) string { return g.Name }),
		requests:   byName(snapshot.AccessRequests, func(r *v1alpha1.AccessRequest) string { return r.Name }),
		namespaces: byName(snapshot.Namespaces, func(n *corev1.Namespace) string { return n.Name }),
		locks:      slices.SortedFunc(slices.Values(snapshot.Locks), func(a, b v1alpha1.Lock) int { return cmp.Compare(a.Name, b.Name) }),
		known:      map[string]bool{},
	}
	for _, group := range w.groups {
		w.known[group.Status.GroupName] = true
	}
	w.indexPeople()
	w.indexRoles(snapshot)
	w.indexBindings(snapshot)
	return w
}

func byName[T any](objects []T, name func(*T) string) map[string]*T {
	named := make(map[string]*T, len(objects))
	for i := range objects {
		named[name(&objects[i])] = &objects[i]
	}
	return named
}

func (w *World) indexPeople() {
	w.holders, w.members = make(map[string]*v1alpha1.User, len(w.users)), map[string][]*v1alpha1.User{}
	for _, name := range slices.Sorted(maps.Keys(w.users)) {
		user := w.users[name]
		if user.Status.Username == "" {
			continue
		}
		if holder := w.holders[user.Status.Username]; holder == nil || person.Precedes(user, holder) {
			w.holders[user.Status.Username] = user
		}
		for _, m := range w.memberships(user) {
			if !everyone(m.group) {
				w.members[m.group] = append(w.members[m.group], user)
			}
		}
	}
}

func (w *World) indexRoles(snapshot Snapshot) {
	w.roles = make(map[roleKey][]rbacv1.PolicyRule, len(snapshot.ClusterRoles)+len(snapshot.Roles))
	for i := range snapshot.ClusterRoles {
		role := &snapshot.ClusterRoles[i]
		w.roles[roleKey{kind: kindClusterRole, name: role.Name}] = role.Rules
	}
	for i := range snapshot.Roles {
		role := &snapshot.Roles[i]
		w.roles[roleKey{kind: kindRole, namespace: role.Namespace, name: role.Name}] = role.Rules
	}
}

func (w *World) indexBindings(snapshot Snapshot) {
	w.bindings, w.naming = map[string][]*binding{}, map[principal][]*binding{}
	for i := range snapshot.ClusterRoleBindings {
		b := &snapshot.ClusterRoleBindings[i]
		w.add(newBinding(kindClusterRoleBinding, &b.ObjectMeta, b.RoleRef, b.Subjects))
	}
	for i := range snapshot.RoleBindings {
		b := &snapshot.RoleBindings[i]
		w.add(newBinding(kindRoleBinding, &b.ObjectMeta, b.RoleRef, b.Subjects))
	}
	for _, list := range w.bindings {
		slices.SortFunc(list, func(a, b *binding) int { return cmp.Compare(a.Name, b.Name) })
	}
}

func (w *World) add(b *binding) {
	w.bindings[b.Namespace] = append(w.bindings[b.Namespace], b)
	for p := range b.principals {
		w.naming[p] = append(w.naming[p], b)
	}
}

// holding visits the bindings that hold in a namespace: the cluster-wide ones, and those of that namespace.
func (w *World) holding(namespace string) []*binding {
	if namespace == "" {
		return w.bindings[""]
	}
	return slices.Concat(w.bindings[""], w.bindings[namespace])
}
