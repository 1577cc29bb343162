// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/installation"
)

// late is a manager whose cache is told of Secrets later than of anything else: as long as it says so, of none.
type late struct {
	ctrl.Manager
	waits *bool
}

func (l late) GetCache() cache.Cache { return lateCache{l.Manager.GetCache(), l.waits} }

type lateCache struct {
	cache.Cache
	waits *bool
}

func (l lateCache) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if metadata, ok := object.(*metav1.PartialObjectMetadata); ok && metadata.Kind == "Secret" && *l.waits {
		return apierrors.NewNotFound(corev1.Resource("secrets"), key.Name)
	}
	return l.Cache.Get(ctx, key, object, options...)
}

// asksForSecrets is how often the operator gets a Secret while it looks at a User.
func (s *stage) asksForSecrets(ctx context.Context, object client.Object) int {
	GinkgoHelper()
	mark := s.mark()
	s.reconcile(ctx, credentialController, object)
	events, _, err := s.plane.AuditSince(mark)
	Expect(err).NotTo(HaveOccurred())
	asked := 0
	for i := range events {
		if e := &events[i]; e.Verb == "get" && e.User.Username == operatorUser && e.ObjectRef != nil && e.ObjectRef.Resource == "secrets" {
			asked++
		}
	}
	return asked
}

// credentialsLooks are specs of how the operator knows what is in Secrets, which it does not cache.
func credentialsLooks(s *stage) {
	waits := false
	BeforeAll(func(ctx SpecContext) {
		s.stand(ctx, func(mgr ctrl.Manager) ctrl.Manager { return late{mgr, &waits} })
	})
	BeforeEach(func() { waits = false })

	It("are asked for once somebody has written them, and not again", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		secret := s.issue(ctx, user)
		Eventually(ctx, s.asksForSecrets).WithArguments(user).Should(BeZero(), "it knows what it wrote itself")
		mark := s.mark()
		secret.Labels["example.com/team"] = "a"
		Expect(s.admin.Update(ctx, secret)).To(Succeed())
		Eventually(ctx, s.asksForSecrets).WithArguments(user).Should(Equal(1), "it was told that somebody wrote")
		Eventually(ctx, s.asksForSecrets).WithArguments(user).Should(BeZero())
		Expect(s.writes(mark)).To(BeEmpty(), "what matters is as it was")
	})
	It("are asked for anew by a User who takes another's name", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		s.issue(ctx, user)
		Eventually(ctx, s.asksForSecrets).WithArguments(user).Should(BeZero())
		Expect(s.admin.Delete(ctx, user)).To(Succeed())
		again := localUser(user.Name)
		again.Spec.Kubeconfig = user.Spec.Kubeconfig
		s.create(ctx, again)
		s.reconcile(ctx, userController, again)
		Eventually(ctx, func(g Gomega) {
			_, err := s.attempt(ctx, credentialController, again)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(get(ctx, s.world, secretOf(again)).OwnerReferences).To(ConsistOf(HaveField("UID", again.UID)))
		}).Should(Succeed())
	})
	It("are not made anew where the cache does not show them yet", func(ctx SpecContext) {
		waits = true
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		before := s.issue(ctx, user)
		mark := s.mark()
		Expect(s.asksForSecrets(ctx, user)).To(Equal(1))
		Expect(s.writes(mark)).To(BeEmpty())
		Expect(get(ctx, s.world, secretOf(user)).ResourceVersion).To(Equal(before.ResourceVersion))
	})
	It("are not overwritten where the cache does not show them yet", func(ctx SpecContext) {
		waits = true
		user := s.robot(installation.Namespace)
		foreign := secretOf(user)
		foreign.Data = map[string][]byte{"tls.key": []byte("theirs")}
		s.create(ctx, foreign, user)
		s.reconcile(ctx, userController, user)
		s.reconcile(ctx, credentialController, user)
		Expect(get(ctx, s.world, foreign).Data).To(HaveKeyWithValue("tls.key", []byte("theirs")))
		Expect(s.condition(ctx, user, kubeconfig).Status).To(Equal(isFalse))
		waits = false
		Eventually(ctx, func(g Gomega) {
			s.reconcile(ctx, credentialController, user)
			g.Expect(s.condition(ctx, user, kubeconfig)).To(says(isFalse, v1alpha1.ReasonSecretConflict))
		}).Should(Succeed())
	})
	It("are removed where the cache does not show them yet", func(ctx SpecContext) {
		waits = true
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		secret := s.issue(ctx, user)
		change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		s.reconcile(ctx, userController, user)
		s.reconcile(ctx, credentialController, user)
		Expect(s.gone(ctx, secret)).To(BeTrue())
	})
}
