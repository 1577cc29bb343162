// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

var _ = Describe("A directory that seems to lose its people", Ordered, func() {
	const (
		name = "losing"
		all  = 60
		// unasked is how many of them may go before somebody is asked: ten percent.
		unasked = 6
	)
	var (
		openldap product
		server   *slapd.Server
		watch    *vigil
	)
	BeforeAll(func(ctx SpecContext) {
		openldap, server = openLDAP(ctx, all)
		for i := range all / 20 { // slapd does not take the last member out of a group.
			Expect(server.AddMember(slapd.Team(i), "cn=nobody,"+slapd.BaseDN)).To(Succeed())
		}
		operatorRuns(ctx)
		d := openldap.directory(name, server.LDAPSURL())
		d.Spec.Leavers.Policy = v1alpha1.LeaversDelete // So that a name is free for the next of that name.
		openldap.connects(ctx, d, server)
		watch = grantTo(ctx, name, slapd.Company, all)
	})
	setBase := func(ctx context.Context, baseDN string) {
		d := openldap.directory(name, "")
		change(ctx, d, func(d *v1alpha1.Directory) { d.Spec.LDAP.Users.BaseDN = baseDN })
	}

	It("keeps them when it is read where nobody is", func(ctx SpecContext) {
		setBase(ctx, slapd.ElsewhereDN)
		Expect(eventuallyHeld(ctx, name)).To(And(ContainSubstring("%d of %d people would lose access", all, all),
			ContainSubstring("kubectl annotate directory "+name)))
		Consistently(ctx, watch.lost).Should(BeEmpty())
		setBase(ctx, slapd.PeopleDN)
		eventuallyDirectory(ctx, name, synced)
		eventuallyWatched(ctx, name, "True "+v1alpha1.ReasonSyncrepl)
		Expect(watch.lost()).To(BeEmpty())
	})

	It("keeps those whom half an import did not touch", func(ctx SpecContext) {
		const imported = all * 6 / 10
		readAgain(ctx, name)
		for i := range imported {
			Expect(server.DeletePerson(slapd.UID(i))).To(Succeed())
		}
		Expect(eventuallyHeld(ctx, name)).To(ContainSubstring("would lose access"))
		Expect(len(watch.lost())).To(BeNumerically("<=", unasked))
		for i := range imported {
			Expect(server.AddPerson(slapd.UID(i))).To(Succeed())
			// slapd takes who was deleted out of groups a moment later.
			Eventually(ctx, func() error { return server.AddMember(slapd.Team(i/20), slapd.PersonDN(slapd.UID(i))) }).Should(Succeed())
		}
		eventuallyHeld(ctx, name)
		Consistently(ctx, watch.lost).Should(HaveEach(BeElementOf(uids(imported))), "who was there all the time keeps access")
		accepts(ctx, name)
		openldap.likeAFreshMirror(ctx, name, server)
		Expect(watch.lost()).To(HaveEach(BeElementOf(uids(imported))))
		for i := range imported {
			Expect(watch.has(slapd.UID(i))).To(BeTrue(), "%s is there again", slapd.UID(i))
		}
	})

	It("keeps most of them when all are deleted", func(ctx SpecContext) {
		readAgain(ctx, name)
		before := len(watch.lost())
		var ldif strings.Builder
		for i := range all {
			fmt.Fprintf(&ldif, "dn: %s\nchangetype: delete\n\n", slapd.PersonDN(slapd.UID(i)))
		}
		Expect(server.Load(ldif.String())).To(Succeed())
		held := eventuallyHeld(ctx, name)
		Expect(held).To(ContainSubstring("people would lose access"))
		Consistently(ctx, func() int { return len(watch.lost()) - before }).Should(BeNumerically("<=", unasked))
		accepts(ctx, name)
		openldap.likeAFreshMirror(ctx, name, server)
		Eventually(ctx, watch.lost).Should(HaveLen(all))
	})
})

// uids are the login names of the first people of slapd.People.
func uids(n int) []string {
	found := make([]string, n)
	for i := range found {
		found[i] = slapd.UID(i)
	}
	return found
}
