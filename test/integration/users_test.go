// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// member is a User of a directory.
func member(name, userName, directory string) *v1alpha1.User {
	return &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.UserSpec{
		UserName: userName, DirectoryRef: &v1alpha1.NameReference{Name: directory},
	}}
}

// usersLive are specs of Users with the operator at work.
func usersLive(w *world) {
	BeforeAll(w.live)

	It("may act where they are declared, and are called what they are called", func(ctx SpecContext) {
		user := localUser(w.name("user"))
		user.Spec.UserName = "Ng, " + user.Name
		w.create(ctx, user)
		w.becomes(ctx, user, active, says(isTrue, v1alpha1.ReasonActive))
		w.becomes(ctx, user, ready, says(isTrue, v1alpha1.ReasonReconciled))
		Expect(get(ctx, w, user).Status).To(SatisfyAll(
			HaveField("Username", user.Spec.UserName), HaveField("Identity", BeNil()), HaveField("Groups", BeEmpty())))
	})

	It("may not act while they are suspended", func(ctx SpecContext) {
		user := localUser(w.name("user"))
		user.Spec.State = v1alpha1.UserSuspended
		w.create(ctx, user)
		w.becomes(ctx, user, active, says(isFalse, v1alpha1.ReasonSuspended, "no access since"))
		w.becomes(ctx, user, ready, says(isTrue, v1alpha1.ReasonReconciled))
		change(ctx, w, user, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserActive })
		w.becomes(ctx, user, active, says(isTrue, v1alpha1.ReasonActive))
	})

	It("expire on time, without being looked at", func(ctx SpecContext) {
		user := localUser(w.name("user"))
		user.Spec.ExpireTime = &metav1.Time{Time: clock.RealClock{}.Now().Add(3 * time.Second)}
		w.create(ctx, user)
		grant := grantOf(w.name("grant"), users(user.Name)...)
		w.create(ctx, grant)
		w.binds(ctx, grant, "", user.Name)
		Expect(w.condition(ctx, user, active)).To(says(isTrue, v1alpha1.ReasonActive))
		w.becomes(ctx, user, active, says(isFalse, v1alpha1.ReasonExpired))
		w.binds(ctx, grant, "")
		Expect(get(ctx, w, user).Status.Grants).To(BeEmpty())

		By("giving them more time")
		change(ctx, w, user, func(u *v1alpha1.User) { u.Spec.ExpireTime = nil })
		w.binds(ctx, grant, "", user.Name)
	})

	It("wait for a directory that is not there", func(ctx SpecContext) {
		user := member(w.name("user"), "alice", w.name("corp"))
		w.create(ctx, user)
		w.becomes(ctx, user, active, says(isFalse, v1alpha1.ReasonDirectoryUnknown, user.Spec.DirectoryRef.Name))
		w.becomes(ctx, user, ready, says(isFalse, v1alpha1.ReasonDirectoryUnknown))
		Expect(get(ctx, w, user).Status.Username).To(BeEmpty())

		w.create(ctx, pausedDirectory(user.Spec.DirectoryRef.Name))
		w.becomes(ctx, user, active, HaveField("Reason", v1alpha1.ReasonDirectoryPending))
		Eventually(ctx, func() string { return get(ctx, w, user).Status.Username }).Should(Equal(user.Spec.DirectoryRef.Name + ":alice"))
	})

	It("have a username to themselves: the older one keeps it, and leaves it", func(ctx SpecContext) {
		directory := pausedDirectory(w.name("corp"))
		directory.Spec.UsernamePrefix = new("")
		w.create(ctx, directory)
		older := localUser(w.name("older"))
		w.create(ctx, older)
		w.becomes(ctx, older, active, says(isTrue, v1alpha1.ReasonActive))
		later := member(w.name("z-later"), older.Name, directory.Name)
		w.create(ctx, later)
		w.becomes(ctx, later, active, says(isFalse, v1alpha1.ReasonUsernameTaken, older.Name))
		w.becomes(ctx, later, stalled, says(isTrue, v1alpha1.ReasonUsernameTaken))
		grant := grantOf(w.name("grant"), users(later.Name)...)
		w.create(ctx, grant)
		w.becomes(ctx, grant, ready, HaveField("Status", isTrue))
		Consistently(func() []string { return w.bound(ctx, "", "rollcall:"+grant.Name) }).Should(BeNil(), "the name is not theirs to use")
		Expect(w.condition(ctx, older, active)).To(says(isTrue, v1alpha1.ReasonActive))

		Expect(w.admin.Delete(ctx, older)).To(Succeed())
		w.becomes(ctx, later, active, HaveField("Reason", v1alpha1.ReasonDirectoryPending))
	})

	It("get a username when the older one goes, also from a directory", func(ctx SpecContext) {
		directory := pausedDirectory(w.name("corp"))
		directory.Spec.UsernamePrefix = new("")
		older := member(w.name("older"), w.name("dana"), directory.Name)
		w.create(ctx, directory, older)
		w.becomes(ctx, older, active, HaveField("Reason", v1alpha1.ReasonDirectoryPending))
		later := localUser(w.name("z-later"))
		later.Spec.UserName = older.Spec.UserName
		w.create(ctx, later)
		w.becomes(ctx, later, active, says(isFalse, v1alpha1.ReasonUsernameTaken, older.Name))

		By("giving the directory a prefix")
		change(ctx, w, directory, func(d *v1alpha1.Directory) { d.Spec.UsernamePrefix = new("corp:") })
		w.becomes(ctx, later, active, says(isTrue, v1alpha1.ReasonActive))
		change(ctx, w, directory, func(d *v1alpha1.Directory) { d.Spec.UsernamePrefix = new("") })
		w.becomes(ctx, later, active, says(isFalse, v1alpha1.ReasonUsernameTaken, older.Name))

		By("deleting the older one")
		Expect(w.admin.Delete(ctx, older)).To(Succeed())
		w.becomes(ctx, later, active, says(isTrue, v1alpha1.ReasonActive))
		Expect(w.condition(ctx, later, stalled)).To(BeZero())
	})

	groupsLive(w)
}

