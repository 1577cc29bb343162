// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin_test

import (
	"encoding/json"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

var _ = Describe("kubectl rollcall approve and deny", func() {
	var (
		grant   *v1alpha1.Grant
		request *v1alpha1.AccessRequest
		bob     person
	)
	BeforeEach(func(ctx SpecContext) {
		grant = onRequest(name("payments"), "payments")
		create(ctx, grant)
		request = asked(ctx, grant.Name, "alice", "INC-7:\x1b[2J\nstuck")
		bob = as("bob", judges, readers)
	})

	It("shows what is approved, approves just that, and says that it counts", func(ctx SpecContext) {
		session := bob.starts("approve", request.Name, "--comment", "go ahead")
		approval := approvalOf(ctx, request.Name)
		Expect(approval.Name).To(HavePrefix(request.Name + "-"))
		Expect(approval.Spec).To(Equal(v1alpha1.ApprovalSpec{
			RequestRef: v1alpha1.RequestReference{Name: request.Name, UID: string(request.UID)},
			Decision:   v1alpha1.DecisionApprove, Approver: "bob", Comment: "go ahead",
		}))
		state(ctx, approval, judged(metav1.ConditionTrue, v1alpha1.ReasonCounted, "it counts"))
		Expect(ended(session)).To(Equal(said{Out: "request   " + request.Name + "\n" +
			"who       alice\n" +
			"what      grant " + grant.Name + ": ClusterRole edit in namespace default\n" +
			"how long  1h\n" +
			"why       INC-7:\\x1b[2J stuck\n" +
			"so far    0 of 2 approvals\n" +
			"approved " + request.Name + " as bob\n" +
			"your decision counts\n"}))
	})

	It("denies", func(ctx SpecContext) {
		session := bob.starts("deny", request.Name)
		approval := approvalOf(ctx, request.Name)
		Expect(approval.Spec.Decision).To(Equal(v1alpha1.DecisionDeny))
		state(ctx, approval, judged(metav1.ConditionTrue, v1alpha1.ReasonCounted, "it counts"))
		Expect(ended(session)).To(SatisfyAll(HaveField("Code", 0), HaveField("Out", ContainSubstring("denied "+request.Name+" as bob\n"))))
	})

	It("fails where the decision does not count, and says why", func(ctx SpecContext) {
		session := bob.starts("approve", request.Name)
		state(ctx, approvalOf(ctx, request.Name), judged(metav1.ConditionFalse, v1alpha1.ReasonNotAnApprover, "the Grant does not name bob"))
		Expect(ended(session)).To(SatisfyAll(HaveField("Code", 1), HaveField("Out", Not(ContainSubstring("counts"))),
			HaveField("Err", Equal("Error: your decision does not count: NotAnApprover: the Grant does not name bob\n"))))
	})

	It("does not wait for long", func(ctx SpecContext) {
		began := time.Now()
		result := bob.runs("approve", request.Name)
		Expect(result).To(SatisfyAll(HaveField("Code", 0), HaveField("Err", HavePrefix("it is still being looked at"))))
		Expect(time.Since(began)).To(BeNumerically("~", 5*time.Second, 3*time.Second))
		Expect(approvalOf(ctx, request.Name).Spec.Approver).To(Equal("bob"))
	})

	It("prints the Approval for programs, and what people read beside it", func(ctx SpecContext) {
		session := bob.starts("approve", request.Name, "-o", "json")
		state(ctx, approvalOf(ctx, request.Name), judged(metav1.ConditionTrue, v1alpha1.ReasonCounted, "it counts"))
		result := ended(session)
		var printed v1alpha1.Approval
		Expect(json.Unmarshal([]byte(result.Out), &printed)).To(Succeed())
		Expect(printed.Kind).To(Equal("Approval"))
		Expect(printed.Status.Conditions).To(HaveLen(1))
		Expect(result.Err).To(ContainSubstring("your decision counts"))
	})

	It("warns of a grant that is not the one that was asked for", func(ctx SpecContext) {
		state(ctx, request, func(r *v1alpha1.AccessRequest) {
			r.Status.Grant = &v1alpha1.GrantVersion{
				UID: string(grant.UID), Generation: grant.Generation + 1, Time: metav1.Now(), Approval: v1alpha1.ApprovalBeforeUse, Quorum: 1,
			}
		})
		session := bob.starts("approve", request.Name)
		state(ctx, approvalOf(ctx, request.Name), judged(metav1.ConditionTrue, v1alpha1.ReasonCounted, "it counts"))
		Expect(ended(session).Err).To(ContainSubstring("is not the one any more that was asked for"))
	})

	It("refuses what would not count", func(ctx SpecContext) {
		Expect(bob.fails("approve", "nothing")).To(ContainSubstring(`there is no request "nothing"`))
		Expect(as("alice", judges, readers).fails("approve", request.Name)).To(ContainSubstring("is your own"))
		state(ctx, request, over(v1alpha1.ReasonExpired, "its time is over"))
		Expect(bob.fails("deny", request.Name)).To(ContainSubstring("has ended (Expired): there is nothing left to decide"))
		var list v1alpha1.ApprovalList
		Expect(admin.List(ctx, &list)).To(Succeed())
		Expect(list.Items).NotTo(ContainElement(HaveField("Spec.RequestRef.Name", request.Name)))
	})

	It("decides on what is over, where a review is owed", func(ctx SpecContext) {
		state(ctx, request, over(v1alpha1.ReasonExpired, "its time is over"))
		state(ctx, request, func(r *v1alpha1.AccessRequest) {
			r.Status.Conditions = append(r.Status.Conditions,
				condition(r, v1alpha1.ConditionReviewed, metav1.ConditionFalse, v1alpha1.ReasonReviewPending, "nobody has looked"))
		})
		session := bob.starts("approve", request.Name)
		state(ctx, approvalOf(ctx, request.Name), judged(metav1.ConditionTrue, v1alpha1.ReasonCounted, "it counts"))
		Expect(ended(session).Code).To(BeZero())
	})

	It("passes on what the API server says against it", func() {
		Expect(as("nadia", readers).fails("approve", request.Name)).To(
			ContainSubstring(`User "nadia" cannot create resource "approvals"`))
	})
})

var _ = Describe("kubectl rollcall lock and unlock", func() {
	var (
		mallory *v1alpha1.User
		guard   person
	)
	BeforeEach(func(ctx SpecContext) {
		mallory = localUser(ctx, name("mallory"))
		guard = as("guard", guards, readers)
	})

	lockOn := func(ctx SpecContext, target string) *v1alpha1.Lock {
		GinkgoHelper()
		var found *v1alpha1.Lock
		Eventually(ctx, func(g Gomega) {
			var list v1alpha1.LockList
			g.Expect(admin.List(ctx, &list)).To(Succeed())
			for i := range list.Items {
				if list.Items[i].Spec.Target.Name == target {
					found = &list.Items[i]
				}
			}
			g.Expect(found).NotTo(BeNil())
		}).Should(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(admin.Delete(ctx, found))).To(Succeed()) })
		return found
	}
	inForce := func(users int32) func(*v1alpha1.Lock) {
		return func(l *v1alpha1.Lock) {
			l.Status.Users = &users
			l.Status.Conditions = []metav1.Condition{condition(l, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonLocked, "")}
		}
	}

	It("locks, and says whom that keeps out", func(ctx SpecContext) {
		session := guard.starts("lock", mallory.Name, "--reason", "laptop stolen", "--for", "2h")
		lock := lockOn(ctx, mallory.Name)
		Expect(lock.Name).To(HavePrefix(mallory.Name + "-"))
		Expect(lock.Spec.Target.Kind).To(Equal(v1alpha1.LockUser))
		Expect(lock.Spec.Reason).To(Equal("laptop stolen"))
		Expect(lock.Spec.ExpireTime.Time).To(BeTemporally("~", time.Now().Add(2*time.Hour), time.Minute))
		state(ctx, lock, inForce(1))
		Expect(ended(session)).To(SatisfyAll(HaveField("Code", 0), HaveField("Out", MatchRegexp(
			`^lock `+lock.Name+` created; to end it: kubectl rollcall unlock `+lock.Name+"\n"+
				`it keeps 1 person out until \S+ \S+ \(in (119|120)m\)\n$`))))
	})

	It("locks groups, until somebody ends it, and prints the Lock for programs", func(ctx SpecContext) {
		group := localGroup(ctx, name("all"), mallory.Name)
		session := guard.starts("lock", "group/"+group.Name, "--reason", "x", "-o", "yaml")
		lock := lockOn(ctx, group.Name)
		state(ctx, lock, inForce(23))
		result := ended(session)
		Expect(result.Err).To(ContainSubstring("it keeps 23 people out\n"))
		Expect(result.Out).To(SatisfyAll(
			HavePrefix("apiVersion: iam.rollcall.dev/v1alpha1\nkind: Lock\n"), Not(ContainSubstring("expireTime"))))
	})

	It("says so where nobody has acted on it yet, and where it keeps nobody out", func(ctx SpecContext) {
		Expect(guard.runs("lock", mallory.Name, "--reason", "x")).To(SatisfyAll(
			HaveField("Code", 0), HaveField("Err", ContainSubstring("nobody has acted on it yet"))))
		future := name("future")
		session := guard.starts("lock", "user/"+future, "--reason", "x", "--in-advance")
		state(ctx, lockOn(ctx, future), func(l *v1alpha1.Lock) {
			l.Status.Conditions = []metav1.Condition{
				condition(l, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonTargetNotFound, "there is no such User"),
			}
		})
		Expect(ended(session).Err).To(Equal("it keeps nobody out: TargetNotFound: there is no such User\n"))
	})

	It("ends one lock by name, and all those on somebody", func(ctx SpecContext) {
		lock := func(target v1alpha1.LockTarget, reason string) *v1alpha1.Lock {
			l := &v1alpha1.Lock{ObjectMeta: metav1.ObjectMeta{Name: name("lock")}, Spec: v1alpha1.LockSpec{Target: target, Reason: reason}}
			create(ctx, l)
			return l
		}
		user := v1alpha1.LockTarget{Kind: v1alpha1.LockUser, Name: mallory.Name}
		one, two, three := lock(user, "one\a"), lock(user, ""), lock(user, "")
		group := lock(v1alpha1.LockTarget{Kind: v1alpha1.LockGroup, Name: mallory.Name}, "")
		on := " on user/" + mallory.Name + " ended"
		Expect(guard.gets("unlock", one.Name)).To(Equal("lock " + one.Name + on + ` (it said: one\x07)` + "\n"))
		Expect(guard.gets("unlock", "user/"+mallory.Name)).To(Equal("lock " + two.Name + on + "\nlock " + three.Name + on + "\n"))
		Expect(guard.fails("unlock", "user/"+mallory.Name)).To(ContainSubstring("there is no lock on user/" + mallory.Name))
		Expect(guard.fails("unlock", mallory.Name)).To(ContainSubstring("did you mean kubectl rollcall unlock group/" + mallory.Name))
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(group), group)).To(Succeed())
	})

	DescribeTable("refuses", func(complaint string, args ...string) {
		Expect(guard.fails(args...)).To(ContainSubstring(complaint))
	},
		Entry("nobody", "whom to lock", "lock"),
		Entry("somebody who does not exist", "there is no user/nobody, so this would keep nobody out", "lock", "nobody", "--reason", "x"),
		Entry("a group that does not exist", "there is no group/nobody", "lock", "group/nobody", "--reason", "x"),
		Entry("no reason", "say why, with --reason", "lock", "user/x"),
		Entry("a grant", "a grant cannot be locked", "lock", "grant/x", "--reason", "x"),
		Entry("another kind", `"pod/x" names nothing`, "lock", "pod/x", "--reason", "x"),
		Entry("the past", "over already", "lock", "user/x", "--reason", "x", "--until", "2020-01-01"),
		Entry("both ends", "[for until]", "lock", "user/x", "--reason", "x", "--until", "18:00", "--for", "1h"),
		Entry("to unlock what is not", `there is no lock "nothing"`, "unlock", "nothing"),
	)

	It("passes on what the API server says against it", func() {
		reader := as("nadia", readers)
		Expect(reader.fails("lock", mallory.Name, "--reason", "x")).To(ContainSubstring(`cannot create resource "locks"`))
	})
})

var _ = Describe("A person's own decision", func() {
	It("can be interrupted while it is looked at", func(ctx SpecContext) {
		grant := onRequest(name("payments"), "payments")
		create(ctx, grant)
		request := asked(ctx, grant.Name, "alice", "x")
		session := as("bob", judges, readers).starts("approve", request.Name)
		Eventually(session).Should(gbytes.Say("approved " + request.Name))
		session.Interrupt()
		Expect(ended(session).Code).To(Equal(130))
		Expect(approvalOf(ctx, request.Name).Spec.Approver).To(Equal("bob"))
	})
})
