// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/apply"
)

func clusterRole(name string) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// mayBind puts a role on the installation's list.
func (s *stage) mayBind(ctx SpecContext, role string) {
	GinkgoHelper()
	change(ctx, s.world, clusterRole(apply.BindableRole), func(r *rbacv1.ClusterRole) {
		r.Rules[0].ResourceNames = append(r.Rules[0].ResourceNames, role)
	})
	DeferCleanup(s.mayNotBind, role)
}

// mayNotBind takes a role off it.
func (s *stage) mayNotBind(ctx SpecContext, role string) {
	GinkgoHelper()
	change(ctx, s.world, clusterRole(apply.BindableRole), func(r *rbacv1.ClusterRole) {
		r.Rules[0].ResourceNames = slices.DeleteFunc(r.Rules[0].ResourceNames, func(name string) bool { return name == role })
	})
}

// withdrawals are specs of access that has to end although something is in the way.
func withdrawals(s *stage) {
	BeforeAll(s.still)

	It("end a leaver's access although the role may no longer be bound", func(ctx SpecContext) {
		role := s.name("role")
		s.create(ctx, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: role}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"delete"}},
		}})
		s.mayBind(ctx, role)
		leaver, other := s.person(ctx), s.person(ctx)
		grant := grantOf(s.name("grant"), users(leaver.Name, other.Name)...)
		grant.Spec.RoleRef.Name = role
		s.create(ctx, grant)
		Eventually(ctx, func() []string {
			s.reconcile(ctx, grantController, grant)
			return s.bound(ctx, "", "rollcall:"+grant.Name)
		}).Should(HaveLen(2), "once the authorizer has seen the list")

		s.mayNotBind(ctx, role)
		change(ctx, s.world, leaver, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		s.reconcile(ctx, userController, leaver)
		Eventually(ctx, func() []string {
			s.reconcile(ctx, grantController, grant)
			return s.bound(ctx, "", "rollcall:"+grant.Name)
		}).ShouldNot(ContainElement("User " + leaver.Name))
		s.reconcile(ctx, grantController, grant)
		Expect(s.condition(ctx, grant, stalled)).To(says(isTrue, v1alpha1.ReasonRoleNotBindable, role))

		s.mayBind(ctx, role)
		Eventually(ctx, func() []string {
			s.reconcile(ctx, grantController, grant)
			return s.bound(ctx, "", "rollcall:"+grant.Name)
		}).Should(Equal([]string{"User " + other.Name}))
	})

	It("do not claim that an expired Grant has no bindings while it has", func(ctx SpecContext) {
		user := s.person(ctx)
		grant := grantOf(s.name("grant"), users(user.Name)...)
		expire := s.clock.Now().Truncate(time.Second).Add(time.Hour)
		grant.Spec.ExpireTime = &metav1.Time{Time: expire}
		s.create(ctx, grant)
		s.reconcile(ctx, grantController, grant)
		Expect(s.bound(ctx, "", "rollcall:"+grant.Name)).To(HaveLen(1))

		manager := clusterRole("rollcall-manager")
		rules := get(ctx, s.world, manager).DeepCopy().Rules
		change(ctx, s.world, manager, func(r *rbacv1.ClusterRole) {
			for i := range r.Rules {
				r.Rules[i].Verbs = slices.DeleteFunc(r.Rules[i].Verbs, func(verb string) bool { return verb == "delete" })
			}
		})
		restore := func(ctx SpecContext) {
			change(ctx, s.world, manager, func(r *rbacv1.ClusterRole) { r.Rules = rules })
		}
		DeferCleanup(restore)
		s.clock.SetTime(expire)
		Eventually(ctx, func() metav1.Condition {
			s.reconcile(ctx, grantController, grant)
			return s.condition(ctx, grant, ready)
		}).Should(says(isFalse, v1alpha1.ReasonFailed, "rollcall:"+grant.Name))
		Expect(get(ctx, s.world, grant).Status.Bindings).To(HaveValue(BeEquivalentTo(1)))

		restore(ctx)
		Eventually(ctx, func() metav1.Condition {
			s.reconcile(ctx, grantController, grant)
			return s.condition(ctx, grant, ready)
		}).Should(says(isTrue, v1alpha1.ReasonExpired))
		Expect(s.bound(ctx, "", "rollcall:"+grant.Name)).To(BeNil())
	})

	It("keep a username from a newcomer while a certificate of someone inactive has it", func(ctx SpecContext) {
		before := s.robot("rollcall-system")
		s.create(ctx, before)
		s.reconcile(ctx, userController, before)
		s.reconcile(ctx, credentialController, before)
		notAfter := get(ctx, s.world, before).Status.Certificate.LastNotAfter
		change(ctx, s.world, before, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		s.reconcile(ctx, userController, before)

		newcomer := localUser(s.name("user"))
		newcomer.Spec.UserName = before.Spec.UserName
		s.create(ctx, newcomer)
		s.clock.SetTime(notAfter.Add(-time.Minute))
		Expect(s.reconcile(ctx, userController, newcomer)).To(Equal(time.Minute), "it looks again when the certificate has expired")
		Expect(s.condition(ctx, newcomer, active)).To(says(isFalse, v1alpha1.ReasonUsernameTaken, before.Name))
	})
}
