// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package oidc_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/test/oidcprovider"
)

var _ = Describe("The provider of a Directory", func() {
	var w *world
	BeforeEach(func(ctx SpecContext) { w = newWorld(ctx, oidcprovider.Options{}) })

	It("is the same until the Directory or its Secrets change", func(ctx SpecContext) {
		w.login().ClientSecretRef = secret(ctx, map[string][]byte{"clientSecret": []byte("one")})
		first := w.provider(ctx)
		Expect(w.provider(ctx)).To(BeIdenticalTo(first))

		object := corev1.Secret{}
		Expect(admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: w.login().ClientSecretRef.Name}, &object)).To(Succeed())
		object.Data["clientSecret"] = []byte("two")
		Expect(admin.Update(ctx, &object)).To(Succeed())
		second := w.provider(ctx)
		Expect(second).NotTo(BeIdenticalTo(first))
		Expect(w.provider(ctx)).To(BeIdenticalTo(second))

		w.directory.Generation++
		Expect(w.provider(ctx)).NotTo(BeIdenticalTo(second))
	})

	It("has authorities, where they are named", func(ctx SpecContext) {
		Expect(w.providers.CA(ctx, w.directory)).To(Equal(w.idp.CACert()))
		w.login().CASecretRef = nil
		Expect(w.providers.CA(ctx, w.directory)).To(BeNil())
		Expect(w.providers.Of(ctx, w.directory)).Error().To(beProblem(outcome.Transient, v1alpha1.ReasonTLSFailed, "certificate"),
			"the system does not trust it")
	})

	It("needs its Secrets", func(ctx SpecContext) {
		w.login().CASecretRef = &v1alpha1.NameReference{Name: "no-such-secret"}
		Expect(w.providers.Of(ctx, w.directory)).Error().
			To(beProblem(outcome.Terminal, v1alpha1.ReasonSecretNotFound, `"no-such-secret" of spec.login.oidc.caSecretRef`))
		w.login().CASecretRef = secret(ctx, map[string][]byte{"other": []byte("x")})
		Expect(w.providers.Of(ctx, w.directory)).Error().To(beProblem(outcome.Terminal, v1alpha1.ReasonInvalidConfig, `"ca.crt"`))
		w.login().CASecretRef = secret(ctx, map[string][]byte{"ca.crt": []byte("x")})
		Expect(w.providers.Of(ctx, w.directory)).Error().To(beProblem(outcome.Terminal, v1alpha1.ReasonInvalidConfig, "no PEM certificate"))
		w.login().CASecretRef = nil
		w.login().ClientSecretRef = &v1alpha1.NameReference{Name: "no-such-secret"}
		Expect(w.providers.Of(ctx, w.directory)).Error().
			To(beProblem(outcome.Terminal, v1alpha1.ReasonSecretNotFound, "spec.login.oidc.clientSecretRef"))
	})

	It("must call itself as the Directory does", func(ctx SpecContext) {
		w.login().IssuerURL += "/"
		Expect(w.providers.Of(ctx, w.directory)).Error().
			To(beProblem(outcome.Terminal, v1alpha1.ReasonInvalidConfig, fmt.Sprintf("calls itself %q", w.idp.URL())))
	})

	It("is asked again when it did not answer, but not at once", func(ctx SpecContext) {
		Expect(w.idp.Stop()).To(Succeed())
		silent := beProblem(outcome.Transient, v1alpha1.ReasonUnreachable, w.idp.URL())
		Expect(w.providers.Of(ctx, w.directory)).Error().To(silent)
		Expect(w.idp.Resume()).To(Succeed())
		w.clock.SetTime(w.clock.Now().Add(4 * time.Second))
		Expect(w.providers.Of(ctx, w.directory)).Error().To(silent)
		w.clock.SetTime(w.clock.Now().Add(time.Second))
		Expect(w.provider(ctx).Verify(ctx, w.sign(w.good()), nonce)).Error().NotTo(HaveOccurred())
	})

	DescribeTable("that is not in order is silent, or set up wrong", func(
		ctx SpecContext, answer func(issuer string, w http.ResponseWriter, r *http.Request), kind outcome.Kind, reason, text string,
	) {
		var server *httptest.Server
		server = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { answer(server.URL, rw, r) }))
		DeferCleanup(server.Close)
		authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
		w.login().IssuerURL, w.login().CASecretRef = server.URL, secret(ctx, map[string][]byte{"ca.crt": authority})
		Expect(w.providers.Of(ctx, w.directory)).Error().To(beProblem(kind, reason, text))
	},
		Entry("with an error", func(_ string, w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "out of order", http.StatusInternalServerError)
		}, outcome.Transient, v1alpha1.ReasonUnreachable, "500"),
		Entry("with nothing there", func(_ string, w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) },
			outcome.Transient, v1alpha1.ReasonUnreachable, "404"),
		Entry("with what is no document", func(_ string, w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
			outcome.Transient, v1alpha1.ReasonUnreachable, "decode"),
		Entry("with more than can be read", func(issuer string, w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"issuer": %q, "padding": %q}`, issuer, strings.Repeat("p", 1<<20))
		}, outcome.Transient, v1alpha1.ReasonUnreachable, "too large"),
		Entry("elsewhere, in the clear", func(issuer string, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, strings.Replace(issuer, "https", "http", 1)+r.URL.Path, http.StatusFound)
		}, outcome.Transient, v1alpha1.ReasonUnreachable, "only https"),
		Entry("in a circle", func(_ string, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		}, outcome.Transient, v1alpha1.ReasonUnreachable, "redirected"),
		Entry("with keys in the clear", func(issuer string, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"issuer": %q, "jwks_uri": "http://127.0.0.1/keys"}`, issuer)
		}, outcome.Terminal, v1alpha1.ReasonInvalidConfig, "not https"),
	)

	It("gets its client's secret nowhere but where it said", func(ctx SpecContext) {
		var elsewhere atomic.Int32
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		mux := http.NewServeMux()
		mux.HandleFunc("GET /.well-known/openid-configuration", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(rw, `{"issuer": %[1]q, "jwks_uri": "%[1]s/keys", "token_endpoint": "%[1]s/token",
				"device_authorization_endpoint": "%[1]s/token", "token_endpoint_auth_methods_supported": ["client_secret_post"]}`, server.URL)
		})
		mux.HandleFunc("POST /token", func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "/elsewhere", http.StatusTemporaryRedirect)
		})
		mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
		server.Config.Handler = mux
		server.StartTLS()
		DeferCleanup(server.Close)
		authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
		w.login().IssuerURL, w.login().CASecretRef = server.URL, secret(ctx, map[string][]byte{"ca.crt": authority})
		w.login().ClientSecretRef = secret(ctx, map[string][]byte{"clientSecret": []byte("hush")})

		silent := beProblem(outcome.Transient, v1alpha1.ReasonUnreachable, "redirected")
		Expect(w.provider(ctx).StartDevice(ctx)).Error().To(silent)
		Expect(w.provider(ctx).PollDevice(ctx, "code")).Error().To(silent)
		Expect(elsewhere.Load()).To(BeZero())
	})
})
