// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/controllers"
	"github.com/rollcall-iam/rollcall/internal/operator"
	"github.com/rollcall-iam/rollcall/internal/serving"
	"github.com/rollcall-iam/rollcall/internal/stored"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/certs"
)

// served are specs of what clients of the operator's services must know.
func served(w *world) {
	It("is published before the first client comes", func(ctx SpecContext) {
		published := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: installation.Namespace, Name: serving.AuthorityName}}
		Expect(client.IgnoreNotFound(w.admin.Delete(ctx, published))).To(Succeed())
		w.run(ctx, func(mgr ctrl.Manager, environment operator.Environment) error {
			environment.Login = operator.Endpoint{Address: "127.0.0.1:0", URL: "https://127.0.0.1"}
			return controllers.Register(mgr, environment)
		})
		DeferCleanup(func() { w.halt() })
		Eventually(ctx, func(g Gomega) {
			g.Expect(w.admin.Get(ctx, client.ObjectKeyFromObject(published), published)).To(Succeed())
			g.Expect(published.Data["ca.crt"]).To(HavePrefix("-----BEGIN CERTIFICATE-----"))
		}).Should(Succeed())
	})

	serves := func(secret string) (*serving.Certificates, *clocktesting.FakePassiveClock) {
		clock := clocktesting.NewFakePassiveClock(time.Now())
		return serving.New(serving.Options{
			Store:      stored.Store{Live: w.admin, Client: w.admin, Namespace: installation.Namespace},
			SecretName: secret, Names: []string{"127.0.0.1", "login.corp.example"}, Clock: clock,
		}), clock
	}

	It("stays the same while the certificate is rotated", func(ctx SpecContext) {
		certificates, clock := serves("")
		ca, err := certificates.CA(ctx)
		Expect(err).NotTo(HaveOccurred())
		first := shown(ctx, certificates, ca, clock.Now())
		clock.SetTime(clock.Now().Add(19 * 24 * time.Hour))
		Expect(shown(ctx, certificates, ca, clock.Now()).SerialNumber).To(Equal(first.SerialNumber), "it is not time")
		clock.SetTime(clock.Now().Add(2 * 24 * time.Hour))
		second := shown(ctx, certificates, ca, clock.Now())
		Expect(second.SerialNumber).NotTo(Equal(first.SerialNumber))
		Expect(second.NotAfter).To(BeTemporally("~", clock.Now().Add(30*24*time.Hour), time.Minute))
		Expect(second.VerifyHostname("login.corp.example")).To(Succeed())
		Expect(certificates.CA(ctx)).To(Equal(ca))
	})

	It("is whoever's who gives a Secret, is followed as that is renewed, and what is broken there does not count", func(ctx SpecContext) {
		ours, err := certs.NewCA("corp-serving")
		Expect(err).NotTo(HaveOccurred())
		pair := func() map[string][]byte {
			issued, err := ours.Issue(pkix.Name{CommonName: "login"}, "127.0.0.1")
			Expect(err).NotTo(HaveOccurred())
			return map[string][]byte{corev1.TLSCertKey: issued.Cert, corev1.TLSPrivateKeyKey: issued.Key, "ca.crt": ours.Cert}
		}
		given := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: installation.Namespace, Name: w.name("serving")}, Type: corev1.SecretTypeTLS, Data: pair(),
		}
		certificates, clock := serves(given.Name)
		_, err = certificates.CA(ctx)
		Expect(err).To(MatchError(ContainSubstring(given.Name)), "it is not there yet")
		w.create(ctx, given)
		first := shown(ctx, certificates, ours.Cert, clock.Now())
		Expect(certificates.CA(ctx)).To(BeEquivalentTo(ours.Cert))

		given.Data = pair()
		Expect(w.admin.Update(ctx, given)).To(Succeed())
		Expect(shown(ctx, certificates, ours.Cert, clock.Now()).SerialNumber).To(Equal(first.SerialNumber))
		clock.SetTime(clock.Now().Add(time.Minute))
		second := shown(ctx, certificates, ours.Cert, clock.Now())
		Expect(second.SerialNumber).NotTo(Equal(first.SerialNumber))

		given.Data[corev1.TLSPrivateKeyKey] = []byte("garbage")
		Expect(w.admin.Update(ctx, given)).To(Succeed())
		clock.SetTime(clock.Now().Add(time.Minute))
		Expect(shown(ctx, certificates, ours.Cert, clock.Now()).SerialNumber).To(Equal(second.SerialNumber))
	})
}

// shown is the certificate that a client is shown who verifies it with an authority, at some time.
func shown(ctx context.Context, certificates *serving.Certificates, ca []byte, at time.Time) *x509.Certificate {
	GinkgoHelper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", certificates.Config())
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = listener.Close() }()
	go func() {
		if connection, err := listener.Accept(); err == nil {
			if server, ok := connection.(*tls.Conn); ok {
				_ = server.HandshakeContext(ctx)
			}
			_ = connection.Close()
		}
	}()
	roots := x509.NewCertPool()
	Expect(roots.AppendCertsFromPEM(ca)).To(BeTrue())
	client, err := (&tls.Dialer{Config: &tls.Config{
		RootCAs: roots, MinVersion: tls.VersionTLS12, Time: func() time.Time { return at },
	}}).DialContext(ctx, "tcp", listener.Addr().String())
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = client.Close() }()
	connection, ok := client.(*tls.Conn)
	Expect(ok).To(BeTrue())
	return connection.ConnectionState().PeerCertificates[0]
}
