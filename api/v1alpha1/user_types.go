// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// UserState says whether a User may act, as far as the declaration goes.
// +kubebuilder:validation:Enum=Active;Suspended
type UserState string

const (
	// UserActive lets the person act while the directory agrees.
	UserActive UserState = "Active"
	// UserSuspended keeps the person out, whatever the directory says.
	UserSuspended UserState = "Suspended"
)

// UserSpec declares a person.
// +kubebuilder:validation:XValidation:rule="has(self.directoryRef) == has(oldSelf.directoryRef) && (!has(self.directoryRef) || self.directoryRef.name == oldSelf.directoryRef.name)",message="directoryRef is immutable: delete this User and create another"
// +kubebuilder:validation:XValidation:rule="has(self.directoryRef) || !self.userName.contains(':')",message="the userName of a local User (one without directoryRef) must not contain a colon, so that it cannot pass for a directory's"
type UserSpec struct {
	// userName is the login name, as the directory has it. Unique per directory, immutable.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="userName is immutable: delete this User and create another"
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('system:')",message="userName must not begin with \"system:\", which Kubernetes keeps for itself"
	UserName string `json:"userName,omitempty"`

	// directoryRef names the Directory that knows this person. Absent: a local user, declared here alone. Immutable.
	// +optional
	DirectoryRef *NameReference `json:"directoryRef,omitempty"`

	// state is Active (the default) or Suspended: no access, whatever the directory says.
	// +optional
	// +kubebuilder:default=Active
	State UserState `json:"state,omitempty"`

	// expireTime ends access at that time; the object stays. Default: never.
	// +optional
	ExpireTime *metav1.Time `json:"expireTime,omitempty"`

	// kubeconfig asks for a Secret with a kubeconfig that the operator keeps fresh. The operator makes the key, so whoever
	// can read the Secret is this person: for robots and emergencies. Default: none.
	// +optional
	Kubeconfig *KubeconfigSpec `json:"kubeconfig,omitempty"`

	// devices are the machines and security keys that this person may log in with, without a password: whoever may write this
	// list enrols them. Default: none.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Devices []Device `json:"devices,omitempty"`
}

// KubeconfigSpec says where a kubeconfig goes and how long its certificates live.
type KubeconfigSpec struct {
	// secretRef names the Secret to write, with the keys kubeconfig, tls.crt, tls.key and ca.crt. A Secret of that name that
	// is not the operator's is never touched.
	// +required
	SecretRef SecretReference `json:"secretRef,omitzero"`

	// durationSeconds is the lifetime that is asked for each certificate, in seconds. Default 3600, from 600 to 86400.
	// Each is replaced when 60 to 75 percent of it have passed.
	// +optional
	// +kubebuilder:default=3600
	// +kubebuilder:validation:Minimum=600
	// +kubebuilder:validation:Maximum=86400
	DurationSeconds int32 `json:"durationSeconds,omitempty"`
}

// Identity is what the directory said about a person at its last complete read.
type Identity struct {
	// id is the value of the directory's id attribute: the person, whatever they are called.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	ID string `json:"id,omitempty"`

	// userName is the login name that the directory now has for this id, where it is no longer spec.userName.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	UserName string `json:"userName,omitempty"`

	// displayName is the name for people to read.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	DisplayName string `json:"displayName,omitempty"`

	// email is the mail address.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=320
	Email string `json:"email,omitempty"`

	// groups are the directory's own names of the groups that the person is in, nested ones included, sorted.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=4096
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	Groups []string `json:"groups,omitempty"`

	// state is Present, Disabled, Missing or Replaced.
	// +required
	State IdentityState `json:"state,omitempty"`

	// missingTime is when the entry was first found missing, while the Directory's leavers.graceSeconds run.
	// +optional
	MissingTime *metav1.Time `json:"missingTime,omitempty"`
}

