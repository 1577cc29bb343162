// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"crypto/x509/pkix"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	certificatesv1 "k8s.io/api/certificates/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	"k8s.io/utils/clock"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/preflight"
	"github.com/rollcall-iam/rollcall/internal/session"
	"github.com/rollcall-iam/rollcall/internal/signer"
	"github.com/rollcall-iam/rollcall/internal/signer/csr"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/internal/certs"
	"github.com/rollcall-iam/rollcall/test/internal/tcpproxy"
)

const (
	signerReady = v1alpha1.ConditionSignerReady
	checked     = v1alpha1.ConditionCredentialsChecked
	reconciling = v1alpha1.ConditionReconciling

	operatorVersion = "v0.0.0-test"
)

func theInstallation() *v1alpha1.Installation {
	return &v1alpha1.Installation{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.InstallationName}}
}

// stranger is a signer whose authority the API server does not know.
type stranger struct {
	signer.Signer
	ca *certs.CA
	// username is in what it signs, in place of what was asked for, unless it is empty.
	username string
}

func newStranger(like signer.Signer) stranger {
	GinkgoHelper()
	ca, err := certs.NewCA("rollcall-test-stranger")
	Expect(err).NotTo(HaveOccurred())
	return stranger{Signer: like, ca: ca}
}

func (s stranger) Sign(_ context.Context, request signer.Request) ([]byte, error) {
	parsed, err := pki.ParseRequest(request.CSR)
	if err != nil {
		return nil, err
	}
	subject := pkix.Name{CommonName: request.Subject.Username, Organization: request.Subject.Organizations()}
	if s.username != "" {
		subject.CommonName = s.username
	}
	return s.ca.IssueTo(parsed.PublicKey, subject, clock.RealClock{}.Now().Add(request.Duration))
}

// failing is a signer that gives nothing.
type failing struct {
	signer.Signer
	err error
}

func (f failing) Sign(context.Context, signer.Request) ([]byte, error) { return nil, f.err }

// installations are specs of the Installation that the operator makes when it starts.
func installations(w *world) {
	BeforeAll(func(ctx SpecContext) {
		w.halt()
		w.delete(ctx, theInstallation())
		w.live(ctx)
	})
	signs := func(ctx SpecContext) *v1alpha1.Installation {
		GinkgoHelper()
		object := theInstallation()
		Eventually(ctx, func(g Gomega) {
			g.Expect(w.admin.Get(ctx, clientKey(object), object)).To(Succeed())
			g.Expect(conditions(object)).To(ContainElement(SatisfyAll(HaveField("Type", ready), says(isTrue, v1alpha1.ReasonReconciled))))
		}).Should(Succeed())
		Expect(w.condition(ctx, object, signerReady)).To(says(isTrue, v1alpha1.ReasonSigns, "CSR"))
		Expect(w.condition(ctx, object, checked)).To(says(isFalse, v1alpha1.ReasonWebhookNotAsked, "docs/authentication.md"))
		return object
	}

	It("says that this cluster signs, and that its API server does not ask the webhook", func(ctx SpecContext) {
		Expect(signs(ctx)).To(SatisfyAll(HaveField("Status.Signer", "CSR"), HaveField("Status.LoginURL", BeEmpty())))
	})

	It("says which version of the operator leads", func(ctx SpecContext) {
		Expect(signs(ctx).Status.Version).To(Equal(operatorVersion))
	})

	It("comes back when somebody deletes it", func(ctx SpecContext) {
		before := signs(ctx)
		Expect(w.admin.Delete(ctx, before)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			again := theInstallation()
			g.Expect(w.admin.Get(ctx, clientKey(again), again)).To(Succeed())
			g.Expect(again.UID).NotTo(Equal(before.UID))
		}).Should(Succeed())
		signs(ctx)
	})

	It("says within a minute that a cluster does not sign, and what to do", func(ctx SpecContext) {
		w.halt()
		rented := &world{options: controlplane.Options{NoSigning: true}}
		rented.start(ctx)
		object, began := theInstallation(), time.Now()
		rented.live(ctx)
		Eventually(ctx, func(g Gomega) {
			g.Expect(rented.admin.Get(ctx, clientKey(object), object)).To(Succeed())
			g.Expect(conditions(object)).To(ContainElement(HaveField("Type", signerReady)))
		}).WithTimeout(time.Minute).Should(Succeed())
		took := time.Since(began)
		AddReportEntry("from the start of the operator to the report", took.Round(time.Millisecond).String())
		Expect(took).To(BeNumerically("<", time.Minute))
		Expect(rented.condition(ctx, object, signerReady)).To(says(isFalse, v1alpha1.ReasonSigningFailed, "--signer=ca", "--client-ca-file",
			"OIDC", "usernamePrefix", certificatesv1.KubeAPIServerClientSignerName))
		Expect(rented.condition(ctx, object, ready)).To(says(isFalse, v1alpha1.ReasonSigningFailed))
		Expect(rented.condition(ctx, object, reconciling)).To(says(isTrue, v1alpha1.ReasonSigningFailed))
		Expect(rented.condition(ctx, object, checked)).To(says(metav1.ConditionUnknown, v1alpha1.ReasonSigningFailed))
		rented.halt()
	}, SpecTimeout(4*time.Minute))

	asked(w)
}

