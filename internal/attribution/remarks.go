// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package attribution

import (
	"fmt"
	"slices"
	"time"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/audit"
)

// Remark is something to know about an explanation.
type Remark = answers.Remark

// Reasons of remarks.
const (
	// RemarkUnknownCertificate means that a managed person's name came with a certificate of no Session: whoever made it can sign with a
	// client CA of the cluster.
	RemarkUnknownCertificate = "UnknownCertificate"
	// RemarkForeignCertificate means that the certificate was issued in the Session of somebody else.
	RemarkForeignCertificate = "ForeignCertificate"
	// RemarkOutOfTime means that the certificate was not valid then, by its own word.
	RemarkOutOfTime = "CertificateOutOfTime"
	// RemarkSessionEnded means that the Session had ended by then.
	RemarkSessionEnded = "SessionEnded"
	// RemarkServerCustody means that the key was made by the operator, and lies in a Secret: whoever may read that can have done this.
	RemarkServerCustody = "KeyInSecret"
	// RemarkOtherCredential means that a person came with a credential that Rollcall does not issue.
	RemarkOtherCredential = "OtherCredential" //nolint:gosec // A reason, not a credential.
	// RemarkImpersonation means that somebody acted as somebody else.
	RemarkImpersonation = "Impersonation"
	// RemarkBindingUnknown means that the binding is called like one of Rollcall's, and was not recorded as it was then.
	RemarkBindingUnknown = "BindingNotRecorded"
	// RemarkGrantUnknown means that the Grant, or the request, was not recorded as it was then.
	RemarkGrantUnknown = "GrantNotRecorded"
	// RemarkSuperuser means that nobody was asked, since the actor, or whom they impersonate, is of system:masters.
	RemarkSuperuser = "Superuser"
)

// superusers are authorized before everything.
const superusers = "system:masters"

// list of remarks.
type list []Remark

func (l *list) addf(when bool, reason, format string, args ...any) {
	if when {
		*l = append(*l, Remark{Reason: reason, Message: fmt.Sprintf(format, args...)})
	}
}

func remarks(e *auditv1.Event, x *Explanation, facts Facts) []Remark {
	all := credentialRemarks(e.RequestReceivedTimestamp.Time, x, facts)
	all.addf(x.ActedAs != nil, RemarkImpersonation, "%q did this, and was authorized as %q", x.Actor.Username, audit.Impersonated(e))
	unrecorded := x.Authorization.Binding != nil && facts.Binding == nil && answers.Generated(x.Authorization.Binding.Name)
	all.addf(unrecorded, RemarkBindingUnknown, "the binding has a name that Rollcall gives, and was not recorded as it was then: "+
		"by which Grant it was there is not known")
	grant, request := x.Authorization.Grant, x.Authorization.Request
	all.addf(grant != nil && facts.Grant == nil, RemarkGrantUnknown, "the Grant was not recorded as of that generation")
	all.addf(request != nil && facts.Request == nil, RemarkGrantUnknown, "the AccessRequest was not recorded")
	// Of an actor who impersonates somebody, the authorizers are asked about that somebody.
	authorized := &x.Actor
	if x.ActedAs != nil {
		authorized = x.ActedAs
	}
	all.addf(x.Authorization.Reason == "" && slices.Contains(authorized.Groups, superusers), RemarkSuperuser,
		"%q is of %s, whom no authorizer is asked about", authorized.Username, superusers)
	return all
}

func credentialRemarks(at time.Time, x *Explanation, facts Facts) list {
	var all list
	person := x.Actor.Kind == Person || Managed(x.Actor.Groups)
	session := facts.Session
	if session == nil {
		all.addf(person && x.Certificate != nil, RemarkUnknownCertificate, "the certificate was issued in no Session that is known, and yet "+
			"the API server accepted it: whoever made it can sign with a client CA of this cluster, or it is older than what is recorded")
		all.addf(person && x.Certificate == nil, RemarkOtherCredential,
			"this was no certificate: what proves who it was is with whoever issued the token")
		return all
	}
	all.addf(session.Spec.Username != x.Actor.Username, RemarkForeignCertificate,
		"the certificate was issued in a Session of %q", session.Spec.Username)
	all.addf(session.Spec.Custody == v1alpha1.CustodyServer, RemarkServerCustody,
		"the operator made the key, which lies in a Secret: whoever may read that can have done this")
	all.addf(facts.Issued != nil && !within(at, facts.Issued.NotBefore.Add(-Slack), facts.Issued.NotAfter.Add(Slack)), RemarkOutOfTime,
		"the certificate was not valid at that time")
	if end := session.Status.EndTime; end != nil {
		all.addf(at.After(end.Add(time.Second)), RemarkSessionEnded,
			"the Session had ended by then, %s before: its certificate was still valid", at.Sub(end.Time).Round(time.Second))
	}
	return all
}
