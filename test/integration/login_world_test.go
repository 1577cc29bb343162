// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/crypto/ssh"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/controllers"
	"github.com/rollcall-iam/rollcall/internal/issue"
	"github.com/rollcall-iam/rollcall/internal/login"
	"github.com/rollcall-iam/rollcall/internal/oidc"
	"github.com/rollcall-iam/rollcall/internal/operator"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/proof"
	"github.com/rollcall-iam/rollcall/internal/sources"
	"github.com/rollcall-iam/rollcall/internal/stored"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// loginDesk is the login service of an operator at work, behind TLS as in production.
type loginDesk struct {
	*world
	url   string
	roots *x509.CertPool
}

// opens lets the operator work by itself, with a login service.
func (d *loginDesk) opens(ctx SpecContext) {
	GinkgoHelper()
	d.run(ctx, func(mgr ctrl.Manager, environment operator.Environment) error {
		if err := controllers.Register(mgr, environment); err != nil {
			return err
		}
		key, err := login.Key(ctx, stored.Store{Live: mgr.GetAPIReader(), Client: mgr.GetClient(), Namespace: environment.Namespace})
		if err != nil {
			return err
		}
		service := &login.Service{
			Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Clock: environment.Clock, Key: key, Cluster: environment.Cluster,
			Issuer: &issue.Issuer{
				Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Signer: environment.Signer, Clock: environment.Clock,
			},
			Sources:   &sources.Opener{Live: mgr.GetAPIReader(), Namespace: environment.Namespace},
			Providers: oidc.New(mgr.GetAPIReader(), environment.Namespace, environment.Clock),
			Recorder:  mgr.GetEventRecorder("login"), Log: GinkgoLogr, Metrics: login.NewMetrics(prometheus.NewRegistry()),
		}
		d.serves(service)
		return nil
	})
}

func (d *loginDesk) serves(service *login.Service) {
	server := httptest.NewUnstartedServer(service.Handler())
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	DeferCleanup(server.Close)
	d.url, d.roots = server.URL, x509.NewCertPool()
	d.roots.AddCert(server.Certificate())
}

// guest is somebody at the login service, with the key that they made for a session.
type guest struct {
	desk    *loginDesk
	key     *ecdsa.PrivateKey
	public  []byte
	session string
	subject wire.Subject
	// shown is the certificate that they have; nil before the first.
	shown *tls.Certificate
}

func (d *loginDesk) guest() *guest {
	GinkgoHelper()
	key, err := pki.NewKey()
	Expect(err).NotTo(HaveOccurred())
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	Expect(err).NotTo(HaveOccurred())
	return &guest{desk: d, key: key, public: public}
}

// answered is what the service says.
type answered struct {
	Status int
	Header http.Header
	Body   []byte
	Error  wire.Error
}

// refuses matches an answer with a status and code, whose message has some words.
func refuses(status int, code wire.Code, words ...string) gomegatypes.GomegaMatcher {
	told := make([]gomegatypes.GomegaMatcher, len(words))
	for i, word := range words {
		told[i] = HaveField("Error.Message", ContainSubstring(word))
	}
	return SatisfyAll(HaveField("Status", status), HaveField("Error.Code", code), SatisfyAll(told...))
}

// posts sends JSON, or bytes as they are.
func (g *guest) posts(ctx context.Context, path string, body any) answered {
	GinkgoHelper()
	raw, ok := body.([]byte)
	if !ok {
		var err error
		raw, err = json.Marshal(body)
		Expect(err).NotTo(HaveOccurred())
	}
	config := &tls.Config{RootCAs: g.desk.roots, MinVersion: tls.VersionTLS12}
	if g.shown != nil {
		config.Certificates = []tls.Certificate{*g.shown}
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.desk.url+path, bytes.NewReader(raw))
	Expect(err).NotTo(HaveOccurred())
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = response.Body.Close() }()
	told := answered{Status: response.StatusCode, Header: response.Header}
	told.Body, err = io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	if told.Status != http.StatusOK {
		Expect(json.Unmarshal(told.Body, &told.Error)).To(Succeed(), string(told.Body))
	}
	return told
}

