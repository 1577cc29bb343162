// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Decision is what an approver decides.
// +kubebuilder:validation:Enum=Approve;Deny
type Decision string

const (
	// DecisionApprove lets the request pass, together with as many others as the Grant's quorum asks for.
	DecisionApprove Decision = "Approve"
	// DecisionDeny ends the request, whatever others decide.
	DecisionDeny Decision = "Deny"
)

// RequestReference names one AccessRequest, and not another that is later called the same.
type RequestReference struct {
	// name of the AccessRequest.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`

	// uid of the AccessRequest.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID string `json:"uid,omitempty"`
}

// ApprovalSpec is a decision about a request. It is immutable.
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a decision is immutable: delete this Approval to withdraw it"
type ApprovalSpec struct {
	// requestRef names the AccessRequest.
	// +required
	RequestRef RequestReference `json:"requestRef,omitzero"`

	// decision is Approve or Deny.
	// +required
	Decision Decision `json:"decision,omitempty"`

	// approver is who decides, as Kubernetes calls them (status.username of their User): the one who creates this object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=381
	Approver string `json:"approver,omitempty"`

	// comment says why, for whoever asked, and for whoever reviews this later. Default: none is given.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Comment string `json:"comment,omitempty"`
}

// ApprovalStatus says whether a decision counts.
type ApprovalStatus struct {
	// conditions are Ready (reasons Counted, and why it does not count: RequestNotFound, RequestEnded, NotAnApprover, OwnRequest,
	// DecidedAlready, MadeTooEarly), Reconciling, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that this status speaks of; -1 before the first.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`
}

// Approval is one person's decision about an AccessRequest.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=iam
// +kubebuilder:printcolumn:name="Request",type=string,JSONPath=`.spec.requestRef.name`
// +kubebuilder:printcolumn:name="Decision",type=string,JSONPath=`.spec.decision`
// +kubebuilder:printcolumn:name="Approver",type=string,JSONPath=`.spec.approver`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Comment",type=string,priority=1,JSONPath=`.spec.comment`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type Approval struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says who decides what about which request.
	// +required
	Spec ApprovalSpec `json:"spec,omitzero"`

	// status says whether it counts.
	// +optional
	// +kubebuilder:default={observedGeneration:-1}
	Status ApprovalStatus `json:"status,omitzero"`
}

// ApprovalList is a list of Approvals.
// +kubebuilder:object:root=true
type ApprovalList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Approval `json:"items"`
}
