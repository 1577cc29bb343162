// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/operator"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/signer"
	"github.com/rollcall-iam/rollcall/internal/signer/ca"
	"github.com/rollcall-iam/rollcall/test/installation"
)

const authorityCurrent = v1alpha1.ConditionAuthorityCurrent

// authorityStage is the operator, which signs by its own authority. The API server's clock is the real one, so that the operator's may go
// ten minutes behind it, for as long as certificates of the preflight last, and five minutes ahead.
type authorityStage struct {
	*stage

	object *v1alpha1.Installation
}

func (a *authorityStage) secret(ctx context.Context) *corev1.Secret {
	GinkgoHelper()
	return get(ctx, a.world, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: installation.Namespace, Name: ca.SecretName}})
}

// bundle is what API servers are to know.
func (a *authorityStage) bundle(ctx context.Context) string {
	GinkgoHelper()
	published := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: installation.Namespace, Name: ca.SecretName}}
	return get(ctx, a.world, published).Data["ca.crt"]
}

// looks lets time pass, and the operator look again.
func (a *authorityStage) looks(ctx context.Context, after time.Duration) {
	GinkgoHelper()
	a.passes(after)
	a.reconcile(ctx, installationController, a.object)
}

// learns gives the API server what is published, and returns once it takes what a signer signs.
func (a *authorityStage) learns(ctx context.Context, by signer.Signer) {
	GinkgoHelper()
	Expect(a.plane.TrustClients([]byte(a.bundle(ctx)))).To(Succeed())
	key, err := pki.NewKey()
	Expect(err).NotTo(HaveOccurred())
	subject := pki.Subject{Username: "somebody"}
	request, err := pki.NewRequest(key, subject)
	Expect(err).NotTo(HaveOccurred())
	signed, err := by.Sign(ctx, signer.Request{Subject: subject, CSR: request, Duration: time.Hour})
	Expect(err).NotTo(HaveOccurred())
	config := rest.CopyConfig(a.environment.API)
	config.CertData = signed
	config.KeyData, err = pki.EncodeKey(key)
	Expect(err).NotTo(HaveOccurred())
	Eventually(ctx, func() error { _, err := whoami(ctx, config); return err }).WithTimeout(90 * time.Second).Should(Succeed())
}

// whoami is whom the API server takes the bearer of a configuration for.
func whoami(ctx context.Context, config *rest.Config) (authenticationv1.UserInfo, error) {
	config = rest.CopyConfig(config)
	config.Dial = nil
	review, err := kubernetes.NewForConfigOrDie(config).AuthenticationV1().SelfSubjectReviews().
		Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return authenticationv1.UserInfo{}, err
	}
	return review.Status.UserInfo, nil
}

// certificateID is the fingerprint of a certificate as PEM.
func certificateID(encoded []byte) string {
	GinkgoHelper()
	certificate, err := pki.ParseCertificate(encoded)
	Expect(err).NotTo(HaveOccurred())
	return pki.Fingerprint(certificate)
}

