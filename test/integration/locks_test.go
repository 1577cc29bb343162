// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

func lockOn(name string, kind v1alpha1.SubjectKind, target string) *v1alpha1.Lock {
	return &v1alpha1.Lock{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.LockSpec{
		Target: v1alpha1.LockTarget{Kind: v1alpha1.LockTargetKind(kind), Name: target}, Reason: "lost laptop",
	}}
}

// locksStill are specs of Locks, one Reconcile at a time.
func locksStill(s *stage) {
	BeforeAll(s.still)

	It("keep a person out before their status shows it, and give back what they had", func(ctx SpecContext) {
		user, other := s.person(ctx), s.person(ctx)
		grant := grantOf(s.name("grant"), users(user.Name, other.Name)...)
		s.create(ctx, grant)
		s.reconcile(ctx, grantController, grant)
		lock := lockOn(s.name("lock"), v1alpha1.SubjectUser, user.Name)
		s.create(ctx, lock)

		s.reconcile(ctx, grantController, grant)
		Expect(s.bound(ctx, "", "rollcall:"+grant.Name)).To(Equal([]string{"User " + other.Name}))
		s.reconcile(ctx, lockController, lock)
		Expect(s.condition(ctx, lock, ready)).To(says(isFalse, v1alpha1.ReasonLocking))
		s.reconcile(ctx, userController, user)
		Expect(s.condition(ctx, user, active)).To(says(isFalse, v1alpha1.ReasonLocked, lock.Name))
		s.reconcile(ctx, lockController, lock)
		Expect(s.condition(ctx, lock, ready)).To(says(isTrue, v1alpha1.ReasonLocked, user.Name))
		Expect(lock.Status.Users).To(HaveValue(BeEquivalentTo(1)))

		Expect(s.admin.Delete(ctx, lock)).To(Succeed())
		s.reconcile(ctx, userController, user)
		Expect(s.condition(ctx, user, active)).To(says(isTrue, v1alpha1.ReasonActive))
		s.reconcile(ctx, grantController, grant)
		Expect(s.bound(ctx, "", "rollcall:"+grant.Name)).To(ConsistOf("User "+user.Name, "User "+other.Name))
	})

	It("keep everybody in a group out, whoever joins it", func(ctx SpecContext) {
		in, joins, out := s.person(ctx), s.person(ctx), s.person(ctx)
		group := localGroup(s.name("group"), in.Name)
		s.create(ctx, group, lockOn(s.name("lock"), v1alpha1.SubjectGroup, group.Name))
		grant := grantOf(s.name("grant"), users(in.Name, joins.Name, out.Name)...)
		s.create(ctx, grant)
		s.reconcile(ctx, grantController, grant)
		Expect(s.bound(ctx, "", "rollcall:"+grant.Name)).To(ConsistOf("User "+joins.Name, "User "+out.Name))
		change(ctx, s.world, group, func(g *v1alpha1.Group) { g.Spec.Members = append(g.Spec.Members, joins.Name) })
		s.reconcile(ctx, grantController, grant)
		Expect(s.bound(ctx, "", "rollcall:"+grant.Name)).To(ConsistOf("User " + out.Name))
	})

	It("end when they say", func(ctx SpecContext) {
		user := s.person(ctx)
		lock := lockOn(s.name("lock"), v1alpha1.SubjectUser, user.Name)
		end := s.clock.Now().Truncate(time.Second).Add(time.Hour)
		lock.Spec.ExpireTime = &metav1.Time{Time: end}
		s.create(ctx, lock)
		Expect(s.reconcile(ctx, userController, user)).To(Equal(end.Sub(s.clock.Now())))
		Expect(s.condition(ctx, user, active)).To(says(isFalse, v1alpha1.ReasonLocked))
		Expect(s.reconcile(ctx, lockController, lock)).To(Equal(end.Sub(s.clock.Now())))
		s.clock.SetTime(end)
		s.reconcile(ctx, userController, user)
		Expect(s.condition(ctx, user, active)).To(says(isTrue, v1alpha1.ReasonActive))
		s.reconcile(ctx, lockController, lock)
		Expect(s.condition(ctx, lock, ready)).To(says(isTrue, v1alpha1.ReasonExpired))
	})

	It("wait for whom they name", func(ctx SpecContext) {
		lock := lockOn(s.name("lock"), v1alpha1.SubjectUser, s.name("later"))
		s.create(ctx, lock)
		s.reconcile(ctx, lockController, lock)
		Expect(s.condition(ctx, lock, ready)).To(says(isFalse, v1alpha1.ReasonTargetNotFound, lock.Spec.Target.Name))
		user := localUser(lock.Spec.Target.Name)
		s.create(ctx, user)
		s.reconcile(ctx, userController, user)
		Expect(s.condition(ctx, user, active)).To(says(isFalse, v1alpha1.ReasonLocked))
	})

	It("take away the kubeconfig Secret, and renew nothing", func(ctx SpecContext) {
		user := localUser(s.name("user"))
		user.Spec.Kubeconfig = &v1alpha1.KubeconfigSpec{
			SecretRef: v1alpha1.SecretReference{Namespace: "rollcall-system", Name: user.Name}, DurationSeconds: 3600,
		}
		s.create(ctx, user)
		s.reconcile(ctx, userController, user)
		s.reconcile(ctx, credentialController, user)
		Expect(s.condition(ctx, user, v1alpha1.ConditionKubeconfig)).To(says(isTrue, v1alpha1.ReasonIssued))
		s.create(ctx, lockOn(s.name("lock"), v1alpha1.SubjectUser, user.Name))
		s.reconcile(ctx, credentialController, user)
		Expect(s.condition(ctx, user, v1alpha1.ConditionKubeconfig)).To(says(isFalse, v1alpha1.ReasonUserInactive))
	})
}

