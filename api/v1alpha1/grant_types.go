// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SubjectKind is a kind that a Grant can give something to.
// +kubebuilder:validation:Enum=Group;User
type SubjectKind string

const (
	// SubjectGroup is everyone in a Group.
	SubjectGroup SubjectKind = "Group"
	// SubjectUser is one User.
	SubjectUser SubjectKind = "User"
)

// RoleKind is a kind of role.
// +kubebuilder:validation:Enum=ClusterRole;Role
type RoleKind string

const (
	// RoleKindClusterRole is a ClusterRole.
	RoleKindClusterRole RoleKind = "ClusterRole"
	// RoleKindRole is a Role of that name in each of the Grant's namespaces.
	RoleKindRole RoleKind = "Role"
)

// GrantScope says where a Grant holds.
// +kubebuilder:validation:Enum=Cluster;Namespaces
type GrantScope string

const (
	// ScopeCluster is everywhere: one ClusterRoleBinding.
	ScopeCluster GrantScope = "Cluster"
	// ScopeNamespaces is in the namespaces that the Grant names or selects: a RoleBinding in each.
	ScopeNamespaces GrantScope = "Namespaces"
)

// SubjectMode says what the generated bindings name.
// +kubebuilder:validation:Enum=Users;Groups
type SubjectMode string

const (
	// SubjectModeUsers names every person, so that a change of membership acts at once.
	SubjectModeUsers SubjectMode = "Users"
	// SubjectModeGroups names the groups themselves: for very large ones. Who is in a group says the person's certificate or token,
	// so a change of membership acts when that expires.
	SubjectModeGroups SubjectMode = "Groups"
)

// Activation says when a Grant gives what it gives.
// +kubebuilder:validation:Enum=Always;OnRequest
type Activation string

const (
	// ActivationAlways gives it to all subjects, as long as the Grant is there.
	ActivationAlways Activation = "Always"
	// ActivationOnRequest gives it to a subject for as long as an AccessRequest of theirs is active.
	ActivationOnRequest Activation = "OnRequest"
)

