// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"errors"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/controllers/user"
	"github.com/rollcall-iam/rollcall/internal/operator"
	"github.com/rollcall-iam/rollcall/internal/seen"
	"github.com/rollcall-iam/rollcall/internal/status"
)

const (
	dormant = v1alpha1.ConditionDormant
	// long is how long somebody is not seen who is dormant.
	long = 90 * 24 * time.Hour
)

// audited is a stage whose operator has an audit service that says what the spec says.
type audited struct {
	*stage

	covered bool
	err     error
	// asked is since when it was asked about, each time.
	asked  []time.Time
	events *events.FakeRecorder
}

// begin begins anew, at the present time, with all covered.
func (a *audited) begin() {
	const room = 64
	a.clock.SetTime(clock.RealClock{}.Now())
	a.covered, a.err, a.asked, a.events = true, nil, nil, events.NewFakeRecorder(room)
	a.controllers[userController] = a.reconciler(func(_ context.Context, since time.Time) (bool, error) {
		a.asked = append(a.asked, since)
		return a.covered, a.err
	})
}

func (a *audited) reconciler(covered func(context.Context, time.Time) (bool, error)) *user.Reconciler {
	return &user.Reconciler{
		Client: a.cached, Reporter: status.Reporter{Client: a.cached, Recorder: a.events, FieldOwner: "rollcall-user"}, Clock: a.clock,
		DormantAfter: long, Covered: covered,
	}
}

// forgotten is somebody who may act, and was last seen so long before now.
func (a *audited) forgotten(ctx SpecContext, ago time.Duration) *v1alpha1.User {
	GinkgoHelper()
	u := a.person(ctx)
	a.sees(ctx, u, a.clock.Now().Add(-ago))
	return u
}

// sees writes that somebody was seen, as the operator does.
func (w *world) sees(ctx context.Context, u *v1alpha1.User, at time.Time) {
	GinkgoHelper()
	Expect(seen.NewWriter(w.admin).User(ctx, u.Name, get(ctx, w, u).UID, at)).To(Succeed())
	Expect(get(ctx, w, u).Status.LastSeenTime.Time).To(BeTemporally("==", at.Truncate(time.Second)))
}

