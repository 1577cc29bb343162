// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/internal/installed"
	"github.com/rollcall-iam/rollcall/test/samba"
)

var _ = Describe("Active Directory", Ordered, func() {
	// Active Directory gives members in parts of 1,500.
	const many = 1600
	var (
		server *samba.Server
		p      product
		name   string
	)
	BeforeAll(func(ctx SpecContext) {
		installed.OrSkip(samba.Available())
		p = products()[2]
		var err error
		server, err = samba.Start(ctx, samba.Options{})
		Expect(err).NotTo(HaveOccurred())
		stopsAfterwards(server)
		for _, uid := range []string{"ada", "ben", "cyd"} {
			Expect(server.AddPerson(uid)).To(Succeed())
		}
		Expect(server.AddGroup("inner", p.personDN("ada"))).To(Succeed())
		Expect(server.AddGroup("middle", p.groupDN("inner"), p.personDN("ben"))).To(Succeed())
		Expect(server.AddGroup("outer", p.groupDN("middle"))).To(Succeed())
		Expect(server.AddMember("inner", p.groupDN("outer"))).To(Succeed(), "a circle")
		Expect(server.AddPeople(0, many, func(int) string { return "everybody" })).To(Succeed())
		operatorRuns(ctx)
		name = unique("ad")
		p.connects(ctx, p.directory(name, server.LDAPSURL()), server)
	})
	id := func(uid string) string {
		GinkgoHelper()
		found, err := server.PersonID(uid)
		Expect(err).NotTo(HaveOccurred())
		return found
	}
	groups := func(ctx SpecContext, uid string) func() []string {
		return func() []string { return mirrored(ctx, name)[uid] }
	}

	It("is read with the ids that Windows shows, display names and mail", func(ctx SpecContext) {
		ada := usersOf(ctx, name)["ada"]
		Expect(ada.Status.Identity.ID).To(Equal(id("ada")))
		Expect(ada.Status.Identity.DisplayName).To(Equal("Person ada"))
		Expect(ada.Status.Identity.Email).To(Equal("ada@corp.example"))
		Expect(ada.Status.Username).To(Equal(name + ":ada"))
	})

	It("has groups in groups, and circles of them", func(ctx SpecContext) {
		Expect(groups(ctx, "ada")()).To(Equal([]string{isActive, "inner", "middle", "outer"}))
		Expect(groups(ctx, "ben")()).To(Equal([]string{isActive, "inner", "middle", "outer"}))
		Expect(groups(ctx, "cyd")()).To(Equal([]string{isActive}))
	})

	It("has groups that are larger than one answer", func(ctx SpecContext) {
		Eventually(ctx, func() *int32 { return groupsOf(ctx, name)["everybody"].Status.Members }).Should(HaveValue(BeEquivalentTo(many)))
	})

	It("tells changes of such a group whole", func(ctx SpecContext) {
		Expect(server.RemoveMember("everybody", p.personDN(samba.UID(0)))).To(Succeed())
		Expect(server.AddMember("everybody", p.personDN("cyd"))).To(Succeed())
		Eventually(ctx, groups(ctx, "cyd")).Should(Equal([]string{isActive, "everybody"}))
		Eventually(ctx, groups(ctx, samba.UID(0))).Should(Equal([]string{isActive}))
		Expect(groups(ctx, samba.UID(many-1))()).To(Equal([]string{isActive, "everybody"}))
	})

	It("has a primary group, whose member list does not say so", func(ctx SpecContext) {
		Expect(server.AddGroup("crew")).To(Succeed())
		Expect(server.SetPrimaryGroup("cyd", "crew")).To(Succeed())
		Eventually(ctx, groups(ctx, "cyd")).Should(Equal([]string{isActive, "crew", "everybody"}))
	})

	It("keeps the id of who is renamed and moved", func(ctx SpecContext) {
		before := id("cyd")
		Expect(server.RenamePerson("cyd", "cyn")).To(Succeed())
		Eventually(ctx, groups(ctx, "cyn")).Should(Equal([]string{isActive, "crew", "everybody"}))
		Expect(usersOf(ctx, name)["cyn"].Status.Identity.ID).To(Equal(before))
		Expect(server.MovePerson("cyn", p.elsewhere)).To(Succeed())
		Eventually(ctx, groups(ctx, "cyn")).Should(Equal([]string{isMissing}))
		Expect(server.MovePerson("cyn", p.people)).To(Succeed())
		Eventually(ctx, groups(ctx, "cyn")).Should(Equal([]string{isActive, "crew", "everybody"}), "the groups come along")
		Expect(usersOf(ctx, name)["cyn"].Status.Identity.ID).To(Equal(before))
	})

	It("keeps people out from when their account expires", func(ctx SpecContext) {
		eventuallyWatched(ctx, name, "True "+p.way) // Who came back brought a full read with them.
		read, soon := lastSync(ctx, name), time.Now().Add(5*time.Second)
		Expect(server.ExpirePerson("ben", soon)).To(Succeed())
		Consistently(ctx, func() []string {
			if time.Now().After(soon.Add(-2 * time.Second)) {
				return []string{isActive}
			}
			return groups(ctx, "ben")()[:1]
		}).Should(Equal([]string{isActive}))
		eventuallyActive(ctx, usersOf(ctx, name)["ben"].Name, isDisabled)
		Expect(time.Now()).To(BeTemporally(">=", soon.Add(-time.Second)))
		Expect(lastSync(ctx, name)).To(Equal(read), "nobody told anything")
		Expect(server.ExpirePerson("ben", time.Time{})).To(Succeed())
		eventuallyActive(ctx, usersOf(ctx, name)["ben"].Name, isActive)
	})

	It("lets people log in by their principal name, over StartTLS, too", func(ctx SpecContext) {
		other := unique("ad")
		d := p.directory(other, server.LDAPURL())
		d.Spec.LDAP.TLS = v1alpha1.TLSStartTLS
		d.Spec.LDAP.Users.Attributes.UserName = "userPrincipalName"
		d.Spec.LDAP.Users.Filter = "(sAMAccountName=a*)"
		p.connects(ctx, d, server)
		Expect(usersOf(ctx, other)).To(HaveKey(HavePrefix("ada@")))
		Expect(usersOf(ctx, other)).To(HaveLen(1))
	})

	It("shows deletions to those who may see them, and says who may not", func(ctx SpecContext) {
		other := unique("ad")
		blind := p
		blind.reader = samba.ReaderDN
		d := p.directory(other, server.LDAPSURL())
		d.Spec.LDAP.Users.Filter = "(|(sAMAccountName=ada)(sAMAccountName=ben))"
		blind.connects(ctx, d, server)
		Expect(server.DeletePerson("ada")).To(Succeed())
		Eventually(ctx, groups(ctx, "ada")).Should(Equal([]string{isMissing}))

		watched := eventuallyDirectory(ctx, other, synced)
		Expect(message(watched.Status.Conditions, v1alpha1.ConditionChangesWatched)).To(ContainSubstring("CN=Deleted Objects"))
		Expect(usersOf(ctx, other)).To(HaveKey("ada"))
		Consistently(ctx, func() []string { return mirrored(ctx, other)["ada"] }).Should(ContainElement(isActive))
		readAgain(ctx, other)
		Eventually(ctx, func() []string { return mirrored(ctx, other)["ada"] }).Should(Equal([]string{isMissing}))
	})
})
