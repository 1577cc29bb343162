// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// InstallationName is the name of the one Installation of a cluster.
const InstallationName = "rollcall"

// InstallationAuthority is the authority that signs certificates. API servers must know it, and the next one where there is one: both are
// in ConfigMap rollcall-client-ca of the operator's namespace.
// +kubebuilder:validation:MinProperties=1
type InstallationAuthority struct {
	// fingerprint is the SHA-256 of the authority's certificate (DER), in lowercase hex.
	// +required
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	Fingerprint string `json:"fingerprint,omitempty"`

	// notAfter is when the authority's certificate, and with it every certificate that it signed, ceases to be valid.
	// +required
	NotAfter metav1.Time `json:"notAfter,omitzero"`

	// nextFingerprint is that of the next authority, which signs once API servers know it. Absent where none is needed yet.
	// +optional
	// +kubebuilder:validation:MinLength=64
	// +kubebuilder:validation:MaxLength=64
	NextFingerprint string `json:"nextFingerprint,omitempty"`
}

// InstallationAudit is where auditors ask about what API servers have told: kubectl rollcall explain, activity.
type InstallationAudit struct {
	// url of the audit service.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	URL string `json:"url,omitempty"`

	// caBundle are the certificates, PEM encoded, that the service's certificate chains to. Default: those that the auditor's system trusts.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=65536
	CABundle []byte `json:"caBundle,omitempty"`

	// namespace of the ServiceAccount rollcall-auditor. Who may request its tokens, may ask.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace,omitempty"`
}

// InstallationStatus is what the operator can do in this cluster.
type InstallationStatus struct {
	// conditions are Ready, Reconciling, Stalled; SignerReady (whether the API server accepts what the signer signs); with signer CA
	// AuthorityCurrent (whether no rotation of the authority is due or under way); and CredentialsChecked (whether API servers ask the
	// authorization webhook about each credential).
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that this status speaks of; -1 before the first.
	// +optional
	// +kubebuilder:validation:Minimum=-1
	ObservedGeneration *int64 `json:"observedGeneration,omitempty"`

	// version of the operator that leads, or led last.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Version string `json:"version,omitempty"`

	// signer is who signs certificates: CSR (the cluster's own, through the certificates API) or CA (the operator's own authority).
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Signer string `json:"signer,omitempty"`

	// authority is the operator's own. With signer CA alone.
	// +optional
	Authority *InstallationAuthority `json:"authority,omitempty"`

	// loginURL is where people log in. Absent where there is no login service.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	LoginURL string `json:"loginURL,omitempty"`

	// audit is where auditors ask. Absent where there is no audit service.
	// +optional
	Audit *InstallationAudit `json:"audit,omitempty"`
}

// Installation says what the operator can do in this cluster, and what is missing. The operator makes the one that there is, named
// rollcall; it has no spec, since how the operator runs is told by its flags.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=iam
// +kubebuilder:validation:XValidation:rule="self.metadata.name == 'rollcall'",message="the operator makes the one Installation that there is: rollcall"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Signer",type=string,JSONPath=`.status.signer`
// +kubebuilder:printcolumn:name="Signer-Ready",type=string,JSONPath=`.status.conditions[?(@.type=="SignerReady")].status`
// +kubebuilder:printcolumn:name="Credentials-Checked",type=string,JSONPath=`.status.conditions[?(@.type=="CredentialsChecked")].status`
// +kubebuilder:printcolumn:name="Login",type=string,JSONPath=`.status.loginURL`
// +kubebuilder:printcolumn:name="Audit",type=string,priority=1,JSONPath=`.status.audit.url`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Version",type=string,priority=1,JSONPath=`.status.version`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type Installation struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// status says what works.
	// +optional
	// +kubebuilder:default={observedGeneration:-1}
	Status InstallationStatus `json:"status,omitzero"`
}

// InstallationList is a list of Installations.
// +kubebuilder:object:root=true
type InstallationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Installation `json:"items"`
}
