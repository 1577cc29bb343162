// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package attribution_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/attribution"
)

// does changes an event, and known what is known of it.
type (
	does  = func(*auditv1.Event)
	known = func(*attribution.Facts)
)

func as(*auditv1.Event)               {}
func everything(*attribution.Facts)   {}
func noSession(f *attribution.Facts)  { f.Issued, f.Session = nil, nil }
func noBinding(f *attribution.Facts)  { f.Binding, f.Grant = nil, nil }
func noGrant(f *attribution.Facts)    { f.Grant = nil }
func serverKey(f *attribution.Facts)  { f.Session.Spec.Custody = v1alpha1.CustodyServer }
func noCertificate(e *auditv1.Event)  { e.User.Extra = nil }
func mallorys(f *attribution.Facts)   { f.Session.Spec.Username = "corp:mallory" }
func notAsked(e *auditv1.Event)       { e.Annotations = nil }
func nobodys(f *attribution.Facts)    { nobody(f) }
func noRequest(f *attribution.Facts)  { requested(f); f.Request = nil }
func neither(f *attribution.Facts)    { noRequest(f); f.Grant = nil }
func unrecorded(f *attribution.Facts) { noSession(f); noBinding(f) }

// others are those who are allowed something by no binding.
func others(username string, groups ...string) does {
	return func(e *auditv1.Event) {
		by(username, groups...)(e)
		decided("allow", "node authorizer")(e)
	}
}

func issued(from, to time.Duration) known {
	return func(f *attribution.Facts) { f.Issued.NotBefore, f.Issued.NotAfter = *in(from), *in(to) }
}

func ended(d time.Duration) known {
	return func(f *attribution.Facts) { f.Session.Status.EndTime = in(d) }
}

var _ = DescribeTable("Remarks are made of", func(edit does, know known, want ...string) {
	x := attribution.Explain(event(edit), facts(know))
	reasons := make([]string, 0, len(x.Remarks))
	for _, remark := range x.Remarks {
		reasons = append(reasons, remark.Reason)
		Expect(remark.Message).NotTo(ContainSubstring("%!"))
	}
	Expect(reasons).To(ConsistOf(want))
},
	Entry("nothing that is as it should be", as, everything),
	Entry("nothing that a request gave", as, requested),

	Entry("a certificate that nobody issued", as, noSession, attribution.RemarkUnknownCertificate),
	Entry("a certificate whose Session is not known", as, func(f *attribution.Facts) { f.Session = nil },
		attribution.RemarkUnknownCertificate),
	Entry("a certificate that nobody issued, for one who is ours and no User's any more", as,
		func(f *attribution.Facts) { noSession(f); f.User = nil }, attribution.RemarkUnknownCertificate),
	Entry("a token of a person", noCertificate, noSession, attribution.RemarkOtherCredential),
	Entry("a token of a person, which says nothing of groups", by("corp:alice"), noSession, attribution.RemarkOtherCredential),
	Entry("no certificate of those who are not ours", func(e *auditv1.Event) {
		extra := e.User.Extra
		others("system:node:worker-1", "system:nodes")(e)
		e.User.Extra = extra
	}, nobodys),
	Entry("no credential of those who are not ours", others("system:node:worker-1", "system:nodes"), nobodys),
	Entry("no credential of whoever is neither a User's nor ours", others("oidc:x"), nobodys),

	Entry("a certificate of somebody else", as, mallorys, attribution.RemarkForeignCertificate),
	Entry("a key in a Secret", as, serverKey, attribution.RemarkServerCustody),

	Entry("a certificate from later", as, issued(attribution.Slack+time.Second, time.Hour), attribution.RemarkOutOfTime),
	Entry("a certificate from before", as, issued(-time.Hour, -attribution.Slack-time.Second), attribution.RemarkOutOfTime),
	Entry("no certificate from later or before, by as much as clocks differ", as, issued(attribution.Slack, -attribution.Slack)),

	Entry("a Session that had ended", as, ended(-2*time.Second), attribution.RemarkSessionEnded),
	Entry("no Session that was ending", as, ended(-time.Second)), Entry("no Session that ended later", as, ended(time.Minute)),

	Entry("who acts as another", impersonating("corp:bob"), everything, attribution.RemarkImpersonation),

	Entry("a binding called like ours that was not recorded", as, noBinding, attribution.RemarkBindingUnknown),
	Entry("a request's that was not recorded", decided("allow", allowed("rollcall-request:alice-7")), noBinding,
		attribution.RemarkBindingUnknown),
	Entry("no binding of somebody else's", decided("allow", allowed("by-hand")), noBinding),
	Entry("a Grant that was not recorded", as, noGrant, attribution.RemarkGrantUnknown),
	Entry("a request that was not recorded", as, noRequest, attribution.RemarkGrantUnknown),
	Entry("both", as, neither, attribution.RemarkGrantUnknown, attribution.RemarkGrantUnknown),

	Entry("a superuser, of whom the authorizer says nothing",
		func(e *auditv1.Event) { by("root", "system:masters")(e); decided("allow", "")(e) }, nobodys, attribution.RemarkSuperuser),
	Entry("a superuser, of whom nothing is said", func(e *auditv1.Event) { by("root", "system:masters")(e); notAsked(e) }, nobodys,
		attribution.RemarkSuperuser),
	Entry("no superuser whom a binding allowed it", others("root", "system:masters"), nobodys),
	Entry("no superuser who acts as another: it is about that one that it was asked",
		func(e *auditv1.Event) {
			by("root", "system:masters")(e)
			impersonating("corp:alice", "corp:payments")(e)
			decided("forbid", "")(e)
		}, nobodys, attribution.RemarkImpersonation),
	Entry("who acts as a superuser", func(e *auditv1.Event) { impersonating("corp:bob", "system:masters")(e); decided("allow", "")(e) },
		everything, attribution.RemarkImpersonation, attribution.RemarkSuperuser),
	Entry("nobody else of whom nothing is said", notAsked, everything),

	Entry("all at once", impersonating("corp:bob"), func(f *attribution.Facts) {
		mallorys(f)
		serverKey(f)
		issued(-time.Hour, -time.Minute)(f)
		ended(-time.Minute)(f)
		noBinding(f)
	}, attribution.RemarkForeignCertificate, attribution.RemarkServerCustody, attribution.RemarkOutOfTime, attribution.RemarkSessionEnded,
		attribution.RemarkImpersonation, attribution.RemarkBindingUnknown),
	Entry("a person of whom nothing was recorded", as, unrecorded, attribution.RemarkUnknownCertificate, attribution.RemarkBindingUnknown),
)

var _ = It("The remark on an ended Session says how long before", func() {
	x := attribution.Explain(event(), facts(ended(-90*time.Second)))
	Expect(x.Remarks).To(HaveExactElements(HaveField("Message", ContainSubstring("1m30s before"))))
})
