// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

func accessRequest(name, username string) *v1alpha1.AccessRequest {
	return &v1alpha1.AccessRequest{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.AccessRequestSpec{
		GrantRef: v1alpha1.NameReference{Name: "g"}, UserName: username, DurationSeconds: 60, Reason: "why",
	}}
}

func approval(name, username string) *v1alpha1.Approval {
	return &v1alpha1.Approval{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.ApprovalSpec{
		RequestRef: v1alpha1.RequestReference{Name: "r", UID: "u"}, Decision: v1alpha1.DecisionApprove, Approver: username,
	}}
}

// policyOfRequests is about somebody who may ask and approve, and about the administrator, who may do everything else.
func policyOfRequests(w *world) {
	var alice, root *person
	BeforeAll(func(ctx SpecContext) {
		alice = w.person("alice")
		for _, role := range []string{"rollcall-requester", "rollcall-approver"} {
			alice.bound(ctx, "", role)
		}
		for _, resource := range []string{"accessrequests", "approvals"} {
			Eventually(ctx, alice.can).WithArguments(ctx, ask{"create", iamGroup + "/" + resource, "", ""}).Should(BeTrue())
		}
		whoami, err := w.set.AuthenticationV1().SelfSubjectReviews().
			Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		root = w.as(whoami.Status.UserInfo.Username, w.plane.RESTConfig())
	})
	for _, kind := range []struct {
		what string
		of   func(name, username string) client.Object
	}{
		{"request", func(name, username string) client.Object { return accessRequest(name, username) }},
		{"approval", func(name, username string) client.Object { return approval(name, username) }},
	} {
		It("let everybody make "+kind.what+"s in their own name", func(ctx SpecContext) {
			for _, p := range []*person{alice, root} {
				Expect(p.tries(ctx, kind.of(w.name("own"), p.name))).To(Succeed(), p.name)
			}
		})
		It("refuse "+kind.what+"s in the name of another, from administrators too", func(ctx SpecContext) {
			for _, p := range []*person{alice, root} {
				Expect(p.tries(ctx, kind.of(w.name("false"), "bob"))).
					To(refusedBy(kind.what+"s", "must be the one who creates", `write "`+p.name+`" instead of "bob"`))
			}
		})
		It("refuse "+kind.what+"s in a name that only resembles one's own", func(ctx SpecContext) {
			Expect(alice.tries(ctx, kind.of(w.name("false"), strings.ToUpper(alice.name)))).To(refusedBy(kind.what + "s"))
		})
	}

	It("leave a request as it was made", func(ctx SpecContext) {
		unchanged(ctx, root, accessRequest(w.name("own"), root.name), "a request is immutable: create another",
			func(r *v1alpha1.AccessRequest) { r.Spec.UserName = "bob" },
			func(r *v1alpha1.AccessRequest) { r.Spec.GrantRef.Name = "other" },
			func(r *v1alpha1.AccessRequest) { r.Spec.DurationSeconds = 61 },
			func(r *v1alpha1.AccessRequest) { r.Spec.StartTime = new(metav1.Now()) },
			func(r *v1alpha1.AccessRequest) { r.Spec.Reason = "" },
			func(r *v1alpha1.AccessRequest) { r.Spec.Ticket = "CHG-1" })
	})
	It("leave an approval as it was made", func(ctx SpecContext) {
		unchanged(ctx, root, approval(w.name("own"), root.name), "a decision is immutable: delete this Approval to withdraw it",
			func(a *v1alpha1.Approval) { a.Spec.Approver = "bob" },
			func(a *v1alpha1.Approval) { a.Spec.RequestRef.Name = "other" },
			func(a *v1alpha1.Approval) { a.Spec.RequestRef.UID = "other" },
			func(a *v1alpha1.Approval) { a.Spec.Decision = v1alpha1.DecisionDeny },
			func(a *v1alpha1.Approval) { a.Spec.Comment = "because" })
	})
}

// unchanged creates an object and fails to change it in each of the ways.
func unchanged[T client.Object](ctx context.Context, p *person, object T, advice string, ways ...func(T)) {
	GinkgoHelper()
	Expect(p.Create(ctx, object)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { p.world.delete(ctx, object) })
	for i, how := range ways {
		err := triesOn(ctx, p, object, how)
		Expect(apierrors.IsInvalid(err)).To(BeTrue(), "way %d: %v", i, err)
		Expect(err).To(MatchError(SatisfyAll(ContainSubstring("spec"), ContainSubstring(advice))))
	}
}

