// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"cmp"
	"context"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/issue"
	"github.com/rollcall-iam/rollcall/internal/login"
	"github.com/rollcall-iam/rollcall/internal/oidc"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/proof"
	"github.com/rollcall-iam/rollcall/internal/session"
	"github.com/rollcall-iam/rollcall/internal/signer"
	"github.com/rollcall-iam/rollcall/internal/sources"
	"github.com/rollcall-iam/rollcall/internal/wire"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/certs"
)

// timely is a signer for the time that it is on the stage.
type timely struct {
	ca    *certs.CA
	clock clock.PassiveClock
	// meanwhile, if it is set, happens while it signs.
	meanwhile func(ctx context.Context)
}

func (t *timely) Name() string { return "Timely" }

func (t *timely) Shortest() time.Duration { return time.Minute }

func (t *timely) Sign(ctx context.Context, request signer.Request) ([]byte, error) {
	parsed, err := pki.ParseRequest(request.CSR)
	if err != nil {
		return nil, err
	}
	if t.meanwhile != nil {
		t.meanwhile(ctx)
	}
	return t.ca.IssueTo(parsed.PublicKey, parsed.Subject, t.clock.Now().Add(request.Duration))
}

// away is where neither a directory nor an identity provider answers.
const away = "127.0.0.1:1"

// awayLogin is how the people of a Directory log in that does not answer.
func awayLogin(grace int32) *v1alpha1.LoginPolicy {
	return &v1alpha1.LoginPolicy{
		OIDC:               &v1alpha1.OIDCLogin{IssuerURL: "https://" + away, ClientID: "rollcall", RecheckSeconds: new(int32(600))},
		MaxDurationSeconds: 2 * 3600, IdleTimeoutSeconds: 24 * 3600, CertificateSeconds: 900, GraceSeconds: &grace,
	}
}

// hindered is a client before whose next patch something else happens.
type hindered struct {
	client.Client

	before func()
}

func (h *hindered) Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.PatchOption) error {
	if before := h.before; before != nil {
		h.before = nil
		before()
	}
	return h.Client.Patch(ctx, object, patch, options...)
}

