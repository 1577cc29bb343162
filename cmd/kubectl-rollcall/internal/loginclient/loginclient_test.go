// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package loginclient_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/loginclient"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

func TestLoginClient(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The client of the login service")
}

// serve answers over TLS with a certificate for 127.0.0.1 that was edited; ca is its own authority.
func serve(handler http.HandlerFunc, edit func(*x509.Certificate)) (address string, ca []byte) {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "login"}, NotBefore: time.Now().Add(-2 * time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	edit(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	Expect(err).NotTo(HaveOccurred())
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	DeferCleanup(func() { server.CloseClientConnections(); server.Close() })
	return server.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func plainCertificate(*x509.Certificate) {}

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func client(options loginclient.Options) *loginclient.Client {
	GinkgoHelper()
	c, err := loginclient.New(options)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(c.Close)
	return c
}

var _ = Describe("The client of the login service", func() {
	It("asks, and reads the answer", func(ctx SpecContext) {
		var method, path, kind, agent string
		address, ca := serve(func(w http.ResponseWriter, r *http.Request) {
			method, path, kind, agent = r.Method, r.URL.Path, r.Header.Get("Content-Type"), r.UserAgent()
			answering(200, `{"session":"s","user":"alice"}`)(w, r)
		}, plainCertificate)
		Expect(client(loginclient.Options{URL: address + "/", CA: ca, UserAgent: "me"}).Login(ctx, &wire.LoginRequest{})).
			To(Equal(&wire.Login{Session: "s", User: "alice"}))
		Expect([]string{method, path, kind, agent}).To(Equal([]string{"POST", "/v1/login", "application/json", "me"}))
	})

	DescribeTable("tells what the service says instead", func(ctx SpecContext, status int, body string, code wire.Code,
		message string, passing bool,
	) {
		address, ca := serve(answering(status, body), plainCertificate)
		_, err := client(loginclient.Options{URL: address, CA: ca}).Challenge(ctx)
		Expect(err).To(MatchError(ContainSubstring(message)))
		Expect(loginclient.CodeOf(err)).To(Equal(code))
		Expect(loginclient.Passing(err)).To(Equal(passing))
	},
		Entry("refused", 401, `{"code":"Refused","message":"no"}`, wire.CodeRefused, "the login service refused: no", false),
		Entry("refused without words", 401, `{"code":"Refused"}`, wire.CodeRefused, "the login service refused", false),
		Entry("too many", 429, `{"code":"TooMany"}`, wire.CodeTooMany, "wait 7s and try again", true),
		Entry("unavailable", 503, `{"code":"Unavailable","message":"the directory is away"}`, wire.CodeUnavailable,
			"the directory is away", true),
		Entry("without words", 400, `{"code":"Challenge"}`, wire.CodeChallenge, "the login service answered Challenge", false),
		Entry("another's words", 503, `{"error":"no healthy upstream"}`, wire.Code(""), "503 Service Unavailable: is that the address", false),
	)

	DescribeTable("tells why it cannot reach the service", func(ctx SpecContext, options func() loginclient.Options, advice string) {
		_, err := client(options()).Settings(ctx)
		Expect(err).To(MatchError(ContainSubstring(advice)))
		Expect(loginclient.Passing(err)).To(BeTrue())
	},
		Entry("another authority", func() loginclient.Options {
			address, _ := serve(answering(200, "{}"), plainCertificate)
			_, other := serve(answering(200, "{}"), plainCertificate)
			return loginclient.Options{URL: address, CA: other}
		}, "--login-ca-file"),
		Entry("another name", func() loginclient.Options {
			address, ca := serve(answering(200, "{}"), func(c *x509.Certificate) { c.IPAddresses = nil; c.DNSNames = []string{"elsewhere"} })
			return loginclient.Options{URL: address, CA: ca}
		}, "is for another name"),
		Entry("a certificate that is over", func() loginclient.Options {
			address, ca := serve(answering(200, "{}"), func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
			return loginclient.Options{URL: address, CA: ca}
		}, "is this machine's clock right?"),
		Entry("nobody", func() loginclient.Options {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			Expect(err).NotTo(HaveOccurred())
			Expect(listener.Close()).To(Succeed())
			return loginclient.Options{URL: "https://" + listener.Addr().String()}
		}, "connection refused"),
		Entry("no TLS", func() loginclient.Options {
			server := httptest.NewServer(answering(200, "{}"))
			DeferCleanup(server.Close)
			return loginclient.Options{URL: strings.Replace(server.URL, "http:", "https:", 1)}
		}, "server gave HTTP response to HTTPS client"),
		Entry("silence", func() loginclient.Options {
			address, ca := serve(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, plainCertificate)
			return loginclient.Options{URL: address, CA: ca, Timeout: 100 * time.Millisecond}
		}, "does not answer in time"),
	)

	It("is told to stop, and does not call that a fault", func(ctx SpecContext) {
		stopped, stop := context.WithCancel(ctx)
		stop()
		_, err := client(loginclient.Options{URL: "https://127.0.0.1:1"}).Settings(stopped)
		Expect(err).To(Equal(context.Canceled))
	})

	It("sends nothing that is larger than the service takes", func(ctx SpecContext) {
		asked := false
		address, ca := serve(func(http.ResponseWriter, *http.Request) { asked = true }, plainCertificate)
		request := &wire.LoginRequest{OIDC: &wire.IDToken{IDToken: strings.Repeat("x", wire.MaxBody)}}
		_, err := client(loginclient.Options{URL: address, CA: ca}).Login(ctx, request)
		Expect(err).To(MatchError(ContainSubstring("larger than the login service takes")))
		Expect(asked).To(BeFalse())
	})

	DescribeTable("knows addresses", func(address, want string) {
		got, err := loginclient.CheckURL(address)
		if want == "" {
			Expect(err).To(HaveOccurred())
			return
		}
		Expect(got, err).To(Equal(want))
	},
		Entry(nil, "https://Login.example.com/", "https://login.example.com"),
		Entry(nil, "https://login.example.com:8443/path/", "https://login.example.com:8443/path"),
		Entry(nil, "http://login.example.com", ""),
		Entry(nil, "https://alice@login.example.com", ""),
		Entry(nil, "https://login.example.com/?a=b", ""),
		Entry(nil, "https://login.example.com/#a", ""),
		Entry(nil, "https://", ""),
		Entry(nil, "login", ""),
		Entry(nil, "https://[", ""),
	)
})