// ownAuthority are specs of certificates that the operator signs itself.
func ownAuthority(s *stage) {
	a := &authorityStage{stage: s, object: theInstallation()}
	const needed = time.Minute // From the making of the first authority until it needs a successor.
	BeforeAll(func(ctx SpecContext) {
		s.signs = operator.SignerCA
		DeferCleanup(func() { s.signs = "" })
		s.still(ctx)
		s.delete(ctx, a.object)
		a.object = theInstallation()
		s.passes(-9*time.Minute - 30*time.Second)
		s.environment.Authority.Life = 31*time.Minute + 30*time.Second // It begins an hour back: two thirds of it all are 61 minutes.
	})
	var first *rest.Config
	var robot *v1alpha1.User

	It("makes an authority, publishes it, and says who has to know it", func(ctx SpecContext) {
		a.looks(ctx, 0)
		a.looks(ctx, 0)
		Expect(a.bundle(ctx)).To(BeEquivalentTo(a.secret(ctx).Data[corev1.TLSCertKey]))
		for kind, status := range map[string]metav1.ConditionStatus{ready: isFalse, stalled: isTrue, signerReady: isFalse} {
			Expect(s.condition(ctx, a.object, kind)).To(
				says(status, v1alpha1.ReasonSignerNotTrusted, "ConfigMap rollcall-client-ca", "--client-ca-file"))
		}
		Expect(s.condition(ctx, a.object, authorityCurrent)).To(says(isTrue, v1alpha1.ReasonCurrent))
		Expect(a.object.Status.Signer).To(Equal(ca.Name))
		Expect(a.object.Status.Authority).To(HaveValue(SatisfyAll(
			HaveField("Fingerprint", certificateID(a.secret(ctx).Data[corev1.TLSCertKey])), HaveField("NextFingerprint", BeEmpty()))))
		s.conforms(ctx, subject{controller: installationController}, a.object, failed)
	})

	It("sees when the API server knows it", func(ctx SpecContext) {
		a.learns(ctx, s.environment.Authority)
		a.looks(ctx, 30*time.Second)
		Expect(s.condition(ctx, a.object, ready)).To(says(isTrue, v1alpha1.ReasonReconciled))
		Expect(s.condition(ctx, a.object, signerReady)).To(says(isTrue, v1alpha1.ReasonSigns, "CA"))
		mark := s.mark()
		a.looks(ctx, time.Second)
		Expect(s.writes(mark)).To(BeEmpty(), "nothing has changed")
	}, SpecTimeout(2*time.Minute))

	It("does not take what another authority signed for its own, when that was deleted", func(ctx SpecContext) {
		gone := a.secret(ctx)
		a.delete(ctx, gone)
		a.looks(ctx, time.Minute)
		Expect(a.bundle(ctx)).NotTo(ContainSubstring(string(gone.Data[corev1.TLSCertKey])), "whoever deletes it wants it gone")
		Expect(s.condition(ctx, a.object, signerReady)).To(says(isFalse, v1alpha1.ReasonSignerNotTrusted, "ConfigMap rollcall-client-ca"))
		a.learns(ctx, s.environment.Authority)
		a.looks(ctx, 30*time.Second)
		Expect(s.condition(ctx, a.object, signerReady)).To(says(isTrue, v1alpha1.ReasonSigns))
	}, SpecTimeout(2*time.Minute))

	It("makes the API server know a person by the uid of their User, without a certificate signing request", func(ctx SpecContext) {
		robot = s.robot(installation.Namespace)
		robot.Spec.Kubeconfig.DurationSeconds = 3600
		s.create(ctx, robot)
		s.reconcile(ctx, userController, robot)
		mark := s.mark()
		s.reconcile(ctx, credentialController, robot)
		Expect(s.writes(mark)).NotTo(ContainElement(ContainSubstring("certificatesigningrequests")))
		var err error
		first, err = clientcmd.RESTConfigFromKubeConfig(get(ctx, s.world, secretOf(robot)).Data["kubeconfig"])
		Expect(err).NotTo(HaveOccurred())
		Expect(whoami(ctx, first)).To(SatisfyAll(HaveField("Username", robot.Name), HaveField("UID", string(robot.UID)),
			HaveField("Groups", ContainElement(v1alpha1.ManagedGroup))))
	})

	DescribeTable("signs for as long as is asked for, from a minute to a day", func(ctx SpecContext, asked, want time.Duration) {
		authority := &ca.Signer{Store: s.environment.Authority.Store, Clock: s.clock}
		key, err := pki.NewKey()
		Expect(err).NotTo(HaveOccurred())
		request, err := pki.NewRequest(key, pki.Subject{Username: "somebody"})
		Expect(err).NotTo(HaveOccurred())
		signed, err := authority.Sign(ctx, signer.Request{Subject: pki.Subject{Username: "somebody"}, CSR: request, Duration: asked})
		Expect(err).NotTo(HaveOccurred())
		leaf, err := pki.ParseCertificate(signed)
		Expect(err).NotTo(HaveOccurred())
		Expect(leaf.NotAfter).To(BeTemporally("~", s.clock.Now().Add(want), time.Second))
	},
		Entry("a minute", time.Minute, time.Minute),
		Entry("less than a minute", time.Second, time.Minute),
		Entry("a quarter of an hour", 15*time.Minute, 15*time.Minute),
		Entry("longer than the authority lasts", 24*time.Hour, 30*time.Minute+59*time.Second),
	)

	It("signs nothing for names that are Kubernetes' own", func(ctx SpecContext) {
		for _, subject := range []pki.Subject{{Username: "system:admin"}, {Username: "somebody", Groups: []string{"system:masters"}}} {
			_, err := s.environment.Authority.Sign(ctx, signer.Request{Subject: subject})
			Expect(outcome.Of(err, "other")).To(SatisfyAll(HaveField("Reason", v1alpha1.ReasonSigningDenied),
				HaveField("Message", ContainSubstring("system:"))))
		}
	})

	It("signs no request that is none", func(ctx SpecContext) {
		for _, request := range [][]byte{nil, []byte("garbage")} { // Package pki knows more of them.
			_, err := s.environment.Authority.Sign(ctx, signer.Request{Subject: pki.Subject{Username: "somebody"}, CSR: request})
			Expect(outcome.Of(err, "other")).To(HaveField("Reason", v1alpha1.ReasonSigningDenied))
		}
	})

	It("makes the next authority in time, and says who has to know that", func(ctx SpecContext) {
		s.environment.Authority.Life = 1000 * time.Hour
		a.looks(ctx, needed)
		secret := a.secret(ctx)
		Expect(secret.Data).To(HaveKey("next.crt"))
		Expect(a.bundle(ctx)).To(BeEquivalentTo(string(secret.Data[corev1.TLSCertKey]) + string(secret.Data["next.crt"])))
		Expect(s.condition(ctx, a.object, authorityCurrent)).To(
			says(isFalse, v1alpha1.ReasonNextNotTrusted, "ConfigMap rollcall-client-ca", "--client-ca-file"))
		Expect(s.condition(ctx, a.object, ready)).To(says(isTrue, v1alpha1.ReasonReconciled), "all is well until the first one expires")
		Expect(a.object.Status.Authority.NextFingerprint).To(Equal(certificateID(secret.Data["next.crt"])))
	})

	It("signs by the next one once it has been known for ten minutes, and what the first one signed stays good", func(ctx SpecContext) {
		before := a.secret(ctx)
		next := &ca.Successor{Signer: s.environment.Authority, Fingerprint: a.object.Status.Authority.NextFingerprint}
		a.learns(ctx, next)
		a.looks(ctx, time.Minute)
		Expect(s.condition(ctx, a.object, authorityCurrent)).To(says(isFalse, v1alpha1.ReasonNextTrusted))
		for range 9 {
			a.looks(ctx, time.Minute)
			Expect(a.secret(ctx).Data).To(HaveKey("next.crt"), "not yet")
		}
		a.looks(ctx, time.Minute)
		Expect(a.secret(ctx).Data).To(SatisfyAll(Not(HaveKey("next.crt")),
			HaveKeyWithValue(corev1.TLSCertKey, before.Data["next.crt"]), HaveKeyWithValue("previous.crt", before.Data[corev1.TLSCertKey])))
		Expect(s.condition(ctx, a.object, authorityCurrent)).To(says(isTrue, v1alpha1.ReasonCurrent))
		Expect(s.condition(ctx, a.object, signerReady)).To(says(isTrue, v1alpha1.ReasonSigns))
		By("giving the API server what is published now")
		a.learns(ctx, s.environment.Authority)
		Expect(whoami(ctx, first)).To(HaveField("UID", string(robot.UID)), "issued by the first authority")
	}, SpecTimeout(2*time.Minute))

	It("forgets the first one when nothing that it signed can be valid any more", func(ctx SpecContext) {
		s.passes(25*time.Hour + time.Minute)
		a.looks(ctx, 0)
		Expect(a.secret(ctx).Data).To(HaveLen(3))
		Expect(a.bundle(ctx)).To(BeEquivalentTo(a.secret(ctx).Data[corev1.TLSCertKey]))
	})

	authorityWrong(a)
}