// groupsStill are specs of Grants that bind groups, one Reconcile at a time.
func groupsStill(s *stage) {
	BeforeAll(s.still)

	bindsGroup := func(ctx SpecContext, members ...string) (*v1alpha1.Group, *v1alpha1.Grant) {
		GinkgoHelper()
		group := localGroup(s.name("group"), members...)
		s.create(ctx, group)
		s.reconcile(ctx, groupController, group)
		grant := grantOf(s.name("grant"), v1alpha1.Subject{Kind: v1alpha1.SubjectGroup, Name: group.Name})
		grant.Spec.SubjectMode = v1alpha1.SubjectModeGroups
		s.create(ctx, grant)
		s.reconcile(ctx, grantController, grant)
		return group, grant
	}

	It("name the group, and the people who are named themselves", func(ctx SpecContext) {
		one, two := s.person(ctx), s.person(ctx)
		group, grant := bindsGroup(ctx, one.Name)
		Expect(s.bound(ctx, "", "rollcall:"+grant.Name)).To(Equal([]string{"Group " + group.Name}))
		Expect(s.condition(ctx, grant, ready)).To(says(isTrue, v1alpha1.ReasonApplied, "1 people in 1 bindings"))
		change(ctx, s.world, grant, func(g *v1alpha1.Grant) { g.Spec.Subjects = append(g.Spec.Subjects, users(two.Name)...) })
		s.reconcile(ctx, grantController, grant)
		Expect(s.bound(ctx, "", "rollcall:"+grant.Name)).To(Equal([]string{"Group " + group.Name, "User " + two.Name}))
		change(ctx, s.world, grant, func(g *v1alpha1.Grant) { g.Spec.SubjectMode = v1alpha1.SubjectModeUsers })
		s.reconcile(ctx, grantController, grant)
		Expect(s.bound(ctx, "", "rollcall:"+grant.Name)).To(ConsistOf("User "+one.Name, "User "+two.Name))
	})

	It("are without a group that is locked", func(ctx SpecContext) {
		group, grant := bindsGroup(ctx, s.person(ctx).Name)
		s.create(ctx, lockOn(s.name("lock"), v1alpha1.SubjectGroup, group.Name))
		s.reconcile(ctx, grantController, grant)
		Expect(s.bound(ctx, "", "rollcall:"+grant.Name)).To(BeNil())
	})

	It("give people certificates that speak for the group, and say what these are still good for", func(ctx SpecContext) {
		user := localUser(s.name("user"))
		user.Spec.Kubeconfig = &v1alpha1.KubeconfigSpec{
			SecretRef: v1alpha1.SecretReference{Namespace: "rollcall-system", Name: user.Name}, DurationSeconds: 3600,
		}
		s.create(ctx, user)
		s.reconcile(ctx, userController, user)
		s.reconcile(ctx, credentialController, user)
		Expect(get(ctx, s.world, user).Status.Certificate.Groups).To(BeEmpty())

		group, _ := bindsGroup(ctx, user.Name)
		s.reconcile(ctx, credentialController, user)
		certified := get(ctx, s.world, user).Status.Certificate
		Expect(certified.Groups).To(ConsistOf(v1alpha1.CertifiedGroup{Name: group.Name, NotAfter: certified.NotAfter}))

		change(ctx, s.world, group, func(g *v1alpha1.Group) { g.Spec.Members = nil })
		s.reconcile(ctx, credentialController, user)
		again := get(ctx, s.world, user).Status.Certificate
		Expect(again.Fingerprint).NotTo(Equal(certified.Fingerprint), "the new one does not speak for it")
		Expect(again.Groups).To(Equal(certified.Groups), "the old one does, until it ends")
		change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		s.reconcile(ctx, userController, user)
		Expect(s.condition(ctx, user, active)).To(says(isFalse, v1alpha1.ReasonSuspended, "subjectMode Groups", group.Name))
	})
}