func groupsLive(w *world) {
	It("are in the local groups that name them", func(ctx SpecContext) {
		ann, bob := localUser(w.name("ann")), localUser(w.name("bob"))
		one, two := localGroup(w.name("a"), ann.Name, bob.Name), localGroup(w.name("b"), ann.Name)
		one.Spec.GroupName = "first of " + one.Name
		w.create(ctx, ann, one, two)
		w.becomes(ctx, one, ready, says(isFalse, v1alpha1.ReasonMemberNotFound, bob.Name))
		w.becomes(ctx, two, ready, says(isTrue, v1alpha1.ReasonReconciled))
		Eventually(ctx, func() []string { return get(ctx, w, ann).Status.Groups }).
			Should(Equal([]string{two.Name, one.Spec.GroupName}), "sorted")

		By("making the missing member")
		w.create(ctx, bob)
		w.becomes(ctx, one, ready, says(isTrue, v1alpha1.ReasonReconciled))
		Expect(get(ctx, w, one).Status).To(SatisfyAll(
			HaveField("Members", HaveValue(BeEquivalentTo(2))), HaveField("GroupName", one.Spec.GroupName)))
		Eventually(ctx, func() []string { return get(ctx, w, bob).Status.Groups }).Should(Equal([]string{one.Spec.GroupName}))

		By("taking members out")
		change(ctx, w, one, func(g *v1alpha1.Group) { g.Spec.Members = []string{bob.Name} })
		Eventually(ctx, func() []string { return get(ctx, w, ann).Status.Groups }).Should(Equal([]string{two.Name}))
		w.delete(ctx, bob)
		w.becomes(ctx, one, ready, says(isFalse, v1alpha1.ReasonMemberNotFound, bob.Name))

		By("deleting a group")
		Expect(w.admin.Delete(ctx, two)).To(Succeed())
		Eventually(ctx, func() []string { return get(ctx, w, ann).Status.Groups }).Should(BeEmpty())
	})

	It("count once in a group that names them twice", func(ctx SpecContext) {
		ann := localUser(w.name("ann"))
		group := localGroup(w.name("group"), ann.Name, ann.Name)
		w.create(ctx, ann, group)
		w.becomes(ctx, group, ready, says(isTrue, v1alpha1.ReasonReconciled))
		Expect(get(ctx, w, group).Status.Members).To(HaveValue(BeEquivalentTo(1)))
	})

	It("have what their groups are granted, once they are in", func(ctx SpecContext) {
		ann := localUser(w.name("ann"))
		group := localGroup(w.name("group"))
		grant := grantOf(w.name("grant"), v1alpha1.Subject{Kind: v1alpha1.SubjectGroup, Name: group.Name})
		w.create(ctx, ann, group, grant)
		w.becomes(ctx, grant, ready, says(isTrue, v1alpha1.ReasonApplied, "0 people"))
		change(ctx, w, group, func(g *v1alpha1.Group) { g.Spec.Members = []string{ann.Name} })
		w.binds(ctx, grant, "", ann.Name)
		Eventually(ctx, func() []string { return get(ctx, w, ann).Status.Grants }).Should(Equal([]string{grant.Name}))
		change(ctx, w, group, func(g *v1alpha1.Group) { g.Spec.Members = nil })
		w.binds(ctx, grant, "")
		Eventually(ctx, func() []string { return get(ctx, w, ann).Status.Grants }).Should(BeEmpty())
	})
}

// usersStill are specs of Users, one Reconcile at a time.
func usersStill(s *stage) {
	BeforeAll(s.still)

	It("ask to be looked at exactly when they expire", func(ctx SpecContext) {
		user := localUser(s.name("user"))
		expire := s.clock.Now().Truncate(time.Second).Add(time.Hour)
		user.Spec.ExpireTime = &metav1.Time{Time: expire}
		s.create(ctx, user)
		Expect(s.reconcile(ctx, userController, user)).To(Equal(expire.Sub(s.clock.Now())))
		s.clock.SetTime(expire.Add(-time.Nanosecond))
		Expect(s.reconcile(ctx, userController, user)).To(Equal(time.Nanosecond))
		Expect(s.condition(ctx, user, active)).To(says(isTrue, v1alpha1.ReasonActive))
		s.clock.SetTime(expire)
		Expect(s.reconcile(ctx, userController, user)).To(BeZero())
		Expect(s.condition(ctx, user, active)).To(says(isFalse, v1alpha1.ReasonExpired, expire.UTC().Format(time.RFC3339)))
	})

	It("say since when they may not act, whyever", func(ctx SpecContext) {
		user := s.person(ctx)
		since := s.clock.Now()
		change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		s.reconcile(ctx, userController, user)
		s.passes(time.Hour)
		change(ctx, s.world, user, func(u *v1alpha1.User) {
			u.Spec.State = v1alpha1.UserActive
			u.Spec.ExpireTime = &metav1.Time{Time: since.Add(-time.Hour)}
		})
		s.reconcile(ctx, userController, user)
		Expect(s.condition(ctx, user, active)).To(says(isFalse, v1alpha1.ReasonExpired,
			fmt.Sprintf("no access since %s", since.UTC().Format(time.RFC3339))))
	})
}