// renewals are specs of the login service at times that the spec says, on a real API server.
func renewals(s *stage) {
	desk := &loginDesk{world: s.world}
	var sign *timely
	writes := &hindered{}
	BeforeAll(func(ctx SpecContext) {
		s.still(ctx)
		ca, err := certs.NewCA("timely")
		Expect(err).NotTo(HaveOccurred())
		sign = &timely{ca: ca, clock: s.clock}
		live := s.operator()
		writes.Client = s.cached
		desk.serves(&login.Service{
			Client: writes, Live: live, Clock: s.clock, Key: make([]byte, 32),
			Issuer:    &issue.Issuer{Client: s.cached, Live: live, Signer: sign, Clock: s.clock},
			Sources:   &sources.Opener{Live: live, Namespace: installation.Namespace},
			Providers: oidc.New(live, installation.Namespace, s.clock), Recorder: events.NewFakeRecorder(1000),
			Log: GinkgoLogr, Metrics: login.NewMetrics(prometheus.NewRegistry()),
		})
	})
	BeforeEach(func() {
		s.clock.SetTime(clock.RealClock{}.Now())
		sign.meanwhile = nil
	})
	// works is somebody of a Directory, in a Session that an identity provider vouched for, or the directory.
	works := func(ctx SpecContext, grace int32, method v1alpha1.AuthenticationMethod) (*guest, *v1alpha1.Session) {
		GinkgoHelper()
		d := &v1alpha1.Directory{ObjectMeta: metav1.ObjectMeta{Name: s.name("away")}, Spec: v1alpha1.DirectorySpec{
			LDAP:  &v1alpha1.LDAPSource{URL: "ldaps://" + away, Users: v1alpha1.LDAPUsers{BaseDN: "dc=away"}},
			Login: awayLogin(grace),
		}}
		s.create(ctx, d)
		user := s.entry(ctx, d.Name, "a@example.com")
		g := desk.guest()
		begun := sessionOf(s.name("session"), user, "laptop")
		begun.Spec.KeyFingerprint = proof.KeyFingerprint(g.public)
		begun.Spec.Authentication.Method, begun.Spec.Authentication.Subject = method, "a"
		begun.Spec.MaxDurationSeconds = d.Spec.Login.MaxDurationSeconds
		g.session = s.begins(ctx, begun).Name
		g.subject = wire.Subject{CommonName: user.Status.Username, Organizations: []string{v1alpha1.ManagedGroup}}
		return g, begun
	}
	asks := func(ctx context.Context, g *guest) answered {
		GinkgoHelper()
		s.settle(ctx)
		return g.asks(ctx)
	}

	DescribeTable("end with the logout, whatever is written meanwhile", func(ctx SpecContext, meanwhile func(*v1alpha1.Session), by string) {
		g, begun := works(ctx, 3600, v1alpha1.MethodOIDC)
		g.gets(asks(ctx, g))
		writes.before = func() { change(ctx, s.world, begun, meanwhile) }
		Expect(g.posts(ctx, wire.PathLogout, wire.LogoutRequest{Session: g.session}).Status).To(Equal(http.StatusOK))
		Expect(get(ctx, s.world, begun).Spec.Termination).To(HaveField("By", cmp.Or(by, begun.Spec.Username)))
	},
		Entry("to something else of it", func(c *v1alpha1.Session) { c.Labels = map[string]string{"seen": "meanwhile"} }, ""),
		Entry("which is that it has ended", func(c *v1alpha1.Session) {
			c.Spec.Termination = &v1alpha1.SessionTermination{By: "rollcall-test-admin"}
		}, "rollcall-test-admin"),
	)

	It("go on while nobody who could vouch answers, for as long as the policy says", func(ctx SpecContext) {
		g, begun := works(ctx, 3600, v1alpha1.MethodOIDC)
		g.gets(asks(ctx, g))
		from := session.Begun(begun)
		s.clock.SetTime(from.Add(time.Hour - time.Second))
		g.gets(asks(ctx, g))
		s.clock.SetTime(from.Add(time.Hour))
		Expect(asks(ctx, g)).To(refuses(http.StatusServiceUnavailable, wire.CodeUnavailable, "cannot be asked now"))
		s.clock.SetTime(from.Add(time.Hour + 10*time.Minute))
		Expect(asks(ctx, g)).To(refuses(http.StatusForbidden, wire.CodeVouch, "must vouch for you again"))
	})

	endsAtLast := func(ctx SpecContext, method v1alpha1.AuthenticationMethod) {
		GinkgoHelper()
		g, begun := works(ctx, 30*24*3600, method)
		g.gets(asks(ctx, g))
		end := session.Begun(begun).Add(2 * time.Hour)
		s.clock.SetTime(end.Add(-5 * time.Minute))
		Expect(g.gets(asks(ctx, g)).NotAfter).To(BeTemporally("<=", end.Add(time.Second)), "no certificate outlives it")
		s.clock.SetTime(end.Add(-30 * time.Second))
		Expect(asks(ctx, g)).To(refuses(http.StatusForbidden, wire.CodeEnded, "it ends in"))
		s.clock.SetTime(end)
		Expect(asks(ctx, g)).To(refuses(http.StatusForbidden, wire.CodeEnded, "2h0m0s"))
		Expect(get(ctx, s.world, begun).Status.Issued).To(HaveValue(BeEquivalentTo(2)))
	}
	DescribeTable("end with what the Session may last, however long the grace is", endsAtLast,
		Entry("where an identity provider is silent", v1alpha1.MethodOIDC),
		Entry("where a directory is", v1alpha1.MethodLDAP),
	)

	DescribeTable("count from the operator's clock, which is hours off from the API server's", func(ctx SpecContext, off time.Duration) {
		g, before := works(ctx, 3600, v1alpha1.MethodLDAP)
		s.passes(off)
		begun := &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: s.name("session")}, Spec: *before.Spec.DeepCopy()}
		begun.Spec.Authentication.Time = metav1.NewTime(s.clock.Now().Truncate(time.Second))
		g.session = s.begins(ctx, begun).Name
		Expect(s.clock.Now().Sub(begun.CreationTimestamp.Time)).To(BeNumerically("~", off, time.Minute))
		from := begun.Spec.Authentication.Time.Time
		g.gets(asks(ctx, g))
		s.clock.SetTime(from.Add(time.Hour - time.Second))
		g.gets(asks(ctx, g))
		s.clock.SetTime(from.Add(time.Hour))
		Expect(asks(ctx, g)).To(refuses(http.StatusServiceUnavailable, wire.CodeUnavailable), "the grace is over")
		s.clock.SetTime(from.Add(2 * time.Hour))
		Expect(asks(ctx, g)).To(refuses(http.StatusForbidden, wire.CodeEnded, "2h0m0s"))
	},
		Entry("behind", -5*time.Hour),
		Entry("ahead", 5*time.Hour),
	)

	It("record nothing in a Session that ends while its certificate is signed", func(ctx SpecContext) {
		g, begun := works(ctx, 3600, v1alpha1.MethodLDAP)
		sign.meanwhile = func(ctx context.Context) {
			change(ctx, s.world, begun, func(c *v1alpha1.Session) {
				c.Spec.Termination = &v1alpha1.SessionTermination{By: "rollcall-test-admin", Reason: "meanwhile"}
			})
		}
		Expect(asks(ctx, g)).To(refuses(http.StatusForbidden, wire.CodeEnded, "meanwhile"))
		Expect(get(ctx, s.world, begun).Status.Certificates).To(BeEmpty())
	})

	It("hand nothing out in a Session that is deleted while its certificate is signed, nor in another of its name", func(ctx SpecContext) {
		g, begun := works(ctx, 3600, v1alpha1.MethodLDAP)
		sign.meanwhile = func(ctx context.Context) { Expect(s.operator().Delete(ctx, begun)).To(Succeed()) }
		Expect(asks(ctx, g)).To(refuses(http.StatusForbidden, wire.CodeEnded))

		g, begun = works(ctx, 3600, v1alpha1.MethodLDAP)
		again := &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: begun.Name}, Spec: begun.Spec}
		again.Spec.KeyFingerprint = proof.KeyFingerprint(desk.guest().public)
		sign.meanwhile = func(ctx context.Context) {
			Expect(s.operator().Delete(ctx, begun)).To(Succeed())
			s.begins(ctx, again)
		}
		Expect(asks(ctx, g)).To(refuses(http.StatusForbidden, wire.CodeEnded))
		Expect(get(ctx, s.world, again).Status.Certificates).To(BeEmpty())
	})

	It("are for nobody's key who began two Sessions at once with it, as two people", func(ctx SpecContext) {
		g, begun := works(ctx, 3600, v1alpha1.MethodLDAP)
		other, _ := works(ctx, 3600, v1alpha1.MethodLDAP)
		theirs := get(ctx, s.world, &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: other.session}})
		again := &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: s.name("session")}, Spec: *theirs.Spec.DeepCopy()}
		again.Spec.KeyFingerprint = begun.Spec.KeyFingerprint
		s.begins(ctx, again)
		Expect(asks(ctx, g)).To(refuses(http.StatusForbidden, wire.CodeRefused, "make a new one"))
		g.session, g.subject = again.Name, other.subject
		Expect(asks(ctx, g)).To(refuses(http.StatusForbidden, wire.CodeRefused, "make a new one"))
	})

	It("by two at once are both on record, for neither knows of the other", func(ctx SpecContext) {
		g, begun := works(ctx, 3600, v1alpha1.MethodLDAP)
		g.gets(asks(ctx, g))
		second, done := *g, false
		sign.meanwhile = func(ctx context.Context) {
			if !done {
				done = true
				second.gets(second.asks(ctx))
			}
		}
		g.gets(asks(ctx, g))
		Expect(get(ctx, s.world, begun).Status.Certificates).To(HaveExactElements(
			Not(BeZero()), HaveField("Fingerprint", pki.Fingerprint(second.shown.Leaf)), HaveField("Fingerprint", pki.Fingerprint(g.shown.Leaf))))
	})
}
