// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package oidc_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	goidc "github.com/coreos/go-oidc/v3/oidc"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	"golang.org/x/oauth2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/oidc"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/oidcprovider"
)

const (
	namespace = "default"
	redirect  = "http://127.0.0.1:41234" + oidcprovider.CallbackPath
	nonce     = "the-nonce-of-this-login"
	password  = "correct horse"
)

var admin client.Client

func TestOIDC(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "OIDC")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	plane, err := controlplane.Start(ctx, controlplane.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(plane.Stop)
	admin, err = client.New(plane.RESTConfig(), client.Options{})
	Expect(err).NotTo(HaveOccurred())
})

// world is an identity provider, and a Directory whose people log in there.
type world struct {
	idp       *oidcprovider.Provider
	clock     *clocktesting.FakePassiveClock
	providers *oidc.Providers
	directory *v1alpha1.Directory
}

func newWorld(ctx context.Context, options oidcprovider.Options) *world {
	GinkgoHelper()
	options.People = []oidcprovider.Person{
		{Name: "alice", Password: password, Email: "alice@corp.example", EmailVerified: true, AMR: []string{"pwd", "otp"}, ACR: "gold"},
		{Name: "bob", Password: password, Email: "bob@corp.example", Claims: map[string]any{"badge": 7}},
	}
	idp, err := oidcprovider.Start(options)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(idp.Stop)
	w := &world{idp: idp, clock: clocktesting.NewFakePassiveClock(time.Now())}
	w.providers = oidc.New(admin, namespace, w.clock)
	w.directory = &v1alpha1.Directory{
		ObjectMeta: metav1.ObjectMeta{Name: "corp", UID: uuid.NewUUID(), Generation: 1},
		Spec: v1alpha1.DirectorySpec{Login: &v1alpha1.LoginPolicy{OIDC: &v1alpha1.OIDCLogin{
			IssuerURL: idp.URL(), ClientID: oidcprovider.ClientID, UserNameClaim: "preferred_username",
			CASecretRef: secret(ctx, map[string][]byte{"ca.crt": idp.CACert()}),
		}}},
	}
	return w
}

// secret makes a Secret, and refers to it.
func secret(ctx context.Context, data map[string][]byte) *v1alpha1.NameReference {
	GinkgoHelper()
	object := corev1.Secret{ObjectMeta: metav1.ObjectMeta{GenerateName: "oidc-", Namespace: namespace}, Data: data}
	Expect(admin.Create(ctx, &object)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) error { return client.IgnoreNotFound(admin.Delete(ctx, &object)) })
	return &v1alpha1.NameReference{Name: object.Name}
}

func (w *world) login() *v1alpha1.OIDCLogin { return w.directory.Spec.Login.OIDC }

func (w *world) provider(ctx context.Context) *oidc.Provider {
	GinkgoHelper()
	provider, err := w.providers.Of(ctx, w.directory)
	Expect(err).NotTo(HaveOccurred())
	return provider
}

// tokens are what somebody gets by the code flow, as the plugin walks it.
func (w *world) tokens(ctx context.Context, clientID, name string, scopes ...string) *oauth2.Token {
	GinkgoHelper()
	config := w.config(ctx, clientID, scopes...)
	verifier := oauth2.GenerateVerifier()
	landed, err := w.idp.AuthorizeByForm(ctx,
		config.AuthCodeURL("state", goidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), name, password)
	Expect(err).NotTo(HaveOccurred())
	Expect(landed.Query()).To(HaveKeyWithValue("state", []string{"state"}))
	Expect((&url.URL{Scheme: landed.Scheme, Host: landed.Host, Path: landed.Path}).String()).To(Equal(redirect))
	token, err := config.Exchange(w.trusting(ctx), landed.Query().Get("code"), oauth2.VerifierOption(verifier))
	Expect(err).NotTo(HaveOccurred())
	return token
}

func (w *world) config(ctx context.Context, clientID string, scopes ...string) *oauth2.Config {
	GinkgoHelper()
	discovered, err := goidc.NewProvider(w.trusting(ctx), w.idp.URL())
	Expect(err).NotTo(HaveOccurred())
	endpoint := discovered.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInParams
	return &oauth2.Config{
		ClientID: clientID, Endpoint: endpoint, RedirectURL: redirect, Scopes: append([]string{"openid", "profile"}, scopes...),
	}
}

func (w *world) trusting(ctx context.Context) context.Context {
	return goidc.ClientContext(ctx, w.idp.HTTPClient())
}

// idToken is that of the code flow.
func (w *world) idToken(ctx context.Context, clientID, name string, scopes ...string) string {
	GinkgoHelper()
	return idTokenOf(w.tokens(ctx, clientID, name, scopes...))
}

func idTokenOf(token *oauth2.Token) string {
	GinkgoHelper()
	idToken, ok := token.Extra("id_token").(string)
	Expect(ok).To(BeTrue(), "there is an ID token")
	return idToken
}

// good are claims that are as they should be.
func (w *world) good() map[string]any {
	now := w.clock.Now().Unix()
	return map[string]any{
		"iss": w.idp.URL(), "sub": "subject-alice", "aud": oidcprovider.ClientID, "iat": now, "exp": now + 300, "nonce": nonce,
		"preferred_username": "alice", "email": "alice@corp.example",
	}
}

func (w *world) sign(claims map[string]any) string {
	GinkgoHelper()
	token, err := w.idp.Sign(claims)
	Expect(err).NotTo(HaveOccurred())
	return token
}

// beRefused is that the person is not vouched for, which is not the provider's silence.
func beRefused(text string) types.GomegaMatcher {
	return SatisfyAll(MatchError(oidc.ErrRefused), MatchError(ContainSubstring(text)), Not(beOfKind(outcome.Transient)))
}

// beProblem is a problem of this kind, which is no word on the person.
func beProblem(kind outcome.Kind, reason, text string) types.GomegaMatcher {
	return SatisfyAll(beOfKind(kind), HaveField("Reason", reason), MatchError(ContainSubstring(text)),
		Not(MatchError(oidc.ErrRefused)))
}

// beOfKind is an error that is a problem of this kind.
func beOfKind(kind outcome.Kind) types.GomegaMatcher {
	return SatisfyAll(BeAssignableToTypeOf(&outcome.Problem{}), HaveField("Kind", kind))
}
