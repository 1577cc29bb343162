// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// GroupSpec declares a group: one of a directory, or a local one with its members.
// +kubebuilder:validation:XValidation:rule="has(self.directoryRef) == has(oldSelf.directoryRef) && (!has(self.directoryRef) || self.directoryRef.name == oldSelf.directoryRef.name)",message="directoryRef is immutable: delete this Group and create another"
// +kubebuilder:validation:XValidation:rule="!has(self.directoryRef) || !has(self.members)",message="members is for local Groups: the members of a Group with a directoryRef come from its directory"
// +kubebuilder:validation:XValidation:rule="has(self.directoryRef) || !self.groupName.contains(':')",message="the groupName of a local Group (one without directoryRef) must not contain a colon, so that it cannot pass for a directory's"
type GroupSpec struct {
	// groupName is the group's name, as the directory has it. Unique per directory, immutable.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="groupName is immutable: delete this Group and create another"
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('system:')",message="groupName must not begin with \"system:\", which Kubernetes keeps for itself"
	GroupName string `json:"groupName,omitempty"`

	// directoryRef names the Directory that knows this group. Absent: a local group, declared here alone. Immutable.
	// +optional
	DirectoryRef *NameReference `json:"directoryRef,omitempty"`

	// members of a local group: names of User objects. Default: nobody. Those of a Group with a directoryRef come from its directory.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Members []string `json:"members,omitempty"`
}

// GroupStatus is what is true of a group now.
type GroupStatus struct {
	// conditions are Ready (reasons Reconciled, MemberNotFound, DirectoryMissing, DirectoryPending, DirectoryUnknown,
	// IdentityReplaced), Reconciling, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that this status speaks of; -1 before the first.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// groupName is what Kubernetes calls this group: the directory's prefix and spec.groupName.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=381
	GroupName string `json:"groupName,omitempty"`

	// id is the value of the directory's id attribute. Absent for local groups.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	ID string `json:"id,omitempty"`

	// state is what the directory said at its last complete read: Present, Missing or Replaced. Absent for local groups.
	// +optional
	State IdentityState `json:"state,omitempty"`

	// missingTime is when the entry was first found missing, while the Directory's leavers.graceSeconds run.
	// +optional
	MissingTime *metav1.Time `json:"missingTime,omitempty"`

	// members counts the Users in this group, members of nested groups included.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Members *int32 `json:"members,omitempty"`
}

// Group is a group of people.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=iam
// +kubebuilder:printcolumn:name="Group",type=string,JSONPath=`.status.groupName`
// +kubebuilder:printcolumn:name="Members",type=integer,JSONPath=`.status.members`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Directory",type=string,priority=1,JSONPath=`.spec.directoryRef.name`
// +kubebuilder:printcolumn:name="ID",type=string,priority=1,JSONPath=`.status.id`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type Group struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec declares the group.
	// +required
	Spec GroupSpec `json:"spec,omitzero"`

	// status says what is true of it now.
	// +optional
	// +kubebuilder:default={observedGeneration:-1}
	Status GroupStatus `json:"status,omitzero"`
}

// GroupList is a list of Groups.
// +kubebuilder:object:root=true
type GroupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Group `json:"items"`
}
