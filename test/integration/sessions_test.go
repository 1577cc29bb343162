// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/installation"
)

// sessionOf is the Session that a User's newest certificate was issued in.
func (s *stage) sessionOf(ctx context.Context, user *v1alpha1.User) *v1alpha1.Session {
	GinkgoHelper()
	certificate := get(ctx, s.world, user).Status.Certificate
	Expect(certificate).NotTo(BeNil())
	current := &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: certificate.Session}}
	return get(ctx, s.world, current)
}

func layersOf(current *v1alpha1.Session) map[string]string {
	told := map[string]string{}
	for _, c := range current.Status.Conditions {
		told[c.Type] = string(c.Status) + " " + c.Reason
	}
	return told
}

// sessionsStill are specs of Sessions, one Reconcile at a time.
func sessionsStill(s *stage) {
	BeforeAll(s.still)
	BeforeEach(func() { s.clock.SetTime(clock.RealClock{}.Now()) })
	// robot is one who has a kubeconfig, and its Session.
	robot := func(ctx SpecContext) (*v1alpha1.User, *v1alpha1.Session) {
		GinkgoHelper()
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		s.issue(ctx, user)
		current := s.sessionOf(ctx, user)
		s.reconcile(ctx, sessionController, current)
		Expect(s.condition(ctx, current, active)).To(says(isTrue, v1alpha1.ReasonActive))
		return user, current
	}

	It("are there for every kubeconfig Secret, and know each certificate before it is published", func(ctx SpecContext) {
		user, current := robot(ctx)
		first := user.Status.Certificate
		Expect(current.Spec).To(SatisfyAll(
			HaveField("UserRef", v1alpha1.UserReference{Name: user.Name, UID: string(user.UID)}), HaveField("Username", user.Name),
			HaveField("Custody", v1alpha1.CustodyServer), HaveField("Authentication.Method", v1alpha1.MethodManaged)))
		Expect(current.Status.Certificates).To(HaveExactElements(SatisfyAll(
			HaveField("Fingerprint", first.Fingerprint), HaveField("SerialNumber", first.SerialNumber), HaveField("Predecessor", ""))))

		s.clock.SetTime(first.RenewTime.Time)
		s.reconcile(ctx, credentialController, user)
		Expect(s.sessionOf(ctx, user).Status).To(SatisfyAll(
			HaveField("Issued", HaveValue(BeEquivalentTo(2))), HaveField("Certificates", HaveExactElements(
				HaveField("Fingerprint", first.Fingerprint),
				SatisfyAll(HaveField("Fingerprint", user.Status.Certificate.Fingerprint), HaveField("Predecessor", first.Fingerprint))))))
		Expect(s.reconcile(ctx, sessionController, current)).To(BeZero(), "it lasts for as long as the Secret is wanted")
		mark := s.mark()
		s.reconcile(ctx, sessionController, current)
		Expect(s.writes(mark)).To(BeEmpty())
	})

	It("tell that they go on in one write with their first certificate, and go on telling", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		mark := s.mark()
		s.issue(ctx, user)
		current := s.sessionOf(ctx, user)
		Expect(slices.DeleteFunc(s.writes(mark), func(w string) bool { return w != "patch sessions/status "+current.Name })).To(HaveLen(1))
		told := current.Status.Conditions
		Expect(told).To(ConsistOf(
			SatisfyAll(HaveField("Type", active), says(isTrue, v1alpha1.ReasonActive), HaveField("ObservedGeneration", current.Generation)),
			SatisfyAll(HaveField("Type", ready), says(isTrue, v1alpha1.ReasonActive), HaveField("ObservedGeneration", current.Generation))))
		Expect(current.Status.ObservedGeneration).To(HaveValue(Equal(current.Generation)))

		mark = s.mark()
		s.reconcile(ctx, sessionController, current)
		Expect(s.writes(mark)).To(BeEmpty(), "all is told")
		s.clock.SetTime(user.Status.Certificate.RenewTime.Time)
		s.reconcile(ctx, credentialController, user)
		Expect(s.sessionOf(ctx, user).Status.Conditions).To(Equal(told))
		s.reconcile(ctx, sessionController, current)
		Expect(s.sessionOf(ctx, user).Status.Conditions).To(Equal(told))

		change(ctx, s.world, current, func(c *v1alpha1.Session) {
			c.Spec.Termination = &v1alpha1.SessionTermination{By: "rollcall-test-admin", Reason: "leaked"}
		})
		s.reconcile(ctx, sessionController, current)
		Expect(s.condition(ctx, current, active)).To(says(isFalse, v1alpha1.ReasonTerminated))
		Expect(s.condition(ctx, current, ready)).To(says(isTrue, v1alpha1.ReasonTerminated))
	})

	It("that are ended give way to another with another key", func(ctx SpecContext) {
		user, current := robot(ctx)
		leaked := get(ctx, s.world, secretOf(user))
		change(ctx, s.world, current, func(c *v1alpha1.Session) {
			c.Spec.Termination = &v1alpha1.SessionTermination{By: "rollcall-test-admin", Reason: "leaked"}
		})
		s.reconcile(ctx, sessionController, current)
		Expect(s.condition(ctx, current, active)).To(says(isFalse, v1alpha1.ReasonTerminated, "rollcall-test-admin", "leaked"))
		Expect(current.Status).To(SatisfyAll(HaveField("EndReason", v1alpha1.ReasonTerminated), HaveField("EndedBy", "rollcall-test-admin")))

		s.reconcile(ctx, credentialController, user)
		Expect(s.sessionOf(ctx, user).Name).NotTo(Equal(current.Name))
		Expect(get(ctx, s.world, secretOf(user)).Data["tls.key"]).NotTo(Equal(leaked.Data["tls.key"]))
		Expect(whoAmI(ctx, get(ctx, s.world, secretOf(user)).Data["kubeconfig"]).Username).To(Equal(user.Name))
	})

	It("say what keeps the credential of one that has ended out, and that it has expired when it has", func(ctx SpecContext) {
		user, current := robot(ctx)
		grant := grantOf(s.name("grant"), users(user.Name)...)
		s.create(ctx, grant)
		s.reconcile(ctx, grantController, grant)
		change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		s.reconcile(ctx, userController, user)
		Expect(s.reconcile(ctx, sessionController, current)).To(BeNumerically("<=", time.Second), "it looks after the bindings")
		Expect(layersOf(get(ctx, s.world, current))).To(SatisfyAll(
			HaveKeyWithValue(active, "False "+v1alpha1.ReasonUserInactive),
			HaveKeyWithValue(v1alpha1.ConditionRenewalRefused, "True "+v1alpha1.ReasonEnded),
			HaveKeyWithValue(v1alpha1.ConditionBindingsWithdrawn, "False "+v1alpha1.ReasonWithdrawing),
			HaveKeyWithValue(v1alpha1.ConditionCredentialDenied, "False "+v1alpha1.ReasonWebhookNotAsked),
			HaveKeyWithValue(v1alpha1.ConditionWritesDenied, "False "+v1alpha1.ReasonNotLocked),
			HaveKeyWithValue(v1alpha1.ConditionCertificatesExpired, "False "+v1alpha1.ReasonStillValid)))
		ended := current.Status.EndTime

		s.reconcile(ctx, grantController, grant)
		s.passes(time.Minute)
		Expect(s.reconcile(ctx, sessionController, current)).To(Equal(current.ValidUntil().Sub(s.clock.Now())))
		Expect(layersOf(get(ctx, s.world, current))).To(HaveKeyWithValue(v1alpha1.ConditionBindingsWithdrawn, "True "+v1alpha1.ReasonWithdrawn))

		By("letting them in again: what has ended stays so")
		change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserActive })
		s.reconcile(ctx, userController, user)
		s.reconcile(ctx, sessionController, current)
		Expect(s.condition(ctx, current, active)).To(says(isFalse, v1alpha1.ReasonUserInactive))
		Expect(layersOf(current)).To(HaveKeyWithValue(v1alpha1.ConditionBindingsWithdrawn, "False "+v1alpha1.ReasonUserActive))
		Expect(current.Status.EndTime).To(Equal(ended))

		s.clock.SetTime(current.ValidUntil())
		s.reconcile(ctx, sessionController, current)
		Expect(layersOf(get(ctx, s.world, current))).To(SatisfyAll(
			HaveKeyWithValue(v1alpha1.ConditionCertificatesExpired, "True "+v1alpha1.ReasonExpired),
			HaveKeyWithValue(v1alpha1.ConditionBindingsWithdrawn, "False "+v1alpha1.ReasonUserActive)), "as it was when it mattered")
		mark := s.mark()
		s.reconcile(ctx, sessionController, current)
		Expect(s.writes(mark)).To(BeEmpty())
	})

	It("stay for a while when they have ended, and then go", func(ctx SpecContext) {
		_, current := robot(ctx)
		change(ctx, s.world, current, func(c *v1alpha1.Session) {
			c.Spec.Termination = &v1alpha1.SessionTermination{By: "rollcall-test-admin"}
		})
		s.reconcile(ctx, sessionController, current)
		gone := get(ctx, s.world, current).ValidUntil().Add(s.environment.SessionRetention)
		s.clock.SetTime(gone.Add(-time.Second))
		s.reconcile(ctx, sessionController, current)
		Expect(s.gone(ctx, current)).To(BeFalse())
		s.clock.SetTime(gone)
		s.reconcile(ctx, sessionController, current)
		Expect(s.gone(ctx, current)).To(BeTrue())
	})

	It("end with the kubeconfig that is no longer asked for, and with its User", func(ctx SpecContext) {
		user, current := robot(ctx)
		change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.Kubeconfig = nil })
		s.reconcile(ctx, credentialController, user)
		s.reconcile(ctx, sessionController, current)
		Expect(s.condition(ctx, current, active)).To(says(isFalse, v1alpha1.ReasonTerminated, "no longer asks"))

		user, current = robot(ctx)
		s.delete(ctx, user)
		s.reconcile(ctx, sessionController, current)
		Expect(s.condition(ctx, current, active)).To(says(isFalse, v1alpha1.ReasonUserInactive, "is gone"))
	})

	It("of another person keep their username until their certificates have expired", func(ctx SpecContext) {
		user, current := robot(ctx)
		now := s.clock.Now()
		heir := localUser(s.name("heir"))
		s.create(ctx, heir)
		s.reconcile(ctx, userController, heir)
		other := &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: s.name("other")}, Spec: *current.Spec.DeepCopy()}
		other.Spec.Username, other.Spec.IdentityID, other.Spec.UserRef.UID = heir.Name, "another-entry", "gone"
		Expect(s.operator().Create(ctx, other)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { s.delete(ctx, other) })
		other.Status.Certificates = current.Status.Certificates
		Expect(s.operator().Status().Patch(ctx, other, client.Merge)).To(Succeed())

		Expect(s.reconcile(ctx, userController, heir)).To(Equal(current.ValidUntil().Sub(now)))
		Expect(s.condition(ctx, heir, active)).To(says(isFalse, v1alpha1.ReasonUsernameTaken, other.Name))
		s.clock.SetTime(current.ValidUntil())
		s.reconcile(ctx, userController, heir)
		Expect(s.condition(ctx, heir, active)).To(says(isTrue, v1alpha1.ReasonActive))
		Expect(user.Name).NotTo(BeEmpty())
	})

	It("are immutable but for their end, which is final", func(ctx SpecContext) {
		_, current := robot(ctx)
		for name, edit := range map[string]func(*v1alpha1.Session){
			"username": func(c *v1alpha1.Session) { c.Spec.Username = "somebody" },
			"userRef":  func(c *v1alpha1.Session) { c.Spec.UserRef.UID = "somebody" },
			"device":   func(c *v1alpha1.Session) { c.Spec.Device = "laptop" },
			"custody":  func(c *v1alpha1.Session) { c.Spec.Custody = v1alpha1.CustodyClient },
			"idle":     func(c *v1alpha1.Session) { c.Spec.IdleTimeoutSeconds = 60 },
			"max":      func(c *v1alpha1.Session) { c.Spec.MaxDurationSeconds = 60 },
			"method":   func(c *v1alpha1.Session) { c.Spec.Authentication.Method = v1alpha1.MethodOIDC },
		} {
			edited := get(ctx, s.world, current).DeepCopy()
			edit(edited)
			Expect(apierrors.IsInvalid(s.operator().Patch(ctx, edited, client.MergeFrom(current)))).To(BeTrue(), name)
		}
		change(ctx, s.world, current, func(c *v1alpha1.Session) {
			c.Spec.Termination = &v1alpha1.SessionTermination{By: "rollcall-test-admin"}
		})
		edited := current.DeepCopy()
		edited.Spec.Termination = nil
		Expect(apierrors.IsInvalid(s.admin.Update(ctx, edited))).To(BeTrue())
	})
}
