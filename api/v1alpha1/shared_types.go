// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// NameReference names a cluster-scoped object of this API group, or a Secret in the operator's own namespace.
type NameReference struct {
	// name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// SecretReference names a Secret in any namespace.
type SecretReference struct {
	// namespace of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`

	// name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// IdentityState is what the last complete read of a directory said about an entry.
// +kubebuilder:validation:Enum=Present;Disabled;Missing;Replaced
type IdentityState string

const (
	// IdentityPresent means that the entry is there and not disabled.
	IdentityPresent IdentityState = "Present"
	// IdentityDisabled means that the entry is there and the directory keeps its owner out.
	IdentityDisabled IdentityState = "Disabled"
	// IdentityMissing means that no entry was found.
	IdentityMissing IdentityState = "Missing"
	// IdentityReplaced means that the name and the id no longer belong to one entry: the entry was renamed,
	// or its name was given to another.
	IdentityReplaced IdentityState = "Replaced"
)

// Labels, annotations, finalizers and names that this API puts on objects.
const (
	// LabelDirectory is on Users and Groups that a Directory imported; its value is the Directory's name.
	LabelDirectory = "iam.rollcall.dev/directory"
	// LabelGrant is on generated bindings; its value is the Grant's name.
	LabelGrant = "iam.rollcall.dev/grant"
	// LabelRequest is on the bindings of an AccessRequest, besides LabelGrant; its value is the request's name.
	LabelRequest = "iam.rollcall.dev/request"
	// LabelManagedBy is on everything generated outside this API group, with the value ManagedBy.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of LabelManagedBy.
	ManagedBy = "rollcall"
	// FinalizerDirectory keeps a Directory until what it imported is withdrawn.
	FinalizerDirectory = "iam.rollcall.dev/directory"
	// AnnotationAcceptLoss on a Directory lets the pending plan pass whose token it holds.
	AnnotationAcceptLoss = "iam.rollcall.dev/accept-loss"
	// AnnotationGrantUID and AnnotationGrantGeneration on a generated binding say which Grant, as of when, it was made for.
	AnnotationGrantUID        = "iam.rollcall.dev/grant-uid"
	AnnotationGrantGeneration = "iam.rollcall.dev/grant-generation"
	// AnnotationRequestUID on a binding of an AccessRequest says which one it was made for.
	AnnotationRequestUID = "iam.rollcall.dev/request-uid"
	// AnnotationApprovers on a binding of an AccessRequest are the usernames of those who approved it, by time, with commas between.
	AnnotationApprovers = "iam.rollcall.dev/approvers"
	// ManagedGroup is the marker group (O) in every certificate that the operator has issued.
	ManagedGroup = "rollcall:managed"
)
