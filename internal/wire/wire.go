// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package wire is what the kubectl plugin and the login service say to each other: JSON over HTTPS.
//
// Every login begins with a Challenge. Whatever then proves who somebody is, proves it for that challenge and for one public key: see
// proof.Binding. Each challenge is good for one Session. A login tells the Session and the subject that its certificates have; these are
// asked for next, the first with a request that the key signed, each that follows over a connection on which the client shows the one
// before.
package wire

import "time"

// Paths of the login service. All but PathSettings are POSTs.
const (
	// PathSettings answers a Settings.
	PathSettings = "/v1/settings"
	// PathChallenge answers a Challenge.
	PathChallenge = "/v1/challenge"
	// PathLogin takes a LoginRequest and answers a Login.
	PathLogin = "/v1/login"
	// PathDeviceStart takes a DeviceStartRequest and answers a DeviceStart: the device flow (RFC 8628).
	PathDeviceStart = "/v1/device/start"
	// PathDevicePoll takes a DevicePollRequest and answers a Login, or an Error with code CodePending or CodeSlowDown.
	PathDevicePoll = "/v1/device/poll"
	// PathCertificate takes a CertificateRequest and answers a Credential, or an Error with code CodeSubject.
	PathCertificate = "/v1/certificate"
	// PathLogout takes a LogoutRequest, over a connection on which the client shows a certificate of the Session, and answers {}.
	PathLogout = "/v1/logout"
)

// MaxBody is the size of the largest request, in bytes. ID tokens are the largest thing in one.
const MaxBody = 64 << 10

// Settings say how people can log in. They are no secret.
type Settings struct {
	// Cluster that the certificates are for.
	Cluster Cluster `json:"cluster"`
	// Directories whose people can log in, sorted by name. Local Users are in none, and log in with device keys.
	Directories []Directory `json:"directories"`
}

// Cluster is how people reach the API server.
type Cluster struct {
	// Server is its URL.
	Server string `json:"server"`
	// CA are the PEM certificates that its certificate chains to.
	CA []byte `json:"ca"`
}

// Directory says how its people can log in.
type Directory struct {
	// Name of the Directory object.
	Name string `json:"name"`
	// OIDC is set where there is an identity provider.
	OIDC *OIDC `json:"oidc,omitempty"`
	// Password and DeviceKeys say which ways there are besides.
	Password   bool `json:"password,omitempty"`
	DeviceKeys bool `json:"deviceKeys,omitempty"`
}

// OIDC is an identity provider, for the code flow that the plugin runs (RFC 6749, section 4.1; RFC 7636; RFC 8252).
type OIDC struct {
	IssuerURL string   `json:"issuerURL"`
	ClientID  string   `json:"clientID"`
	Scopes    []string `json:"scopes"`
	// CA are the PEM certificates of its authority; the system's if empty.
	CA []byte `json:"ca,omitempty"`
	// Recheck says that renewals take a fresh ID token.
	Recheck bool `json:"recheck,omitempty"`
}

// Challenge begins a login.
type Challenge struct {
	// Challenge is opaque to the client.
	Challenge string `json:"challenge"`
	// ExpireTime is when it is no longer good for anything.
	ExpireTime time.Time `json:"expireTime"`
	// Time is the service's own, so that a clock that is wrong is noticed.
	Time time.Time `json:"time"`
}

// LoginRequest proves who somebody is, in one of three ways, and asks for a certificate.
type LoginRequest struct {
	Challenge string `json:"challenge"`
	// PublicKey that certificates will be for: the DER of its SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7).
	PublicKey []byte `json:"publicKey"`
	// Device is what the machine calls itself. With a device key the enrolled name counts.
	Device string `json:"device,omitempty"`
	// Exactly one of these is set.
	OIDC      *IDToken   `json:"oidc,omitempty"`
	Password  *Password  `json:"password,omitempty"`
	DeviceKey *DeviceKey `json:"deviceKey,omitempty"`
}

// IDToken is an identity provider's word, for proof.Binding as its nonce.
type IDToken struct {
	Directory string `json:"directory"`
	IDToken   string `json:"idToken"`
}

// Password is what the directory checks.
type Password struct {
	Directory string `json:"directory"`
	UserName  string `json:"userName"`
	Password  string `json:"password"`
}

// DeviceKey is a signature by an enrolled key.
type DeviceKey struct {
	// PublicKey as OpenSSH writes it, without a comment.
	PublicKey string `json:"publicKey"`
	// Signature as ssh-keygen -Y sign writes it (armored SSHSIG), over proof.Binding, for the namespace proof.Namespace.
	Signature string `json:"signature"`
}

