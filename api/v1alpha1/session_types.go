// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AuthenticationMethod is how a person proved who they are.
// +kubebuilder:validation:Enum=OIDC;LDAP;DeviceKey;Managed
type AuthenticationMethod string

const (
	// MethodOIDC is an identity provider's word (OpenID Connect Core 1.0).
	MethodOIDC AuthenticationMethod = "OIDC"
	// MethodLDAP is a password that the directory accepted (RFC 4513, section 5.1.3).
	MethodLDAP AuthenticationMethod = "LDAP"
	// MethodDeviceKey is a signature by a key that spec.devices of the User holds.
	MethodDeviceKey AuthenticationMethod = "DeviceKey"
	// MethodManaged is no proof: the operator made the key, for a kubeconfig Secret.
	MethodManaged AuthenticationMethod = "Managed"
)

// Custody says where the private key of a Session is.
// +kubebuilder:validation:Enum=Client;Server
type Custody string

const (
	// CustodyClient means that the key was made on the person's machine and has never left it.
	CustodyClient Custody = "Client"
	// CustodyServer means that the operator made the key and published it in a Secret: it proves less.
	CustodyServer Custody = "Server"
)

// UserReference names one User, and not another that takes its name later.
type UserReference struct {
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

// SessionAuthentication is how and when a person proved who they are.
type SessionAuthentication struct {
	// method is OIDC, LDAP, DeviceKey or Managed.
	// +required
	Method AuthenticationMethod `json:"method,omitempty"`

	// time of the proof: what the identity provider says (auth_time, else iat), else when the login service saw it.
	// +required
	Time metav1.Time `json:"time,omitzero"`

	// issuer is the identity provider that vouched (claim iss).
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Issuer string `json:"issuer,omitempty"`

	// subject is what the identity provider calls the person (claim sub); with method DeviceKey the fingerprint of the device's key, as
	// OpenSSH writes it.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Subject string `json:"subject,omitempty"`

	// acr is the authentication context class that the identity provider claims.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	ACR string `json:"acr,omitempty"`

	// amr are the authentication methods that the identity provider claims (RFC 8176).
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=64
	AMR []string `json:"amr,omitempty"`
}

// SessionTermination ends a Session before its time.
type SessionTermination struct {
	// by is the Kubernetes username of whoever ends it; config/policies hold everybody to their own. The operator writes the
	// person's own name here when they log out.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=381
	By string `json:"by,omitempty"`

	// reason says why, for whoever reviews this later.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`
}

// SessionSpec says whose a Session is, what it rests on, and how long it may last. It is immutable but for termination.
// +kubebuilder:validation:XValidation:rule="has(self.termination) || !has(oldSelf.termination)",message="termination is final: a Session that was ended does not begin again"
// +kubebuilder:validation:XValidation:rule="self.userRef == oldSelf.userRef && self.username == oldSelf.username && self.authentication == oldSelf.authentication && self.custody == oldSelf.custody",message="whose a Session is, and what it rests on, is immutable: log in again"
// +kubebuilder:validation:XValidation:rule="has(self.device) == has(oldSelf.device) && has(self.identityID) == has(oldSelf.identityID) && has(self.keyFingerprint) == has(oldSelf.keyFingerprint) && has(self.maxDurationSeconds) == has(oldSelf.maxDurationSeconds) && has(self.idleTimeoutSeconds) == has(oldSelf.idleTimeoutSeconds) && has(self.certificateSeconds) == has(oldSelf.certificateSeconds)",message="a Session is immutable but for termination: log in again"
type SessionSpec struct {
	// userRef is the User whose Session this is.
	// +required
	UserRef UserReference `json:"userRef,omitzero"`

	// username is what Kubernetes calls that User: the common name (CN) in every certificate of this Session.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=381
	Username string `json:"username,omitempty"`

	// identityID is the directory's immutable id of the person: who it was, whatever becomes of the User. Absent for local Users.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="identityID is immutable"
	IdentityID string `json:"identityID,omitempty"`

	// device is the name of the machine: with method DeviceKey the one that spec.devices of the User enrols, else what the machine
	// calls itself, which proves nothing. Absent with custody Server.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="device is immutable"
	Device string `json:"device,omitempty"`

	// keyFingerprint is the SHA-256 of the public key (the DER of its SubjectPublicKeyInfo), in lowercase hex: all certificates of
	// this Session are for this key. Absent with custody Server, where each certificate has a key of its own.
	// +optional
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="keyFingerprint is immutable"
	KeyFingerprint string `json:"keyFingerprint,omitempty"`

	// authentication is how the person proved who they are.
	// +required
	Authentication SessionAuthentication `json:"authentication,omitzero"`

	// custody says where the private key is: Client (on the person's machine) or Server (in a Secret).
	// +required
	Custody Custody `json:"custody,omitempty"`

	// maxDurationSeconds is how long the Session may last, in seconds from its creation, whatever is renewed. Default: for as long as
	// what it rests on.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="maxDurationSeconds is immutable"
	MaxDurationSeconds int32 `json:"maxDurationSeconds,omitempty"`

	// idleTimeoutSeconds ends the Session when nothing was renewed or seen for so long, in seconds. Default: never.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="idleTimeoutSeconds is immutable"
	IdleTimeoutSeconds int32 `json:"idleTimeoutSeconds,omitempty"`

	// certificateSeconds is the lifetime that is asked for each certificate, in seconds; a signer may give more or less. Default 900.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=86400
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="certificateSeconds is immutable"
	CertificateSeconds int32 `json:"certificateSeconds,omitempty"`

	// termination ends the Session at once, and for good. Default: it ends when its time has come.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="termination is final"
	Termination *SessionTermination `json:"termination,omitempty"`
}

// SessionCertificate is a client certificate that was issued in a Session.
type SessionCertificate struct {
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

	// predecessor is the fingerprint of the certificate that this one renewed.
	// +optional
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	Predecessor string `json:"predecessor,omitempty"`

	// groups are those that it speaks for, besides the marker group, sorted.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=381
	Groups []string `json:"groups,omitempty"`

	// secretRef names the Secret that it is put into, recorded before that is done; none for what people keep themselves.
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`
}

// SessionStatus is what became of a Session.
type SessionStatus struct {
	// conditions are Active (reasons Active, Expired, Idle, Terminated, UserInactive, Locked), Ready, Reconciling, Stalled; and once
	// it has ended one for each layer that keeps its credential out, True from when it took hold: RenewalRefused, BindingsWithdrawn,
	// CredentialDenied, WritesDenied, CertificatesExpired.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=12
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that this status speaks of; -1 before the first.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// certificates are the newest that were issued, the last one last: all that are still valid, and a few more.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Certificates []SessionCertificate `json:"certificates,omitempty"`

	// issued counts the certificates of this Session.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Issued *int32 `json:"issued,omitempty"`

	// lastRenewTime is when the newest certificate was issued.
	// +optional
	LastRenewTime *metav1.Time `json:"lastRenewTime,omitempty"`

	// lastVouchedTime is when the directory last said that this person is still theirs: at login, and at renewals while it answers.
	// +optional
	LastVouchedTime *metav1.Time `json:"lastVouchedTime,omitempty"`

	// lastProofTime is when the identity provider last vouched with a fresh ID token: at login, and at renewals where the Directory's
	// login.oidc.recheckSeconds asks for it.
	// +optional
	LastProofTime *metav1.Time `json:"lastProofTime,omitempty"`

	// lastSeenTime is when an API server last received a request with one of its certificates, to within a minute. Only where API servers
	// ask the authorization webhook, or send their audit logs.
	// +optional
	LastSeenTime *metav1.Time `json:"lastSeenTime,omitempty"`

	// endTime is when the Session ended. What has ended does not begin again.
	// +optional
	EndTime *metav1.Time `json:"endTime,omitempty"`

	// endReason is why: Expired, Idle, Terminated, UserInactive or Locked.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	EndReason string `json:"endReason,omitempty"`

	// endedBy is who ended it: the Kubernetes username of spec.termination.by, or the Lock, as "Lock name".
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=381
	EndedBy string `json:"endedBy,omitempty"`
}

// Session is the time between a proof of who somebody is and the end of what they got for it: the certificates in between, each for
// minutes, all for one key. The operator alone makes Sessions. To end one, set spec.termination (kubectl rollcall terminate) or delete
// it. Ended ones stay for a while, since they are the record of whose a certificate was, and then go.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=iam,shortName=sess
// +kubebuilder:selectablefield:JSONPath=`.spec.userRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.username`
// +kubebuilder:printcolumn:name="User",type=string,JSONPath=`.spec.userRef.name`
// +kubebuilder:printcolumn:name="Device",type=string,JSONPath=`.spec.device`
// +kubebuilder:printcolumn:name="Method",type=string,JSONPath=`.spec.authentication.method`
// +kubebuilder:printcolumn:name="Active",type=string,JSONPath=`.status.conditions[?(@.type=="Active")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Active")].reason`
// +kubebuilder:printcolumn:name="Cert-Expires",type=string,JSONPath=`.status.certificates[-1:].notAfter`
// +kubebuilder:printcolumn:name="Last-Seen",type=date,JSONPath=`.status.lastSeenTime`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Username",type=string,priority=1,JSONPath=`.spec.username`
// +kubebuilder:printcolumn:name="Custody",type=string,priority=1,JSONPath=`.spec.custody`
// +kubebuilder:printcolumn:name="Issued",type=integer,priority=1,JSONPath=`.status.issued`
// +kubebuilder:printcolumn:name="Ended-By",type=string,priority=1,JSONPath=`.status.endedBy`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Active")].message`
type Session struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec says whose it is, what it rests on, and how long it may last.
	// +required
	Spec SessionSpec `json:"spec,omitzero"`

	// status says what became of it.
	// +optional
	// +kubebuilder:default={observedGeneration:-1}
	Status SessionStatus `json:"status,omitzero"`
}

// SessionList is a list of Sessions.
// +kubebuilder:object:root=true
type SessionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Session `json:"items"`
}

// ValidUntil is when the last of the certificates of this Session ceases to be valid; zero where there is none.
func (s *Session) ValidUntil() time.Time {
	var last time.Time
	for i := range s.Status.Certificates {
		if until := s.Status.Certificates[i].NotAfter.Time; until.After(last) {
			last = until
		}
	}
	return last
}
