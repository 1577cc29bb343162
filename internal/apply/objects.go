// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	rbacv1ac "k8s.io/client-go/applyconfigurations/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/rbacplan"
)

const (
	kindOfCluster = "ClusterRoleBinding"
	kindOfOne     = "RoleBinding"
)

// object is a binding as it is created.
func object(b *rbacplan.Binding) client.Object {
	meta := metav1.ObjectMeta{
		Namespace: b.Namespace, Name: b.Name, Labels: b.Labels, Annotations: b.Annotations,
		OwnerReferences: []metav1.OwnerReference{{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: string(b.Holder.Kind), Name: b.Holder.Name, UID: b.Holder.UID,
			Controller: new(true),
		}},
	}
	if b.Namespace == metav1.NamespaceAll {
		return &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: b.RoleRef, Subjects: subjects(b)}
	}
	return &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: b.RoleRef, Subjects: subjects(b)}
}

func subjects(b *rbacplan.Binding) []rbacv1.Subject {
	list := make([]rbacv1.Subject, 0, len(b.Usernames)+len(b.Groups))
	for _, username := range b.Usernames {
		list = append(list, rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: username})
	}
	for _, group := range b.Groups {
		list = append(list, rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: group})
	}
	return list
}

// configuration is a binding as it is kept.
func configuration(b *rbacplan.Binding) runtime.ApplyConfiguration {
	role := rbacv1ac.RoleRef().WithAPIGroup(b.RoleRef.APIGroup).WithKind(b.RoleRef.Kind).WithName(b.RoleRef.Name)
	owner := metav1ac.OwnerReference().WithAPIVersion(v1alpha1.GroupVersion.String()).WithKind(string(b.Holder.Kind)).
		WithName(b.Holder.Name).WithUID(b.Holder.UID).WithController(true)
	all := subjects(b)
	list := make([]*rbacv1ac.SubjectApplyConfiguration, len(all))
	for i, subject := range all {
		list[i] = rbacv1ac.Subject().WithKind(subject.Kind).WithAPIGroup(subject.APIGroup).WithName(subject.Name)
	}
	if b.Namespace == metav1.NamespaceAll {
		return rbacv1ac.ClusterRoleBinding(b.Name).WithLabels(b.Labels).WithAnnotations(b.Annotations).WithOwnerReferences(owner).
			WithRoleRef(role).WithSubjects(list...)
	}
	return rbacv1ac.RoleBinding(b.Name, b.Namespace).WithLabels(b.Labels).WithAnnotations(b.Annotations).WithOwnerReferences(owner).
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

// holder is the Grant or the AccessRequest that controls a binding.
func holder(object client.Object) rbacplan.Holder {
	controller := metav1.GetControllerOf(object)
	if controller == nil || controller.APIVersion != v1alpha1.GroupVersion.String() {
		return rbacplan.Holder{}
	}
	return rbacplan.Holder{Kind: rbacplan.Kind(controller.Kind), Name: controller.Name, UID: controller.UID}
}

func describe(b *rbacplan.Binding) string {
	if b.Namespace == metav1.NamespaceAll {
		return fmt.Sprintf("%s %q", kindOfCluster, b.Name)
	}
	return fmt.Sprintf("%s %q in namespace %q", kindOfOne, b.Name, b.Namespace)
}

// shown is how many bindings a status names.
const shown = 32

// Named are the first bindings as a status names them.
func Named(bindings []rbacplan.Binding) []v1alpha1.AppliedBinding {
	bindings = bindings[:min(len(bindings), shown)]
	named := make([]v1alpha1.AppliedBinding, len(bindings))
	for i := range bindings {
		named[i] = v1alpha1.AppliedBinding{Namespace: bindings[i].Namespace, Name: bindings[i].Name}
	}
	return named
}
