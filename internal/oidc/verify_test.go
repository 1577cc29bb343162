// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package oidc_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/test/oidcprovider"
)

var _ = Describe("An ID token", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorld(ctx, oidcprovider.Options{}) })

	It("of the code flow says who logged in, when and how", func(ctx SpecContext) {
		before := time.Now().Add(-time.Second)
		claims, err := w.provider(ctx).Verify(ctx, w.idToken(ctx, oidcprovider.ClientID, "alice"), nonce)
		Expect(err).NotTo(HaveOccurred())
		Expect(claims.Issuer).To(Equal(w.idp.URL()))
		Expect(claims.Subject).To(Equal("subject-alice"))
		Expect(claims.UserName).To(Equal("alice"))
		Expect(claims.ACR).To(Equal("gold"))
		Expect(claims.AMR).To(Equal([]string{"pwd", "otp"}))
		Expect(claims.AuthTime).To(BeTemporally("~", before, 5*time.Second))
		Expect(claims.IssuedAt).To(BeTemporally("~", before, 5*time.Second))
	})

	It("is good for its own nonce only", func(ctx SpecContext) {
		token := w.idToken(ctx, oidcprovider.ClientID, "alice")
		for _, other := range []string{"another-nonce-of-login", nonce + "x", nonce[1:], ""} {
			Expect(w.provider(ctx).Verify(ctx, token, other)).Error().To(beRefused("nonce"), "%q", other)
		}
		Expect(w.provider(ctx).Verify(ctx, token, nonce)).Error().NotTo(HaveOccurred())
	})

	It("for another client of the same provider is refused", func(ctx SpecContext) {
		Expect(w.provider(ctx).Verify(ctx, w.idToken(ctx, oidcprovider.OtherClientID, "alice"), nonce)).Error().
			To(beRefused("audience"))
	})

	DescribeTable("is refused", func(ctx SpecContext, change map[string]any, text string) {
		Expect(w.provider(ctx).Verify(ctx, w.sign(w.good()), nonce)).Error().NotTo(HaveOccurred(), "as it should be")
		Expect(w.provider(ctx).Verify(ctx, w.sign(changed(w.good(), change)), nonce)).Error().To(beRefused(text))
	},
		Entry("without a nonce", map[string]any{"nonce": nil}, "nonce"),
		Entry("of another issuer", map[string]any{"iss": "https://elsewhere.example"}, "different provider"),
		Entry("without an issuer", map[string]any{"iss": nil}, "different provider"),
		Entry("for nobody", map[string]any{"aud": nil}, "audience"),
		Entry("for several, without saying who asked", map[string]any{"aud": []string{oidcprovider.ClientID, "x"}}, "another client"),
		Entry("for several, asked for by another",
			map[string]any{"aud": []string{oidcprovider.ClientID, "x"}, "azp": "x"}, "another client"),
		Entry("asked for by another", map[string]any{"azp": "x"}, "another client"),
		Entry("without an end", map[string]any{"exp": nil}, "expired"),
		Entry("without an age", map[string]any{"iat": nil}, "older"),
		Entry("about nobody", map[string]any{"sub": nil}, "sub"),
		Entry("with a long subject", map[string]any{"sub": strings.Repeat("s", 257)}, "sub"),
		Entry("with a long acr", map[string]any{"acr": strings.Repeat("a", 257)}, "acr"),
		Entry("with an acr that is no string", map[string]any{"acr": 1}, "acr"),
		Entry("with many methods", map[string]any{"amr": slices.Repeat([]string{"pwd"}, 17)}, "amr"),
		Entry("with a long method", map[string]any{"amr": []string{strings.Repeat("m", 65)}}, "amr"),
		Entry("with an empty method", map[string]any{"amr": []string{""}}, "amr"),
		Entry("with methods that are no list", map[string]any{"amr": "pwd"}, "amr"),
		Entry("of a login in the future", map[string]any{"auth_time": time.Now().Add(time.Hour).Unix()}, "auth_time"),
		Entry("of a login at no time", map[string]any{"auth_time": 1e300}, "auth_time"),
		Entry("without a user name", map[string]any{"preferred_username": nil}, "no claim preferred_username"),
		Entry("with an empty user name", map[string]any{"preferred_username": ""}, "no claim preferred_username"),
		Entry("with a user name that is no string", map[string]any{"preferred_username": []string{"alice"}}, "no string"),
		Entry("with a long user name", map[string]any{"preferred_username": strings.Repeat("u", 254)}, "253"),
		Entry("with a user name of two lines", map[string]any{"preferred_username": "alice\nroot"}, "control"),
	)

	DescribeTable("is taken", func(ctx SpecContext, change map[string]any) {
		Expect(w.provider(ctx).Verify(ctx, w.sign(changed(w.good(), change)), nonce)).Error().NotTo(HaveOccurred())
	},
		Entry("for several, if this client asked",
			map[string]any{"aud": []string{oidcprovider.ClientID, "x"}, "azp": oidcprovider.ClientID}),
		Entry("with a subject as long as may be", map[string]any{"sub": strings.Repeat("s", 256)}),
		Entry("with a user name as long as may be", map[string]any{"preferred_username": strings.Repeat("u", 253)}),
		Entry("with as many methods as may be", map[string]any{"amr": slices.Repeat([]string{strings.Repeat("m", 64)}, 16)}),
		Entry("with null for what may be absent", map[string]any{"acr": json.RawMessage("null"), "amr": json.RawMessage("null")}),
	)

	DescribeTable("has its time", func(ctx SpecContext, later time.Duration, text string) {
		claims := w.good()
		claims["exp"] = w.clock.Now().Add(time.Hour).Unix()
		token := w.sign(claims)
		w.clock.SetTime(w.clock.Now().Truncate(time.Second).Add(later))
		_, err := w.provider(ctx).Verify(ctx, token, nonce)
		if text == "" {
			Expect(err).NotTo(HaveOccurred())
		} else {
			Expect(err).To(beRefused(text))
		}
	},
		Entry("up to ten minutes of age", 10*time.Minute, ""),
		Entry("not more", 10*time.Minute+time.Second, "older"),
		Entry("from a clock that is a minute ahead", -time.Minute, ""),
		Entry("not more", -time.Minute-time.Second, "future"),
	)

	It("is refused once it has expired", func(ctx SpecContext) {
		token := w.idToken(ctx, oidcprovider.ClientID, "alice")
		w.clock.SetTime(w.clock.Now().Add(4 * time.Minute))
		Expect(w.provider(ctx).Verify(ctx, token, nonce)).Error().NotTo(HaveOccurred())
		w.clock.SetTime(w.clock.Now().Add(2 * time.Minute))
		Expect(w.provider(ctx).Verify(ctx, token, nonce)).Error().To(beRefused("expired"))
	})

	It("is refused without a signature", func(ctx SpecContext) {
		payload, err := json.Marshal(w.good())
		Expect(err).NotTo(HaveOccurred())
		encode := base64.RawURLEncoding.EncodeToString
		for _, algorithm := range []string{"none", "None", "NONE", ""} {
			header := encode([]byte(`{"alg":"` + algorithm + `","typ":"JWT"}`))
			Expect(w.provider(ctx).Verify(ctx, header+"."+encode(payload)+".", nonce)).Error().To(beRefused("malformed"), algorithm)
		}
		signed := strings.Split(w.sign(w.good()), ".")
		Expect(w.provider(ctx).Verify(ctx, signed[0]+"."+signed[1]+".", nonce)).Error().To(beRefused(""))
		Expect(w.provider(ctx).Verify(ctx, signed[0]+"."+encode(payload[:len(payload)-1])+"."+signed[2], nonce)).Error().
			To(beRefused("signature"))
	})

	It("is refused where the provider's public key was used as a secret", func(ctx SpecContext) {
		key := w.publicKey()
		der, err := x509.MarshalPKIXPublicKey(key.Key)
		Expect(err).NotTo(HaveOccurred())
		encoded := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		for _, secret := range [][]byte{der, encoded, []byte(strings.TrimSpace(string(encoded)))} {
			forged := w.forge(jose.HS256, secret, key.KeyID)
			Expect(w.provider(ctx).Verify(ctx, forged, nonce)).Error().To(beRefused("algorithm"))
		}
	})

	It("is refused where another key signed under the provider's key ID", func(ctx SpecContext) {
		another, err := rsa.GenerateKey(rand.Reader, 2048)
		Expect(err).NotTo(HaveOccurred())
		forged := w.forge(jose.RS256, another, w.publicKey().KeyID)
		Expect(w.provider(ctx).Verify(ctx, forged, nonce)).Error().To(beRefused("signature"))
		Expect(w.provider(ctx).Verify(ctx, w.forge(jose.RS256, another, ""), nonce)).Error().To(beRefused("signature"))
	})

	It("is refused if it is too large", func(ctx SpecContext) {
		large := w.sign(changed(w.good(), map[string]any{"padding": strings.Repeat("p", 32<<10)}))
		Expect(w.provider(ctx).Verify(ctx, large, nonce)).Error().To(beRefused("32768 bytes"))
	})

	It("is good under a new key of the provider, and no more under the old one", func(ctx SpecContext) {
		provider, old := w.provider(ctx), w.sign(w.good())
		Expect(provider.Verify(ctx, old, nonce)).Error().NotTo(HaveOccurred())
		Expect(w.idp.RotateKeys()).To(Succeed())
		Expect(provider.Verify(ctx, w.sign(w.good()), nonce)).Error().NotTo(HaveOccurred())
		Expect(provider.Verify(ctx, old, nonce)).Error().To(beRefused("signature"))
	})

	It("is no word on the person while its key cannot be had", func(ctx SpecContext) {
		provider, token := w.provider(ctx), w.sign(w.good())
		Expect(w.idp.Stop()).To(Succeed())
		Expect(provider.Verify(ctx, token, nonce)).Error().
			To(beProblem(outcome.Transient, v1alpha1.ReasonUnreachable, w.idp.URL()))
		Expect(provider.Reachable(ctx)).To(beProblem(outcome.Transient, v1alpha1.ReasonUnreachable, w.idp.URL()))
		Expect(w.providers.Of(ctx, w.directory)).To(BeIdenticalTo(provider), "what was known is still known")

		Expect(w.idp.Resume()).To(Succeed())
		Expect(provider.Verify(ctx, token, nonce)).Error().NotTo(HaveOccurred())
		Expect(provider.Reachable(ctx)).To(Succeed())
	})

	It("is good without the provider where its key is known", func(ctx SpecContext) {
		Expect(w.provider(ctx).Verify(ctx, w.sign(w.good()), nonce)).Error().NotTo(HaveOccurred())
		token := w.sign(w.good())
		Expect(w.idp.Stop()).To(Succeed())
		Expect(w.provider(ctx).Verify(ctx, token, nonce)).Error().NotTo(HaveOccurred())
	})

	Describe("with the claim email for the user name", func() {
		BeforeEach(func() { w.login().UserNameClaim = "email" })

		It("is good where the provider says that it is verified", func(ctx SpecContext) {
			Expect(w.provider(ctx).Verify(ctx, w.idToken(ctx, oidcprovider.ClientID, "alice", "email"), nonce)).
				To(HaveField("UserName", "alice@corp.example"))
		})

		DescribeTable("and what the provider says of it", func(ctx SpecContext, verified any, good bool) {
			_, err := w.provider(ctx).Verify(ctx, w.sign(changed(w.good(), map[string]any{"email_verified": verified})), nonce)
			if good {
				Expect(err).NotTo(HaveOccurred())
			} else {
				Expect(err).To(beRefused("not verified"))
			}
		},
			Entry("verified", true, true), Entry("verified, in words", "true", true), Entry("nothing", nil, true),
			Entry("not verified", false, false), Entry("not verified, in words", "false", false), Entry("something else", 1, false),
		)
	})

	It("is refused where a claim that is no string is to be the user name", func(ctx SpecContext) {
		w.login().UserNameClaim = "badge"
		Expect(w.provider(ctx).Verify(ctx, w.idToken(ctx, oidcprovider.ClientID, "bob"), nonce)).Error().To(beRefused("no string"))
		Expect(w.provider(ctx).Verify(ctx, w.idToken(ctx, oidcprovider.ClientID, "alice"), nonce)).Error().To(beRefused("no claim badge"))
	})
})

