// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package lock

import (
	"slices"
	"time"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/session"
)

// maxCredentials is as many as status.credentials holds.
const maxCredentials = 512

// collect gathers the certificates that are still valid: the policy denies their writes. Of more than fit, those that expire last stay.
func (s *scope) collect(sessions []v1alpha1.Session) {
	var valid []*v1alpha1.SessionCertificate
	for i := range sessions {
		of := validOf(&sessions[i], s.now)
		if len(of) == 0 {
			continue
		}
		valid = append(valid, of...)
		s.sessions++
		if sessions[i].Status.EndTime == nil {
			s.ending++
		}
	}
	slices.SortFunc(valid, func(a, b *v1alpha1.SessionCertificate) int { return b.NotAfter.Compare(a.NotAfter.Time) })
	if len(valid) > 0 {
		s.expiry = valid[len(valid)-1].NotAfter.Time
	}
	for _, certificate := range valid[:min(len(valid), maxCredentials)] {
		s.credentials = append(s.credentials, session.CredentialID(certificate.Fingerprint))
	}
	slices.Sort(s.credentials)
	s.credentials = slices.Compact(s.credentials)
}

// validOf are the certificates of a Session that have not expired.
func validOf(of *v1alpha1.Session, now time.Time) []*v1alpha1.SessionCertificate {
	var valid []*v1alpha1.SessionCertificate
	for i := range of.Status.Certificates {
		if certificate := &of.Status.Certificates[i]; now.Before(certificate.NotAfter.Time) {
			valid = append(valid, certificate)
		}
	}
	return valid
}
