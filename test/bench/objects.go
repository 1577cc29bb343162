// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

const teamLabel = "team"

func personName(i int) string    { return fmt.Sprintf("person-%06d", i) }
func groupName(i int) string     { return fmt.Sprintf("group-%04d", i) }
func grantName(i int) string     { return fmt.Sprintf("grant-%04d", i) }
func namespaceName(i int) string { return fmt.Sprintf("namespace-%04d", i) }
func teamName(i int) string      { return fmt.Sprintf("team-%03d", i) }

// outsider has the form of everybody's name, and no access at all.
func (c *company) outsider() string { return personName(c.people) }

func (c *company) namespaceNames() []string {
	names := make([]string, c.namespaces)
	for i := range names {
		names[i] = namespaceName(i)
	}
	return names
}

func (c *company) namespaceObjects() []client.Object {
	objects := make([]client.Object, c.namespaces)
	for i := range objects {
		objects[i] = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: namespaceName(i), Labels: map[string]string{teamLabel: teamName(i % c.teams())},
		}}
	}
	return objects
}

func (c *company) userObjects() []client.Object {
	objects := make([]client.Object, c.people)
	for i := range objects {
		objects[i] = &v1alpha1.User{
			ObjectMeta: metav1.ObjectMeta{Name: personName(i)},
			Spec:       v1alpha1.UserSpec{UserName: personName(i)},
		}
	}
	return objects
}

func (c *company) groupObjects() []client.Object {
	objects := make([]client.Object, c.groups)
	for i, members := range c.members {
		group := &v1alpha1.Group{ObjectMeta: metav1.ObjectMeta{Name: groupName(i)}, Spec: v1alpha1.GroupSpec{GroupName: groupName(i)}}
		for _, person := range members {
			group.Spec.Members = append(group.Spec.Members, personName(person))
		}
		objects[i] = group
	}
	return objects
}

func (c *company) grantObjects() []client.Object {
	objects := make([]client.Object, c.grants)
	for i, a := range c.access {
		objects[i] = grantObject(i, a)
	}
	return objects
}

func grantObject(i int, a access) *v1alpha1.Grant {
	grant := &v1alpha1.Grant{
		ObjectMeta: metav1.ObjectMeta{Name: grantName(i)},
		Spec: v1alpha1.GrantSpec{
			RoleRef: v1alpha1.RoleReference{Kind: v1alpha1.RoleKindClusterRole, Name: a.role},
			Scope:   v1alpha1.ScopeNamespaces,
			Reason:  "benchmark",
		},
	}
	for _, group := range a.groups {
		grant.Spec.Subjects = append(grant.Spec.Subjects, v1alpha1.Subject{Kind: v1alpha1.SubjectGroup, Name: groupName(group)})
	}
	for _, person := range a.people {
		grant.Spec.Subjects = append(grant.Spec.Subjects, v1alpha1.Subject{Kind: v1alpha1.SubjectUser, Name: personName(person)})
	}
	switch {
	case a.cluster:
		grant.Spec.Scope = v1alpha1.ScopeCluster
	case a.team >= 0:
		selector := &metav1.LabelSelector{MatchLabels: map[string]string{teamLabel: teamName(a.team)}}
		grant.Spec.Namespaces = &v1alpha1.NamespaceSet{Selector: selector}
	default:
		grant.Spec.Namespaces = &v1alpha1.NamespaceSet{}
		for _, place := range a.places {
			grant.Spec.Namespaces.Names = append(grant.Spec.Namespaces.Names, namespaceName(place))
		}
	}
	return grant
}

// singleObject is one person's own binding.
func (c *company) singleObject(s single) client.Object {
	name := grantName(s.grant) + "-" + personName(s.person)
	return binding(name, s.place, c.access[s.grant].role, personName(s.person))
}

// binding of one user to a ClusterRole in a namespace, or in the cluster where that is -1.
func binding(name string, place int, role, username string) client.Object {
	roleRef := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: username}}
	if place < 0 {
		return &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: roleRef, Subjects: subjects}
	}
	meta := metav1.ObjectMeta{Name: name, Namespace: namespaceName(place)}
	return &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: roleRef, Subjects: subjects}
}
