// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"regexp"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/test/installation"
)

const kubeconfig = v1alpha1.ConditionKubeconfig

// robot is a local User that asks for a kubeconfig in a namespace, in a Secret of its own name.
func (w *world) robot(namespace string) *v1alpha1.User {
	user := localUser(w.name("robot"))
	user.Spec.Kubeconfig = &v1alpha1.KubeconfigSpec{
		SecretRef: v1alpha1.SecretReference{Namespace: namespace, Name: user.Name}, DurationSeconds: 3600,
	}
	return user
}

// secretOf is the Secret that a User asks for, without its content.
func secretOf(user *v1alpha1.User) *corev1.Secret {
	ref := user.Spec.Kubeconfig.SecretRef
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ref.Namespace, Name: ref.Name}}
}

// certificateIn is the certificate in a kubeconfig Secret, which fits its key.
func certificateIn(g Gomega, secret *corev1.Secret) *x509.Certificate {
	GinkgoHelper()
	pair, err := tls.X509KeyPair(secret.Data["tls.crt"], secret.Data["tls.key"])
	g.Expect(err).NotTo(HaveOccurred())
	return pair.Leaf
}

// whoAmI asks the API server who the bearer of a kubeconfig is.
func whoAmI(ctx context.Context, content []byte) authenticationv1.UserInfo {
	GinkgoHelper()
	config, err := clientcmd.RESTConfigFromKubeConfig(content)
	Expect(err).NotTo(HaveOccurred())
	reviews := kubernetes.NewForConfigOrDie(config).AuthenticationV1().SelfSubjectReviews()
	review, err := reviews.Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	return review.Status.UserInfo
}

// issue brings a User to have its Secret, and returns that.
func (s *stage) issue(ctx context.Context, user *v1alpha1.User) *corev1.Secret {
	GinkgoHelper()
	s.reconcile(ctx, userController, user)
	s.reconcile(ctx, credentialController, user)
	s.reconcile(ctx, userController, user)
	Expect(s.condition(ctx, user, kubeconfig)).To(says(isTrue, v1alpha1.ReasonIssued))
	Expect(s.condition(ctx, user, ready)).To(says(isTrue, v1alpha1.ReasonReconciled))
	return get(ctx, s.world, secretOf(user))
}

func csrsIn(writes []string) (requests []string) {
	for _, write := range writes {
		if strings.Contains(write, "certificatesigningrequests") {
			requests = append(requests, write)
		}
	}
	return requests
}

