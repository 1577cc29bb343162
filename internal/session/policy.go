// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"time"

	"k8s.io/utils/ptr"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// Policy is what a login gets.
type Policy struct {
	// MaxDurationSeconds, IdleTimeoutSeconds and CertificateSeconds go into the Session.
	MaxDurationSeconds, IdleTimeoutSeconds, CertificateSeconds int32
	// Grace is for how long nobody need vouch for the person, because nobody can be asked.
	Grace time.Duration
	// Recheck is how often the identity provider must vouch again. Zero: only at login.
	Recheck time.Duration
	// Password and DeviceKeys say which ways are open besides an identity provider.
	Password, DeviceKeys bool
}

// PolicyOf is what a Directory says about logins; allowed is false where it says nothing. People in no Directory, for whom it is nil, log
// in with the keys that their Users enrol, and nobody vouches for them.
func PolicyOf(directory *v1alpha1.Directory) (policy Policy, allowed bool) {
	if directory == nil {
		return Policy{MaxDurationSeconds: 12 * 3600, IdleTimeoutSeconds: 4 * 3600, CertificateSeconds: 900, DeviceKeys: true}, true
	}
	login := directory.Spec.Login
	if login == nil {
		return Policy{}, false
	}
	policy = Policy{
		MaxDurationSeconds: login.MaxDurationSeconds, IdleTimeoutSeconds: login.IdleTimeoutSeconds,
		CertificateSeconds: login.CertificateSeconds, Grace: seconds(ptr.Deref(login.GraceSeconds, 0)),
		Password: login.Password == v1alpha1.Allowed, DeviceKeys: login.DeviceKeys == v1alpha1.Allowed,
	}
	if login.OIDC != nil {
		policy.Recheck = seconds(ptr.Deref(login.OIDC.RecheckSeconds, 0))
	}
	return policy, true
}