// Certificate is a client certificate that the operator had signed for a User.
type Certificate struct {
	// fingerprint is the SHA-256 of the certificate's DER, in lowercase hex: what the API server's audit log calls
	// X509SHA256.
	// +required
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	Fingerprint string `json:"fingerprint,omitempty"`

	// serialNumber of the certificate, in lowercase hex.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	SerialNumber string `json:"serialNumber,omitempty"`

	// notBefore is when the certificate begins to be valid; signers set it some minutes back.
	// +required
	NotBefore metav1.Time `json:"notBefore,omitzero"`

	// notAfter is when the certificate ceases to be valid.
	// +required
	NotAfter metav1.Time `json:"notAfter,omitzero"`

	// lastNotAfter is when the last of all certificates that were issued for this User ceases to be valid: those that were
	// replaced may outlive their successor.
	// +required
	LastNotAfter metav1.Time `json:"lastNotAfter,omitzero"`

	// renewTime is when the operator replaces it.
	// +required
	RenewTime metav1.Time `json:"renewTime,omitzero"`

	// secretRef names the Secret that it was issued for.
	// +required
	SecretRef SecretReference `json:"secretRef,omitzero"`

	// session is the name of the Session that it was issued in. Absent in records from before there were Sessions.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Session string `json:"session,omitempty"`

	// groups are those that certificates of this User which are still valid speak for, besides the marker group: what Grants with
	// subjectMode Groups give to them cannot be taken from such a certificate before it expires.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Groups []CertifiedGroup `json:"groups,omitempty"`
}

// CertifiedGroup is a group that a certificate speaks for.
type CertifiedGroup struct {
	// name of the group in Kubernetes: an organization (O) in the certificate's subject.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=381
	Name string `json:"name,omitempty"`

	// notAfter is when the last certificate that speaks for it ceases to be valid.
	// +required
	NotAfter metav1.Time `json:"notAfter,omitzero"`
}

// UserStatus is what is true of a person now.
type UserStatus struct {
	// conditions are Active (reasons Active, Suspended, Expired, DirectoryDisabled, DirectoryMissing, DirectoryPending,
	// DirectoryUnknown, IdentityReplaced, UsernameTaken, Locked), Ready, Reconciling, Stalled, Kubeconfig where one is asked for, and
	// Dormant (reasons NotSeen, NeverSeen) while somebody who may act was not seen for long.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that this status speaks of; -1 before the first.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// username is what Kubernetes calls this person: the directory's prefix and spec.userName.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=381
	Username string `json:"username,omitempty"`

	// identity is what the directory said at its last complete read. Absent for local users.
	// +optional
	Identity *Identity `json:"identity,omitempty"`

	// groups are the Kubernetes names of the groups that this person is in, nested and local ones included, sorted.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=4096
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=381
	Groups []string `json:"groups,omitempty"`

	// grants are the names of the Grants that now give this person something, sorted.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=4096
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Grants []string `json:"grants,omitempty"`

	// certificate is the newest that was issued for spec.kubeconfig.
	// +optional
	Certificate *Certificate `json:"certificate,omitempty"`

	// lastSeenTime is when an API server last received a request of this person, to within a minute: as its audit log tells, and so only
	// where API servers send that (--audit-bind-address).
	// +optional
	LastSeenTime *metav1.Time `json:"lastSeenTime,omitempty"`
}

// User is a person, or a robot that acts as one.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=iam
// +kubebuilder:printcolumn:name="Username",type=string,JSONPath=`.status.username`
// +kubebuilder:printcolumn:name="Active",type=string,JSONPath=`.status.conditions[?(@.type=="Active")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Active")].reason`
// +kubebuilder:printcolumn:name="Cert-Expires",type=string,JSONPath=`.status.certificate.notAfter`
// +kubebuilder:printcolumn:name="Last-Seen",type=date,JSONPath=`.status.lastSeenTime`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Email",type=string,priority=1,JSONPath=`.status.identity.email`
// +kubebuilder:printcolumn:name="Groups",type=string,priority=1,JSONPath=`.status.groups`
// +kubebuilder:printcolumn:name="Ready",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Directory",type=string,priority=1,JSONPath=`.spec.directoryRef.name`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Active")].message`
type User struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec declares the person.
	// +required
	Spec UserSpec `json:"spec,omitzero"`

	// status says what is true of them now.
	// +optional
	// +kubebuilder:default={observedGeneration:-1}
	Status UserStatus `json:"status,omitzero"`
}

// UserList is a list of Users.
// +kubebuilder:object:root=true
type UserList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []User `json:"items"`
}

// HoldsCertificate says whether a certificate that was issued for this User is still valid, replaced ones included: whoever got
// the username next would share it with its bearer.
func (u *User) HoldsCertificate(now time.Time) bool {
	return u.Status.Certificate != nil && now.Before(u.Status.Certificate.LastNotAfter.Time)
}