// credentialsStill are specs of kubeconfig Secrets, one Reconcile at a time.
func credentialsStill(s *stage) {
	BeforeAll(s.still)
	BeforeEach(func() { s.clock.SetTime(clock.RealClock{}.Now()) })

	It("let a robot in, and say with which certificate", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		secret := s.issue(ctx, user)
		Expect(secret.Data).To(HaveLen(4))
		Expect(secret.Data).To(SatisfyAll(HaveKey("kubeconfig"), HaveKey("tls.crt"), HaveKey("tls.key"),
			HaveKeyWithValue("ca.crt", s.plane.CACert())))
		Expect(secret.OwnerReferences).To(ConsistOf(SatisfyAll(HaveField("Kind", "User"), HaveField("UID", user.UID))))

		leaf := certificateIn(Default, secret)
		key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
		Expect(ok).To(BeTrue(), "the key is an ECDSA key")
		Expect(key.Curve).To(Equal(elliptic.P256()))
		Expect(leaf.Subject.CommonName).To(Equal(user.Name))
		Expect(leaf.Subject.Organization).To(HaveExactElements(v1alpha1.ManagedGroup))
		Expect(get(ctx, s.world, user).Status.Certificate).To(SatisfyAll(
			HaveField("Fingerprint", pki.Fingerprint(leaf)), HaveField("SecretRef", user.Spec.Kubeconfig.SecretRef),
			HaveField("NotAfter.Time", BeTemporally("==", leaf.NotAfter))))
		Expect(whoAmI(ctx, secret.Data["kubeconfig"])).To(SatisfyAll(
			HaveField("Username", user.Name), HaveField("Groups", ContainElement(v1alpha1.ManagedGroup))))
	})

	It("are told of in one write with what Ready says then, as the User controller would next", func(ctx SpecContext) {
		agrees := func(user *v1alpha1.User) {
			GinkgoHelper()
			mark := s.mark()
			s.reconcile(ctx, userController, user)
			Expect(s.writes(mark)).To(BeEmpty(), "the User controller says the same")
		}
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		s.reconcile(ctx, userController, user)
		Expect(s.condition(ctx, user, ready)).To(says(isFalse, v1alpha1.ReasonIssuing))
		mark := s.mark()
		s.reconcile(ctx, credentialController, user)
		Expect(s.writes(mark)).To(ContainElement("patch users/status " + user.Name))
		Expect(s.condition(ctx, user, ready)).To(says(isTrue, v1alpha1.ReasonReconciled))
		Expect(s.condition(ctx, user, reconciling)).To(BeZero())
		agrees(user)

		conflicts := func() {
			GinkgoHelper()
			change(ctx, s.world, user, func(u *v1alpha1.User) {
				u.Spec.State, u.Spec.Kubeconfig.SecretRef.Name = v1alpha1.UserActive, s.name("foreign")
			})
			s.create(ctx, secretOf(user))
			s.reconcile(ctx, userController, user)
			s.reconcile(ctx, credentialController, user)
			s.reconcile(ctx, userController, user)
			Expect(s.condition(ctx, user, stalled)).To(says(isTrue, v1alpha1.ReasonSecretConflict))
			Expect(s.condition(ctx, user, reconciling)).To(BeZero())
		}
		isWell := func(controllers ...string) {
			GinkgoHelper()
			for _, name := range controllers {
				s.reconcile(ctx, name, user)
			}
			Expect(s.condition(ctx, user, ready)).To(says(isTrue, v1alpha1.ReasonReconciled))
			Expect(get(ctx, s.world, user).Status.Conditions).NotTo(
				ContainElement(HaveField("Type", BeElementOf(stalled, reconciling))), "of whichever generation")
			agrees(user)
		}
		By("suspending somebody whose Secret was another's")
		conflicts()
		change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		isWell(userController, credentialController)

		By("asking for another place, where the credential controller comes first")
		conflicts()
		change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.Kubeconfig.SecretRef.Name = user.Name })
		isWell(credentialController, userController)

		By("asking for none any more, likewise")
		conflicts()
		change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.Kubeconfig = nil })
		isWell(credentialController, userController)
		Expect(s.condition(ctx, user, kubeconfig)).To(BeZero())
	})

	It("leave Ready to the User controller where that has not seen the spec, and of somebody who may not act", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		s.issue(ctx, user)
		said := func() metav1.Condition { // Of whichever generation.
			return *meta.FindStatusCondition(get(ctx, s.world, user).Status.Conditions, ready)
		}
		before := said()
		change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.Kubeconfig.DurationSeconds = 600 })
		s.reconcile(ctx, credentialController, user)
		Expect(s.condition(ctx, user, kubeconfig)).To(says(isTrue, v1alpha1.ReasonIssued))
		Expect(said()).To(Equal(before))

		change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		s.reconcile(ctx, userController, user)
		before = said()
		s.reconcile(ctx, credentialController, user)
		Expect(s.condition(ctx, user, kubeconfig)).To(says(isFalse, v1alpha1.ReasonUserInactive))
		Expect(said()).To(Equal(before))
	})

	It("are renewed when 60 to 75 percent of the life from issue have passed", func(ctx SpecContext) {
		parts := make([]float64, 0, 5)
		for _, seconds := range []int32{600, 3600, 86400, 86400, 86400} {
			user := s.robot(installation.Namespace)
			user.Spec.Kubeconfig.DurationSeconds = seconds
			s.create(ctx, user)
			now := clock.RealClock{}.Now()
			s.clock.SetTime(now)
			s.issue(ctx, user)
			certificate := get(ctx, s.world, user).Status.Certificate
			life := certificate.NotAfter.Sub(now)
			Expect(life).To(BeNumerically("~", time.Duration(seconds)*time.Second, 6*time.Minute), "the signer takes 5 minutes off a long one")
			Expect(certificate.RenewTime.Time).To(BeTemporally(">=", now.Add(life*60/100-time.Second)))
			Expect(certificate.RenewTime.Time).To(BeTemporally("<=", now.Add(life*75/100)))
			parts = append(parts, float64(certificate.RenewTime.Sub(now))/float64(life))
		}
		// Whole seconds alone make parts differ by up to 0.002; by chance all five are as close as 0.005 once in some 160,000 runs.
		Expect(slices.Max(parts)-slices.Min(parts)).To(BeNumerically(">", 0.005), "not all at the same time")
	})

	It("are replaced at that time and not before, with a new key, in one write", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		before := s.issue(ctx, user)
		renew := get(ctx, s.world, user).Status.Certificate.RenewTime.Time

		mark := s.mark()
		s.clock.SetTime(renew.Add(-time.Minute))
		Expect(s.reconcile(ctx, credentialController, user)).To(Equal(time.Minute))
		Expect(s.writes(mark)).To(BeEmpty())

		s.clock.SetTime(renew)
		s.reconcile(ctx, credentialController, user)
		after := get(ctx, s.world, secretOf(user))
		Expect(after.UID).To(Equal(before.UID))
		Expect(after.Data["tls.key"]).NotTo(Equal(before.Data["tls.key"]))
		leaf := certificateIn(Default, after)
		Expect(get(ctx, s.world, user).Status.Certificate).To(HaveField("Fingerprint", pki.Fingerprint(leaf)))
		Expect(user.Status.Certificate.LastNotAfter.Time).To(BeTemporally(">=", certificateIn(Default, before).NotAfter.Truncate(time.Second)))
		Expect(s.writes(mark)).To(HaveExactElements(HavePrefix("create certificatesigningrequests"),
			HavePrefix("update certificatesigningrequests/approval"), HavePrefix("patch sessions/status "+user.Name),
			"update secrets "+installation.Namespace+"/"+user.Name, "patch users/status "+user.Name), "recorded first, and then published")
	})

	It("are taken from the suspended, and not renewed", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		secret := s.issue(ctx, user)
		change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		s.reconcile(ctx, userController, user)
		until := user.Status.Certificate.NotAfter.UTC().Format(time.RFC3339)
		Expect(s.condition(ctx, user, active)).To(says(isFalse, v1alpha1.ReasonSuspended, "no access since", "valid until "+until))
		mark := s.mark()
		s.reconcile(ctx, credentialController, user)
		Expect(s.gone(ctx, secret)).To(BeTrue())
		Expect(s.condition(ctx, user, kubeconfig)).To(says(isFalse, v1alpha1.ReasonUserInactive))

		s.clock.SetTime(user.Status.Certificate.NotAfter.Add(time.Hour))
		Expect(s.reconcile(ctx, credentialController, user)).To(BeZero())
		Expect(csrsIn(s.writes(mark))).To(BeEmpty())
		s.reconcile(ctx, userController, user)
		Expect(s.condition(ctx, user, ready)).To(says(isTrue, v1alpha1.ReasonReconciled), "all is as declared")

		By("letting them in again")
		s.clock.SetTime(clock.RealClock{}.Now())
		change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserActive })
		Expect(whoAmI(ctx, s.issue(ctx, user).Data["kubeconfig"]).Username).To(Equal(user.Name))
	})

	inOtherNamespaces(s)
}