func (g *guest) challenge(ctx context.Context) string {
	GinkgoHelper()
	var challenge wire.Challenge
	told := g.posts(ctx, wire.PathChallenge, struct{}{})
	Expect(told.Status).To(Equal(http.StatusOK), string(told.Body))
	Expect(json.Unmarshal(told.Body, &challenge)).To(Succeed())
	return challenge.Challenge
}

// device is a machine with a key of its own.
type device struct {
	signer ssh.Signer
	public string
}

func newDevice() device {
	GinkgoHelper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	signer, err := ssh.NewSignerFromKey(private)
	Expect(err).NotTo(HaveOccurred())
	return device{signer: signer, public: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))}
}

// proves is a login by a device's key.
func (g *guest) proves(d device, challenge string) wire.LoginRequest {
	GinkgoHelper()
	signature, err := proof.SignSSH(d.signer, proof.Binding(challenge, g.public))
	Expect(err).NotTo(HaveOccurred())
	return wire.LoginRequest{
		Challenge: challenge, PublicKey: g.public, DeviceKey: &wire.DeviceKey{PublicKey: d.public, Signature: signature},
	}
}

// begins takes a login's answer.
func (g *guest) begins(told answered) {
	GinkgoHelper()
	Expect(told.Status).To(Equal(http.StatusOK), string(told.Body))
	var begun wire.Login
	Expect(json.Unmarshal(told.Body, &begun)).To(Succeed())
	g.session, g.subject = begun.Session, begun.Subject
}

// csr asks for the subject that was told.
func (g *guest) csr() []byte {
	GinkgoHelper()
	request, err := pki.NewRequest(g.key, pki.Subject{Username: g.subject.CommonName, Groups: g.subject.Organizations})
	Expect(err).NotTo(HaveOccurred())
	return request
}

func (g *guest) asks(ctx context.Context) answered {
	GinkgoHelper()
	return g.posts(ctx, wire.PathCertificate, wire.CertificateRequest{Session: g.session, CSR: g.csr()})
}

// gets takes a certificate, to show it from now on.
func (g *guest) gets(told answered) wire.Credential {
	GinkgoHelper()
	Expect(told.Status).To(Equal(http.StatusOK), string(told.Body))
	var credential wire.Credential
	Expect(json.Unmarshal(told.Body, &credential)).To(Succeed())
	leaf, err := pki.ParseCertificate(credential.Certificate)
	Expect(err).NotTo(HaveOccurred())
	g.shown = &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: g.key, Leaf: leaf}
	return credential
}

// config reaches the API server with the certificate that a guest has.
func (g *guest) config(credential wire.Credential) *rest.Config {
	GinkgoHelper()
	key, err := pki.EncodeKey(g.key)
	Expect(err).NotTo(HaveOccurred())
	return &rest.Config{Host: g.desk.plane.URL(), QPS: -1, TLSClientConfig: rest.TLSClientConfig{
		CAData: g.desk.plane.CACert(), CertData: credential.Certificate, KeyData: key,
	}}
}

// enrolled is an active local User with a device.
func (d *loginDesk) enrolled(ctx context.Context, devices ...device) *v1alpha1.User {
	GinkgoHelper()
	user := localUser(d.name("guest"))
	for i := range devices {
		enrolled := v1alpha1.Device{Name: d.name("laptop"), PublicKey: devices[i].public + " somebody@somewhere"}
		user.Spec.Devices = append(user.Spec.Devices, enrolled)
	}
	d.create(ctx, user)
	Eventually(ctx, func() v1alpha1.UserStatus { return get(ctx, d.world, user).Status }).Should(HaveField("Username", user.Name))
	d.becomes(ctx, user, active, says(isTrue, v1alpha1.ReasonActive))
	return user
}
