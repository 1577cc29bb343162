// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package credential decides whether it is time to issue, renew or withdraw the certificate in a kubeconfig Secret. It is pure.
package credential

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

const (
	// A certificate is replaced after 60 to 75 percent of its life, so that there is time for many more tries.
	earliestRenewal = 0.60
	renewalSpread   = 0.15
)

// Owner says whose a Secret is.
type Owner int

const (
	// Nobody means that there is no such Secret.
	Nobody Owner = iota
	// Ours means that the operator made it for this User.
	Ours
	// Another means that it is somebody else's, and never touched.
	Another
)

// Secret is what is known of the Secret that a User's kubeconfig goes to.
type Secret struct {
	Owner Owner
	// Intact says that it has all keys, that they belong together, and that they lead to the cluster.
	Intact bool
	// Fingerprint of the certificate in it.
	Fingerprint string
	// Username that the certificate speaks for.
	Username string
	// Groups that it speaks for besides the marker group, sorted.
	Groups []string
}

// Input is all that a decision depends on.
type Input struct {
	// Wanted says that spec.kubeconfig is set and the User is active.
	Wanted bool
	// Username that a certificate must speak for.
	Username string
	// Groups that it must speak for, and no others, sorted: those that bindings name.
	Groups []string
	// Duration that is asked for each certificate.
	Duration time.Duration
	// Certificate that the User tells of; nil where none was told yet.
	Certificate *v1alpha1.Certificate
	// Latest certificate that the Session tells of which goes on; nil where none does.
	Latest *v1alpha1.SessionCertificate
	// SessionOver says that the Session of that certificate does not go on, or that there is none.
	SessionOver bool
	// Secret as it is.
	Secret Secret
	// Now is the time of the decision.
	Now time.Time
}

// Action is what to do.
type Action string

const (
	// Keep leaves everything as it is until Decision.At.
	Keep Action = "Keep"
	// Issue makes a new key and certificate and replaces the Secret.
	Issue Action = "Issue"
	// Tell leaves the Secret as it is, and has the User tell of what is in it.
	Tell Action = "Tell"
	// Remove deletes the Secret. The record of the certificate stays, since the certificate is valid until it expires.
	Remove Action = "Remove"
	// Refuse leaves somebody else's Secret alone.
	Refuse Action = "Refuse"
	// Nothing is wanted and nothing is there.
	Nothing Action = "Nothing"
)

// Decision says what to do and why.
type Decision struct {
	Action Action
	// Why is for events and logs: a few words.
	Why string
	// At is when to decide anew, for Keep.
	At time.Time
}

// Decide decides. What is in the Secret counts only if it is what the User tells of, or else what the Session does: a crash before it was
// published leaves a recorded certificate whose key is gone, and another is issued.
func Decide(in Input) Decision {
	switch {
	case !in.Wanted && in.Secret.Owner == Ours:
		return Decision{Action: Remove, Why: "no longer wanted"}
	case !in.Wanted:
		return Decision{Action: Nothing}
	case in.Secret.Owner == Another:
		return Decision{Action: Refuse}
	}
	if untold(in) {
		return Decision{Action: Tell}
	}
	if why := stale(in); why != "" {
		return Decision{Action: Issue, Why: why}
	}
	return Decision{Action: Keep, At: in.Certificate.RenewTime.Time}
}

// untold says that the Secret holds what its Session told of last, and the User does not know: a crash came in between, or a refusal.
func untold(in Input) bool {
	told := in.Certificate != nil && in.Certificate.Fingerprint == in.Secret.Fingerprint
	return !told && in.Secret.Owner == Ours && in.Secret.Intact && in.Latest != nil && in.Latest.Fingerprint == in.Secret.Fingerprint
}

// stale says why what is there will not do, or returns "".
func stale(in Input) string {
	switch {
	case in.Secret.Owner == Nobody && in.Certificate == nil:
		return "first certificate"
	case in.Secret.Owner == Nobody:
		return "the Secret is gone"
	case in.Certificate == nil || in.Certificate.Fingerprint != in.Secret.Fingerprint:
		return "the Secret does not hold the certificate that was issued last"
	case in.SessionOver:
		return "its Session is over"
	case !in.Secret.Intact:
		return "the Secret was changed"
	case in.Secret.Username != in.Username:
		return "the username changed"
	case !slices.Equal(in.Secret.Groups, in.Groups):
		return "the groups that Grants bind changed"
	case !in.Now.Before(in.Certificate.RenewTime.Time):
		return "renewal"
	case in.Certificate.RenewTime.Sub(in.Now) > in.Duration:
		return "a shorter lifetime is asked for"
	}
	return ""
}

// RenewTime is when to replace a certificate that was issued now and ends at notAfter: at 60 to 75 percent of the life that it has
// from now on, which is not what lies between its own two dates, since signers set the first back. The fingerprint spreads
// renewals without chance.
func RenewTime(issued, notAfter time.Time, fingerprint string) time.Time {
	sum := sha256.Sum256([]byte(fingerprint))
	fraction := float64(binary.BigEndian.Uint32(sum[:4])) / (1 << 32)
	life := notAfter.Sub(issued)
	return issued.Add(time.Duration(float64(life) * (earliestRenewal + renewalSpread*fraction))).Truncate(time.Second)
}
