// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package oidc_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/oidc"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/test/oidcprovider"
)

var _ = Describe("The device flow", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorld(ctx, oidcprovider.Options{}) })

	start := func(ctx SpecContext) oidc.Authorization {
		GinkgoHelper()
		authorization, err := w.provider(ctx).StartDevice(ctx)
		Expect(err).NotTo(HaveOccurred())
		return authorization
	}
	poll := func(ctx SpecContext, a oidc.Authorization) func() error {
		return func() error {
			_, err := w.provider(ctx).PollDevice(ctx, a.DeviceCode)
			return err
		}
	}

	It("tells the person where to go, and how long that is good", func(ctx SpecContext) {
		a := start(ctx)
		Expect(a.DeviceCode).NotTo(BeEmpty())
		Expect(a.UserCode).To(MatchRegexp(`^[A-Z]{4}-[A-Z]{4}$`))
		Expect(a.VerificationURI).To(Equal(w.idp.URL() + "/device"))
		Expect(a.VerificationURIComplete).To(Equal(w.idp.URL() + "/device?user_code=" + a.UserCode))
		Expect(a.Interval).To(Equal(time.Second))
		Expect(a.Expire).To(BeTemporally("~", w.clock.Now().Add(5*time.Minute), 3*time.Second))
	})

	It("waits for the person, at the provider's pace, and then says who they are, once", func(ctx SpecContext) {
		a := start(ctx)
		Expect(poll(ctx, a)()).To(MatchError(oidc.ErrPending))
		Expect(poll(ctx, a)()).To(MatchError(oidc.ErrSlowDown))
		Eventually(poll(ctx, a)).WithPolling(1100 * time.Millisecond).WithTimeout(10 * time.Second).Should(MatchError(oidc.ErrPending))

		Expect(w.idp.ApproveDevice(ctx, a.VerificationURI, a.UserCode, "alice", "wrong")).NotTo(Succeed())
		Expect(w.idp.ApproveDevice(ctx, a.VerificationURI, a.UserCode, "alice", password)).To(Succeed())
		claims, err := w.provider(ctx).PollDevice(ctx, a.DeviceCode)
		Expect(err).NotTo(HaveOccurred())
		Expect(claims).To(SatisfyAll(
			HaveField("Issuer", w.idp.URL()), HaveField("Subject", "subject-alice"), HaveField("UserName", "alice"),
			HaveField("AMR", []string{"pwd", "otp"}), HaveField("AuthTime", BeTemporally("~", time.Now(), 5*time.Second))))
		Expect(poll(ctx, a)()).To(beRefused("access_denied"))
	})

	It("ends when the person says no", func(ctx SpecContext) {
		a := start(ctx)
		Expect(w.idp.DenyDevice(ctx, a.VerificationURI, a.UserCode, "alice", password)).To(Succeed())
		Expect(poll(ctx, a)()).To(beRefused("access_denied"))
	})

	It("ends when the person takes too long", func(ctx SpecContext) {
		a := start(ctx)
		w.idp.ExpireDevices()
		Expect(poll(ctx, a)()).To(MatchError(oidc.ErrExpired))
		Expect(w.idp.ApproveDevice(ctx, a.VerificationURI, a.UserCode, "alice", password)).NotTo(Succeed())
	})

	It("is refused for a code that the provider did not give", func(ctx SpecContext) {
		for _, code := range []string{"", "no-such-code"} {
			Expect(w.provider(ctx).PollDevice(ctx, code)).Error().To(beRefused("access_denied"), "%q", code)
		}
	})

	It("is no word on the person while the provider is silent", func(ctx SpecContext) {
		a, provider := start(ctx), w.provider(ctx)
		Expect(w.idp.Stop()).To(Succeed())
		silent := beProblem(outcome.Transient, v1alpha1.ReasonUnreachable, w.idp.URL())
		Expect(provider.PollDevice(ctx, a.DeviceCode)).Error().To(silent)
		Expect(provider.StartDevice(ctx)).Error().To(silent)

		Expect(w.idp.Resume()).To(Succeed())
		Expect(w.idp.ApproveDevice(ctx, a.VerificationURI, a.UserCode, "alice", password)).To(Succeed())
		Expect(provider.PollDevice(ctx, a.DeviceCode)).To(HaveField("UserName", "alice"))
	})

	Describe("of a client with a secret", func() {
		BeforeEach(func(ctx SpecContext) { w = newWorld(ctx, oidcprovider.Options{ClientSecret: "s3cr%t:of+client"}) })

		It("shows it", func(ctx SpecContext) {
			w.login().ClientSecretRef = secret(ctx, map[string][]byte{"clientSecret": []byte("s3cr%t:of+client")})
			a := start(ctx)
			Expect(w.idp.ApproveDevice(ctx, a.VerificationURI, a.UserCode, "alice", password)).To(Succeed())
			Expect(w.provider(ctx).PollDevice(ctx, a.DeviceCode)).To(HaveField("UserName", "alice"))
			Expect(w.provider(ctx).Verify(ctx, w.idToken(ctx, oidcprovider.ClientID, "alice"), nonce)).To(HaveField("UserName", "alice"))
		})

		It("tells who set it up when the secret is wrong or missing, and does not tell the secret", func(ctx SpecContext) {
			a := start(ctx)
			Expect(w.idp.ApproveDevice(ctx, a.VerificationURI, a.UserCode, "alice", password)).To(Succeed())
			Expect(w.provider(ctx).PollDevice(ctx, a.DeviceCode)).Error().
				To(beProblem(outcome.Terminal, v1alpha1.ReasonInvalidConfig, "refuses the client"))

			w.login().ClientSecretRef = secret(ctx, map[string][]byte{"clientSecret": []byte("not-that-one")})
			_, err := w.provider(ctx).StartDevice(ctx)
			Expect(err).To(SatisfyAll(beProblem(outcome.Terminal, v1alpha1.ReasonInvalidConfig, "refuses the client"),
				Not(MatchError(ContainSubstring("not-that-one")))))
		})
	})
})
