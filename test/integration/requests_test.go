// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

const reviewed = v1alpha1.ConditionReviewed

// requestsStill are specs of access on request, one Reconcile at a time.
func requestsStill(s *stage) {
	BeforeAll(s.still)

	// scene is a Grant on request, somebody who may ask, and two who may approve.
	type scene struct {
		asker, one, two *v1alpha1.User
		grant           *v1alpha1.Grant
	}
	set := func(ctx SpecContext, quorum int32, edits ...func(*v1alpha1.Grant)) scene {
		GinkgoHelper()
		c := scene{asker: s.person(ctx), one: s.person(ctx), two: s.person(ctx)}
		c.grant = onRequest(grantOf(s.name("grant"), users(c.asker.Name)...), quorum, users(c.one.Name, c.two.Name)...)
		for _, edit := range edits {
			edit(c.grant)
		}
		s.create(ctx, c.grant)
		s.reconcile(ctx, grantController, c.grant)
		return c
	}
	running := func(ctx SpecContext, edits ...func(*v1alpha1.Grant)) (scene, *v1alpha1.AccessRequest, *v1alpha1.Approval) {
		GinkgoHelper()
		c := set(ctx, 1, edits...)
		request := s.asks(ctx, c.asker, c.grant)
		approval := s.decides(ctx, c.one, request, v1alpha1.DecisionApprove)
		Expect(s.given(ctx, request)).To(Equal([]string{"User " + c.asker.Name}))
		return c, request, approval
	}
	afterUse := func(g *v1alpha1.Grant) { g.Spec.Request.Approval = v1alpha1.ApprovalAfterUse }

	It("gives nothing until it is approved, and then for as long as was asked", func(ctx SpecContext) {
		c := set(ctx, 1)
		Expect(s.condition(ctx, c.grant, ready)).To(says(isTrue, v1alpha1.ReasonOnRequest, "1 people may ask", "0 have it"))
		Expect(s.bound(ctx, "", "rollcall:"+c.grant.Name)).To(BeNil())
		request := s.asks(ctx, c.asker, c.grant)
		Expect(s.condition(ctx, request, active)).To(says(isFalse, v1alpha1.ReasonPending, "0 of 1", c.one.Name, c.two.Name))
		Expect(kstatus(request)).To(Equal(inProgress))
		Expect(s.given(ctx, request)).To(BeNil())

		approval := s.decides(ctx, c.one, request, v1alpha1.DecisionApprove)
		Expect(s.condition(ctx, approval, ready)).To(says(isTrue, v1alpha1.ReasonCounted))
		Expect(s.condition(ctx, request, active)).To(says(isTrue, v1alpha1.ReasonActive, c.one.Name))
		Expect(s.condition(ctx, request, ready)).To(says(isTrue, v1alpha1.ReasonActive))
		Expect(kstatus(request)).To(Equal(current))
		Expect(kstatus(get(ctx, s.world, approval))).To(Equal(current))
		Expect(s.given(ctx, request)).To(Equal([]string{"User " + c.asker.Name}))
		Expect(request.Status.ExpireTime.Sub(request.Status.StartTime.Time)).To(Equal(time.Hour))
		Expect(request.Status.Approvals).To(ConsistOf(HaveField("Approver", c.one.Name)))
		Expect(request.Status.Applied).To(HaveExactElements(v1alpha1.AppliedBinding{Name: "rollcall-request:" + request.Name}))
		b := get(ctx, s.world, binding("", "rollcall-request:"+request.Name))
		Expect(b.GetAnnotations()).To(Equal(map[string]string{
			"iam.rollcall.dev/grant-uid": string(c.grant.UID), "iam.rollcall.dev/grant-generation": "1",
			"iam.rollcall.dev/request-uid": string(request.UID), "iam.rollcall.dev/approvers": c.one.Name,
		}))
		Expect(b.GetOwnerReferences()).To(ConsistOf(SatisfyAll(HaveField("Kind", "AccessRequest"), HaveField("UID", request.UID))))
		s.reconcile(ctx, grantController, c.grant)
		Expect(s.condition(ctx, c.grant, ready)).To(says(isTrue, v1alpha1.ReasonOnRequest, "1 have it"))
		s.reconcile(ctx, userController, c.asker)
		Expect(get(ctx, s.world, c.asker).Status.Grants).To(Equal([]string{c.grant.Name}))

		mark := s.mark()
		s.reconcile(ctx, accessController, request)
		Expect(s.writes(mark)).To(BeEmpty(), "what does not change is not written")
		s.clock.SetTime(request.Status.ExpireTime.Time)
		s.reconcile(ctx, accessController, request)
		s.over(ctx, request, v1alpha1.ReasonExpired)
		Expect(s.condition(ctx, request, ready)).To(says(isTrue, v1alpha1.ReasonExpired))
		s.reconcile(ctx, userController, c.asker)
		Expect(get(ctx, s.world, c.asker).Status.Grants).To(BeEmpty())
	})

	It("records when it ends before it gives anything", func(ctx SpecContext) {
		c := set(ctx, 1)
		request := s.asks(ctx, c.asker, c.grant)
		mark := s.mark()
		s.decides(ctx, c.one, request, v1alpha1.DecisionApprove)
		name := request.Name
		Expect(s.writes(mark)).To(HaveExactElements("patch accessrequests/status "+name,
			"create clusterrolebindings rollcall-request:"+name, "patch accessrequests/status "+name, HavePrefix("patch approvals/status ")))
	})

	It("needs as many people as the quorum says, each of whom counts once", func(ctx SpecContext) {
		c := set(ctx, 2)
		request := s.asks(ctx, c.asker, c.grant)
		s.decides(ctx, c.one, request, v1alpha1.DecisionApprove)
		again := s.decides(ctx, c.one, request, v1alpha1.DecisionApprove)
		Expect(s.condition(ctx, again, ready)).To(says(isFalse, v1alpha1.ReasonDecidedAlready, c.one.Name))
		Expect(s.condition(ctx, request, active)).To(says(isFalse, v1alpha1.ReasonPending, "1 of 2"))
		Expect(s.given(ctx, request)).To(BeNil())
		s.decides(ctx, c.two, request, v1alpha1.DecisionApprove)
		Expect(s.given(ctx, request)).To(Equal([]string{"User " + c.asker.Name}))
	})

	It("is not for whoever asked to approve, not even with a second account", func(ctx SpecContext) {
		directory := pausedDirectory(s.name("dir"))
		s.create(ctx, directory)
		asker, second := s.entry(ctx, directory.Name, "alice@corp.example"), s.entry(ctx, directory.Name, "Alice@Corp.example")
		other := s.entry(ctx, directory.Name, "bob@corp.example")
		grant := onRequest(grantOf(s.name("grant"), users(asker.Name)...), 1, users(asker.Name, second.Name, other.Name)...)
		s.create(ctx, grant)
		request := s.asks(ctx, asker, grant)
		for _, same := range []*v1alpha1.User{asker, second} {
			approval := s.decides(ctx, same, request, v1alpha1.DecisionApprove)
			Expect(s.condition(ctx, approval, ready)).To(says(isFalse, v1alpha1.ReasonOwnRequest, "the same person"))
			Expect(s.condition(ctx, approval, stalled)).To(says(isTrue, v1alpha1.ReasonOwnRequest))
			Expect(s.given(ctx, request)).To(BeNil())
		}
		s.decides(ctx, other, request, v1alpha1.DecisionApprove)
		Expect(s.given(ctx, request)).To(Equal([]string{"User " + asker.Status.Username}))
	})

	It("is not for others than its approvers to approve, nor for those who may not act", func(ctx SpecContext) {
		c := set(ctx, 1)
		request, stranger := s.asks(ctx, c.asker, c.grant), s.person(ctx)
		approval := s.decides(ctx, stranger, request, v1alpha1.DecisionApprove)
		Expect(s.condition(ctx, approval, ready)).To(says(isFalse, v1alpha1.ReasonNotAnApprover, stranger.Name))
		change(ctx, s.world, c.one, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		s.reconcile(ctx, userController, c.one)
		approval = s.decides(ctx, c.one, request, v1alpha1.DecisionApprove)
		Expect(s.condition(ctx, approval, ready)).To(says(isFalse, v1alpha1.ReasonNotAnApprover, c.one.Name))
		Expect(s.given(ctx, request)).To(BeNil())
	})

	It("lets the members of a group ask and approve", func(ctx SpecContext) {
		asker, approver := s.person(ctx), s.person(ctx)
		askers, approvers := localGroup(s.name("group"), asker.Name), localGroup(s.name("group"), approver.Name, asker.Name)
		s.create(ctx, askers, approvers)
		grant := onRequest(grantOf(s.name("grant"), v1alpha1.Subject{Kind: v1alpha1.SubjectGroup, Name: askers.Name}), 1,
			v1alpha1.Subject{Kind: v1alpha1.SubjectGroup, Name: approvers.Name})
		s.create(ctx, grant)
		request := s.asks(ctx, asker, grant)
		s.decides(ctx, approver, request, v1alpha1.DecisionApprove)
		Expect(s.given(ctx, request)).To(Equal([]string{"User " + asker.Name}))
		change(ctx, s.world, askers, func(g *v1alpha1.Group) { g.Spec.Members = nil })
		s.reconcile(ctx, accessController, request)
		s.over(ctx, request, v1alpha1.ReasonNotASubject)
	})

	It("is ended by the Grant's change, and what was approved then is not given again", func(ctx SpecContext) {
		c, request, _ := running(ctx)
		change(ctx, s.world, c.grant, func(g *v1alpha1.Grant) { g.Spec.Reason = "another" })
		s.reconcile(ctx, accessController, request)
		s.over(ctx, request, v1alpha1.ReasonGrantChanged)
		late := s.decides(ctx, c.two, request, v1alpha1.DecisionApprove)
		Expect(s.condition(ctx, late, ready)).To(says(isFalse, v1alpha1.ReasonRequestEnded))
		Expect(s.given(ctx, request)).To(BeNil())
	})

	It("ends before it begins where the Grant changes, so that nobody approves what was not asked for", func(ctx SpecContext) {
		c := set(ctx, 1)
		request := s.asks(ctx, c.asker, c.grant)
		change(ctx, s.world, c.grant, func(g *v1alpha1.Grant) { g.Spec.Subjects = append(g.Spec.Subjects, users(c.two.Name)...) })
		approval := s.decides(ctx, c.one, request, v1alpha1.DecisionApprove)
		s.over(ctx, request, v1alpha1.ReasonGrantChanged)
		Expect(s.condition(ctx, approval, ready)).NotTo(says(isFalse, v1alpha1.ReasonNotAnApprover))
	})

	It("does not count what was approved while nobody looked, if the Grant was changed after it", func(ctx SpecContext) {
		c := set(ctx, 1)
		username := c.asker.Name
		request := requestFor(s.name("request"), c.grant, username)
		Expect(s.almighty(username).Create(ctx, request)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { s.delete(ctx, request) })
		approval := &v1alpha1.Approval{ObjectMeta: metav1.ObjectMeta{Name: s.name("approval")}, Spec: v1alpha1.ApprovalSpec{
			RequestRef: v1alpha1.RequestReference{Name: request.Name, UID: string(request.UID)},
			Decision:   v1alpha1.DecisionApprove, Approver: c.one.Name,
		}}
		Expect(s.almighty(c.one.Name).Create(ctx, approval)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { s.delete(ctx, approval) })
		Eventually(ctx, func() bool { return time.Since(approval.CreationTimestamp.Time) > 2*time.Second }).Should(BeTrue())
		s.clock.SetTime(time.Now())
		change(ctx, s.world, c.grant, func(g *v1alpha1.Grant) { g.Spec.Reason = "quite another" })
		s.reconcile(ctx, accessController, request)
		Expect(s.condition(ctx, approval, ready)).To(says(isFalse, v1alpha1.ReasonMadeTooEarly, "decide again"))
		Expect(s.condition(ctx, request, active)).To(says(isFalse, v1alpha1.ReasonPending))
		changed := time.Now()
		Eventually(ctx, func() time.Duration { return time.Since(changed) }).Should(BeNumerically(">", time.Second), "times have whole seconds")
		s.decides(ctx, c.two, request, v1alpha1.DecisionApprove)
		Expect(s.given(ctx, request)).To(Equal([]string{"User " + username}))
	})

	It("is ended by the Grant's deletion while it is in use, also where another takes its name", func(ctx SpecContext) {
		c, request, _ := running(ctx)
		Expect(s.admin.Delete(ctx, c.grant)).To(Succeed())
		again := onRequest(grantOf(c.grant.Name, users(c.asker.Name)...), 1, users(c.one.Name)...)
		again.Spec.RoleRef.Name = "edit"
		s.create(ctx, again)
		s.reconcile(ctx, accessController, request)
		s.over(ctx, request, v1alpha1.ReasonGrantChanged)

		c, request, _ = running(ctx)
		Expect(s.admin.Delete(ctx, c.grant)).To(Succeed())
		s.reconcile(ctx, accessController, request)
		s.over(ctx, request, v1alpha1.ReasonGrantNotFound)
	})

	It("is ended by a suspension, and does not begin again with its end", func(ctx SpecContext) {
		c, request, _ := running(ctx)
		change(ctx, s.world, c.asker, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		s.reconcile(ctx, userController, c.asker)
		s.reconcile(ctx, accessController, request)
		s.over(ctx, request, v1alpha1.ReasonUserInactive)
		change(ctx, s.world, c.asker, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserActive })
		s.reconcile(ctx, userController, c.asker)
		s.reconcile(ctx, accessController, request)
		s.over(ctx, request, v1alpha1.ReasonUserInactive)
	})

	It("is ended by a Lock before the person's status shows it", func(ctx SpecContext) {
		c, request, _ := running(ctx)
		s.create(ctx, lockOn(s.name("lock"), v1alpha1.SubjectUser, c.asker.Name))
		s.reconcile(ctx, accessController, request)
		s.over(ctx, request, v1alpha1.ReasonLocked)
	})

	It("is over for good, wherever the clock is set", func(ctx SpecContext) {
		_, request, _ := running(ctx)
		began := s.clock.Now()
		s.passes(48 * time.Hour)
		s.reconcile(ctx, accessController, request)
		s.over(ctx, request, v1alpha1.ReasonExpired)
		s.clock.SetTime(began)
		s.reconcile(ctx, accessController, request)
		s.over(ctx, request, v1alpha1.ReasonExpired)
	})

	It("looks at the clock often, since timers do not notice that it was set", func(ctx SpecContext) {
		_, request, _ := running(ctx)
		Expect(s.reconcile(ctx, accessController, request)).To(BeNumerically("<=", 30*time.Second))
	})

	It("ends where an approval is taken back, or its giver locked", func(ctx SpecContext) {
		_, request, approval := running(ctx)
		Expect(s.admin.Delete(ctx, approval)).To(Succeed())
		s.reconcile(ctx, accessController, request)
		s.over(ctx, request, v1alpha1.ReasonApprovalWithdrawn)

		c, request, _ := running(ctx)
		s.create(ctx, lockOn(s.name("lock"), v1alpha1.SubjectUser, c.one.Name))
		s.reconcile(ctx, accessController, request)
		s.over(ctx, request, v1alpha1.ReasonApprovalWithdrawn)
	})

	It("ends where an approver denies it, also after another approved", func(ctx SpecContext) {
		c, request, _ := running(ctx)
		s.decides(ctx, c.two, request, v1alpha1.DecisionDeny)
		s.over(ctx, request, v1alpha1.ReasonDenied)
	})

	It("goes with all that it gave when it is deleted", func(ctx SpecContext) {
		_, request, approval := running(ctx)
		s.freeze(2)
		Expect(s.admin.Delete(ctx, request)).To(Succeed())
		s.reconcile(ctx, accessController, request)
		Expect(s.given(ctx, request)).To(BeNil())
		Expect(s.condition(ctx, approval, ready)).To(says(isFalse, v1alpha1.ReasonRequestNotFound))
	})

	It("counts no approval of an earlier request of its name", func(ctx SpecContext) {
		c := set(ctx, 1)
		first := s.asks(ctx, c.asker, c.grant)
		Expect(s.admin.Delete(ctx, first)).To(Succeed())
		second := s.asks(ctx, c.asker, c.grant, func(r *v1alpha1.AccessRequest) { r.Name = first.Name })
		approval := s.decides(ctx, c.one, first, v1alpha1.DecisionApprove)
		Expect(s.condition(ctx, approval, ready)).To(says(isFalse, v1alpha1.ReasonRequestNotFound, string(first.UID)))
		Expect(s.given(ctx, second)).To(BeNil())
	})

	DescribeTable("refuses", func(ctx SpecContext, reason, word string, grant func(*v1alpha1.Grant), ask func(*v1alpha1.AccessRequest)) {
		c := set(ctx, 1, grant)
		request := s.asks(ctx, c.asker, c.grant, ask)
		s.over(ctx, request, reason)
		Expect(s.condition(ctx, request, stalled)).To(says(isTrue, reason, word))
		Expect(kstatus(request)).To(Equal(failed))
		late := s.decides(ctx, c.one, request, v1alpha1.DecisionApprove)
		Expect(s.condition(ctx, late, ready)).To(says(isFalse, v1alpha1.ReasonRequestEnded))
		s.over(ctx, request, reason)
	},
		Entry("what is longer than allowed", v1alpha1.ReasonDurationTooLong, "maxDurationSeconds",
			func(g *v1alpha1.Grant) { g.Spec.Request.MaxDurationSeconds = 3599 }, func(*v1alpha1.AccessRequest) {}),
		Entry("what has no ticket", v1alpha1.ReasonTicketRefused, "requireTicket",
			func(g *v1alpha1.Grant) { g.Spec.Request.RequireTicket = "CHG-[0-9]+" }, func(*v1alpha1.AccessRequest) {}),
		Entry("a ticket of which only a part matches", v1alpha1.ReasonTicketRefused, "requireTicket",
			func(g *v1alpha1.Grant) { g.Spec.Request.RequireTicket = "INC-[0-9]+|CHG-[0-9]+" },
			func(r *v1alpha1.AccessRequest) { r.Spec.Ticket = "CHG-12 or so" }),
		Entry("what everybody has anyway", v1alpha1.ReasonNotOnRequest, "OnRequest",
			func(g *v1alpha1.Grant) { g.Spec.Activation, g.Spec.Request = v1alpha1.ActivationAlways, nil }, func(*v1alpha1.AccessRequest) {}),
	)

	It("takes a ticket that matches", func(ctx SpecContext) {
		c := set(ctx, 1, func(g *v1alpha1.Grant) { g.Spec.Request.RequireTicket = "CHG-[0-9]+" })
		request := s.asks(ctx, c.asker, c.grant, func(r *v1alpha1.AccessRequest) { r.Spec.Ticket = "CHG-1234" })
		Expect(s.condition(ctx, request, active)).To(says(isFalse, v1alpha1.ReasonPending))
	})

	It("waits for whoever asks to be among the subjects, and gives nothing before", func(ctx SpecContext) {
		c := set(ctx, 1)
		request := s.asks(ctx, c.two, c.grant)
		Expect(s.condition(ctx, request, ready)).To(says(isFalse, v1alpha1.ReasonNotASubject, c.two.Name, c.grant.Name))
		approval := s.decides(ctx, c.one, request, v1alpha1.DecisionApprove)
		Expect(s.condition(ctx, approval, ready)).To(says(isFalse, v1alpha1.ReasonPending, "not accepted"))
		Expect(s.given(ctx, request)).To(BeNil())
	})

	It("begins and ends when it was asked for", func(ctx SpecContext) {
		c := set(ctx, 1)
		start := s.clock.Now().Truncate(time.Second).Add(time.Hour)
		request := s.asks(ctx, c.asker, c.grant, func(r *v1alpha1.AccessRequest) { r.Spec.StartTime = &metav1.Time{Time: start} })
		s.decides(ctx, c.one, request, v1alpha1.DecisionApprove)
		Expect(s.condition(ctx, request, active)).To(says(isFalse, v1alpha1.ReasonNotStarted))
		Expect(s.given(ctx, request)).To(BeNil())
		s.clock.SetTime(start.Add(10 * time.Minute))
		s.reconcile(ctx, accessController, request)
		Expect(s.given(ctx, request)).To(Equal([]string{"User " + c.asker.Name}))
		Expect(get(ctx, s.world, request).Status.ExpireTime.Time).To(BeTemporally("==", start.Add(time.Hour)))
	})

	It("ends no later than the Grant", func(ctx SpecContext) {
		end := s.clock.Now().Truncate(time.Second).Add(10 * time.Minute)
		_, request, _ := running(ctx, func(g *v1alpha1.Grant) { g.Spec.ExpireTime = &metav1.Time{Time: end} })
		Expect(get(ctx, s.world, request).Status.ExpireTime.Time).To(BeTemporally("==", end))
	})

	It("gives at once where approval is after use, and stays open until somebody has looked", func(ctx SpecContext) {
		c := set(ctx, 1, afterUse)
		request := s.asks(ctx, c.asker, c.grant)
		Expect(s.given(ctx, request)).To(Equal([]string{"User " + c.asker.Name}))
		Expect(s.condition(ctx, request, active)).To(says(isTrue, v1alpha1.ReasonActive))
		Expect(s.condition(ctx, request, reviewed)).To(says(isFalse, v1alpha1.ReasonReviewPending))
		Expect(s.condition(ctx, request, ready)).To(says(isFalse, v1alpha1.ReasonReviewPending))
		s.passes(2 * time.Hour)
		s.reconcile(ctx, accessController, request)
		s.over(ctx, request, v1alpha1.ReasonExpired)
		Expect(s.condition(ctx, request, ready)).To(says(isFalse, v1alpha1.ReasonReviewPending), "it is over, but nobody has looked")
		own := s.decides(ctx, c.asker, request, v1alpha1.DecisionApprove)
		Expect(s.condition(ctx, own, ready)).To(says(isFalse, v1alpha1.ReasonNotAnApprover))
		s.decides(ctx, c.one, request, v1alpha1.DecisionApprove)
		Expect(s.condition(ctx, request, reviewed)).To(says(isTrue, v1alpha1.ReasonApproved))
		Expect(s.condition(ctx, request, ready)).To(says(isTrue, v1alpha1.ReasonExpired))
		s.over(ctx, request, v1alpha1.ReasonExpired)
	})

	It("is ended by a review that finds it wrong", func(ctx SpecContext) {
		c := set(ctx, 1, afterUse)
		request := s.asks(ctx, c.asker, c.grant)
		s.decides(ctx, c.two, request, v1alpha1.DecisionDeny)
		s.over(ctx, request, v1alpha1.ReasonDenied)
		Expect(s.condition(ctx, request, reviewed)).To(says(isTrue, v1alpha1.ReasonDenied))
	})

	It("says what the API server refuses", func(ctx SpecContext) {
		c := set(ctx, 1, func(g *v1alpha1.Grant) { g.Spec.RoleRef.Name = "cluster-admin" })
		request := s.asks(ctx, c.asker, c.grant)
		s.decides(ctx, c.one, request, v1alpha1.DecisionApprove)
		Expect(s.condition(ctx, request, stalled)).To(says(isTrue, v1alpha1.ReasonRoleNotBindable, "cluster-admin"))
		Expect(s.condition(ctx, request, active)).To(says(isFalse, v1alpha1.ReasonRoleNotBindable, "cluster-admin"))
		Expect(s.given(ctx, request)).To(BeNil())
		Expect(s.condition(ctx, c.grant, stalled)).To(says(isTrue, v1alpha1.ReasonRoleNotBindable, "rollcall-bindable-roles"),
			"and the Grant says so before anybody asks")
	})

	It("follows namespaces as they come", func(ctx SpecContext) {
		label := map[string]string{"team": s.name("team")}
		c, request, _ := func() (scene, *v1alpha1.AccessRequest, *v1alpha1.Approval) {
			c := set(ctx, 1, func(g *v1alpha1.Grant) { within(g, label) })
			request := s.asks(ctx, c.asker, c.grant)
			return c, request, s.decides(ctx, c.one, request, v1alpha1.DecisionApprove)
		}()
		namespace := s.namespace(ctx, label)
		s.reconcile(ctx, accessController, request)
		Expect(s.bound(ctx, namespace.Name, "rollcall-request:"+request.Name)).To(Equal([]string{"User " + c.asker.Name}))
		Expect(fmt.Sprint(get(ctx, s.world, request).Status.Applied)).To(ContainSubstring(namespace.Name))
	})
}