// installationStill are specs of the Installation, one Reconcile at a time.
func installationStill(s *stage) {
	object := theInstallation()
	BeforeAll(func(ctx SpecContext) {
		s.still(ctx)
		s.delete(ctx, object)
	})
	// looks tries the signer again, after some time.
	looks := func(ctx SpecContext, after time.Duration) time.Duration {
		GinkgoHelper()
		s.passes(after)
		return s.reconcile(ctx, installationController, object)
	}
	works := func(ctx SpecContext) {
		GinkgoHelper()
		Expect(s.condition(ctx, object, ready)).To(says(isTrue, v1alpha1.ReasonReconciled))
		Expect(s.condition(ctx, object, signerReady)).To(says(isTrue, v1alpha1.ReasonSigns))
		Expect(kstatus(object)).To(Equal(current))
	}
	// shown are how often the API server was shown a certificate of the preflight.
	shown := func(mark controlplane.AuditMark) (times int) {
		GinkgoHelper()
		events, _, err := s.plane.AuditSince(mark)
		Expect(err).NotTo(HaveOccurred())
		for i := range events {
			if events[i].User.Username == session.PreflightUsername {
				times++
			}
		}
		return times
	}
	signing := HaveExactElements(HavePrefix("create certificatesigningrequests"), HavePrefix("update certificatesigningrequests/approval"))

	It("is made where there is none, and says what works", func(ctx SpecContext) {
		s.reconcile(ctx, installationController, object)
		Expect(observed(get(ctx, s.world, object))).To(HaveValue(BeEquivalentTo(-1)), "nobody has looked yet")
		Expect(looks(ctx, 0)).To(Equal(time.Minute))
		works(ctx)
		Expect(s.condition(ctx, object, checked)).To(says(isFalse, v1alpha1.ReasonWebhookNotAsked))
		Expect(object.Status.Signer).To(Equal("CSR"))
		s.conforms(ctx, subject{controller: installationController}, object, current)
	})

	It("looks every minute with the same certificate, and writes nothing when nothing changes", func(ctx SpecContext) {
		looks(ctx, 8*time.Minute)
		mark := s.mark()
		Expect(looks(ctx, time.Second)).To(Equal(time.Minute-time.Second), "it is not time")
		Expect(shown(mark)).To(BeZero())
		for range 7 {
			looks(ctx, time.Minute)
		}
		Expect(shown(mark)).To(Equal(7))
		Expect(s.writes(mark)).To(BeEmpty())
		looks(ctx, time.Minute)
		Expect(s.writes(mark)).To(signing, "a new certificate after eight minutes")
		works(ctx)
	})

	It("asks for certificates that are nobody's", func(ctx SpecContext) {
		mark := s.mark()
		looks(ctx, 8*time.Minute)
		name := strings.Fields(s.writes(mark)[1])[2]
		stored, err := s.set.CertificatesV1().CertificateSigningRequests().Get(ctx, name, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(stored.OwnerReferences).To(BeEmpty())
		Expect(stored.Spec.ExpirationSeconds).To(HaveValue(BeEquivalentTo(600)))
		Expect(pki.CheckRequest(stored.Spec.Request, pki.Subject{Username: session.PreflightUsername})).To(Succeed())
	})

	It("comes back when somebody deletes it, with what is known", func(ctx SpecContext) {
		looks(ctx, time.Minute)
		mark := s.mark()
		s.delete(ctx, object)
		object = theInstallation()
		looks(ctx, 0)
		looks(ctx, 0)
		works(ctx)
		Expect(s.writes(mark)).To(HaveExactElements("create installations "+object.Name, "patch installations/status "+object.Name))
		Expect(shown(mark)).To(BeZero())
	})

	It("says that the API server does not trust the signer, what to do, and when it does again", func(ctx SpecContext) {
		looks(ctx, 8*time.Minute)
		before := *s.signer
		s.with(newStranger(before))
		Expect(looks(ctx, 8*time.Minute)).To(Equal(30 * time.Second))
		for kind, status := range map[string]metav1.ConditionStatus{ready: isFalse, stalled: isTrue, signerReady: isFalse} {
			Expect(s.condition(ctx, object, kind)).To(
				says(status, v1alpha1.ReasonSignerNotTrusted, "--client-ca-file", "kube-controller-manager"))
		}
		Expect(s.condition(ctx, object, checked)).To(says(metav1.ConditionUnknown, v1alpha1.ReasonSignerNotTrusted))
		s.conforms(ctx, subject{controller: installationController}, object, failed)
		mark := s.mark()
		looks(ctx, 30*time.Second)
		Expect(s.writes(mark)).To(BeEmpty(), "nothing has changed")

		s.with(before)
		Expect(looks(ctx, 30*time.Second)).To(Equal(time.Minute), "what is not trusted any more is not shown for long")
		works(ctx)
	})

	gives := func(ctx SpecContext, how func() signer.Signer, reason, second string, words ...string) {
		before := *s.signer
		s.with(how())
		Expect(looks(ctx, 8*time.Minute)).To(Equal(30 * time.Second))
		Expect(s.condition(ctx, object, ready)).To(says(isFalse, reason, words...))
		Expect(s.condition(ctx, object, second)).To(says(isTrue, reason, words...))
		Expect(s.condition(ctx, object, signerReady)).To(says(isFalse, reason, words...))
		s.with(before)
		looks(ctx, 30*time.Second)
		works(ctx)
	}
	DescribeTable("says why the signer does not give what was asked for", gives,
		Entry("as it fails", func() signer.Signer { return failing{*s.signer, errors.New("no connection")} },
			v1alpha1.ReasonSigningFailed, reconciling, "no connection"),
		Entry("as its authority is gone", func() signer.Signer {
			return failing{*s.signer, outcome.Terminalf(v1alpha1.ReasonAuthorityUnusable, "the Secret is missing")}
		}, v1alpha1.ReasonAuthorityUnusable, stalled, "the Secret is missing"),
		Entry("as it does not approve", func() signer.Signer {
			return &csr.Signer{Requests: s.set.CertificatesV1().CertificateSigningRequests(), Requester: "somebody-else"}
		}, v1alpha1.ReasonSigningDenied, stalled, "requester"),
		Entry("as it gives something else", func() signer.Signer {
			other := newStranger(*s.signer)
			other.username = "system:admin"
			return other
		}, v1alpha1.ReasonCertificateInvalid, stalled, "system:admin"),
	)

	It("takes it for accepted where nobody may ask who they are", func(ctx SpecContext) {
		everybody := get(ctx, s.world, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "system:basic-user"}})
		Expect(s.admin.Delete(ctx, everybody)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) {
			everybody.ResourceVersion, everybody.UID = "", ""
			Expect(s.admin.Create(ctx, everybody)).To(Succeed())
		})
		mark := s.mark()
		Eventually(ctx, func(g Gomega) {
			looks(ctx, time.Minute)
			events, _, err := s.plane.AuditSince(mark)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(events).To(ContainElement(SatisfyAll(
				HaveField("User.Username", session.PreflightUsername), HaveField("ResponseStatus.Code", BeEquivalentTo(http.StatusForbidden)))))
		}).Should(Succeed())
		works(ctx)
		Expect(s.condition(ctx, object, checked)).To(says(isFalse, v1alpha1.ReasonWebhookNotAsked))
	})

	onTheWay(s)
}

