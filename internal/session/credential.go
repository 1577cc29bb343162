// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

const (
	// CredentialKey is under what API servers say, in a user's extra, which credential a request was made with.
	CredentialKey = "authentication.kubernetes.io/credential-id"
	// credentialPrefix begins the credential id of a certificate.
	credentialPrefix = "X509SHA256=" //nolint:gosec // A prefix, not a credential.
	// sha256Length is that of a fingerprint in hex.
	sha256Length = 64
)

// CredentialID is what API servers call a certificate.
func CredentialID(fingerprint string) string { return credentialPrefix + fingerprint }

// Fingerprint is that of the certificate that a credential id stands for; false where it stands for another kind of credential.
func Fingerprint(credentialID string) (fingerprint string, certificate bool) {
	return strings.CutPrefix(credentialID, credentialPrefix)
}

// ValidFingerprint says whether text is a SHA-256 as API servers write it.
func ValidFingerprint(text string) bool {
	_, err := hex.DecodeString(text)
	return err == nil && len(text) == sha256Length && text == strings.ToLower(text)
}

// EndedByLock is what a Session says in endedBy that a Lock has ended.
func EndedByLock(name string) string { return fmt.Sprintf("Lock %q", name) }

// LockThatEnded is the Lock that endedBy names; false where it names a person, or nobody.
func LockThatEnded(endedBy string) (name string, lock bool) {
	quoted, lock := strings.CutPrefix(endedBy, "Lock ")
	if !lock {
		return "", false
	}
	name, err := strconv.Unquote(quoted)
	return name, err == nil
}

// Denial tells a person why their certificate is refused, and what they can do: "" while the Session goes on.
func Denial(s *v1alpha1.Session, v Verdict) string {
	if v.Active() {
		return ""
	}
	return DenialPrefix + printable(fmt.Sprintf("your session %s has ended (%s): %s%s", s.Name, v.Reason, v.Message, remedy(s, v)))
}

// DeletedDenial is Denial for a Session that is not there any more.
func DeletedDenial(name string) string {
	return DenialPrefix + "your session " + name + " was deleted; to begin another: kubectl rollcall login"
}

// UnknownDenial is why a certificate is refused that nobody recorded.
const UnknownDenial = DenialPrefix + "this certificate belongs to no session"

// MismatchDenial is why a certificate is refused that is recorded for somebody else.
const MismatchDenial = DenialPrefix + "this certificate belongs to a session of somebody else"

// remedy is what a person can do themselves. Where they may not come in, or where the operator keeps their kubeconfig, that is nothing.
func remedy(s *v1alpha1.Session, v Verdict) string {
	switch {
	case s.Spec.Custody == v1alpha1.CustodyServer:
		return "; the kubeconfig Secret that it came from is not good any more"
	case v.Reason == v1alpha1.ReasonLocked || v.Reason == v1alpha1.ReasonUserInactive:
		return "; ask whoever administers this cluster"
	default:
		return "; to begin another: kubectl rollcall login"
	}
}

// printable keeps what somebody wrote as a reason from writing to the terminal of whoever is refused.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}
