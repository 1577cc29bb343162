// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the kinds that give a cluster its people: Directory, User, Group, Grant, Lock, AccessRequest and
// Approval.
//
// +kubebuilder:object:generate=true
// +kubebuilder:ac:generate=true
// +kubebuilder:ac:output:package="applyconfiguration"
// +groupName=iam.rollcall.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of every kind in this package.
var GroupVersion = schema.GroupVersion{Group: "iam.rollcall.dev", Version: "v1alpha1"}

// SchemeGroupVersion is GroupVersion under the name that generated code expects.
var SchemeGroupVersion = GroupVersion

var schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

// AddToScheme registers the kinds of this package.
var AddToScheme = schemeBuilder.AddToScheme

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&Directory{}, &DirectoryList{},
		&User{}, &UserList{},
		&Group{}, &GroupList{},
		&Grant{}, &GrantList{},
		&Lock{}, &LockList{},
		&AccessRequest{}, &AccessRequestList{},
		&Approval{}, &ApprovalList{},
		&Session{}, &SessionList{},
		&Installation{}, &InstallationList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