// requestPolicies are what a Grant says of requests, and what requests, approvals and locks say.
func requestPolicies(
	refused func(ctx SpecContext, kind, name, spec, field, advice string), accepted func(ctx SpecContext, kind, name, spec string),
) {
	const (
		given     = goodGrant + cluster
		demanded  = given + "activation: OnRequest\n"
		approvers = "approvers: [{kind: User, name: boss}]"
	)
	demands := func(more string) string { return demanded + "request: {" + approvers + ", " + more + "}" }
	DescribeTable("refuses a Grant on request", func(ctx SpecContext, spec, field, advice string) {
		refused(ctx, "Grant", "g", spec, field, advice)
	},
		Entry("that does not say how it is asked for", demanded, "request", "activation OnRequest needs request"),
		Entry("that is given always", given+"request: {"+approvers+"}", "activation", "remove it, or set activation to OnRequest"),
		Entry("that is of an unknown activation", given+"activation: Sometimes", "spec.activation", supported),
		Entry("that names groups", demanded+"subjectMode: Groups\nrequest: {"+approvers+"}", "subjectMode", "needs subjectMode Users"),
		Entry("without approvers", demanded+"request: {quorum: 1}", "spec.request.approvers", required),
		Entry("with an empty list of approvers", demanded+"request: {approvers: []}", "spec.request.approvers", atLeastOne),
		Entry("with an approver of no kind", demanded+"request: {approvers: [{name: boss}]}", "spec.request.approvers[0].kind", required),
		Entry("with a ticket that is no expression", demands("requireTicket: 'CHG-['"), "spec.request.requireTicket", "regular expression"),
		Entry("with an empty expression", demands("requireTicket: ''"), "spec.request.requireTicket", atLeastOne),
		Entry("for no time", demands("maxDurationSeconds: 0"), "spec.request.maxDurationSeconds", "greater than or equal to 1"),
		Entry("for more than a week", demands("maxDurationSeconds: 604801"), "spec.request.maxDurationSeconds",
			"less than or equal to 604800"),
		Entry("with a quorum of nobody", demands("quorum: 0"), "spec.request.quorum", "greater than or equal to 1"),
		Entry("with a quorum of too many", demands("quorum: 17"), "spec.request.quorum", "less than or equal to 16"),
		Entry("that is approved at an unknown time", demands("approval: Sometime"), "spec.request.approval", supported),
		Entry("that people approve for themselves", demands("allowSelfApproval: Always"), "spec.request.allowSelfApproval", supported),
	)
	DescribeTable("accepts a Grant on request", func(ctx SpecContext, spec string) { accepted(ctx, "Grant", "g", spec) },
		Entry("with approvers alone", demanded+"request: {"+approvers+"}"),
		Entry("with everything", demands("maxDurationSeconds: 604800, quorum: 16, requireTicket: 'CHG-[0-9]+', approval: AfterUse, "+
			"allowSelfApproval: Never")),
		Entry("for a second", demands("maxDurationSeconds: 1")),
	)

	const request = "grantRef: {name: g}\nuserName: a\n"
	DescribeTable("refuses", func(ctx SpecContext, kind, spec, field, advice string) {
		refused(ctx, kind, "r", spec, field, advice)
	},
		Entry("a request for no Grant", "AccessRequest", "userName: a\ndurationSeconds: 1", "spec.grantRef", required),
		Entry("a request of nobody", "AccessRequest", "grantRef: {name: g}\ndurationSeconds: 1", "spec.userName", required),
		Entry("a request for no time", "AccessRequest", request+"durationSeconds: 0", "spec.durationSeconds", "greater than or equal to 1"),
		Entry("a request for more than a week", "AccessRequest", request+"durationSeconds: 604801", "spec.durationSeconds",
			"less than or equal to 604800"),
		Entry("an approval of no request", "Approval", "decision: Approve\napprover: a", "spec.requestRef", required),
		Entry("an approval of any request of a name", "Approval", "requestRef: {name: r}\ndecision: Approve\napprover: a",
			"spec.requestRef.uid", required),
		Entry("an approval that decides nothing", "Approval", "requestRef: {name: r, uid: u}\ndecision: Maybe\napprover: a",
			"spec.decision", supported),
		Entry("a lock of an unknown kind", "Lock", "target: {kind: Robot, name: a}", "spec.target.kind", supported),
	)
	It("refuses a request with a name that is no label value", func(ctx SpecContext) {
		refused(ctx, "AccessRequest", strings.Repeat("r", sixtyFour), request+fmt.Sprintf("durationSeconds: %d", 1), "name", "at most 63")
	})
}
