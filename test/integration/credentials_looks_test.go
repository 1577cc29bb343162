// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"slices"
	"strings"
	"time"

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

// looking is a manager where something happens before a User is looked at past the cache.
type looking struct {
	ctrl.Manager
	happens *func()
}

func (l looking) GetAPIReader() client.Reader {
	return lookingReader{l.Manager.GetAPIReader(), l.happens}
}

type lookingReader struct {
	client.Reader
	happens *func()
}

func (l lookingReader) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if _, ok := object.(*v1alpha1.User); ok {
		(*l.happens)()
	}
	return l.Reader.Get(ctx, key, object, options...)
}

// asksFor is how often the operator gets something past its cache while it looks at a User.
func (s *stage) asksFor(ctx context.Context, resource string, object client.Object) int {
	GinkgoHelper()
	mark := s.mark()
	s.reconcile(ctx, credentialController, object)
	events, _, err := s.plane.AuditSince(mark)
	Expect(err).NotTo(HaveOccurred())
	asked := 0
	for i := range events {
		if e := &events[i]; e.Verb == "get" && e.User.Username == operatorUser && e.ObjectRef != nil && e.ObjectRef.Resource == resource {
			asked++
		}
	}
	return asked
}

func (s *stage) asksForSecrets(ctx context.Context, object client.Object) int {
	GinkgoHelper()
	return s.asksFor(ctx, "secrets", object)
}

// begunFor are the Sessions that began for a User.
func (s *stage) begunFor(ctx context.Context, user *v1alpha1.User) []v1alpha1.Session {
	GinkgoHelper()
	var list v1alpha1.SessionList
	Expect(s.admin.List(ctx, &list)).To(Succeed())
	return slices.DeleteFunc(list.Items, func(c v1alpha1.Session) bool { return c.Spec.UserRef.UID != string(user.UID) })
}

// tellsOf has another replica tell of a certificate of a User, and says of which.
func (s *stage) tellsOf(ctx context.Context, user *v1alpha1.User) (fingerprint string) {
	GinkgoHelper()
	told := get(ctx, s.world, &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: user.Name}})
	now := metav1.NewTime(s.clock.Now().Truncate(time.Second))
	told.Status.Certificate = &v1alpha1.Certificate{
		Fingerprint: strings.Repeat("ab", 32), SerialNumber: "ab", NotBefore: now, NotAfter: now, LastNotAfter: now, RenewTime: now,
		SecretRef: user.Spec.Kubeconfig.SecretRef, Session: s.name("session"),
	}
	Expect(s.admin.Status().Update(ctx, told)).To(Succeed())
	return told.Status.Certificate.Fingerprint
}

// credentialsLooks are specs of how the operator knows what is in Secrets, which it does not cache.
func credentialsLooks(s *stage) {
	waits, nothing := false, func() error { return nil }
	happens, before := new(nothing), new(func() {})
	BeforeAll(func(ctx SpecContext) {
		s.stand(ctx, func(mgr ctrl.Manager) ctrl.Manager { return late{looking{meanwhile{mgr, happens}, before}, &waits} })
	})
	BeforeEach(func() { waits, *happens, *before = false, nothing, func() {} })

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
	It("are made for a new User with one look past the cache, and renewed with two", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		s.reconcile(ctx, userController, user)
		Expect(s.asksFor(ctx, "users", user)).To(Equal(1), "before the certificate is published")
		s.passes(get(ctx, s.world, user).Status.Certificate.RenewTime.Sub(s.clock.Now()))
		Expect(s.asksFor(ctx, "users", user)).To(Equal(2), "before it is asked for, too: the cache may not show the last one yet")
	})
	It("are renewed in another Session where theirs has ended and the cache does not show that yet", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		s.issue(ctx, user)
		told := get(ctx, s.world, user).Status.Certificate
		*before = func() {
			*before = func() {}
			ended := get(ctx, s.world, &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: told.Session}})
			ended.Spec.Termination = &v1alpha1.SessionTermination{By: "rollcall-test-admin", Reason: "INC-1"}
			Expect(s.admin.Update(ctx, ended)).To(Succeed())
		}
		s.passes(told.RenewTime.Sub(s.clock.Now()))
		s.reconcile(ctx, credentialController, user)
		Expect(s.condition(ctx, user, kubeconfig)).To(says(isTrue, v1alpha1.ReasonIssued))
		Expect(get(ctx, s.world, user).Status.Certificate).To(And(
			HaveField("Session", Not(Equal(told.Session))), HaveField("Fingerprint", Not(Equal(told.Fingerprint)))))
	})
	It("are not made where another replica has told of a certificate meanwhile", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		s.reconcile(ctx, userController, user)
		told := ""
		s.with(interrupted{s.environment.Signer, func() { told = s.tellsOf(ctx, user) }})
		Expect(s.reconcile(ctx, credentialController, user)).To(Equal(time.Second), "when to renew the other's is to be found out")
		Expect(s.gone(ctx, secretOf(user))).To(BeTrue())
		Expect(get(ctx, s.world, user).Status.Certificate.Fingerprint).To(Equal(told))
		Expect(s.condition(ctx, user, kubeconfig)).To(BeZero(), "what it says is the other's")
		Expect(s.begunFor(ctx, user)).To(ConsistOf(HaveField("Spec.Termination.Reason", ContainSubstring("dropped"))))
	})
	It("are told of without saying more of a spec that has come meanwhile", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		s.reconcile(ctx, userController, user)
		*happens = func() error {
			if !s.gone(ctx, secretOf(user)) {
				*happens = nothing
				change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.ExpireTime = &metav1.Time{Time: s.clock.Now().Add(time.Hour)} })
			}
			return nil
		}
		s.reconcile(ctx, credentialController, user)
		Expect(get(ctx, s.world, user).Status.Certificate).NotTo(BeNil())
		Expect(user.Status.Conditions).NotTo(ContainElement(HaveField("Type", kubeconfig)))
		s.reconcile(ctx, credentialController, user)
		Expect(s.condition(ctx, user, kubeconfig)).To(says(isTrue, v1alpha1.ReasonIssued))
	})
	It("are not found wanting by a spec that has come meanwhile", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		s.create(ctx, user, secretOf(user))
		s.reconcile(ctx, userController, user)
		*happens = func() error {
			*happens = nothing
			change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.Kubeconfig.SecretRef.Name = s.name("free") })
			return nil
		}
		s.reconcile(ctx, credentialController, user)
		Expect(get(ctx, s.world, user).Status.Conditions).NotTo(ContainElement(HaveField("Type", kubeconfig)))
	})
	It("are not told of where another replica has told of a later certificate", func(ctx SpecContext) {
		user := s.robot(installation.Namespace)
		s.create(ctx, user)
		s.reconcile(ctx, userController, user)
		told := ""
		*happens = func() error {
			if !s.gone(ctx, secretOf(user)) && told == "" {
				told = s.tellsOf(ctx, user)
			}
			return nil
		}
		s.reconcile(ctx, credentialController, user)
		Expect(told).NotTo(BeEmpty())
		Expect(get(ctx, s.world, user).Status.Certificate.Fingerprint).To(Equal(told))
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
