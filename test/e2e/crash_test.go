// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/installation"
)

const (
	lifetime        = 3600
	shorterLifetime = 600
	credentialID    = "authentication.kubernetes.io/credential-id"
)

// mortal is a manager that reaches the API server through a proxy, and dies when that wants it.
type mortal struct {
	proxy   *proxy
	manager *installation.Manager
}

func (m *mortal) log() string { return filepath.Join(plane.Dir(), "mortal-manager.log") }

// runs starts a manager unless one runs.
func (m *mortal) runs(ctx context.Context) {
	GinkgoHelper()
	if m.manager != nil {
		return
	}
	manager, err := installation.StartManager(ctx, plane, installation.Options{Server: m.proxy.server.URL, CA: m.proxy.ca, Log: m.log()})
	Expect(err).NotTo(HaveOccurred())
	m.manager = manager
}

// dies makes the manager be killed at a step for a user. The returned function waits until it was.
func (m *mortal) dies(ctx context.Context, user string, at step, when moment) (wait func()) {
	manager := m.manager
	done := m.proxy.intercept(at.of(user), when, func() bool {
		_ = manager.Kill() // Fails only if it is dead.
		return false
	})
	return func() {
		GinkgoHelper()
		Eventually(ctx, done).Should(BeClosed(), "it came to "+at.name)
		m.manager = nil
	}
}

func (m *mortal) stops() {
	GinkgoHelper()
	if m.manager != nil {
		Expect(m.manager.Stop()).To(Succeed())
	}
	m.manager = nil
}

