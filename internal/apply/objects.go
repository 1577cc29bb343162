// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/rbacplan"
)

const (
	grantKind     = "Grant"
	kindOfCluster = "ClusterRoleBinding"
	kindOfOne     = "RoleBinding"
)

// object is a binding as it is created.
func object(b *rbacplan.Binding) client.Object {
	meta := metav1.ObjectMeta{
		Namespace: b.Namespace, Name: b.Name, Labels: labels(b),
		OwnerReferences: []metav1.OwnerReference{{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: grantKind, Name: b.Grant, UID: b.Owner, Controller: new(true),
		}},
	}
	if b.Namespace == metav1.NamespaceAll {
		return &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: b.RoleRef, Subjects: subjects(b)}
	}
	return &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: b.RoleRef, Subjects: subjects(b)}
}

func labels(b *rbacplan.Binding) map[string]string {
	return map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelGrant: b.Grant}
}

func subjects(b *rbacplan.Binding) []rbacv1.Subject {
	list := make([]rbacv1.Subject, len(b.Usernames))
	for i, username := range b.Usernames {
		list[i] = rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: username}
	}
	return list
}

// configuration is a binding as it is kept.
func configuration(b *rbacplan.Binding) runtime.ApplyConfiguration {
	role := rbacv1ac.RoleRef().WithAPIGroup(b.RoleRef.APIGroup).WithKind(b.RoleRef.Kind).WithName(b.RoleRef.Name)
	owner := metav1ac.OwnerReference().WithAPIVersion(v1alpha1.GroupVersion.String()).WithKind(grantKind).
		WithName(b.Grant).WithUID(b.Owner).WithController(true)
	list := make([]*rbacv1ac.SubjectApplyConfiguration, len(b.Usernames))
	for i, username := range b.Usernames {
		list[i] = rbacv1ac.Subject().WithKind(rbacv1.UserKind).WithAPIGroup(rbacv1.GroupName).WithName(username)
	}
	if b.Namespace == metav1.NamespaceAll {
		return rbacv1ac.ClusterRoleBinding(b.Name).WithLabels(labels(b)).WithOwnerReferences(owner).
			WithRoleRef(role).WithSubjects(list...)
	}
	return rbacv1ac.RoleBinding(b.Name, b.Namespace).WithLabels(labels(b)).WithOwnerReferences(owner).
		WithRoleRef(role).WithSubjects(list...)
}

func roleRef(object client.Object) rbacv1.RoleRef {
	switch binding := object.(type) {
	case *rbacv1.RoleBinding:
		return binding.RoleRef
	case *rbacv1.ClusterRoleBinding:
		return binding.RoleRef
	}
	return rbacv1.RoleRef{}
}

func owner(object client.Object) types.UID {
	controller := metav1.GetControllerOf(object)
	if controller == nil || controller.Kind != grantKind || controller.APIVersion != v1alpha1.GroupVersion.String() {
		return ""
	}
	return controller.UID
}

func describe(b *rbacplan.Binding) string {
	if b.Namespace == metav1.NamespaceAll {
		return fmt.Sprintf("%s %q", kindOfCluster, b.Name)
	}
	return fmt.Sprintf("%s %q in namespace %q", kindOfOne, b.Name, b.Namespace)
}
