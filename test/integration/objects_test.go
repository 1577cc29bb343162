// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// localUser is a User of no directory, whose userName is the object's name.
func localUser(name string) *v1alpha1.User {
	return &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.UserSpec{UserName: name}}
}

func localGroup(name string, members ...string) *v1alpha1.Group {
	return &v1alpha1.Group{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.GroupSpec{GroupName: name, Members: members}}
}

// pausedDirectory is one that is never read.
func pausedDirectory(name string) *v1alpha1.Directory {
	return &v1alpha1.Directory{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.DirectorySpec{
		Sync: v1alpha1.SyncPaused,
		LDAP: &v1alpha1.LDAPSource{URL: "ldaps://ldap.invalid", Users: v1alpha1.LDAPUsers{BaseDN: "dc=corp"}},
	}}
}

func users(names ...string) []v1alpha1.Subject {
	subjects := make([]v1alpha1.Subject, len(names))
	for i, name := range names {
		subjects[i] = v1alpha1.Subject{Kind: v1alpha1.SubjectUser, Name: name}
	}
	return subjects
}

// grantOf is a Grant of ClusterRole view everywhere.
func grantOf(name string, subjects ...v1alpha1.Subject) *v1alpha1.Grant {
	return &v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.GrantSpec{
		Subjects: subjects, Scope: v1alpha1.ScopeCluster,
		RoleRef: v1alpha1.RoleReference{Kind: v1alpha1.RoleKindClusterRole, Name: "view"},
	}}
}

// within narrows a Grant to namespaces.
func within(grant *v1alpha1.Grant, selector map[string]string, names ...string) *v1alpha1.Grant {
	grant.Spec.Scope, grant.Spec.Namespaces = v1alpha1.ScopeNamespaces, &v1alpha1.NamespaceSet{Names: names}
	if selector != nil {
		grant.Spec.Namespaces.Selector = &metav1.LabelSelector{MatchLabels: selector}
	}
	return grant
}

// conditions are those of an object of this API group.
func conditions(object client.Object) []metav1.Condition {
	switch o := object.(type) {
	case *v1alpha1.Directory:
		return o.Status.Conditions
	case *v1alpha1.User:
		return o.Status.Conditions
	case *v1alpha1.Group:
		return o.Status.Conditions
	case *v1alpha1.Grant:
		return o.Status.Conditions
	case *v1alpha1.Lock:
		return o.Status.Conditions
	case *v1alpha1.AccessRequest:
		return o.Status.Conditions
	case *v1alpha1.Approval:
		return o.Status.Conditions
	case *v1alpha1.Session:
		return o.Status.Conditions
	case *v1alpha1.Installation:
		return o.Status.Conditions
	}
	return nil
}

// condition reads an object's condition as it is now; nothing where there is none, and no more than that where it is of an earlier
// generation.
func (w *world) condition(ctx context.Context, object client.Object, kind string) metav1.Condition {
	GinkgoHelper()
	found := meta.FindStatusCondition(conditions(get(ctx, w, object)), kind)
	switch {
	case found == nil:
		return metav1.Condition{}
	case found.ObservedGeneration != object.GetGeneration():
		return metav1.Condition{Type: kind, Reason: "OfAnEarlierGeneration"}
	}
	return *found
}

// says matches a condition whose message has all the words.
func says(status metav1.ConditionStatus, reason string, words ...string) gomegatypes.GomegaMatcher {
	inMessage := make([]gomegatypes.GomegaMatcher, len(words))
	for i, word := range words {
		inMessage[i] = HaveField("Message", ContainSubstring(word))
	}
	return SatisfyAll(HaveField("Status", status), HaveField("Reason", reason), SatisfyAll(inMessage...))
}

// becomes waits until a condition of an object says something.
func (w *world) becomes(ctx context.Context, object client.Object, kind string, matcher gomegatypes.GomegaMatcher) {
	GinkgoHelper()
	Eventually(ctx, func() metav1.Condition { return w.condition(ctx, object, kind) }).Should(matcher)
}

// bound is whom a binding names, sorted; nil where there is no such binding. No namespace means a ClusterRoleBinding.
func (w *world) bound(ctx context.Context, namespace, name string) []string {
	GinkgoHelper()
	object := binding(namespace, name)
	err := w.admin.Get(ctx, client.ObjectKeyFromObject(object), object)
	if client.IgnoreNotFound(err) != nil {
		Expect(err).NotTo(HaveOccurred())
	}
	if err != nil {
		return nil
	}
	names := []string{}
	for _, subject := range subjectsOf(object) {
		names = append(names, subject.Kind+" "+subject.Name)
	}
	slices.Sort(names)
	return names
}

func binding(namespace, name string) client.Object {
	if namespace == "" {
		return &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	return &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

func subjectsOf(object client.Object) []rbacv1.Subject {
	switch b := object.(type) {
	case *rbacv1.RoleBinding:
		return b.Subjects
	case *rbacv1.ClusterRoleBinding:
		return b.Subjects
	}
	return nil
}

// binds waits until a binding of a Grant names exactly these users; nobody means that it is gone.
func (w *world) binds(ctx context.Context, grant client.Object, namespace string, usernames ...string) {
	GinkgoHelper()
	wanted := make([]string, len(usernames))
	for i, name := range usernames {
		wanted[i] = "User " + name
	}
	if len(wanted) == 0 {
		wanted = nil
	}
	Eventually(ctx, func() []string { return w.bound(ctx, namespace, "rollcall:"+grant.GetName()) }).Should(Equal(wanted))
}

func clientKey(object client.Object) client.ObjectKey { return client.ObjectKeyFromObject(object) }
