// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/scrape"
)

// minute is the shortest lifetime of a certificate.
const minute = int32(60)

// signsItself has the operator sign by its own authority, and the API server know that.
func signsItself(ctx context.Context) {
	GinkgoHelper()
	Expect(manager.Stop()).To(Succeed())
	serves(ctx, "--signer=ca", "--leader-elect")
	DeferCleanup(func(ctx SpecContext) {
		Expect(manager.Stop()).To(Succeed())
		serves(ctx)
		Expect(plane.TrustClients(nil)).To(Succeed())
	})
	var bundle corev1.ConfigMap
	Eventually(ctx, func() error {
		return admin.Get(ctx, client.ObjectKey{Namespace: installation.Namespace, Name: "rollcall-client-ca"}, &bundle)
	}).Should(Succeed())
	Expect(plane.TrustClients([]byte(bundle.Data["ca.crt"]))).To(Succeed())
	Eventually(ctx, func(g Gomega) {
		var told v1alpha1.Installation
		g.Expect(admin.Get(ctx, client.ObjectKey{Name: v1alpha1.InstallationName}, &told)).To(Succeed())
		g.Expect(told.Status.Signer).To(Equal("CA"))
		g.Expect(meta.IsStatusConditionTrue(told.Status.Conditions, v1alpha1.ConditionSignerReady)).To(BeTrue())
	}).WithTimeout(2 * time.Minute).Should(Succeed())
}

// certifiesFor sets how long certificates of the directory's people last.
func certifiesFor(ctx context.Context, seconds int32) {
	GinkgoHelper()
	Eventually(ctx, func() error {
		policy := &v1alpha1.Directory{}
		if err := admin.Get(ctx, client.ObjectKey{Name: corp}, policy); err != nil {
			return err
		}
		policy.Spec.Login.CertificateSeconds = seconds
		return admin.Update(ctx, policy)
	}).Should(Succeed())
}

var _ = Describe("Certificates of a minute, by the operator's own authority", Ordered, Serial, func() {
	var henry *someone
	BeforeAll(func(ctx SpecContext) {
		signsItself(ctx)
		certifiesFor(ctx, minute)
		DeferCleanup(func(ctx SpecContext) { certifiesFor(ctx, 900) })
		henry = newSomeone("henry")
		told, err := henry.logsIn(ctx, password)
		Expect(err).NotTo(HaveOccurred(), told)
	}, NodeTimeout(4*time.Minute))

	It("come with a metric that the alert rule asks for", func(ctx SpecContext) {
		Expect(string(read("../../config/prometheus/rules.yaml"))).To(ContainSubstring("rollcall_authority_current == 0"))
		Expect(scraped(ctx)).To(SatisfyAll(ContainSubstring("\nrollcall_authority_current 1\n"),
			metric("rollcall_authority_expiry_timestamp_seconds")))
		scrape.ExpectDescribed(scraped(ctx))
	})

	It("come with the metrics of libraries that the dashboards show and docs/metrics.md names", func(ctx SpecContext) {
		scrape.ExpectLibraries(scraped(ctx))
	})

	It("are renewed while somebody works, who sees nothing of it; and the audit log has the User's uid in every line", func(ctx SpecContext) {
		begun := mark()
		current := henry.session(ctx)
		Eventually(ctx, func() int32 {
			henry.Does(ctx, "auth", "whoami") // It works every time.
			current = henry.session(ctx)
			return *current.Status.Issued
		}).WithTimeout(2 * time.Minute).WithPolling(time.Second).Should(BeNumerically(">=", 3))

		var user v1alpha1.User
		Expect(admin.Get(ctx, client.ObjectKey{Name: "henry"}, &user)).To(Succeed())
		recorded := map[string]bool{}
		for i := range current.Status.Certificates {
			recorded[current.Status.Certificates[i].Fingerprint] = true
		}
		used := map[string]bool{}
		for _, event := range henry.events(begun) {
			Expect(event.User.UID).To(Equal(string(user.UID)))
			used[controlplane.Fingerprint(event)] = true
			Expect(recorded).To(HaveKey(controlplane.Fingerprint(event)))
		}
		Expect(used).To(HaveLen(len(recorded)), "each of them was used")
		for i := range current.Status.Certificates[1:] {
			before, after := &current.Status.Certificates[i], &current.Status.Certificates[i+1]
			Expect(after.Predecessor).To(Equal(before.Fingerprint))
			Expect(after.NotAfter.Sub(before.NotAfter.Time)).To(BeNumerically("~", 45*time.Second, 10*time.Second),
				"60 to 75 percent of a minute, and the next request")
		}
	}, SpecTimeout(3*time.Minute))

	It("are all that is left of a Session that has ended where the API server asks nobody", func(ctx SpecContext) {
		asksNobody(ctx)
		henry.Does(ctx, "auth", "whoami") // What it had may be about to expire.
		current := henry.session(ctx)
		config, err := clientcmd.RESTConfigFromKubeConfig([]byte(henry.stolen(ctx)))
		Expect(err).NotTo(HaveOccurred())
		thief, err := client.New(config, client.Options{})
		Expect(err).NotTo(HaveOccurred())
		reads := func() error {
			return thief.List(ctx, &corev1.ConfigMapList{}, client.InNamespace(namespace), client.Limit(1))
		}
		Expect(apierrors.IsForbidden(reads())).To(BeTrue(), "nobody has granted anything, and the certificate is good")
		ended := ends(ctx, current)
		Eventually(ctx, func() bool { return apierrors.IsUnauthorized(reads()) }).WithTimeout(70 * time.Second).Should(BeTrue())
		took := time.Since(ended)
		Expect(took).To(BeNumerically("<", time.Minute+soon))
		reportf("session ended, nobody asked, certificates of a minute: the last one was refused %v after", took.Round(time.Second))
	}, SpecTimeout(5*time.Minute))
})