var _ = Describe("A manager that dies while it issues a certificate", Ordered, ContinueOnFailure, func() {
	var (
		m           *mortal
		undisturbed string
	)
	BeforeAll(func() {
		operatorStops()
		m = &mortal{proxy: startProxy()}
		DeferCleanup(func() { m.stops() })
	})
	BeforeEach(func(ctx SpecContext) { m.runs(ctx) })
	AfterEach(func() {
		if CurrentSpecReport().Failed() {
			showLog(m.log())
		}
	})

	nothing := func(write, []write) bool { return false }
	shorten := func(ctx context.Context, name string) {
		GinkgoHelper()
		change(ctx, &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name}}, func(u *v1alpha1.User) {
			u.Spec.Kubeconfig.DurationSeconds = shorterLifetime
		})
	}
	issued := func(ctx context.Context) *v1alpha1.User {
		GinkgoHelper()
		u := localUser(unique("crash"), lifetime)
		create(ctx, u)
		return eventuallyServed(ctx, u.Name, "")
	}

	It("writes what is interrupted below, and nothing else", func(ctx SpecContext) {
		m.proxy.intercept(nothing, before, nil)
		u := issued(ctx)
		undisturbed = shape(ctx, u.Name)
		Expect(stepsOf(m.proxy.seen(), u.Name)).To(Equal(names(issuing())))

		m.proxy.intercept(nothing, before, nil)
		shorten(ctx, u.Name)
		eventuallyServed(ctx, u.Name, u.Status.Certificate.Fingerprint)
		Expect(stepsOf(m.proxy.seen(), u.Name)).To(ConsistOf(names(renewing())))
		Expect(shape(ctx, u.Name)).To(Equal(undisturbed))
	})

	It("tells again what another write came before, and asks for no second certificate", func(ctx SpecContext) {
		name := unique("crash")
		written := m.proxy.intercept(concludes.of(name), before, func() bool {
			defer GinkgoRecover()
			change(ctx, &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name}}, func(u *v1alpha1.User) {
				u.Annotations = map[string]string{"example.com/ticket": "1"}
			})
			return true
		})
		create(ctx, localUser(name, lifetime))
		Eventually(ctx, written).Should(BeClosed())
		eventuallyServed(ctx, name, "")
		Expect(stepsOf(m.proxy.seen(), name)).To(Equal(names(issuing())))
	})

	each := func(steps []step, moments ...moment) (entries []any) {
		for _, s := range steps {
			for _, when := range moments {
				entries = append(entries, Entry(s.name+", "+string(when), s, when))
			}
		}
		return entries
	}
	recovers := func(ctx context.Context, name, earlier string, h *history) {
		GinkgoHelper()
		m.runs(ctx)
		u := eventuallyServed(ctx, name, earlier)
		Eventually(ctx, func() string { return shape(ctx, name) }).Should(Equal(undisturbed))
		Eventually(ctx, func() bool { return h.knows(u.Status.Certificate.Fingerprint) }).Should(BeTrue())
		Expect(h.unrecorded()).To(BeEmpty(), "what gets out was recorded before")
		accepted(ctx, u)
		Consistently(ctx, func(g Gomega) string { return user(ctx, g, name).Status.Certificate.Fingerprint }, 300*time.Millisecond).
			Should(Equal(u.Status.Certificate.Fingerprint), "it has come to rest")
	}

	DescribeTable("leaves nothing behind of a first certificate, when killed at", append([]any{func(ctx SpecContext, at step, when moment) {
		name := unique("crash")
		h := follow(ctx, name)
		died := m.dies(ctx, name, at, when)
		create(ctx, localUser(name, lifetime))
		died()
		recovers(ctx, name, "", h)
	}}, each(issuing(), before, after)...)...)

	DescribeTable("leaves nothing behind of a renewal, when killed at", append([]any{func(ctx SpecContext, at step, when moment) {
		name := unique("crash")
		h := follow(ctx, name)
		create(ctx, localUser(name, lifetime))
		u := eventuallyServed(ctx, name, "")
		died := m.dies(ctx, name, at, when)
		shorten(ctx, name)
		died()
		accepted(ctx, u) // While nobody works, what was published goes on working.
		recovers(ctx, name, u.Status.Certificate.Fingerprint, h)
	}}, each(renewing(), before, after)...)...)

	DescribeTable("brings no Secret back to a User who is suspended meanwhile, when killed at",
		append([]any{func(ctx SpecContext, at step, when moment) {
			name := unique("crash")
			died := m.dies(ctx, name, at, when)
			create(ctx, localUser(name, lifetime))
			died()
			suspend(ctx, name)
			m.runs(ctx)
			staysWithout(ctx, name)
		}}, each(issuing(), after)...)...)

	// untold has the manager die when it has published a User's first certificate, before it tells of it there.
	untold := func(ctx context.Context) (name string, published *corev1.Secret) {
		GinkgoHelper()
		name = unique("crash")
		died := m.dies(ctx, name, publishes, after)
		create(ctx, localUser(name, lifetime))
		died()
		published = secret(name, nil)
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(published), published)).To(Succeed())
		return name, published
	}

	DescribeTable("leaves no Secret where none is asked for any more, when killed at "+publishes.name+", after, and the User then",
		func(ctx SpecContext, changed func(*v1alpha1.KubeconfigSpec) *v1alpha1.KubeconfigSpec) {
			name, _ := untold(ctx)
			Expect(user(ctx, Default, name).Status.Certificate).To(BeNil(), "nothing but its Session tells of it")
			change(ctx, localUser(name, lifetime), func(u *v1alpha1.User) { u.Spec.Kubeconfig = changed(u.Spec.Kubeconfig) })
			m.runs(ctx)
			Eventually(ctx, absent(secret(name, nil))).Should(BeTrue(), "the Secret goes")
		},
		Entry("asks for no kubeconfig", func(*v1alpha1.KubeconfigSpec) *v1alpha1.KubeconfigSpec { return nil }),
		Entry("asks for no kubeconfig, and its Session is ended", func(k *v1alpha1.KubeconfigSpec) *v1alpha1.KubeconfigSpec {
			endSessions(k.SecretRef.Name)
			return nil
		}),
		Entry("asks for another Secret", func(k *v1alpha1.KubeconfigSpec) *v1alpha1.KubeconfigSpec {
			k.SecretRef.Name += "-moved"
			return k
		}),
	)

	It("tells of what it published, and has nothing signed again", func(ctx SpecContext) {
		name, published := untold(ctx)
		m.runs(ctx)
		served := eventuallyServed(ctx, name, "")
		Expect(served.Status.Certificate.Fingerprint).To(Equal(fingerprintOf(published.Data["tls.crt"])))
		Expect(served.Status.Certificate.SecretRef).To(Equal(served.Spec.Kubeconfig.SecretRef))
		now := secret(name, nil)
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(now), now)).To(Succeed())
		Expect(now.ResourceVersion).To(Equal(published.ResourceVersion))
		accepted(ctx, served)
	})

	It("tells how long a certificate is valid that it published and could not tell of", func(ctx SpecContext) {
		name, lost := untold(ctx)
		Expect(k8s.Delete(ctx, lost)).To(Succeed(), "whoever copied it has it still")
		shorten(ctx, name)
		m.runs(ctx)
		told := eventuallyServed(ctx, name, fingerprintOf(lost.Data["tls.crt"])).Status.Certificate
		block, _ := pem.Decode(lost.Data["tls.crt"])
		leaf, err := x509.ParseCertificate(block.Bytes)
		Expect(err).NotTo(HaveOccurred())
		Expect(told.NotAfter.Time).To(BeTemporally("<", leaf.NotAfter))
		Expect(told.LastNotAfter.Time).To(BeTemporally("==", leaf.NotAfter))
	})

	DescribeTable("takes the Secret of a suspended User away, when killed at", func(ctx SpecContext, at step, when moment) {
		name := issued(ctx).Name
		died := m.dies(ctx, name, at, when)
		suspend(ctx, name)
		died()
		m.runs(ctx)
		staysWithout(ctx, name)
	},
		Entry(withdraws.name+", "+string(before), withdraws, before),
		Entry(withdraws.name+", "+string(after), withdraws, after),
	)
})

func suspend(ctx context.Context, name string) {
	GinkgoHelper()
	change(ctx, &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name}}, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
}