// dormantStill are specs of people who are not seen, one Reconcile at a time.
func dormantStill(s *stage) {
	var a *audited
	around := func(d time.Duration) gomegatypes.GomegaMatcher { return BeNumerically("~", d, d/10) }
	BeforeAll(func(ctx SpecContext) {
		s.still(ctx)
		a = &audited{stage: s}
	})
	BeforeEach(func() { a.begin() })

	It("are dormant from the moment on that it was too long, and not once they are seen again", func(ctx SpecContext) {
		u := a.person(ctx)
		grant := grantOf(a.name("grant"), users(u.Name)...)
		a.create(ctx, grant)
		a.reconcile(ctx, grantController, grant)
		last := a.clock.Now().Truncate(time.Second)
		a.sees(ctx, u, last)
		a.clock.SetTime(last.Add(long - time.Second))
		Expect(a.reconcile(ctx, userController, u)).To(Equal(time.Second))
		Expect(a.condition(ctx, u, dormant)).To(BeZero())
		Expect(a.asked).To(BeEmpty(), "of those who are at work nobody asks")

		a.passes(time.Second)
		Expect(a.reconcile(ctx, userController, u)).To(around(time.Hour))
		Expect(a.condition(ctx, u, dormant)).To(says(isTrue, v1alpha1.ReasonNotSeen, last.UTC().Format(time.RFC3339), "1 Grant"))
		Expect(a.condition(ctx, u, ready)).To(says(isTrue, v1alpha1.ReasonReconciled))
		Expect(a.asked).To(HaveExactElements(BeTemporally("==", last)))
		Expect(a.events.Events).To(Receive(ContainSubstring("NotSeen not seen since")))

		By("letting time pass: nothing is written")
		version := get(ctx, a.world, u).ResourceVersion
		a.passes(100 * 24 * time.Hour)
		a.reconcile(ctx, userController, u)
		Expect(get(ctx, a.world, u).ResourceVersion).To(Equal(version))

		a.sees(ctx, u, a.clock.Now())
		Expect(a.reconcile(ctx, userController, u)).To(BeNumerically("~", long, time.Second))
		Expect(a.condition(ctx, u, dormant)).To(BeZero())
		Expect(a.condition(ctx, u, active)).To(says(isTrue, v1alpha1.ReasonActive))
		Expect(a.events.Events).NotTo(Receive())
	})

	It("are dormant where they were never seen, from their beginning on", func(ctx SpecContext) {
		u := a.person(ctx)
		made := u.CreationTimestamp.Time
		a.clock.SetTime(made.Add(long - time.Second))
		Expect(a.reconcile(ctx, userController, u)).To(Equal(time.Second))
		a.passes(time.Second)
		a.reconcile(ctx, userController, u)
		Expect(a.condition(ctx, u, dormant)).To(says(isTrue, v1alpha1.ReasonNeverSeen, made.UTC().Format(time.RFC3339), "no Grant"))
	})

	It("are looked at when the first of all moments comes", func(ctx SpecContext) {
		u := a.person(ctx)
		due := u.CreationTimestamp.Add(long)
		for _, sooner := range []time.Duration{time.Hour, -time.Hour} {
			expire := metav1.NewTime(due.Add(-sooner))
			change(ctx, a.world, u, func(u *v1alpha1.User) { u.Spec.ExpireTime = &expire })
			Expect(a.reconcile(ctx, userController, u)).To(Equal(due.Add(-max(sooner, 0)).Sub(a.clock.Now())))
		}
	})

	It("are not where they may not act: there is nothing to take away", func(ctx SpecContext) {
		u := a.forgotten(ctx, long)
		a.reconcile(ctx, userController, u)
		Expect(a.condition(ctx, u, dormant)).To(says(isTrue, v1alpha1.ReasonNotSeen))
		change(ctx, a.world, u, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		Expect(a.reconcile(ctx, userController, u)).To(BeZero())
		Expect(a.condition(ctx, u, dormant)).To(BeZero())
	})

	It("are not where it is not known that all arrived, until it is", func(ctx SpecContext) {
		u := a.forgotten(ctx, long)
		a.covered = false
		Expect(a.reconcile(ctx, userController, u)).To(around(time.Hour))
		Expect(a.condition(ctx, u, dormant)).To(BeZero())
		a.covered = true
		a.passes(time.Minute)
		a.reconcile(ctx, userController, u)
		Expect(a.condition(ctx, u, dormant)).To(says(isTrue, v1alpha1.ReasonNotSeen))
		a.covered = false
		a.passes(time.Minute)
		a.reconcile(ctx, userController, u)
		Expect(a.condition(ctx, u, dormant)).To(BeZero())
	})

	It("stay what they were while nobody can say, and lose access all the same", func(ctx SpecContext) {
		was, wasNot := a.forgotten(ctx, long), a.person(ctx)
		a.reconcile(ctx, userController, was)
		a.passes(long + time.Second) // The API server's clock, which says when somebody was made, is another one.
		a.err = errors.New("the store is away")
		Expect(a.reconcile(ctx, userController, was)).To(around(5 * time.Minute))
		Expect(a.reconcile(ctx, userController, wasNot)).To(around(5 * time.Minute))
		Expect(a.condition(ctx, was, dormant)).To(says(isTrue, v1alpha1.ReasonNotSeen))
		Expect(a.condition(ctx, wasNot, dormant)).To(BeZero())
		change(ctx, a.world, was, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		a.reconcile(ctx, userController, was)
		Expect(a.condition(ctx, was, active)).To(says(isFalse, v1alpha1.ReasonSuspended))
		Expect(a.condition(ctx, was, dormant)).To(BeZero())
	})

	It("are asked about once for all of them, and no longer than loss of access may wait", func(ctx SpecContext) {
		one, two := a.forgotten(ctx, long), a.forgotten(ctx, long)
		a.reconcile(ctx, userController, one)
		a.passes(time.Minute - time.Nanosecond)
		a.reconcile(ctx, userController, two)
		Expect(a.asked).To(HaveLen(1))
		a.passes(time.Nanosecond)
		a.reconcile(ctx, userController, two)
		Expect(a.asked).To(HaveLen(2))

		bounded := false
		a.controllers[userController] = a.reconciler(func(ctx context.Context, _ time.Time) (bool, error) {
			until, ok := ctx.Deadline()
			bounded = ok && time.Until(until) <= 2*time.Second
			return true, nil
		})
		a.reconcile(ctx, userController, one)
		Expect(bounded).To(BeTrue())
	})

	DescribeTable("are not where nobody looks", func(ctx SpecContext, change func(*user.Reconciler)) {
		u := a.forgotten(ctx, long)
		a.reconcile(ctx, userController, u)
		Expect(a.condition(ctx, u, dormant)).To(says(isTrue, v1alpha1.ReasonNotSeen))
		r, ok := a.controllers[userController].(*user.Reconciler)
		Expect(ok).To(BeTrue())
		after, covered := r.DormantAfter, r.Covered
		DeferCleanup(func() { r.DormantAfter, r.Covered = after, covered })
		change(r)
		Expect(a.reconcile(ctx, userController, u)).To(BeZero())
		Expect(a.condition(ctx, u, dormant)).To(BeZero())
	},
		Entry("since it is turned off", func(r *user.Reconciler) { r.DormantAfter = 0 }),
		Entry("since there is no audit service", func(r *user.Reconciler) { r.Covered = nil }),
	)
}

// dormantLive are specs of them with the operator at work.
func dormantLive(w *world) {
	BeforeAll(func(ctx SpecContext) {
		w.run(ctx, func(mgr ctrl.Manager, _ operator.Environment) error {
			return (&user.Reconciler{
				Client: mgr.GetClient(), Clock: clock.RealClock{}, DormantAfter: long,
				Reporter: status.Reporter{Client: mgr.GetClient(), Recorder: mgr.GetEventRecorder("rollcall-user"), FieldOwner: "rollcall-user"},
				Covered:  func(context.Context, time.Time) (bool, error) { return true, nil },
			}).SetupWithManager(mgr)
		})
	})

	It("are not dormant any more once they are seen", func(ctx SpecContext) {
		u := localUser(w.name("user"))
		w.create(ctx, u)
		w.becomes(ctx, u, active, says(isTrue, v1alpha1.ReasonActive))
		w.sees(ctx, u, now().Add(-2*long))
		w.becomes(ctx, u, dormant, says(isTrue, v1alpha1.ReasonNotSeen))
		w.sees(ctx, u, now())
		w.becomes(ctx, u, dormant, BeZero())
	})
}
