// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
)

// person makes a local User who is active.
func (s *stage) person(ctx SpecContext) *v1alpha1.User {
	GinkgoHelper()
	user := localUser(s.name("user"))
	s.create(ctx, user)
	s.reconcile(ctx, userController, user)
	Expect(s.condition(ctx, user, active)).To(says(isTrue, v1alpha1.ReasonActive))
	return user
}

// grantsStill are specs of Grants, one Reconcile at a time.
func grantsStill(s *stage) {
	BeforeAll(s.still)

	It("ask to be looked at exactly when their window opens and closes", func(ctx SpecContext) {
		user := s.person(ctx)
		grant := grantOf(s.name("grant"), users(user.Name)...)
		start := s.clock.Now().Truncate(time.Second).Add(time.Hour)
		grant.Spec.StartTime, grant.Spec.ExpireTime = &metav1.Time{Time: start}, &metav1.Time{Time: start.Add(2 * time.Hour)}
		s.create(ctx, grant)

		Expect(s.reconcile(ctx, grantController, grant)).To(Equal(start.Sub(s.clock.Now())))
		Expect(s.condition(ctx, grant, ready)).To(says(isTrue, v1alpha1.ReasonNotStarted))
		Expect(s.bound(ctx, "", "rollcall:"+grant.Name)).To(BeNil())

		s.clock.SetTime(start.Add(-time.Nanosecond))
		Expect(s.reconcile(ctx, grantController, grant)).To(Equal(time.Nanosecond))
		Expect(s.bound(ctx, "", "rollcall:"+grant.Name)).To(BeNil())

		s.clock.SetTime(start)
		Expect(s.reconcile(ctx, grantController, grant)).To(Equal(2 * time.Hour))
		Expect(s.bound(ctx, "", "rollcall:"+grant.Name)).To(Equal([]string{"User " + user.Name}))

		s.passes(2 * time.Hour)
		Expect(s.reconcile(ctx, grantController, grant)).To(BeZero(), "nothing more will happen")
		Expect(s.condition(ctx, grant, ready)).To(says(isTrue, v1alpha1.ReasonExpired))
		Expect(s.bound(ctx, "", "rollcall:"+grant.Name)).To(BeNil())
		Expect(get(ctx, s.world, grant).Status).To(SatisfyAll(
			HaveField("Subjects", HaveValue(BeEquivalentTo(0))), HaveField("Bindings", HaveValue(BeEquivalentTo(0)))))
	})

	It("are not ready before it is known whom their subjects stand for", func(ctx SpecContext) {
		directory, user, colleague := pausedDirectory(s.name("directory")), localUser(s.name("user")), localUser(s.name("user"))
		team, unread, unknown := localGroup(s.name("team"), colleague.Name), localGroup(s.name("unread")), localGroup(s.name("unknown"))
		unread.Spec.DirectoryRef = &v1alpha1.NameReference{Name: directory.Name}
		unknown.Spec.DirectoryRef = &v1alpha1.NameReference{Name: s.name("nowhere")}
		s.create(ctx, directory, user, colleague, team, unread, unknown)
		grant := grantOf(s.name("grant"), users(user.Name)...)
		for _, group := range []string{team.Name, unread.Name, unknown.Name} {
			grant.Spec.Subjects = append(grant.Spec.Subjects, v1alpha1.Subject{Kind: v1alpha1.SubjectGroup, Name: group})
		}
		s.create(ctx, grant)
		called := func(kind, name string) string { return fmt.Sprintf("%s %q", kind, name) }
		waitsFor := func(names ...string) {
			GinkgoHelper()
			s.reconcile(ctx, grantController, grant)
			slices.Sort(names)
			wanted := "not known yet: " + strings.Join(names, ", ") + " ("
			Expect(s.condition(ctx, grant, ready)).To(says(isFalse, v1alpha1.ReasonSubjectPending, wanted))
			Expect(s.condition(ctx, grant, reconciling)).To(says(isTrue, v1alpha1.ReasonSubjectPending))
		}
		waitsFor(called("User", user.Name), called("Group", team.Name), called("Group", unread.Name), called("Group", unknown.Name))

		By("looking at those who are there")
		s.reconcile(ctx, userController, user)
		s.reconcile(ctx, groupController, team)
		ofTeam := called("User", colleague.Name) + " of " + called("Group", team.Name)
		waitsFor(ofTeam, called("Group", unread.Name), called("Group", unknown.Name))
		Expect(s.bound(ctx, "", "rollcall:"+grant.Name)).To(Equal([]string{"User " + user.Name}), "the rest of it works")

		By("finding that a Directory is not there, and that another was not read")
		s.reconcile(ctx, groupController, unread)
		s.reconcile(ctx, groupController, unknown)
		waitsFor(ofTeam, called("Group", unread.Name))

		By("adding somebody to the team who cannot be judged yet")
		late := member(s.name("user"), "late", directory.Name)
		s.create(ctx, late)
		change(ctx, s.world, team, func(g *v1alpha1.Group) { g.Spec.Members = append(g.Spec.Members, late.Name) })
		s.reconcile(ctx, userController, late)
		s.reconcile(ctx, userController, colleague)
		waitsFor(called("Group", unread.Name))

		By("doing without the group that was not read")
		change(ctx, s.world, grant, func(g *v1alpha1.Grant) { g.Spec.Subjects = g.Spec.Subjects[:2] })
		s.reconcile(ctx, grantController, grant)
		Expect(s.condition(ctx, grant, ready)).To(says(isTrue, v1alpha1.ReasonApplied, "2 people in 1 bindings"))
	})

	It("wait for nobody who is being deleted", func(ctx SpecContext) {
		directory := pausedDirectory(s.name("directory"))
		user := member(s.name("user"), "late", directory.Name)
		user.Finalizers = []string{"example.com/held"}
		s.create(ctx, directory, user)
		s.reconcile(ctx, userController, user)
		grant := grantOf(s.name("grant"), users(user.Name)...)
		s.create(ctx, grant)
		s.reconcile(ctx, grantController, grant)
		Expect(s.condition(ctx, grant, ready)).To(says(isFalse, v1alpha1.ReasonSubjectPending, user.Name))
		Expect(s.admin.Delete(ctx, user)).To(Succeed())
		s.reconcile(ctx, grantController, grant)
		Expect(s.condition(ctx, grant, ready)).To(says(isTrue, v1alpha1.ReasonApplied))
		change(ctx, s.world, user, func(u *v1alpha1.User) { u.Finalizers = nil })
	})

	It("wait for no member of a group that they bind as such", func(ctx SpecContext) {
		unseen := localUser(s.name("user"))
		team := localGroup(s.name("team"), unseen.Name)
		s.create(ctx, unseen, team)
		grant := grantOf(s.name("grant"), v1alpha1.Subject{Kind: v1alpha1.SubjectGroup, Name: team.Name})
		grant.Spec.SubjectMode = v1alpha1.SubjectModeGroups
		s.create(ctx, grant)
		s.reconcile(ctx, grantController, grant)
		Expect(s.condition(ctx, grant, ready)).To(says(isFalse, v1alpha1.ReasonSubjectPending, team.Name))
		s.reconcile(ctx, groupController, team)
		s.reconcile(ctx, grantController, grant)
		Expect(s.condition(ctx, grant, ready)).To(says(isTrue, v1alpha1.ReasonApplied))
	})

	It("repair a binding that someone made anew with another role", func(ctx SpecContext) {
		user := s.person(ctx)
		grant := grantOf(s.name("grant"), users(user.Name)...)
		s.create(ctx, grant)
		s.reconcile(ctx, grantController, grant)
		replaced := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "rollcall:" + grant.Name}}
		get(ctx, s.world, replaced)
		Expect(s.admin.Delete(ctx, replaced)).To(Succeed())
		replaced.ResourceVersion, replaced.UID = "", ""
		replaced.RoleRef.Name = "cluster-admin"
		Expect(s.admin.Create(ctx, replaced)).To(Succeed())

		mark := s.mark()
		s.reconcile(ctx, grantController, grant)
		Expect(s.writes(mark)).To(HaveExactElements(
			"delete clusterrolebindings rollcall:"+grant.Name, "create clusterrolebindings rollcall:"+grant.Name),
			"a role cannot be exchanged in place, and the status did not change")
		Expect(get(ctx, s.world, replaced).RoleRef.Name).To(Equal("view"))
		Expect(replaced.Subjects).To(ConsistOf(HaveField("Name", user.Name)))
	})

	It("repair it also where the labels got lost on the way", func(ctx SpecContext) {
		user := s.person(ctx)
		grant := grantOf(s.name("grant"), users(user.Name)...)
		s.create(ctx, grant)
		s.reconcile(ctx, grantController, grant)
		replaced := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "rollcall:" + grant.Name}}
		get(ctx, s.world, replaced)
		Expect(s.admin.Delete(ctx, replaced)).To(Succeed())
		replaced.ResourceVersion, replaced.UID, replaced.Labels = "", "", nil
		replaced.RoleRef.Name = "cluster-admin"
		Expect(s.admin.Create(ctx, replaced)).To(Succeed())

		s.reconcile(ctx, grantController, grant)
		Expect(get(ctx, s.world, replaced)).To(SatisfyAll(
			HaveField("RoleRef.Name", "view"), HaveField("Labels", HaveKeyWithValue(v1alpha1.LabelGrant, grant.Name))))
		Expect(s.condition(ctx, grant, ready)).To(says(isTrue, v1alpha1.ReasonApplied))
	})

	It("withdraw before they give", func(ctx SpecContext) {
		one, two, user := s.namespace(ctx, nil).Name, s.namespace(ctx, nil).Name, s.person(ctx)
		grant := within(grantOf(s.name("grant"), users(user.Name)...), nil, two)
		s.create(ctx, grant)
		s.reconcile(ctx, grantController, grant)
		change(ctx, s.world, grant, func(g *v1alpha1.Grant) { g.Spec.Namespaces.Names = []string{one} })
		mark := s.mark()
		s.reconcile(ctx, grantController, grant)
		Expect(s.writes(mark)).To(HaveExactElements(
			"delete rolebindings "+two+"/rollcall:"+grant.Name, "create rolebindings "+one+"/rollcall:"+grant.Name,
			"patch grants/status "+grant.Name))
	})

	It("take over nothing from an earlier Grant of their name", func(ctx SpecContext) {
		first, second := s.person(ctx), s.person(ctx)
		grant := grantOf(s.name("grant"), users(first.Name)...)
		s.create(ctx, grant)
		s.reconcile(ctx, grantController, grant)
		s.freeze(2)
		Expect(s.admin.Delete(ctx, grant)).To(Succeed())
		again := grantOf(grant.Name, users(second.Name)...)
		s.create(ctx, again)
		Expect(s.bound(ctx, "", "rollcall:"+grant.Name)).To(Equal([]string{"User " + first.Name}), "not collected yet")
		s.reconcile(ctx, grantController, again)
		Expect(s.bound(ctx, "", "rollcall:"+grant.Name)).To(Equal([]string{"User " + second.Name}))
		Expect(get(ctx, s.world, binding("", "rollcall:"+grant.Name)).GetOwnerReferences()).To(ConsistOf(HaveField("UID", again.UID)))
	})

	It("are not written again for what others say of them", func(ctx SpecContext) {
		grant := grantOf(s.name("grant"), users(s.person(ctx).Name)...)
		s.create(ctx, grant)
		s.reconcile(ctx, grantController, grant)
		used := iamac.GrantStatus().WithUsage(v1alpha1.GrantUsed).WithLastUsedTime(metav1.NewTime(s.clock.Now()))
		Expect(s.admin.Status().Apply(ctx, iamac.Grant(grant.Name).WithStatus(used), client.FieldOwner("rollcall-seen"))).To(Succeed())
		mark := s.mark()
		s.reconcile(ctx, grantController, grant)
		Expect(s.writes(mark)).To(BeEmpty())
		Expect(get(ctx, s.world, grant).Status.Usage).To(Equal(v1alpha1.GrantUsed))
	})

	It("have bindings for nobody that are not there", func(ctx SpecContext) {
		user := s.person(ctx)
		grant := grantOf(s.name("grant"), users(user.Name)...)
		s.create(ctx, grant)
		change(ctx, s.world, user, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		s.reconcile(ctx, userController, user)
		mark := s.mark()
		s.reconcile(ctx, grantController, grant)
		Expect(s.writes(mark)).To(HaveExactElements("patch grants/status " + grant.Name))
		Expect(s.condition(ctx, grant, ready)).To(says(isTrue, v1alpha1.ReasonApplied, "0 people"))
	})
}