// inOtherNamespaces are specs of Secrets outside the operator's own namespace.
func inOtherNamespaces(s *stage) {
	command := regexp.MustCompile(`kubectl create rolebinding [^;]*`)
	allow := func(ctx SpecContext, namespace string) {
		GinkgoHelper()
		out, err := s.kubectl(ctx, "create", "rolebinding", "rollcall-kubeconfig-publisher", "--namespace="+namespace,
			"--clusterrole=rollcall-kubeconfig-publisher", "--serviceaccount=rollcall-system:rollcall-controller-manager")
		Expect(err).NotTo(HaveOccurred(), out)
	}

	It("need an administrator's leave in another namespace, and say which command gives it", func(ctx SpecContext) {
		user := s.robot(s.namespace(ctx, nil).Name)
		s.create(ctx, user)
		s.reconcile(ctx, userController, user)
		mark := s.mark()
		again := s.reconcile(ctx, credentialController, user)
		Expect(again).To(BeNumerically("~", time.Minute, time.Minute), "it looks again without being told")
		Expect(csrsIn(s.writes(mark))).To(BeEmpty(), "nothing is signed that could not be published")
		s.reconcile(ctx, userController, user)
		Expect(s.condition(ctx, user, ready)).To(says(isFalse, v1alpha1.ReasonSecretForbidden, user.Spec.Kubeconfig.SecretRef.Namespace))

		words := strings.Fields(command.FindString(s.condition(ctx, user, ready).Message))
		Expect(words).NotTo(BeEmpty(), "the message has a command")
		out, err := s.kubectl(ctx, words[1:]...)
		Expect(err).NotTo(HaveOccurred(), out)
		secret := s.issue(ctx, user)
		Expect(secret.OwnerReferences).To(ConsistOf(SatisfyAll(HaveField("Kind", "User"), HaveField("UID", user.UID))))
		Expect(whoAmI(ctx, secret.Data["kubeconfig"]).Username).To(Equal(user.Name))
	})

	It("wait for a namespace that is not there", func(ctx SpecContext) {
		user := s.robot(s.name("absent"))
		s.create(ctx, user)
		s.reconcile(ctx, userController, user)
		Expect(s.reconcile(ctx, credentialController, user)).To(BeNumerically(">", 0), "it looks again without being told")
		s.reconcile(ctx, userController, user)
		Expect(s.condition(ctx, user, ready)).To(says(isFalse, v1alpha1.ReasonNamespaceNotFound, user.Spec.Kubeconfig.SecretRef.Namespace))

		s.create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: user.Spec.Kubeconfig.SecretRef.Namespace}})
		allow(ctx, user.Spec.Kubeconfig.SecretRef.Namespace)
		s.issue(ctx, user)
	})

	It("are removed where they were, when they are to be elsewhere", func(ctx SpecContext) {
		one, two := s.namespace(ctx, nil).Name, s.namespace(ctx, nil).Name
		allow(ctx, one)
		allow(ctx, two)
		user := s.robot(one)
		s.create(ctx, user)
		before := s.issue(ctx, user)
		change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.Kubeconfig.SecretRef.Namespace = two })
		s.issue(ctx, user)
		Expect(s.gone(ctx, before)).To(BeTrue())
		Expect(user.Status.Certificate.SecretRef.Namespace).To(Equal(two))
	})

	It("can be elsewhere when the namespace is gone where they were", func(ctx SpecContext) {
		one, two := s.namespace(ctx, nil), s.namespace(ctx, nil)
		allow(ctx, one.Name)
		allow(ctx, two.Name)
		user := s.robot(one.Name)
		s.create(ctx, user)
		s.issue(ctx, user)
		Expect(s.admin.Delete(ctx, one)).To(Succeed())
		Eventually(ctx, func() bool { return s.gone(ctx, one) }).Should(BeTrue())
		change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.Kubeconfig.SecretRef.Namespace = two.Name })
		s.issue(ctx, user)
	})

	It("can be elsewhere when the leave was taken back where they were", func(ctx SpecContext) {
		one, two := s.namespace(ctx, nil), s.namespace(ctx, nil)
		allow(ctx, one.Name)
		allow(ctx, two.Name)
		user := s.robot(one.Name)
		s.create(ctx, user)
		s.issue(ctx, user)
		out, err := s.kubectl(ctx, "delete", "rolebinding", "rollcall-kubeconfig-publisher", "--namespace="+one.Name)
		Expect(err).NotTo(HaveOccurred(), out)
		change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.Kubeconfig.SecretRef.Namespace = two.Name })
		s.reconcile(ctx, credentialController, user)
		Expect(whoAmI(ctx, get(ctx, s.world, secretOf(user)).Data["kubeconfig"]).Username).To(Equal(user.Name))
	})
}