// DeviceStartRequest begins the device flow.
type DeviceStartRequest struct {
	Challenge string `json:"challenge"`
	Directory string `json:"directory"`
	PublicKey []byte `json:"publicKey"`
	Device    string `json:"device,omitempty"`
}

// DeviceStart says where the person goes, with which code.
type DeviceStart struct {
	// Transaction is opaque, and good for the challenge and key that it was begun with.
	Transaction             string    `json:"transaction"`
	UserCode                string    `json:"userCode"`
	VerificationURI         string    `json:"verificationURI"`
	VerificationURIComplete string    `json:"verificationURIComplete,omitempty"`
	IntervalSeconds         int       `json:"intervalSeconds"`
	ExpireTime              time.Time `json:"expireTime"`
}

// DevicePollRequest asks whether the person is done.
type DevicePollRequest struct {
	Challenge   string `json:"challenge"`
	Transaction string `json:"transaction"`
	PublicKey   []byte `json:"publicKey"`
	Device      string `json:"device,omitempty"`
}

// Subject is what a certificate request must ask for, exactly: the common name (CN), and the organizations (O), the marker group among
// them.
type Subject struct {
	CommonName    string   `json:"commonName"`
	Organizations []string `json:"organizations"`
	// UID is the User's. A request does not ask for it, and the certificate may have it all the same: some signers add it.
	UID string `json:"uid,omitempty"`
}

// Login is a Session that has begun.
type Login struct {
	// Session is the name of the Session object.
	Session string `json:"session"`
	// User is the name of the User object; what Kubernetes calls them is the subject's common name.
	User string `json:"user"`
	// Device is what the Session calls this machine: with a device key as it is enrolled.
	Device string `json:"device,omitempty"`
	// Subject of its certificates now.
	Subject Subject `json:"subject"`
	// EndTime is when the Session ends at the latest; zero: never.
	EndTime time.Time `json:"endTime,omitzero"`
}

// CertificateRequest asks for the first or the next certificate of a Session.
type CertificateRequest struct {
	// Session is the name of the Session object.
	Session string `json:"session"`
	// CSR is the certificate request (PKCS #10, RFC 2986) as PEM: for the key of the login, with the subject that was told, no more.
	CSR []byte `json:"csr"`
	// IDToken that is fresh, where OIDC.Recheck asks for it.
	IDToken string `json:"idToken,omitempty"`
}

// LogoutRequest ends a Session.
type LogoutRequest struct {
	// Session is the name of the Session object.
	Session string `json:"session"`
}

// Credential is a certificate.
type Credential struct {
	// Certificate as PEM, with intermediates where there are any.
	Certificate []byte `json:"certificate"`
	// NotAfter is when it ends, and RenewTime when to replace it.
	NotAfter  time.Time `json:"notAfter"`
	RenewTime time.Time `json:"renewTime"`
}

// Code says what an Error means to a program.
type Code string

// Codes of errors. What is wrong with a login that is refused is not told: the installation's log knows.
const (
	// CodeBadRequest (400, 413): the request is malformed; the message says how.
	CodeBadRequest Code = "BadRequest"
	// CodeChallenge (400): the challenge is not ours, too old, or used: begin anew.
	CodeChallenge Code = "Challenge"
	// CodeRefused (401): nobody is let in by that.
	CodeRefused Code = "Refused"
	// CodeSubject (409): the certificate request asks for another subject than the one that the error holds: make one with that.
	CodeSubject Code = "Subject"
	// CodeEnded (403): the Session has ended: log in again.
	CodeEnded Code = "Ended"
	// CodeVouch (403): the identity provider must vouch again: bring a fresh ID token, or log in again.
	CodeVouch Code = "Vouch"
	// CodePending and CodeSlowDown (400): the person is not done in the browser (RFC 8628, section 3.5).
	CodePending  Code = "Pending"
	CodeSlowDown Code = "SlowDown"
	// CodeTooMany (429): wait as long as Retry-After says.
	CodeTooMany Code = "TooMany"
	// CodeUnavailable (503): the directory, the identity provider or the signer cannot be reached: try again.
	CodeUnavailable Code = "Unavailable"
)

// Error is the body of every answer that is not 200.
type Error struct {
	Code Code `json:"code"`
	// Message is for a person.
	Message string `json:"message"`
	// Subject is set with CodeSubject.
	Subject *Subject `json:"subject,omitempty"`
}
