// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "strings"

// Allowance says whether something is allowed.
// +kubebuilder:validation:Enum=Allowed;Refused
type Allowance string

const (
	// Allowed lets it be.
	Allowed Allowance = "Allowed"
	// Refused does not.
	Refused Allowance = "Refused"
)

// LoginPolicy says how the people of a Directory prove who they are, and what they get for it. Without it nobody of the Directory
// can log in; kubeconfig Secrets are another matter.
// +kubebuilder:validation:MinProperties=1
type LoginPolicy struct {
	// oidc is the identity provider that these people log in at. Default: none.
	// +optional
	OIDC *OIDCLogin `json:"oidc,omitempty"`

	// password says whether they may log in with the password that the directory checks (an LDAP bind as their entry). Default Refused:
	// passwords then pass through the login service.
	// +optional
	// +kubebuilder:default=Refused
	Password Allowance `json:"password,omitempty"`

	// deviceKeys says whether they may log in with a key that spec.devices of their User enrols. Default Allowed.
	// +optional
	// +kubebuilder:default=Allowed
	DeviceKeys Allowance `json:"deviceKeys,omitempty"`

	// maxDurationSeconds is how long a Session may last, in seconds, whatever is renewed. Default 43200 (12 hours), at most 30 days.
	// +optional
	// +kubebuilder:default=43200
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=2592000
	MaxDurationSeconds int32 `json:"maxDurationSeconds,omitempty"`

	// idleTimeoutSeconds ends a Session in which nothing was renewed for so long, in seconds. Default 14400 (4 hours).
	// +optional
	// +kubebuilder:default=14400
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=2592000
	IdleTimeoutSeconds int32 `json:"idleTimeoutSeconds,omitempty"`

	// certificateSeconds is the lifetime that is asked for each certificate, in seconds. Default 900. The certificates API gives
	// no less than 600.
	// +optional
	// +kubebuilder:default=900
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=86400
	CertificateSeconds int32 `json:"certificateSeconds,omitempty"`

	// graceSeconds is for how long certificates are renewed while the directory, or the identity provider where it is asked, cannot be
	// reached, in seconds since it last vouched for the person; never beyond maxDurationSeconds. Default 3600; 0 renews nothing without it.
	// +optional
	// +kubebuilder:default=3600
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2592000
	GraceSeconds *int32 `json:"graceSeconds,omitempty"`
}

// OIDCLogin is an identity provider (OpenID Connect Core 1.0), and how its people are found in the Directory.
type OIDCLogin struct {
	// issuerURL is the provider's issuer identifier: https, without a query. Its /.well-known/openid-configuration is read.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() == 'https' && url(self).getQuery().size() == 0 && !self.contains('#')",message="issuerURL must be an https:// URL without query and fragment, as the provider's discovery document has it"
	IssuerURL string `json:"issuerURL,omitempty"`

	// clientID is what the provider calls this installation: the audience of its ID tokens. Register it as a public (native) client
	// with redirect URI http://127.0.0.1/callback, any port (RFC 8252, section 7.3).
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	ClientID string `json:"clientID,omitempty"`

	// clientSecretRef names a Secret in the operator's namespace with the key clientSecret, which the login service shows the provider in
	// the device flow (RFC 8628). Default: none, for a public client.
	// +optional
	ClientSecretRef *NameReference `json:"clientSecretRef,omitempty"`

	// caSecretRef names a Secret in the operator's namespace with the key ca.crt: the authorities of the provider's certificate.
	// Default: the system's.
	// +optional
	CASecretRef *NameReference `json:"caSecretRef,omitempty"`

	// userNameClaim is the claim that holds what spec.userName of the User does. Use one that people cannot change themselves. With email,
	// the provider must not say that it is unverified. Default preferred_username.
	// +optional
	// +kubebuilder:default=preferred_username
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	UserNameClaim string `json:"userNameClaim,omitempty"`

	// scopes to ask for besides openid. Default: profile.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	Scopes []string `json:"scopes,omitempty"`

	// recheckSeconds is how often the provider must vouch for the person again, in seconds: a renewal then takes a fresh ID token, which
	// the plugin gets with a refresh token (scope offline_access). Default 0: only at login.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2592000
	RecheckSeconds *int32 `json:"recheckSeconds,omitempty"`
}

// Device is a machine of a User, or a security key, known by its public key.
type Device struct {
	// name of the device. Unique for the User; best unique for all, such as an inventory number: a Lock on a Device goes by name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?$')",message="a device's name is letters, digits, '-', '_' and '.', and begins and ends with a letter or digit"
	Name string `json:"name,omitempty"`

	// publicKey is the device's public key as OpenSSH writes it in .pub files (RFC 4253, section 6.6): ssh-ed25519,
	// ecdsa-sha2-nistp256/384/521, sk-ssh-ed25519@openssh.com, sk-ecdsa-sha2-nistp256@openssh.com, or ssh-rsa of 3072 bits and more.
	// A key belongs to one User. Whoever holds the private key can log in as this User.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	// +kubebuilder:validation:XValidation:rule="self.matches('^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh[.]com|sk-ecdsa-sha2-nistp256@openssh[.]com|ssh-rsa) AAAA[0-9A-Za-z+/]+=*( [^\\\\n]*)?$')",message="publicKey must be one line as in an OpenSSH .pub file, such as \"ssh-ed25519 AAAA... alice@laptop\""
	PublicKey string `json:"publicKey,omitempty"`
}

// Key is the public key without its comment: type and base64.
func (d *Device) Key() string {
	fields := strings.Fields(d.PublicKey)
	return strings.Join(fields[:min(len(fields), 2)], " ")
}