// Subject names whom a Grant gives something to.
type Subject struct {
	// kind is Group or User.
	// +required
	Kind SubjectKind `json:"kind,omitempty"`

	// name of the Group or User object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// RoleReference names a role.
type RoleReference struct {
	// kind is ClusterRole or Role.
	// +required
	Kind RoleKind `json:"kind,omitempty"`

	// name of the role.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// NamespaceSet is the union of the namespaces that it names and those that it selects.
// +kubebuilder:validation:XValidation:rule="(has(self.names) && size(self.names) > 0) || has(self.selector)",message="scope Namespaces needs namespaces: give names, a selector, or both"
type NamespaceSet struct {
	// names of namespaces, which need not be there yet: the Grant waits for those, and gives what it can meanwhile. With selector, too,
	// the namespaces of both. Default: none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Names []string `json:"names,omitempty"`

	// selector selects namespaces by label, and is followed as they come, change and go. An empty selector is all of them.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// GrantSpec gives one role at one scope to people.
// +kubebuilder:validation:XValidation:rule="self.scope != 'Namespaces' || has(self.namespaces)",message="scope Namespaces needs namespaces: give names, a selector, or both"
// +kubebuilder:validation:XValidation:rule="self.scope != 'Cluster' || !has(self.namespaces)",message="scope Cluster holds everywhere: remove namespaces, or set scope to Namespaces"
// +kubebuilder:validation:XValidation:rule="self.scope != 'Cluster' || self.roleRef.kind != 'Role'",message="a Role is of one namespace and cannot be granted with scope Cluster: use a ClusterRole, or scope Namespaces"
// +kubebuilder:validation:XValidation:rule="self.activation != 'OnRequest' || has(self.request)",message="activation OnRequest needs request: say who approves (request.approvers)"
// +kubebuilder:validation:XValidation:rule="self.activation == 'OnRequest' || !has(self.request)",message="request is for activation OnRequest: remove it, or set activation to OnRequest"
// +kubebuilder:validation:XValidation:rule="self.activation != 'OnRequest' || self.subjectMode == 'Users'",message="access on request is given to one person: activation OnRequest needs subjectMode Users"
// +kubebuilder:validation:XValidation:rule="!has(self.startTime) || !has(self.expireTime) || self.expireTime > self.startTime",message="expireTime must be after startTime"
type GrantSpec struct {
	// subjects are the Groups and Users that get the role.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	Subjects []Subject `json:"subjects,omitempty"`

	// roleRef is the role that they get. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="roleRef is immutable, as in RBAC: create another Grant"
	RoleRef RoleReference `json:"roleRef,omitzero"`

	// scope is where they get it: Cluster (everywhere) or Namespaces. Immutable.
	// +required
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="scope is immutable: create another Grant"
	Scope GrantScope `json:"scope,omitempty"`

	// namespaces in which they get it, with scope Namespaces.
	// +optional
	Namespaces *NamespaceSet `json:"namespaces,omitempty"`

	// subjectMode is Users (the default: bindings name every person, and membership acts at once) or Groups (bindings name the
	// groups, for very large ones: membership acts when a person's certificate or token is renewed).
	// +optional
	// +kubebuilder:default=Users
	SubjectMode SubjectMode `json:"subjectMode,omitempty"`

	// activation is Always (the default) or OnRequest: nobody has the role until they ask for it.
	// +optional
	// +kubebuilder:default=Always
	Activation Activation `json:"activation,omitempty"`

	// request says how it is asked for, with activation OnRequest.
	// +optional
	Request *RequestPolicy `json:"request,omitempty"`

	// startTime is when the Grant begins; before it there are no bindings. Default: at once.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// expireTime is when the Grant ends; after it there are no bindings, and the object stays. Default: never.
	// +optional
	ExpireTime *metav1.Time `json:"expireTime,omitempty"`

	// reason says why, for whoever reviews this later. Default: none is given.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`
}

// Window says where a moment is in a span of time.
// +kubebuilder:validation:Enum=NotStarted;Open;Expired
type Window string

const (
	// WindowNotStarted is before it.
	WindowNotStarted Window = "NotStarted"
	// WindowOpen is within it.
	WindowOpen Window = "Open"
	// WindowExpired is after it.
	WindowExpired Window = "Expired"
)

// AppliedBinding names a binding that a Grant or an AccessRequest has in force.
type AppliedBinding struct {
	// namespace of the RoleBinding. Absent: a ClusterRoleBinding.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`

	// name of the binding.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// GrantUsage says whether anybody uses what a Grant gives.
// +kubebuilder:validation:Enum=Used;Redundant;Unused;Unknown
type GrantUsage string

const (
	// GrantUsed means that something was done that nothing else is known to have allowed.
	GrantUsed GrantUsage = "Used"
	// GrantRedundant means that whatever was done by it, something else allowed as well.
	GrantRedundant GrantUsage = "Redundant"
	// GrantUnused means that nothing was done by it.
	GrantUnused GrantUsage = "Unused"
	// GrantUnknown means that no use is known, and that not all was told that might be one.
	GrantUnknown GrantUsage = "Unknown"
)

// GrantStatus is what a Grant gives now.
type GrantStatus struct {
	// conditions are Ready (reasons Applied, NotStarted, Expired, SubjectNotFound, SubjectPending, NamespaceNotFound,
	// RoleNotFound, RoleNotBindable, BindingConflict, TooManySubjects, OnRequest, InvalidConfig, Failed), Reconciling, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that this status speaks of; -1 before the first.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// subjects counts the active people whom the bindings name.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Subjects *int32 `json:"subjects,omitempty"`

	// bindings counts the RoleBindings or ClusterRoleBindings that are in force for this Grant.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Bindings *int32 `json:"bindings,omitempty"`

	// applied names them, by namespace and name; no more than the first 32.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Applied []AppliedBinding `json:"applied,omitempty"`

	// requests counts the AccessRequests that are active now, with activation OnRequest.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Requests *int32 `json:"requests,omitempty"`

	// window is where now is in the time from startTime to expireTime: NotStarted, Open or Expired.
	// +optional
	Window Window `json:"window,omitempty"`

	// lastUsedTime is when this Grant last allowed a request, to within a minute: as audit logs tell, and so only where API servers send
	// theirs (--audit-bind-address). Absent: never, as far as is known.
	// +optional
	LastUsedTime *metav1.Time `json:"lastUsedTime,omitempty"`

	// usage says whether it was used in the time of --unused-after (30 days) up to now, or since it was created: Used, Redundant, Unused,
	// or Unknown. Present where lastUsedTime can be.
	// +optional
	Usage GrantUsage `json:"usage,omitempty"`
}

// Grant gives people a role, at one scope, for a time.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=iam
// +kubebuilder:printcolumn:name="Role",type=string,JSONPath=`.spec.roleRef.name`
// +kubebuilder:printcolumn:name="Scope",type=string,JSONPath=`.spec.scope`
// +kubebuilder:printcolumn:name="Subjects",type=integer,JSONPath=`.status.subjects`
// +kubebuilder:printcolumn:name="Bindings",type=integer,JSONPath=`.status.bindings`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.spec.expireTime`
// +kubebuilder:printcolumn:name="Last-Used",type=date,JSONPath=`.status.lastUsedTime`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Usage",type=string,priority=1,JSONPath=`.status.usage`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="a Grant's name is a label value on its bindings: use at most 63 characters"
type Grant struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says who gets what, where and when.
	// +required
	Spec GrantSpec `json:"spec,omitzero"`

	// status says what that comes to now.
	// +optional
	// +kubebuilder:default={observedGeneration:-1}
	Status GrantStatus `json:"status,omitzero"`
}

// GrantList is a list of Grants.
// +kubebuilder:object:root=true
type GrantList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Grant `json:"items"`
}