var _ = Describe("A fresh ID token", func() {
	It("vouches again, for the same person only, until they are disabled", func(ctx SpecContext) {
		w := newWorld(ctx, oidcprovider.Options{})
		config, first := w.config(ctx, oidcprovider.ClientID), w.tokens(ctx, oidcprovider.ClientID, "alice", "offline_access")
		Expect(first.RefreshToken).NotTo(BeEmpty())

		first.Expiry = time.Now().Add(-time.Second)
		second, err := config.TokenSource(w.trusting(ctx), first).Token()
		Expect(err).NotTo(HaveOccurred())
		Expect(w.provider(ctx).VerifyFresh(ctx, idTokenOf(second), "subject-alice")).To(SatisfyAll(
			HaveField("Subject", "subject-alice"), HaveField("UserName", "alice")))
		for _, other := range []string{"subject-bob", "subject-alic", ""} {
			Expect(w.provider(ctx).VerifyFresh(ctx, idTokenOf(second), other)).Error().To(beRefused("somebody else"), "%q", other)
		}
		Expect(w.provider(ctx).VerifyFresh(ctx, "a.b.c", "subject-alice")).Error().To(beRefused(""))

		Expect(w.idp.Disable("alice")).To(Succeed())
		second.Expiry = first.Expiry
		Expect(config.TokenSource(w.trusting(ctx), second).Token()).Error().To(MatchError(ContainSubstring("invalid_grant")))
		Expect(w.idp.Enable("alice")).To(Succeed())
		Expect(config.TokenSource(w.trusting(ctx), second).Token()).Error().NotTo(HaveOccurred())
	})
})

// changed are claims with some replaced, and those without a value left out.
func changed(claims, change map[string]any) map[string]any {
	for name, value := range change {
		if value == nil {
			delete(claims, name)
		} else {
			claims[name] = value
		}
	}
	return claims
}

// forge signs good claims with a key of somebody else's.
func (w *world) forge(algorithm jose.SignatureAlgorithm, key any, id string) string {
	GinkgoHelper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	Expect(err).NotTo(HaveOccurred())
	payload, err := json.Marshal(w.good())
	Expect(err).NotTo(HaveOccurred())
	signed, err := signer.Sign(payload)
	Expect(err).NotTo(HaveOccurred())
	token, err := signed.CompactSerialize()
	Expect(err).NotTo(HaveOccurred())
	return token
}

// publicKey is what the provider publishes.
func (w *world) publicKey() jose.JSONWebKey {
	GinkgoHelper()
	response, err := w.idp.HTTPClient().Get(w.idp.URL() + "/keys")
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = response.Body.Close() }()
	var found jose.JSONWebKeySet
	Expect(json.NewDecoder(response.Body).Decode(&found)).To(Succeed())
	Expect(found.Keys).To(HaveLen(1))
	return found.Keys[0]
}
