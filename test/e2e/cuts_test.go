// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/internal/tcpproxy"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

// twoPages of people do not come in one.
const twoPages = 600

// openLDAP is the product of that name, with people in it.
func openLDAP(ctx context.Context, people int) (product, *slapd.Server) {
	GinkgoHelper()
	return products()[0], slapdRuns(ctx, slapd.People(people))
}

var _ = Describe("A directory at the end of a bad line", Ordered, func() {
	const name = "line"
	var (
		openldap product
		server   *slapd.Server
		line     *tcpproxy.Proxy
		url      string
		watch    *vigil
	)
	BeforeAll(func(ctx SpecContext) {
		openldap, server = openLDAP(ctx, twoPages)
		line, url = proxied(server)
		operatorRuns(ctx)
		openldap.connects(ctx, openldap.directory(name, url), server)
		settled(ctx, name)
		watch = grantTo(ctx, name, slapd.Company, twoPages)
	})

	It("keeps everybody while full reads are cut, wherever that is", func(ctx SpecContext) {
		// Before TLS, before the bind, in the first page of people, in the second, among the groups: all is 158,000 bytes.
		for _, bytes := range []int64{0, 2_000, 60_000, 118_000, 140_000} {
			cuts := line.Cuts()
			line.CutAfter(bytes)
			nudge(ctx, name)
			Eventually(ctx, line.Cuts).Should(BeNumerically(">", cuts))
		}
		failed := &v1alpha1.Directory{}
		Eventually(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, named(name), failed)).To(Succeed())
			g.Expect(state(failed.Status.Conditions, v1alpha1.ConditionReady)).To(Equal("False " + v1alpha1.ReasonUnreachable))
			g.Expect(message(failed.Status.Conditions, v1alpha1.ConditionReady)).To(And(ContainSubstring("broke off"),
				ContainSubstring(slapd.GroupsDN), ContainSubstring("Users and Groups stay as the last complete read left them")))
		}).Should(Succeed())
		Expect(failed.Status.Users).To(HaveValue(BeEquivalentTo(twoPages)))
		Expect(state(failed.Status.Conditions, v1alpha1.ConditionChangesWatched)).To(Equal("True Syncrepl"), "which was there before")
		Consistently(ctx, watch.lost).Should(BeEmpty())
		line.Pass()
		nudge(ctx, name)
		eventuallyDirectory(ctx, name, synced)
		Expect(watch.lost()).To(BeEmpty())
	})

	It("knows what happened while the stream was cut", func(ctx SpecContext) {
		line.Refuse()
		eventuallyDisconnected(ctx, name)
		Expect(server.DisablePerson(slapd.UID(0))).To(Succeed())
		Expect(server.DeletePerson(slapd.UID(1))).To(Succeed())
		Expect(server.RenamePerson(slapd.UID(2), "renamed")).To(Succeed())
		Expect(server.RemoveMember(slapd.Team(0), slapd.PersonDN(slapd.UID(3)))).To(Succeed())
		Expect(server.AddPerson("joined")).To(Succeed())
		Expect(server.AddMember(slapd.Team(29), slapd.PersonDN("joined"))).To(Succeed())
		cuts := line.Cuts()
		line.CutAfter(3_000) // The next is cut before it has told anything.
		Eventually(ctx, line.Cuts).Should(BeNumerically(">", cuts))
		Expect(watch.lost()).To(BeEmpty())
		line.Pass()
		all := []string{isActive, slapd.Company, slapd.Division(0), slapd.Team(0)}
		Eventually(ctx, func() company { return mirrored(ctx, name) }).Should(And(
			HaveKeyWithValue(slapd.UID(0), append([]string{isDisabled}, all[1:]...)),
			HaveKeyWithValue(slapd.UID(1), []string{isMissing}),
			HaveKeyWithValue("renamed", all),
			HaveKeyWithValue(slapd.UID(3), []string{isActive}),
			HaveKeyWithValue("joined", []string{isActive, slapd.Company, slapd.Division(2), slapd.Team(29)}),
			Not(HaveKey(slapd.UID(2))),
		))
		eventuallyWatched(ctx, name, "True "+v1alpha1.ReasonSyncrepl)
		Eventually(ctx, watch.lost).Should(ConsistOf(slapd.UID(0), slapd.UID(1), slapd.UID(2), slapd.UID(3)))
		Consistently(ctx, watch.lost).Should(HaveLen(4))
	})

	It("waits out a line that carries nothing", func(ctx SpecContext) {
		lost := watch.lost()
		line.Stall()
		Expect(server.DisablePerson(slapd.UID(4))).To(Succeed())
		nudge(ctx, name)
		failed := eventuallyDirectory(ctx, name, "False "+v1alpha1.ReasonUnreachable)
		Expect(message(failed.Status.Conditions, v1alpha1.ConditionReady)).To(ContainSubstring(url))
		Expect(watch.lost()).To(Equal(lost))
		line.Pass()
		Eventually(ctx, watch.lost).Should(Equal(append(lost, slapd.UID(4))))
		eventuallyDirectory(ctx, name, synced)
	})

	It("says why the server does not let its changes be watched, and goes on with full reads", func(ctx SpecContext) {
		lost := watch.lost()
		setSecret(ctx, name+"-bind", bindData(server))
		eventuallyWatched(ctx, name, "False "+v1alpha1.ReasonNotPermitted)
		d := eventuallyDirectory(ctx, name, synced)
		Expect(message(d.Status.Conditions, v1alpha1.ConditionChangesWatched)).To(And(ContainSubstring("limit"),
			ContainSubstring(slapd.ReaderDN), ContainSubstring("changes are found by full reads meanwhile")))
		Expect(server.DisablePerson(slapd.UID(5))).To(Succeed())
		Consistently(ctx, watch.lost).Should(Equal(lost))
		readAgain(ctx, name)
		Eventually(ctx, watch.lost).Should(Equal(append(lost, slapd.UID(5))))
	})

	It("keeps everybody where the server gives no more than a part", func(ctx SpecContext) {
		lost := watch.lost()
		setSecret(ctx, name+"-bind", map[string]string{"username": slapd.LimitedDN, "password": server.Password()})
		failed := eventuallyDirectory(ctx, name, "False "+v1alpha1.ReasonIncompleteRead)
		Expect(message(failed.Status.Conditions, v1alpha1.ConditionReady)).To(ContainSubstring(slapd.LimitedDN))
		Consistently(ctx, watch.lost).Should(Equal(lost))
	})

	It("is watched again once the limits are gone, and in the end like a fresh mirror", func(ctx SpecContext) {
		lost := watch.lost()
		setSecret(ctx, name+"-bind", map[string]string{"username": slapd.SyncDN, "password": server.Password()})
		eventuallyDirectory(ctx, name, synced)
		eventuallyWatched(ctx, name, "True "+v1alpha1.ReasonSyncrepl)
		Expect(server.EnablePerson(slapd.UID(5))).To(Succeed())
		Eventually(ctx, func() bool { return watch.has(slapd.UID(5)) }).Should(BeTrue())
		Expect(watch.lost()).To(Equal(lost))
		openldap.likeAFreshMirror(ctx, name, server)
	})
})