// onTheWay are specs of what lies between the operator and the API server.
func onTheWay(s *stage) {
	through := func(address string) *preflight.Preflight {
		config := rest.CopyConfig(s.environment.API)
		config.Host = "https://" + address
		return &preflight.Preflight{Signer: s.environment.Signer, API: config, Clock: s.clock}
	}

	It("asks again when there is no answer, for a while", func(ctx SpecContext) {
		proxy, err := tcpproxy.Start(strings.TrimPrefix(s.plane.URL(), "https://"))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(proxy.Close)
		tried := through(proxy.Address())
		proxy.Refuse()
		Expect(tried.Check(ctx).Problem).To(SatisfyAll(HaveField("Reason", v1alpha1.ReasonFailed), HaveField("Kind", outcome.Transient)))

		mark := s.mark()
		answer := make(chan preflight.Result)
		go func() { answer <- tried.Check(ctx) }()
		Consistently(answer).ShouldNot(Receive())
		proxy.Pass()
		Eventually(answer).Should(Receive(Equal(preflight.Result{})))
		Expect(s.writes(mark)).To(BeEmpty(), "the certificate is the same")
	}, SpecTimeout(time.Minute))

	It("sees that the certificate does not arrive, because TLS ends before", func(ctx SpecContext) {
		target, err := url.Parse(s.plane.URL())
		Expect(err).NotTo(HaveOccurred())
		ending := httptest.NewUnstartedServer(&httputil.ReverseProxy{
			Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
			Transport: s.anonymous(),
		})
		ending.StartTLS()
		DeferCleanup(ending.Close)
		tried := through(strings.TrimPrefix(ending.URL, "https://"))
		tried.API.CAData, err = cert.EncodeCertificates(ending.Certificate())
		Expect(err).NotTo(HaveOccurred())
		Expect(tried.Check(ctx).Problem).To(SatisfyAll(HaveField("Reason", v1alpha1.ReasonSignerNotTrusted),
			HaveField("Message", ContainSubstring("ends TLS"))))
	})
}

// anonymous reaches the API server as nobody.
func (s *stage) anonymous() http.RoundTripper {
	GinkgoHelper()
	transport, err := rest.TransportFor(s.environment.API)
	Expect(err).NotTo(HaveOccurred())
	return transport
}
