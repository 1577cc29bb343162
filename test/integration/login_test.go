// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/proof"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// logins are specs of the login service, with the operator at work, and people who have nothing but an enrolled device.
func logins(w *world) {
	desk := &loginDesk{world: w}
	BeforeAll(desk.opens)
	// comesIn is a guest who has logged in and has a certificate.
	comesIn := func(ctx context.Context) (*guest, device, *v1alpha1.User) {
		GinkgoHelper()
		d := newDevice()
		user := desk.enrolled(ctx, d)
		g := desk.guest()
		g.begins(g.posts(ctx, wire.PathLogin, g.proves(d, g.challenge(ctx))))
		g.gets(g.asks(ctx))
		return g, d, user
	}

	It("let somebody in by an enrolled device, and the cluster knows them", func(ctx SpecContext) {
		d := newDevice()
		user := desk.enrolled(ctx, d)
		g := desk.guest()
		g.begins(g.posts(ctx, wire.PathLogin, g.proves(d, g.challenge(ctx))))
		Expect(g.subject).To(Equal(wire.Subject{
			CommonName: user.Name, Organizations: []string{v1alpha1.ManagedGroup}, UID: string(user.UID),
		}))
		credential := g.gets(g.asks(ctx))
		Expect(time.Until(credential.NotAfter)).To(BeNumerically("~", 15*time.Minute, 6*time.Minute))
		Expect(credential.RenewTime).To(BeTemporally("<", credential.NotAfter))

		review, err := kubernetes.NewForConfigOrDie(g.config(credential)).AuthenticationV1().SelfSubjectReviews().
			Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(review.Status.UserInfo.Username).To(Equal(user.Name))

		current := get(ctx, w, &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: g.session}})
		Expect(current.Spec).To(SatisfyAll(HaveField("Device", user.Spec.Devices[0].Name), HaveField("Custody", v1alpha1.CustodyClient),
			HaveField("KeyFingerprint", proof.KeyFingerprint(g.public)),
			HaveField("Authentication", SatisfyAll(HaveField("Method", v1alpha1.MethodDeviceKey), HaveField("Subject", HavePrefix("SHA256:"))))))
		Expect(current.Status.Certificates).To(HaveExactElements(HaveField("Fingerprint", pki.Fingerprint(g.shown.Leaf))))
		w.becomes(ctx, current, active, says(isTrue, v1alpha1.ReasonActive))
	})

	It("renew with the certificate before, and with nothing else", func(ctx SpecContext) {
		g, _, _ := comesIn(ctx)
		before := pki.Fingerprint(g.shown.Leaf)
		bare := *g
		bare.shown = nil
		Expect(bare.asks(ctx)).To(refuses(http.StatusUnauthorized, wire.CodeRefused), "no certificate is shown")
		other, _, _ := comesIn(ctx)
		thief := *g
		thief.shown = other.shown
		Expect(thief.asks(ctx)).To(refuses(http.StatusUnauthorized, wire.CodeRefused), "another's is shown")

		g.gets(g.asks(ctx))
		current := get(ctx, w, &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: g.session}})
		Expect(current.Status.Certificates).To(HaveExactElements(HaveField("Predecessor", ""), HaveField("Predecessor", before)))
		Expect(current.Status.Issued).To(HaveValue(BeEquivalentTo(2)))
	})

	It("end with the logout, after which a stolen certificate renews nothing", func(ctx SpecContext) {
		g, _, user := comesIn(ctx)
		Expect(g.posts(ctx, wire.PathLogout, wire.LogoutRequest{Session: g.session}).Status).To(Equal(http.StatusOK))
		Expect(g.asks(ctx)).To(refuses(http.StatusForbidden, wire.CodeEnded, "logged out"))
		Expect(g.posts(ctx, wire.PathLogout, wire.LogoutRequest{Session: g.session}).Status).To(Equal(http.StatusOK), "once more is as good")
		current := &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: g.session}}
		w.becomes(ctx, current, active, says(isFalse, v1alpha1.ReasonTerminated, "logged out"))
		Expect(get(ctx, w, current).Status.EndedBy).To(Equal(user.Name))
	})

	It("end when the device is no longer enrolled, the User is suspended, or a Lock says so", func(ctx SpecContext) {
		g, _, user := comesIn(ctx)
		change(ctx, w, user, func(u *v1alpha1.User) { u.Spec.Devices = nil })
		Expect(g.asks(ctx)).To(refuses(http.StatusForbidden, wire.CodeEnded, "no longer enrols"))

		g, d, user := comesIn(ctx)
		change(ctx, w, user, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		w.becomes(ctx, user, active, says(isFalse, v1alpha1.ReasonSuspended))
		Expect(g.asks(ctx)).To(refuses(http.StatusForbidden, wire.CodeEnded, v1alpha1.ReasonSuspended))
		Expect(g.posts(ctx, wire.PathLogin, g.proves(d, g.challenge(ctx)))).To(
			refuses(http.StatusForbidden, wire.CodeRefused, v1alpha1.ReasonSuspended))

		g, d, user = comesIn(ctx)
		lock := &v1alpha1.Lock{ObjectMeta: metav1.ObjectMeta{Name: w.name("lock")}, Spec: v1alpha1.LockSpec{
			Target: v1alpha1.LockTarget{Kind: v1alpha1.LockDevice, Name: user.Spec.Devices[0].Name},
		}}
		w.create(ctx, lock)
		Eventually(ctx, func() answered { return g.asks(ctx) }).Should(refuses(http.StatusForbidden, wire.CodeEnded, lock.Name))
		Expect(desk.guest().posts(ctx, wire.PathLogin, g.proves(d, g.challenge(ctx)))).To(
			refuses(http.StatusForbidden, wire.CodeRefused, lock.Name), "nobody logs in with it")
	})

	It("take each challenge once, for one key, and in one spelling", func(ctx SpecContext) {
		d := newDevice()
		desk.enrolled(ctx, d)
		g, challenge := desk.guest(), desk.guest().challenge(ctx)
		request := g.proves(d, challenge)
		Expect(g.posts(ctx, wire.PathLogin, request).Status).To(Equal(http.StatusOK))
		Expect(g.posts(ctx, wire.PathLogin, request)).To(refuses(http.StatusBadRequest, wire.CodeChallenge), "replayed")
		request.Challenge += "\n"
		Expect(g.posts(ctx, wire.PathLogin, request)).To(refuses(http.StatusBadRequest, wire.CodeChallenge), "respelt")

		thief := desk.guest()
		stolen := g.proves(d, thief.challenge(ctx))
		stolen.PublicKey = thief.public
		Expect(thief.posts(ctx, wire.PathLogin, stolen)).To(refuses(http.StatusUnauthorized, wire.CodeRefused), "for another key")
		request = g.proves(d, g.challenge(ctx))
		request.Challenge = thief.challenge(ctx)
		Expect(g.posts(ctx, wire.PathLogin, request)).To(refuses(http.StatusUnauthorized, wire.CodeRefused), "for another challenge")
		request.Challenge = "AAAA"
		Expect(g.posts(ctx, wire.PathLogin, request)).To(refuses(http.StatusBadRequest, wire.CodeChallenge), "made up")
	})

	It("tell nobody who is enrolled: what is wrong reads the same and takes as long", func(ctx SpecContext) {
		known, unknown := newDevice(), newDevice()
		desk.enrolled(ctx, known)
		g := desk.guest()
		forged := g.proves(unknown, g.challenge(ctx))
		forged.DeviceKey.PublicKey = known.public
		start := time.Now()
		first := g.posts(ctx, wire.PathLogin, forged)
		tookKnown := time.Since(start)
		start = time.Now()
		second := g.posts(ctx, wire.PathLogin, g.proves(unknown, g.challenge(ctx)))
		tookUnknown := time.Since(start)
		Expect(first).To(refuses(http.StatusUnauthorized, wire.CodeRefused))
		Expect(second.Body).To(Equal(first.Body))
		Expect(min(tookKnown, tookUnknown)).To(BeNumerically(">=", 300*time.Millisecond))
	})

	It("refuse a key that is somebody else's: enrolled by two, or of another's session, or one that enrols", func(ctx SpecContext) {
		shared := newDevice()
		desk.enrolled(ctx, shared)
		desk.enrolled(ctx, shared)
		g := desk.guest()
		Expect(g.posts(ctx, wire.PathLogin, g.proves(shared, g.challenge(ctx)))).To(refuses(http.StatusUnauthorized, wire.CodeRefused))

		first, _, _ := comesIn(ctx)
		d := newDevice()
		desk.enrolled(ctx, d)
		Eventually(ctx, func() answered {
			return first.posts(ctx, wire.PathLogin, first.proves(d, first.challenge(ctx)))
		}).Should(refuses(http.StatusForbidden, wire.CodeRefused, "make a new one"))
	})

	It("sign for the subject that was told, and for nothing besides", func(ctx SpecContext) {
		d := newDevice()
		user := desk.enrolled(ctx, d)
		g := desk.guest()
		g.begins(g.posts(ctx, wire.PathLogin, g.proves(d, g.challenge(ctx))))
		asks := func(csr []byte) answered {
			return g.posts(ctx, wire.PathCertificate, wire.CertificateRequest{Session: g.session, CSR: csr})
		}
		good := pkix.Name{CommonName: user.Name, Organization: []string{v1alpha1.ManagedGroup}}
		for name, subject := range map[string]pkix.Name{
			"another's name":  {CommonName: "somebody", Organization: good.Organization},
			"no marker group": {CommonName: user.Name},
			"another group":   {CommonName: user.Name, Organization: []string{v1alpha1.ManagedGroup, "system:masters"}},
			"more of a name":  {CommonName: user.Name, Organization: good.Organization, OrganizationalUnit: []string{"x"}},
		} {
			told := asks(request(g.key, &x509.CertificateRequest{Subject: subject}))
			Expect(told).To(refuses(http.StatusConflict, wire.CodeSubject), name)
			Expect(told.Error.Subject).To(HaveValue(Equal(g.subject)), name)
		}
		for name, csr := range map[string][]byte{
			"a DNS name":    request(g.key, &x509.CertificateRequest{Subject: good, DNSNames: []string{"kubernetes"}}),
			"a mail":        request(g.key, &x509.CertificateRequest{Subject: good, EmailAddresses: []string{"a@b"}}),
			"an extension":  request(g.key, &x509.CertificateRequest{Subject: good, ExtraExtensions: []pkix.Extension{{Id: []int{1, 2, 3}}}}),
			"no request":    []byte("no request"),
			"two requests":  append(g.csr(), g.csr()...),
			"a weak key":    request(weakKey(), &x509.CertificateRequest{Subject: good}),
			"an RSA key":    request(rsaKey(), &x509.CertificateRequest{Subject: good}),
			"a broken sign": tampered(g.csr()),
		} {
			Expect(asks(csr)).To(refuses(http.StatusBadRequest, wire.CodeBadRequest), name)
		}
		other := desk.guest()
		other.subject = g.subject
		Expect(asks(other.csr())).To(refuses(http.StatusForbidden, wire.CodeRefused), "another key")
		Expect(get(ctx, w, &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: g.session}}).Status.Certificates).To(BeEmpty())
		g.gets(g.asks(ctx))
	})

	It("take no more than there is to say, and say what is wrong with it", func(ctx SpecContext) {
		g := desk.guest()
		challenge := g.challenge(ctx)
		for name, body := range map[string]any{
			"nothing":      []byte(""),
			"no JSON":      []byte("challenge=1"),
			"half of it":   []byte(`{"challenge":`),
			"two of them":  []byte(`{}{}`),
			"other fields": []byte(`{"admin":true}`),
			"no proof":     wire.LoginRequest{Challenge: challenge, PublicKey: g.public},
			"two proofs": wire.LoginRequest{
				Challenge: challenge, PublicKey: g.public, DeviceKey: &wire.DeviceKey{}, Password: &wire.Password{},
			},
			"no key":        wire.LoginRequest{Challenge: challenge, DeviceKey: &wire.DeviceKey{}},
			"no directory":  wire.LoginRequest{Challenge: challenge, PublicKey: g.public, Password: &wire.Password{Directory: "nowhere"}},
			"deeply nested": []byte(strings.Repeat("[", 10000)),
		} {
			Expect(g.posts(ctx, wire.PathLogin, body)).To(refuses(http.StatusBadRequest, wire.CodeBadRequest), name)
		}
		Expect(g.posts(ctx, wire.PathLogin, []byte(`{"challenge":"`+strings.Repeat("a", wire.MaxBody)+`"}`))).To(
			refuses(http.StatusRequestEntityTooLarge, wire.CodeBadRequest))
		Expect(g.posts(ctx, wire.PathCertificate, wire.CertificateRequest{Session: "nobody's", CSR: []byte("x")})).To(
			refuses(http.StatusUnauthorized, wire.CodeRefused))
		Expect(g.posts(ctx, wire.PathCertificate, wire.CertificateRequest{Session: "no/name at all"})).To(
			refuses(http.StatusUnauthorized, wire.CodeRefused))
	})

	It("begin no more Sessions of somebody than they can have machines", func(ctx SpecContext) {
		_, d, user := comesIn(ctx)
		const most = 64
		others := make([]*v1alpha1.Session, most-1)
		for i := range others {
			others[i] = w.begins(ctx, sessionOf(w.name("other"), get(ctx, w, user), "machine"))
		}
		again := desk.guest()
		Eventually(ctx, func() answered {
			return again.posts(ctx, wire.PathLogin, again.proves(d, again.challenge(ctx)))
		}).Should(refuses(http.StatusForbidden, wire.CodeRefused, "64 sessions", "kubectl rollcall logout"))

		By("ending one")
		change(ctx, w, others[0], func(s *v1alpha1.Session) {
			s.Spec.Termination = &v1alpha1.SessionTermination{By: "rollcall-test-admin"}
		})
		Eventually(ctx, func() int {
			return again.posts(ctx, wire.PathLogin, again.proves(d, again.challenge(ctx))).Status
		}).WithPolling(500 * time.Millisecond).Should(Equal(http.StatusOK))
	})

	It("hold back whoever asks too often, and let others in meanwhile", func(ctx SpecContext) {
		g := desk.guest()
		var refused, let atomic.Int32
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				defer GinkgoRecover()
				for range 25 {
					told := g.posts(ctx, wire.PathChallenge, struct{}{})
					if told.Status == http.StatusTooManyRequests {
						Expect(told.Header.Get("Retry-After")).NotTo(BeEmpty())
						refused.Add(1)
					} else {
						let.Add(1)
					}
				}
			})
		}
		group.Wait()
		Expect(refused.Load()).To(BeNumerically(">", 50))
		Expect(let.Load()).To(BeNumerically(">", 20))
		Eventually(ctx, func() int { return g.posts(ctx, wire.PathChallenge, struct{}{}).Status }).Should(Equal(http.StatusOK))
	})
}

func request(key any, template *x509.CertificateRequest) []byte {
	GinkgoHelper()
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	Expect(err).NotTo(HaveOccurred())
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func weakKey() *ecdsa.PrivateKey {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	return key
}

func rsaKey() *rsa.PrivateKey {
	GinkgoHelper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	Expect(err).NotTo(HaveOccurred())
	return key
}

// tampered is a request whose signature is not by its key any more.
func tampered(csr []byte) []byte {
	GinkgoHelper()
	block, _ := pem.Decode(csr)
	Expect(block).NotTo(BeNil())
	changed := bytes.Clone(block.Bytes)
	changed[len(changed)-1] ^= 1
	return pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: changed})
}
