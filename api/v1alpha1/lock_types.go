// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LockTargetKind is the kind of what a Lock keeps out.
// +kubebuilder:validation:Enum=User;Group;Session;Device
type LockTargetKind string

const (
	// LockUser keeps a User out.
	LockUser LockTargetKind = "User"
	// LockGroup keeps everybody in a Group out.
	LockGroup LockTargetKind = "Group"
	// LockSession ends one Session, and nothing else.
	LockSession LockTargetKind = "Session"
	// LockDevice ends every Session on devices of a name, whoever's they are, and lets nobody log in with them.
	LockDevice LockTargetKind = "Device"
)

// LockTarget names who or what a Lock keeps out.
type LockTarget struct {
	// kind is User, Group (everybody in it), Session, or Device.
	// +required
	Kind LockTargetKind `json:"kind,omitempty"`

	// name of the User, Group or Session object, which need not exist (yet), or of a device, as in spec.devices of Users and spec.device
	// of Sessions.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// Subject is the User or Group that a Lock is about; false where it is about a Session or a Device.
func (t *LockTarget) Subject() (Subject, bool) {
	return Subject{Kind: SubjectKind(t.Kind), Name: t.Name}, t.Kind == LockUser || t.Kind == LockGroup
}

// LockSpec keeps people out, whatever Git and the directory say.
type LockSpec struct {
	// target is who is kept out. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="target is immutable: delete this Lock and create another"
	Target LockTarget `json:"target,omitzero"`

	// reason says why, for whoever reviews this later, and for the person who is kept out.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`

	// expireTime is when the Lock ends by itself; the object stays. Default: never.
	// +optional
	ExpireTime *metav1.Time `json:"expireTime,omitempty"`
}

// LockStatus is what a Lock does now.
type LockStatus struct {
	// conditions are Ready (reasons Locked, Locking, Expired, TargetNotFound), Reconciling, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that this status speaks of; -1 before the first.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// users counts the Users whom it keeps out.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Users *int32 `json:"users,omitempty"`

	// sessions counts the Sessions that it has ended and whose certificates are still valid.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Sessions *int32 `json:"sessions,omitempty"`

	// credentials are the fingerprints of those certificates, as the API server has them in a credential id (X509SHA256=...), sorted: the
	// policy rollcall-locks denies their writes. Those that end last, where there are more than fit.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=512
	// +kubebuilder:validation:items:MinLength=75
	// +kubebuilder:validation:items:MaxLength=75
	Credentials []string `json:"credentials,omitempty"`
}

// Lock keeps a person, or everybody in a group, out of the cluster: it takes them out of all bindings, removes their kubeconfig Secrets,
// renews no certificate and ends their Sessions and AccessRequests. On a Session or a Device it ends Sessions alone. Deleting it gives
// back what Git and the directory say; ended Sessions and requests stay ended.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=iam
// +kubebuilder:printcolumn:name="Kind",type=string,JSONPath=`.spec.target.kind`
// +kubebuilder:printcolumn:name="Target",type=string,JSONPath=`.spec.target.name`
// +kubebuilder:printcolumn:name="Users",type=integer,JSONPath=`.status.users`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.spec.expireTime`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Why",type=string,priority=1,JSONPath=`.spec.reason`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type Lock struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says who is kept out, why, and until when.
	// +required
	Spec LockSpec `json:"spec,omitzero"`

	// status says whom that keeps out now.
	// +optional
	// +kubebuilder:default={observedGeneration:-1}
	Status LockStatus `json:"status,omitzero"`
}

// LockList is a list of Locks.
// +kubebuilder:object:root=true
type LockList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Lock `json:"items"`
}
