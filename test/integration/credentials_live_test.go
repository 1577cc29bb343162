// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"bytes"
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/test/installation"
)

// credentialsLive are specs of kubeconfig Secrets with the operator at work.
func credentialsLive(w *world) {
	BeforeAll(w.live)
	issued := func(ctx SpecContext, user *v1alpha1.User) *corev1.Secret {
		GinkgoHelper()
		w.becomes(ctx, user, kubeconfig, says(isTrue, v1alpha1.ReasonIssued))
		w.becomes(ctx, user, ready, says(isTrue, v1alpha1.ReasonReconciled))
		return get(ctx, w, secretOf(user))
	}

	DescribeTable("are made anew when someone", func(ctx SpecContext, spoil func(context.Context, *corev1.Secret) error) {
		user := w.robot(installation.Namespace)
		w.create(ctx, user)
		before := issued(ctx, user)
		Expect(spoil(ctx, before.DeepCopy())).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			now := secretOf(user)
			g.Expect(w.admin.Get(ctx, clientKey(now), now)).To(Succeed())
			g.Expect(now.Data["tls.crt"]).NotTo(Equal(before.Data["tls.crt"]))
			leaf := certificateIn(g, now)
			g.Expect(get(ctx, w, user).Status.Certificate).To(HaveField("Fingerprint", pki.Fingerprint(leaf)))
			g.Expect(now.Data).To(HaveKeyWithValue("ca.crt", w.plane.CACert()))
			g.Expect(whoAmI(ctx, now.Data["kubeconfig"]).Username).To(Equal(user.Name))
		}).Should(Succeed())
	},
		Entry("deletes the Secret", func(ctx context.Context, s *corev1.Secret) error { return w.admin.Delete(ctx, s) }),
		Entry("removes the key", func(ctx context.Context, s *corev1.Secret) error {
			delete(s.Data, "tls.key")
			return w.admin.Update(ctx, s)
		}),
		Entry("puts another key there", func(ctx context.Context, s *corev1.Secret) error {
			key, err := pki.NewKey()
			Expect(err).NotTo(HaveOccurred())
			s.Data["tls.key"], err = pki.EncodeKey(key)
			Expect(err).NotTo(HaveOccurred())
			return w.admin.Update(ctx, s)
		}),
		Entry("puts another key there, in the kubeconfig too", func(ctx context.Context, s *corev1.Secret) error {
			key, err := pki.NewKey()
			Expect(err).NotTo(HaveOccurred())
			s.Data["tls.key"], err = pki.EncodeKey(key)
			Expect(err).NotTo(HaveOccurred())
			cluster := pki.Cluster{Server: w.plane.URL(), CA: w.plane.CACert()}
			s.Data["kubeconfig"], err = pki.Kubeconfig(cluster, s.Name, s.Data["tls.crt"], s.Data["tls.key"])
			Expect(err).NotTo(HaveOccurred())
			return w.admin.Update(ctx, s)
		}),
		Entry("leads the kubeconfig elsewhere", func(ctx context.Context, s *corev1.Secret) error {
			s.Data["kubeconfig"] = bytes.ReplaceAll(s.Data["kubeconfig"], []byte("127.0.0.1"), []byte("evil.example"))
			return w.admin.Update(ctx, s)
		}),
		Entry("puts another CA there", func(ctx context.Context, s *corev1.Secret) error {
			s.Data["ca.crt"] = w.plane.ClientCACert()
			return w.admin.Update(ctx, s)
		}),
		Entry("empties it", func(ctx context.Context, s *corev1.Secret) error {
			s.Data = nil
			return w.admin.Update(ctx, s)
		}),
	)

	It("never take a Secret that is somebody else's, and come when that goes", func(ctx SpecContext) {
		user := w.robot(installation.Namespace)
		foreign := secretOf(user)
		foreign.Data = map[string][]byte{"tls.key": []byte("theirs")}
		w.create(ctx, foreign, user)
		version := foreign.ResourceVersion
		w.becomes(ctx, user, ready, says(isFalse, v1alpha1.ReasonSecretConflict,
			user.Name, installation.Namespace, "delete it, or name another"))
		w.becomes(ctx, user, stalled, says(isTrue, v1alpha1.ReasonSecretConflict))
		Consistently(func() string { return get(ctx, w, foreign).ResourceVersion }).Should(Equal(version), "it is never touched")

		By("suspending the user, which removes only what is the operator's")
		change(ctx, w, user, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		w.becomes(ctx, user, kubeconfig, says(isFalse, v1alpha1.ReasonUserInactive))
		Expect(get(ctx, w, foreign).ResourceVersion).To(Equal(version))
		change(ctx, w, user, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserActive })
		w.becomes(ctx, user, ready, says(isFalse, v1alpha1.ReasonSecretConflict))

		Expect(w.admin.Delete(ctx, foreign)).To(Succeed())
		issued(ctx, user)
	})

	It("are not shared: of two Users that name one Secret the second waits", func(ctx SpecContext) {
		first, second := w.robot(installation.Namespace), w.robot(installation.Namespace)
		second.Spec.Kubeconfig.SecretRef = first.Spec.Kubeconfig.SecretRef
		w.create(ctx, first)
		issued(ctx, first)
		w.create(ctx, second)
		w.becomes(ctx, second, ready, says(isFalse, v1alpha1.ReasonSecretConflict))
		w.delete(ctx, first)
		Expect(whoAmI(ctx, issued(ctx, second).Data["kubeconfig"]).Username).To(Equal(second.Name))
	})

	It("go when they are no longer asked for", func(ctx SpecContext) {
		user := w.robot(installation.Namespace)
		w.create(ctx, user)
		secret := issued(ctx, user)
		change(ctx, w, user, func(u *v1alpha1.User) { u.Spec.Kubeconfig = nil })
		Eventually(ctx, func() bool { return w.gone(ctx, secret) }).Should(BeTrue())
		w.becomes(ctx, user, kubeconfig, BeZero())
		Expect(get(ctx, w, user).Status.Certificate).NotTo(BeNil(), "it is valid still, whoever has a copy")
	})

	It("move when they are asked for under another name", func(ctx SpecContext) {
		user := w.robot(installation.Namespace)
		w.create(ctx, user)
		before := issued(ctx, user)
		change(ctx, w, user, func(u *v1alpha1.User) { u.Spec.Kubeconfig.SecretRef.Name = w.name("moved") })
		Eventually(ctx, func() bool { return w.gone(ctx, before) }).Should(BeTrue())
		Eventually(ctx, func() bool { return w.gone(ctx, secretOf(user)) }).Should(BeFalse())
		issued(ctx, user)
	})

	It("go with their User, and are another's when a User of that name comes back", func(ctx SpecContext) {
		user := w.robot(installation.Namespace)
		w.create(ctx, user)
		secret := issued(ctx, user)
		Expect(w.admin.Delete(ctx, user)).To(Succeed())
		again := localUser(user.Name)
		again.Spec.Kubeconfig = user.Spec.Kubeconfig
		w.create(ctx, again)
		Eventually(ctx, func(g Gomega) {
			now := secretOf(again)
			g.Expect(w.admin.Get(ctx, clientKey(now), now)).To(Succeed())
			g.Expect(now.UID).NotTo(Equal(secret.UID))
			g.Expect(now.OwnerReferences).To(ConsistOf(HaveField("UID", again.UID)))
		}).Should(Succeed())
		issued(ctx, again)
	})
}
