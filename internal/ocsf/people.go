// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ocsf

import (
	"encoding/json"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/ledger"
)

// read is what a part of an entry says, as far as it says that: what is longer than an entry may be has its digest there.
func read[T any](part json.RawMessage) *T {
	said := new(T)
	if part == nil || json.Unmarshal(part, said) != nil {
		return new(T)
	}
	return said
}

// described is what an entry says of a User.
type described struct {
	Spec     v1alpha1.UserSpec  `json:"spec"`
	Identity *v1alpha1.Identity `json:"identity"`
	Groups   []string           `json:"groups"`
	Active   *metav1.Condition  `json:"active"`
}

// standing is whether somebody may act.
type standing int

const (
	unknown standing = iota
	active
	locked
	disabled
)

func (d *described) standing() standing {
	switch {
	case d.Active == nil:
		return unknown
	case d.Active.Status == metav1.ConditionTrue:
		return active
	case d.Active.Reason == v1alpha1.ReasonLocked:
		return locked
	default:
		return disabled
	}
}

func (d *described) user(e *ledger.Entry) *user {
	u := person(e.Whom)
	if u.Name == "" { // A User that has not got its username yet.
		u.Name = d.Spec.UserName
	}
	if d.Spec.DirectoryRef != nil {
		u.Domain = d.Spec.DirectoryRef.Name
	}
	if e.Object != nil {
		u.UID = e.Object.UID
		if u.Name == "" {
			u.Name = e.Object.Name
		}
	}
	if d.Identity != nil {
		u.UIDAlt, u.FullName, u.Email = d.Identity.ID, d.Identity.DisplayName, d.Identity.Email
	}
	u.Groups = groups(d.Groups)
	return u
}

func groups(names []string) []group {
	all := make([]group, len(names))
	for i, name := range names {
		all[i].Name = name
	}
	return all
}

func userChanged(e *ledger.Entry) *event {
	before, after := read[described](e.Before), read[described](e.After)
	told := begin(e, accountChange(), userActivity(e, before, after))
	switch {
	case e.After == nil:
		told.User = before.user(e)
	case e.Before == nil:
		told.User = after.user(e)
	default:
		told.User, told.UserResult = before.user(e), after.user(e)
	}
	if after.Active != nil {
		told.StatusDetail = after.Active.Reason
		if after.Active.Message != "" {
			told.StatusDetail += ": " + after.Active.Message
		}
	}
	told.Unmapped.Before, told.Unmapped.After = e.Before, e.After
	return told
}

func userActivity(e *ledger.Entry, before, after *described) activity {
	if e.Before == nil {
		return activity{1, "Create"}
	}
	if e.After == nil {
		return activity{6, "Delete"}
	}
	return turn(before.standing(), after.standing())
}

// turn is what became of a User who was there before and is there still.
func turn(from, to standing) activity {
	switch {
	case from == to, to == unknown:
		return activity{other, "Update"}
	case to == locked:
		return activity{9, "Lock"}
	case to == active && from == locked:
		return activity{12, "Unlock"}
	case to == active:
		return activity{2, "Enable"}
	default: // Of one that is locked already, or whose standing was not known, too.
		return activity{5, "Disable"}
	}
}

// holder is the person whose session it is.
func holder(e *ledger.Entry, of v1alpha1.UserReference, identity string) *user {
	u := person(e.Whom)
	u.UID, u.UIDAlt = of.UID, identity
	if e.Whom == "" && u.UID == "" {
		u.Name = "unknown"
	}
	return u
}

// sessionOf is the Session that an entry is about.
func sessionOf(e *ledger.Entry) *session {
	s := &session{}
	if e.Object != nil {
		s.UID, s.UIDAlt = e.Object.UID, e.Object.Name
	}
	return s
}

func sessionBegun(e *ledger.Entry) *event {
	spec := read[v1alpha1.SessionSpec](e.After)
	told := begin(e, authentication(), activity{1, "Logon"})
	told.User = holder(e, spec.UserRef, spec.IdentityID)
	told.Service = &service{Name: name}
	told.Session = sessionOf(e)
	told.Session.CreatedTime, told.Session.Issuer = e.Time.UnixMilli(), spec.Authentication.Issuer
	told.AuthProtocolID, told.AuthProtocol = other, string(spec.Authentication.Method)
	if spec.Authentication.Method == v1alpha1.MethodOIDC {
		told.AuthProtocolID, told.AuthProtocol = 4, "OpenID"
	}
	if spec.Custody == v1alpha1.CustodyClient {
		told.LogonTypeID, told.LogonType = 3, "Network"
	}
	if amr := spec.Authentication.AMR; len(amr) > 0 {
		told.IsMFA = new(slices.Contains(amr, "mfa"))
	}
	told.Unmapped.After = e.After
	return told
}

// byLock is how a Session says that a Lock ended it, and nobody.
const byLock = "Lock "

func sessionEnded(e *ledger.Entry) *event {
	told := begin(e, authentication(), activity{2, "Logoff"})
	if strings.HasPrefix(e.Who, byLock) {
		told.Actor, told.Unmapped.Who = &actor{AppName: name}, e.Who
	}
	told.User = holder(e, v1alpha1.UserReference{}, "")
	told.Service = &service{Name: name}
	told.Session = sessionOf(e)
	told.Session.ExpirationReason, told.StatusDetail, told.Unmapped.Why = e.Why, e.Why, ""
	return told
}

// issued is what an entry says of a certificate.
type issued struct {
	Fingerprint string                 `json:"fingerprint"`
	NotAfter    metav1.Time            `json:"notAfter"`
	Groups      []string               `json:"groups"`
	User        v1alpha1.UserReference `json:"user"`
	IdentityID  string                 `json:"identityID"`

	Authentication v1alpha1.SessionAuthentication `json:"authentication"`
}

// certificateIssued is no logon: that was once, and certificates are renewed. The class has no certificate; its fingerprint is what API
// servers call the credential in their audit logs (X509SHA256).
func certificateIssued(e *ledger.Entry) *event {
	c := read[issued](e.After)
	told := begin(e, authorizeSession(), activity{1, "Assign Privileges"})
	told.Actor = &actor{AppName: name}
	told.User = holder(e, c.User, c.IdentityID)
	told.User.CredentialUID, told.User.Groups = c.Fingerprint, groups(c.Groups)
	told.Session = sessionOf(e)
	told.Session.CredentialUID, told.Session.Issuer = c.Fingerprint, c.Authentication.Issuer
	if !c.NotAfter.IsZero() {
		told.Session.ExpirationTime = c.NotAfter.UnixMilli()
	}
	told.Privileges = []string{"User " + e.Whom}
	for _, name := range c.Groups {
		told.Privileges = append(told.Privileges, "Group "+name)
	}
	told.Unmapped.After = e.After
	return told
}
