// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"slices"
	"time"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

const (
	// most is how many certificates a Session's status holds.
	most = 16
	// few is how many of them may have expired.
	few = 4
)

// Full says that as many certificates of a Session are valid as its status can tell of: another would push one out that still opens
// doors.
func Full(certificates []v1alpha1.SessionCertificate, now time.Time) bool {
	return len(Valid(certificates, now)) >= most
}

// Valid are those of the certificates that have not expired, in their order.
func Valid(certificates []v1alpha1.SessionCertificate, now time.Time) []v1alpha1.SessionCertificate {
	return slices.DeleteFunc(slices.Clone(certificates), func(c v1alpha1.SessionCertificate) bool { return !now.Before(c.NotAfter.Time) })
}

// With are the certificates to tell of once another was issued: all that are valid, and the last few that are not, in their order.
func With(certificates []v1alpha1.SessionCertificate, next v1alpha1.SessionCertificate, now time.Time) []v1alpha1.SessionCertificate {
	expired := len(certificates) - len(Valid(certificates, now))
	drop := max(expired-few, len(certificates)+1-most, 0)
	kept := make([]v1alpha1.SessionCertificate, 0, len(certificates)+1)
	for _, c := range certificates {
		if drop > 0 && !now.Before(c.NotAfter.Time) {
			drop--
			continue
		}
		kept = append(kept, c)
	}
	return append(kept, next)
}

// Latest is the newest certificate of a Session; nil where there is none.
func Latest(s *v1alpha1.Session) *v1alpha1.SessionCertificate {
	if len(s.Status.Certificates) == 0 {
		return nil
	}
	return &s.Status.Certificates[len(s.Status.Certificates)-1]
}

// LockedBy names the first of the Locks whose status holds every certificate that is still valid; empty where none does.
func LockedBy(locks []v1alpha1.Lock, certificates []v1alpha1.SessionCertificate, now time.Time) string {
	valid := Valid(certificates, now)
	for i := range locks {
		missing := func(c v1alpha1.SessionCertificate) bool {
			return !slices.Contains(locks[i].Status.Credentials, CredentialID(c.Fingerprint))
		}
		if len(valid) > 0 && !slices.ContainsFunc(valid, missing) {
			return locks[i].Name
		}
	}
	return ""
}
