// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/installation"
)

var _ = Describe("A User who is deleted while the certificate is being signed", Ordered, ContinueOnFailure, SpecPriority(-1), func() {
	var m *mortal
	BeforeAll(func(ctx SpecContext) {
		operatorStops()
		Expect(installation.CollectorKnows(ctx, k8s)).To(Succeed())
		m = &mortal{proxy: startProxy()}
		m.runs(ctx)
		DeferCleanup(func() { m.stops() })
	})
	AfterEach(func() {
		if CurrentSpecReport().Failed() {
			showLog(m.log())
		}
	})

	// holds keeps one write from going on until it is let go.
	holds := func(at step, when moment, name string) (held <-chan struct{}, letGo func(), passed <-chan struct{}) {
		reached, release := make(chan struct{}), make(chan struct{})
		passed = m.proxy.intercept(at.of(name), when, func() bool {
			close(reached)
			<-release
			return true
		})
		gone := false
		letGo = func() {
			if !gone {
				close(release)
			}
			gone = true
		}
		DeferCleanup(letGo)
		return reached, letGo, passed
	}
	// deletedWhile creates a User, and deletes them while a write is held.
	deletedWhile := func(ctx context.Context, name string, at step, when moment) (uid types.UID, letGo func()) {
		GinkgoHelper()
		held, release, passed := holds(at, when, name)
		u := localUser(name, lifetime)
		create(ctx, u)
		uid = u.UID
		Eventually(ctx, held).Should(BeClosed(), "it comes to "+at.name)
		remove(ctx, localUser(name, lifetime))
		return uid, func() {
			release()
			Eventually(ctx, passed).Should(BeClosed())
		}
	}
	noSecretStays := func(ctx context.Context, name string) {
		GinkgoHelper()
		// One that is on its way is written, seen to be nobody's, and removed.
		Eventually(ctx, func(g Gomega) { g.Consistently(ctx, absent(secret(name, nil))).Should(BeTrue()) }).Should(Succeed())
	}
	moments := []any{
		Entry("before the approval", approves, before),
		Entry("after the approval", approves, after),
		Entry("before the record", registers, before),
		Entry("after the record", registers, after),
		Entry("before the publication", publishes, before),
		Entry("after the publication", publishes, after),
		Entry("before the User would have told", concludes, before),
	}

	DescribeTable("leaves no Secret", append([]any{func(ctx SpecContext, at step, when moment) {
		name := unique("deleted")
		_, letGo := deletedWhile(ctx, name, at, when)
		letGo()
		noSecretStays(ctx, name)
	}}, moments...)...)

	DescribeTable("hands nothing on to a new User of the same name", append([]any{func(ctx SpecContext, at step, when moment) {
		name := unique("deleted")
		h := follow(ctx, name)
		before, letGo := deletedWhile(ctx, name, at, when)
		successor := localUser(name, lifetime)
		wanted := successor.Spec.Kubeconfig
		successor.Spec.Kubeconfig = nil
		create(ctx, successor)
		letGo()
		noSecretStays(ctx, name)
		eventuallyActive(ctx, name, "True Active")
		Expect(user(ctx, Default, name).Status.Certificate).To(BeNil(), "the successor was issued nothing")

		change(ctx, successor, func(u *v1alpha1.User) { u.Spec.Kubeconfig = wanted })
		served := eventuallyServed(ctx, name, "")
		fingerprint := served.Status.Certificate.Fingerprint
		Eventually(ctx, func() bool { return h.knows(fingerprint) }).Should(BeTrue())
		Expect(h.recordedFor(successor.UID)).To(ConsistOf(fingerprint), "theirs, and never their predecessor's")
		Expect(h.publishedFor(successor.UID)).To(ConsistOf(fingerprint))
		Expect(h.recordedFor(before)).NotTo(ContainElement(fingerprint))
		Expect(h.publishedFor(before)).NotTo(ContainElement(fingerprint))
		accepted(ctx, served)
	}}, moments...)...)

	It("publishes nothing for a User who is suspended meanwhile", func(ctx SpecContext) {
		name := unique("suspended")
		h := follow(ctx, name)
		held, letGo, passed := holds(registers, after, name)
		u := localUser(name, lifetime)
		create(ctx, u)
		Eventually(ctx, held).Should(BeClosed())
		suspend(ctx, name)
		eventuallyActive(ctx, name, "False "+v1alpha1.ReasonSuspended)
		letGo()
		Eventually(ctx, passed).Should(BeClosed())
		Eventually(ctx, h.recordedFor).WithArguments(u.UID).Should(HaveLen(1), "it was signed")
		staysWithout(ctx, name)
		Expect(h.publishedFor(u.UID)).To(BeEmpty())
	})

	It("serves a new User of the same name who asks for the same Secret", func(ctx SpecContext) {
		name := unique("deleted")
		h := follow(ctx, name)
		before, letGo := deletedWhile(ctx, name, publishes, after)
		successor := localUser(name, lifetime)
		create(ctx, successor)
		letGo()
		served := eventuallyServed(ctx, name, "")
		fingerprint := served.Status.Certificate.Fingerprint
		Eventually(ctx, func() bool { return h.knows(fingerprint) }).Should(BeTrue())
		Expect(h.publishedFor(successor.UID)).To(ConsistOf(fingerprint))
		Expect(h.recordedFor(successor.UID)).To(ConsistOf(fingerprint))
		Expect(h.publishedFor(before)).NotTo(ContainElement(fingerprint))
		accepted(ctx, served)
	})
})