// staysWithout waits until a suspended User has no Secret, and sees that it stays so.
func staysWithout(ctx context.Context, name string) {
	GinkgoHelper()
	eventuallyActive(ctx, name, "False "+v1alpha1.ReasonSuspended)
	Eventually(ctx, func(g Gomega) {
		g.Expect(state(user(ctx, g, name).Status.Conditions, v1alpha1.ConditionKubeconfig)).To(Equal("False " + v1alpha1.ReasonUserInactive))
	}).Should(Succeed())
	Eventually(ctx, absent(secret(name, nil))).Should(BeTrue(), "the Secret goes")
	Consistently(ctx, absent(secret(name, nil)), 500*time.Millisecond).Should(BeTrue(), "and does not come back")
}

// eventuallyServed waits until a User is Ready with a certificate that is not the earlier one and is the Secret's.
func eventuallyServed(ctx context.Context, name, earlier string) *v1alpha1.User {
	GinkgoHelper()
	var found *v1alpha1.User
	Eventually(ctx, func(g Gomega) {
		found = user(ctx, g, name)
		conditions := found.Status.Conditions
		g.Expect(state(conditions, v1alpha1.ConditionReady)).To(Equal("True " + v1alpha1.ReasonReconciled))
		g.Expect(state(conditions, v1alpha1.ConditionKubeconfig)).To(Equal("True " + v1alpha1.ReasonIssued))
		for _, c := range conditions {
			g.Expect(c.ObservedGeneration).To(Equal(found.Generation), c.Type)
		}
		g.Expect(found.Status.Certificate).NotTo(BeNil())
		g.Expect(found.Status.Certificate.Fingerprint).NotTo(Equal(earlier))
		s := secret(name, nil)
		g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(s), s)).To(Succeed())
		g.Expect(whole(s.Data)).To(Succeed())
		g.Expect(fingerprintOf(s.Data["tls.crt"])).To(Equal(found.Status.Certificate.Fingerprint))
	}).Should(Succeed())
	return found
}

// accepted sees that the API server takes the certificate in a User's Secret for the one that is recorded.
func accepted(ctx context.Context, u *v1alpha1.User) {
	GinkgoHelper()
	s := secret(u.Name, nil)
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(s), s)).To(Succeed())
	config, err := clientcmd.RESTConfigFromKubeConfig(s.Data["kubeconfig"])
	Expect(err).NotTo(HaveOccurred())
	review, err := kubernetes.NewForConfigOrDie(config).AuthenticationV1().SelfSubjectReviews().
		Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	Expect(review.Status.UserInfo.Username).To(Equal(u.Status.Username))
	Expect(review.Status.UserInfo.Groups).To(ContainElement(v1alpha1.ManagedGroup))
	Expect(review.Status.UserInfo.Extra[credentialID]).To(ConsistOf("X509SHA256=" + fingerprintOf(s.Data["tls.crt"])))
}

// shape is the state of a User and of all Secrets and Sessions that belong to them, without what differs between two runs that went well.
func shape(ctx context.Context, name string) string {
	GinkgoHelper()
	u := user(ctx, Default, name)
	lines := []string{"username " + u.Status.Username, fmt.Sprint("groups ", u.Status.Groups, " grants ", u.Status.Grants)}
	for _, c := range u.Status.Conditions {
		current := c.ObservedGeneration == u.Generation
		lines = append(lines, fmt.Sprintf("%s %s %s %s, current %t", c.Type, c.Status, c.Reason, c.Message, current))
	}
	var secrets corev1.SecretList
	Expect(k8s.List(ctx, &secrets)).To(Succeed())
	for i := range secrets.Items {
		s := &secrets.Items[i]
		if s.Labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy || !strings.HasPrefix(s.Name, name) {
			continue
		}
		lines = append(lines, fmt.Sprintf("Secret %s/%s %s with %d keys, owned %t",
			s.Namespace, s.Name, s.Type, len(s.Data), metav1.IsControlledBy(s, u)))
	}
	var sessions v1alpha1.SessionList
	Expect(k8s.List(ctx, &sessions, client.MatchingFields{"spec.userRef.name": name})).To(Succeed())
	for i := range sessions.Items {
		lines = append(lines, "Session "+state(sessions.Items[i].Status.Conditions, v1alpha1.ConditionActive))
	}
	slices.Sort(lines)
	return strings.ReplaceAll(strings.Join(lines, "\n"), name, "NAME")
}

// endSessions ends the Sessions of a User.
func endSessions(user string) {
	GinkgoHelper()
	ctx := context.Background()
	var sessions v1alpha1.SessionList
	Expect(k8s.List(ctx, &sessions, client.MatchingFields{"spec.userRef.name": user})).To(Succeed())
	Expect(sessions.Items).NotTo(BeEmpty())
	for i := range sessions.Items {
		change(ctx, &sessions.Items[i], func(s *v1alpha1.Session) {
			s.Spec.Termination = &v1alpha1.SessionTermination{By: "rollcall-test-admin", Reason: "leaked"}
		})
	}
}