// authorityWrong are specs of Secrets in which no authority is that can sign.
func authorityWrong(a *authorityStage) {
	refuses := func(ctx SpecContext, words ...string) {
		GinkgoHelper()
		a.looks(ctx, 2*time.Minute)
		for kind, status := range map[string]metav1.ConditionStatus{ready: isFalse, stalled: isTrue, signerReady: isFalse} {
			Expect(a.condition(ctx, a.object, kind)).To(says(status, v1alpha1.ReasonAuthorityUnusable, words...))
		}
		user := a.robot(installation.Namespace)
		a.create(ctx, user)
		a.reconcile(ctx, userController, user)
		a.reconcile(ctx, credentialController, user)
		a.reconcile(ctx, userController, user)
		Expect(a.condition(ctx, user, ready)).To(says(isFalse, v1alpha1.ReasonAuthorityUnusable, words...))
		Expect(a.gone(ctx, secretOf(user))).To(BeTrue(), "nothing is issued")
	}

	It("refuses to sign by garbage, and leaves it to a person", func(ctx SpecContext) {
		secret := a.secret(ctx)
		secret.Data[corev1.TLSPrivateKeyKey] = []byte("garbage")
		Expect(a.admin.Update(ctx, secret)).To(Succeed())
		refuses(ctx, "tls.key", "delete the Secret")
		Expect(a.secret(ctx).ResourceVersion).To(Equal(secret.ResourceVersion))
	})

	given := func(ctx SpecContext, from, to time.Duration) *corev1.Secret {
		GinkgoHelper()
		certificate, key, err := pki.NewAuthority("given", a.clock.Now().Add(from), a.clock.Now().Add(to))
		Expect(err).NotTo(HaveOccurred())
		a.delete(ctx, a.secret(ctx))
		secret := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: installation.Namespace, Name: ca.SecretName}, Type: corev1.SecretTypeTLS,
			Data: map[string][]byte{corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key},
		}
		Expect(a.admin.Create(ctx, secret)).To(Succeed())
		return secret
	}

	It("refuses to sign by one that was given and has expired", func(ctx SpecContext) {
		given(ctx, -2*time.Hour, -time.Minute)
		refuses(ctx, "expired", "ConfigMap rollcall-client-ca")
	})

	It("signs by one that was given, does not write that, and says when the next one is needed", func(ctx SpecContext) {
		secret := given(ctx, -3*time.Hour, time.Hour)
		a.looks(ctx, time.Minute)
		Expect(a.condition(ctx, a.object, authorityCurrent)).To(says(isFalse, v1alpha1.ReasonNextMissing, "next.crt and next.key"))
		Expect(a.bundle(ctx)).To(BeEquivalentTo(secret.Data[corev1.TLSCertKey]))
		certificate, key, err := pki.NewAuthority("given next", a.clock.Now(), a.clock.Now().Add(time.Hour))
		Expect(err).NotTo(HaveOccurred())
		secret.Data["next.crt"], secret.Data["next.key"] = certificate, key
		Expect(a.admin.Update(ctx, secret)).To(Succeed())
		a.looks(ctx, time.Minute)
		Expect(a.condition(ctx, a.object, authorityCurrent)).To(says(isFalse, v1alpha1.ReasonNextNotTrusted))
		Expect(a.bundle(ctx)).To(HaveSuffix(string(certificate)))
		Expect(a.secret(ctx).ResourceVersion).To(Equal(secret.ResourceVersion))
	})

	It("has no authority for a moment when the Secret is deleted, and makes another, which nobody knows", func(ctx SpecContext) {
		gone := a.secret(ctx)
		a.delete(ctx, gone)
		replica := &ca.Signer{Store: a.environment.Authority.Store, Clock: a.clock}
		_, err := replica.Sign(ctx, signer.Request{})
		Expect(outcome.Of(err, "other")).To(SatisfyAll(HaveField("Kind", outcome.Transient),
			HaveField("Reason", v1alpha1.ReasonAuthorityUnusable), HaveField("Message", ContainSubstring("missing"))))
		a.looks(ctx, time.Minute)
		Expect(a.secret(ctx).UID).NotTo(Equal(gone.UID))
	})

	It("publishes nothing in a ConfigMap that is somebody else's, and says so", func(ctx SpecContext) {
		published := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: installation.Namespace, Name: ca.SecretName}}
		a.delete(ctx, published)
		theirs := &corev1.ConfigMap{ObjectMeta: published.ObjectMeta, Data: map[string]string{"ca.crt": "theirs"}}
		theirs.ResourceVersion, theirs.UID = "", ""
		Expect(a.admin.Create(ctx, theirs)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { a.delete(ctx, theirs) })
		a.looks(ctx, time.Minute)
		Expect(a.bundle(ctx)).To(Equal("theirs"))
	})
}
