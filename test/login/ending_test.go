// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login_test

import (
	"context"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// rounds is how often each time is measured.
const rounds = 20

// soon is more than any of the measured times, on a machine that does much else.
const soon = 5 * time.Second

// tells prints what was measured.
func tells(what string, took []time.Duration) {
	GinkgoHelper()
	slices.Sort(took)
	reportf("%s: first denial p50 %v, p99 %v after the API server's acknowledgement, %d rounds", what,
		percentile(took, 50).Round(100*time.Microsecond), percentile(took, 99).Round(100*time.Microsecond), len(took))
	Expect(percentile(took, 99)).To(BeNumerically("<", soon))
}

var _ = Describe("The end of a Session at work, where the API server asks the webhook", Ordered, func() {
	var w *worker
	BeforeAll(func(ctx SpecContext) { w = newWorker(ctx, "wanda") })

	It("is the end of requests at once, and not of a watch that runs", func(ctx SpecContext) {
		took := make([]time.Duration, 0, rounds)
		for range rounds {
			current := w.begins(ctx)
			watch := w.watches(ctx)
			requests := asks(ctx, w.reads)
			after, why := requests.after(ctx, ends(ctx, current))
			took = append(took, after)
			Expect(why).To(SatisfyAll(ContainSubstring(current.Name), ContainSubstring("laptop lost")))
			watch.sees(ctx)
			watch.kill()
		}
		tells("session ended, webhook asked", took)
	}, SpecTimeout(4*time.Minute))

	It("is the end of a watch when the API server ends that, for it lets nobody begin another", func(ctx SpecContext) {
		current := w.begins(ctx)
		watch := w.watches(ctx)
		asked := asks(ctx, w.reads)
		ended := ends(ctx, current)
		asked.after(ctx, ended)
		watch.sees(ctx)
		Eventually(ctx, watch.lines).WithTimeout(2*watchAtLeast + soon).Should(BeClosed())
		went := time.Since(watch.begun)
		Expect(went).To(BeNumerically(">=", watchAtLeast))
		reportf("a watch went on for %v after the end of its session: until the API server ended it, %v after it began "+
			"(--min-request-timeout=%v, and up to twice that)", time.Since(ended).Round(time.Second), went.Round(time.Second), watchAtLeast)
		told, err := w.Runs(ctx, "get", "configmaps", "--namespace", namespace, "--watch")
		Expect(err).To(HaveOccurred())
		Expect(told).To(ContainSubstring("has ended"))
	}, SpecTimeout(2*time.Minute))
})

var _ = Describe("The end of a Session at work, where the API server asks nobody", Ordered, Serial, func() {
	var w *worker
	BeforeAll(func(ctx SpecContext) {
		w = newWorker(ctx, "otto")
		asksNobody(ctx)
	}, NodeTimeout(3*time.Minute))
	lifts := func(ctx context.Context, lock *v1alpha1.Lock) {
		GinkgoHelper()
		Expect(admin.Delete(ctx, lock)).To(Succeed())
	}

	It("is the end of requests when the certificate expires, and of renewals at once", func(ctx SpecContext) {
		current := w.begins(ctx)
		watch := w.watches(ctx)
		ended := ends(ctx, current)
		Consistently(ctx, func() error { return w.reads(ctx) }).WithTimeout(3 * time.Second).Should(Succeed())
		Expect(w.writes(ctx)).To(Succeed())
		watch.sees(ctx)
		w.due()
		told, err := w.Runs(ctx, "get", "configmaps", "--namespace", namespace)
		Expect(err).To(HaveOccurred())
		Expect(told).To(SatisfyAll(ContainSubstring("your session has ended"), ContainSubstring("laptop lost")), "none is renewed")
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(current), current)).To(Succeed())
		Expect(current.Status.Issued).To(HaveValue(BeEquivalentTo(1)))
		left := w.validUntil().Sub(ended)
		Expect(left).To(BeNumerically("<=", 15*time.Minute))
		Expect(current.ValidUntil()).To(BeTemporally("==", w.validUntil()), "its status says until when")
		reportf("session ended, nobody asked: requests go on until the certificate expires, here for %v more; no renewal",
			left.Round(time.Second))
	})

	It("is the end of requests soon where the person is locked", func(ctx SpecContext) {
		took := make([]time.Duration, 0, rounds)
		for range rounds {
			w.begins(ctx)
			requests := asks(ctx, w.reads)
			lock, acknowledged := locks(ctx, v1alpha1.LockUser, w.user.Name)
			after, _ := requests.after(ctx, acknowledged)
			took = append(took, after)
			lifts(ctx, lock)
		}
		tells("person locked, nobody asked (bindings withdrawn)", took)
	}, SpecTimeout(4*time.Minute))

	It("is the end of writes soon where the Session is locked, and not of reads", func(ctx SpecContext) {
		took := make([]time.Duration, 0, rounds)
		for range rounds {
			current := w.begins(ctx)
			requests := asks(ctx, w.writes)
			lock, acknowledged := locks(ctx, v1alpha1.LockSession, current.Name)
			after, why := requests.after(ctx, acknowledged)
			took = append(took, after)
			Expect(why).To(ContainSubstring(lock.Name))
			Expect(w.reads(ctx)).To(Succeed())
			lifts(ctx, lock)
		}
		tells("session locked, nobody asked (policy rollcall-locks, writes)", took)
	}, SpecTimeout(4*time.Minute))
})
