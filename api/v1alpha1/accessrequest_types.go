// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ApprovalMode says whether access waits for approval.
// +kubebuilder:validation:Enum=BeforeUse;AfterUse
type ApprovalMode string

const (
	// ApprovalBeforeUse gives access once enough approvers have approved.
	ApprovalBeforeUse ApprovalMode = "BeforeUse"
	// ApprovalAfterUse gives access at once, for emergencies, and keeps the request open until approvers have reviewed it.
	ApprovalAfterUse ApprovalMode = "AfterUse"
)

// SelfApproval says whether requesters may approve their own requests.
// +kubebuilder:validation:Enum=Never
type SelfApproval string

const (
	// SelfApprovalNever is what it says: another person has to.
	SelfApprovalNever SelfApproval = "Never"
)

// RequestPolicy says how the subjects of a Grant may ask for it, and who decides.
type RequestPolicy struct {
	// maxDurationSeconds is the longest access that may be asked for, in seconds. Default 3600, from 1 to 604800 (a week).
	// +optional
	// +kubebuilder:default=3600
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	MaxDurationSeconds int32 `json:"maxDurationSeconds,omitempty"`

	// approvers are the Users who may decide, and the Groups whose members may. Nobody decides on a request of their own.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Approvers []Subject `json:"approvers,omitempty"`

	// quorum is how many different people have to approve. Default 1, from 1 to 16.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=16
	Quorum int32 `json:"quorum,omitempty"`

	// requireTicket is a regular expression (RE2) that the whole of a request's ticket must match, for instance CHG-[0-9]+.
	// Default: requests need no ticket.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="''.matches(self) in [true, false]",message="requireTicket must be a regular expression (RE2), for instance CHG-[0-9]+"
	RequireTicket string `json:"requireTicket,omitempty"`

	// approval is BeforeUse (the default), or AfterUse: access at once, and a request that stays open until it is reviewed.
	// +optional
	// +kubebuilder:default=BeforeUse
	Approval ApprovalMode `json:"approval,omitempty"`

	// allowSelfApproval is Never (the default, and the only value): it says so to whoever reads the Grant.
	// +optional
	// +kubebuilder:default=Never
	AllowSelfApproval SelfApproval `json:"allowSelfApproval,omitempty"`
}

// AccessRequestSpec asks for what a Grant gives on request. It is immutable.
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a request is immutable: create another"
type AccessRequestSpec struct {
	// grantRef names the Grant, whose activation must be OnRequest.
	// +required
	GrantRef NameReference `json:"grantRef,omitzero"`

	// userName is who asks, as Kubernetes calls them (status.username of their User): the one who creates this object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=381
	UserName string `json:"userName,omitempty"`

	// durationSeconds is for how long, in seconds: from 1 to the Grant's request.maxDurationSeconds.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	DurationSeconds int32 `json:"durationSeconds,omitempty"`

	// startTime is when access is to begin; it ends durationSeconds later, however late it was approved. Default: once it is approved.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// reason says why, for those who approve, and for whoever reviews this later. Default: none is given.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`

	// ticket that this is about, as the Grant's request.requireTicket wants it. Default: none, which does where the Grant wants none.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Ticket string `json:"ticket,omitempty"`
}

// GrantVersion is a Grant as it was when it was asked for: what was approved is this, and nothing that came later.
type GrantVersion struct {
	// uid of the Grant.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`

	// generation of the Grant.
	// +required
	// +kubebuilder:validation:Minimum=1
	Generation int64 `json:"generation,omitempty"`

	// approval is what the Grant's request.approval was: whether access waits for it.
	// +required
	Approval ApprovalMode `json:"approval,omitempty"`

	// quorum is what the Grant's request.quorum was: how many people have to approve.
	// +required
	// +kubebuilder:validation:Minimum=1
	Quorum int32 `json:"quorum,omitempty"`

	// time from which on Approvals are for this generation: earlier ones may have been for another and do not count.
	// +required
	Time metav1.Time `json:"time,omitzero"`
}

// Requester is the User who asked, and not another who is later called the same.
type Requester struct {
	// name of the User object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// uid of the User object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`
}

// GivenApproval is one person's decision that counts.
type GivenApproval struct {
	// name of the Approval object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`

	// uid of the Approval object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`

	// approver is the username of the person who decided.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=381
	Approver string `json:"approver,omitempty"`

	// user is their User object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	User string `json:"user,omitempty"`

	// decision is Approve or Deny.
	// +required
	Decision Decision `json:"decision,omitempty"`

	// time is when the Approval was created.
	// +required
	Time metav1.Time `json:"time,omitzero"`
}

// AccessRequestStatus is what has become of a request.
type AccessRequestStatus struct {
	// conditions are Active (reasons Pending, NotStarted, Active, or why it ended, as in endReason), Reviewed (with approval AfterUse;
	// reasons ReviewPending, NobodyCanReview, Approved, Denied), Ready, Reconciling, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that this status speaks of; -1 before the first.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// grant is the Grant as it was when the request was accepted: once whoever asks, and what they ask for, fits it.
	// +optional
	Grant *GrantVersion `json:"grant,omitempty"`

	// user is the User object of whoever asks.
	// +optional
	User *Requester `json:"user,omitempty"`

	// approvals are the decisions that count, by time.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Approvals []GivenApproval `json:"approvals,omitempty"`

	// startTime is when access began.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// expireTime is when access ends. Set together with startTime, before there are bindings.
	// +optional
	ExpireTime *metav1.Time `json:"expireTime,omitempty"`

	// endTime is when the request came to its end: what has ended never begins again.
	// +optional
	EndTime *metav1.Time `json:"endTime,omitempty"`

	// endReason is why it ended: Expired, Denied, UserInactive, Locked, NotASubject, GrantChanged, GrantNotFound, GrantClosed,
	// ApprovalWithdrawn; or why it never began: NotOnRequest, DurationTooLong, TicketRefused, UserNotFound.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	EndReason string `json:"endReason,omitempty"`

	// bindings counts the RoleBindings or ClusterRoleBindings that are in force for this request.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Bindings *int32 `json:"bindings,omitempty"`

	// applied names them, by namespace and name; no more than the first 32.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Applied []AppliedBinding `json:"applied,omitempty"`
}

// AccessRequest asks for what a Grant gives on request, for some time.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=iam,shortName=areq
// +kubebuilder:printcolumn:name="Grant",type=string,JSONPath=`.spec.grantRef.name`
// +kubebuilder:printcolumn:name="Username",type=string,JSONPath=`.spec.userName`
// +kubebuilder:printcolumn:name="Active",type=string,JSONPath=`.status.conditions[?(@.type=="Active")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Active")].reason`
// +kubebuilder:printcolumn:name="Reviewed",type=string,JSONPath=`.status.conditions[?(@.type=="Reviewed")].status`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.status.expireTime`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Why",type=string,priority=1,JSONPath=`.spec.reason`
// +kubebuilder:printcolumn:name="Ticket",type=string,priority=1,JSONPath=`.spec.ticket`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Active")].message`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="a request's name is a label value on its bindings: use at most 63 characters"
type AccessRequest struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says who asks for what, for how long, and why.
	// +required
	Spec AccessRequestSpec `json:"spec,omitzero"`

	// status says what has become of it.
	// +optional
	// +kubebuilder:default={observedGeneration:-1}
	Status AccessRequestStatus `json:"status,omitzero"`
}

// AccessRequestList is a list of AccessRequests.
// +kubebuilder:object:root=true
type AccessRequestList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []AccessRequest `json:"items"`
}
