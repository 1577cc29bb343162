// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"

	"github.com/go-ldap/ldap/v3"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

var _ = Describe("People who come, are declared, change and go", Ordered, ContinueOnFailure, func() {
	const everybody = 20
	var (
		server *slapd.Server
		name   string
		person int
	)
	BeforeAll(func(ctx SpecContext) {
		server = slapdRuns(ctx, slapd.People(everybody))
		operatorRuns(ctx)
	})
	BeforeEach(func() {
		name = unique("people")
		person += 2 // Each spec has two people whom it may change.
	})
	uid := func() string { return slapd.UID(person) }
	other := func() string { return slapd.UID(person + 1) }
	connected := func(ctx context.Context, set func(*v1alpha1.DirectorySpec)) *v1alpha1.Directory {
		GinkgoHelper()
		d := slapdDirectory(name, server)
		set(&d.Spec)
		connect(ctx, d, server)
		settled(ctx, name)
		return d
	}
	asItIs := func(*v1alpha1.DirectorySpec) {}
	leave := func(ctx context.Context, uids ...string) {
		GinkgoHelper()
		for _, uid := range uids {
			Expect(server.Load("dn: " + slapd.PersonDN(uid) + "\nchangetype: delete\n")).To(Succeed())
		}
		nudge(ctx, name)
	}
	rename := func(ctx context.Context, uid, to string) {
		GinkgoHelper()
		root, err := server.Root()
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(root.Close)
		Expect(root.ModifyDN(ldap.NewModifyDNRequest(slapd.PersonDN(uid), "uid="+to, true, ""))).To(Succeed())
		nudge(ctx, name)
	}
	// declared is a User that Git owns, for the person of that uid.
	declared := func(ctx context.Context, uid string) *v1alpha1.User {
		GinkgoHelper()
		u := declaredUser(unique("git"), uid, name)
		create(ctx, u)
		return u
	}

	It("imports only who is declared, where that is the policy", func(ctx SpecContext) {
		connected(ctx, func(s *v1alpha1.DirectorySpec) { s.Import = v1alpha1.ImportDeclared })
		Expect(versions(ctx, name)).To(BeEmpty())
		u := declared(ctx, uid())
		team := &v1alpha1.Group{ObjectMeta: metav1.ObjectMeta{Name: unique("git-team")}, Spec: v1alpha1.GroupSpec{
			GroupName: slapd.Team(0), DirectoryRef: &v1alpha1.NameReference{Name: name},
		}}
		create(ctx, team)
		active := eventuallyActive(ctx, u.Name, "True Active")
		Expect(active.Status.Username).To(Equal(name + ":" + uid()))
		Expect(active.Status.Identity.DisplayName).To(HavePrefix("Person "))
		Eventually(ctx, func() *int32 { return groupsOf(ctx, name)[slapd.Team(0)].Status.Members }).Should(HaveValue(BeEquivalentTo(1)))
		Expect(versions(ctx, name)).To(HaveLen(2), "nobody else came")

		stranger := declared(ctx, "nobody-there")
		eventuallyActive(ctx, stranger.Name, "False DirectoryMissing")
	})

	It("takes a User that Git made before the import for that person, and makes no other", func(ctx SpecContext) {
		u := declared(ctx, uid())
		eventuallyActive(ctx, u.Name, "False DirectoryUnknown")
		connected(ctx, asItIs)
		eventuallyActive(ctx, u.Name, "True Active")
		users := usersOf(ctx, name)
		Expect(users[uid()].Name).To(Equal(u.Name))
		Expect(users[uid()].UID).To(Equal(u.UID))
		Expect(users[uid()].Labels).NotTo(HaveKey(v1alpha1.LabelDirectory), "it stays Git's")
		Expect(users[uid()].Generation).To(Equal(u.Generation), "the spec is not touched")
		Expect(absent(&v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: uid()}})(ctx)).To(BeTrue())
	})

	It("follows a rename with an imported User, and keeps Git's as it is", func(ctx SpecContext) {
		u := declared(ctx, other())
		connected(ctx, asItIs)
		id := usersOf(ctx, name)[uid()].Status.Identity.ID
		Expect(id).NotTo(BeEmpty())
		rename(ctx, uid(), "renamed-a")
		renamed := eventuallyActive(ctx, "renamed-a", "True Active")
		Expect(renamed.Status.Identity.ID).To(Equal(id), "the same person")
		Expect(renamed.Status.Username).To(Equal(name + ":renamed-a"))
		Eventually(ctx, absent(&v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: uid()}})).Should(BeTrue(), "the old object goes")

		rename(ctx, other(), "renamed-b")
		replaced := eventuallyActive(ctx, u.Name, "False IdentityReplaced")
		Expect(message(replaced.Status.Conditions, v1alpha1.ConditionActive)).To(ContainSubstring(`"renamed-b"`))
		Expect(replaced.Generation).To(Equal(u.Generation), "the spec is not touched")
		Expect(usersOf(ctx, name)).NotTo(HaveKey("renamed-b"), "no second object for a person whom Git declares")
	})

	It("suspends who leaves", func(ctx SpecContext) {
		u := declared(ctx, other())
		connected(ctx, asItIs)
		Expect(usersOf(ctx, name)[uid()].Status.Groups).NotTo(BeEmpty())
		leave(ctx, uid(), other())
		for _, object := range []string{uid(), u.Name} {
			left := eventuallyActive(ctx, object, "False DirectoryMissing")
			Eventually(ctx, func(g Gomega) { g.Expect(user(ctx, g, object).Status.Groups).To(BeEmpty()) }).Should(Succeed())
			Expect(message(left.Status.Conditions, v1alpha1.ConditionActive)).To(ContainSubstring("no access since "))
		}
	})

	It("deletes who leaves, where that is the policy, but nothing of Git's", func(ctx SpecContext) {
		u := declared(ctx, other())
		connected(ctx, func(s *v1alpha1.DirectorySpec) { s.Leavers.Policy = v1alpha1.LeaversDelete })
		leave(ctx, uid(), other())
		Eventually(ctx, absent(&v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: uid()}})).Should(BeTrue())
		eventuallyActive(ctx, u.Name, "False DirectoryMissing")
		readAgain(ctx, name)
		Expect(absent(u)(ctx)).To(BeFalse())
	})

	It("brings a User back who was deleted by hand", func(ctx SpecContext) {
		connected(ctx, asItIs)
		gone := usersOf(ctx, name)[uid()]
		Expect(k8s.Delete(ctx, &gone)).To(Succeed())
		nudge(ctx, name)
		Eventually(ctx, func(g Gomega) {
			back := usersOf(ctx, name)[uid()]
			g.Expect(back.UID).To(And(Not(BeEmpty()), Not(Equal(gone.UID))))
			g.Expect(back.Name).To(Equal(gone.Name))
			g.Expect(state(back.Status.Conditions, v1alpha1.ConditionActive)).To(Equal("True Active"))
			g.Expect(back.Status.Identity.ID).To(Equal(gone.Status.Identity.ID))
		}).Should(Succeed())
	})

	It("leaves everything as it is while it is paused", func(ctx SpecContext) {
		d := connected(ctx, asItIs)
		change(ctx, d, func(d *v1alpha1.Directory) { d.Spec.Sync = v1alpha1.SyncPaused })
		eventuallyDirectory(ctx, name, "True Paused")
		before := versions(ctx, name)
		Expect(server.Lock(slapd.PersonDN(uid()))).To(Succeed())
		leave(ctx, other())
		Consistently(ctx, func() map[string]string { return versions(ctx, name) }).Should(Equal(before))
		change(ctx, d, func(d *v1alpha1.Directory) { d.Spec.Sync = v1alpha1.SyncActive })
		eventuallyActive(ctx, uid(), "False DirectoryDisabled")
		eventuallyActive(ctx, other(), "False DirectoryMissing")
	})

	It("withdraws what a deleted Directory imported, and nothing of Git's", func(ctx SpecContext) {
		u := declared(ctx, uid())
		d := connected(ctx, asItIs)
		eventuallyActive(ctx, u.Name, "True Active")
		remove(ctx, d)
		left := versions(ctx, name)
		Expect(left).To(HaveLen(1), "at the moment that the Directory is gone")
		eventuallyActive(ctx, u.Name, "False DirectoryUnknown")
		Expect(absent(u)(ctx)).To(BeFalse())
	})
})
