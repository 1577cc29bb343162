// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/internal/tcpproxy"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

const (
	// staff is a group that all of a small company are in.
	staff = "staff"
	// fewPeople are so few that the floor of the loss guard would let three of them go.
	fewPeople = 12
)

// hires adds people to a server, and to the staff.
func (p product) hires(server directoryServer, uids ...string) {
	GinkgoHelper()
	for _, uid := range uids {
		Expect(server.AddPerson(uid)).To(Succeed())
		Expect(server.AddMember(staff, p.personDN(uid))).To(Succeed())
	}
}

// founds makes a company of a few people, one of whom is disabled.
func (p product) founds(server directoryServer) {
	GinkgoHelper()
	Expect(server.AddPerson("founder")).To(Succeed())
	Expect(server.AddGroup(staff, p.personDN("founder"))).To(Succeed())
	p.hires(server, "returner")
	for i := range fewPeople - 2 {
		p.hires(server, fmt.Sprintf("worker%d", i))
	}
	Expect(server.DisablePerson("returner")).To(Succeed())
}

var _ = Describe("A directory restored from a backup", func() {
	for _, p := range products() {
		Describe("on "+p.name, Ordered, func() {
			var (
				server directoryServer
				name   string
				watch  *vigil
			)
			since := []string{"new0", "new1", "new2", "returner"}
			BeforeAll(func(ctx SpecContext) {
				server = p.runs(ctx)
				p.founds(server)
				Expect(server.Backup(ctx)).To(Succeed())
				operatorRuns(ctx)
				name = unique("restored")
				p.connects(ctx, p.directory(name, server.LDAPSURL()), server)
				p.hires(server, since[:3]...)
				Expect(server.EnablePerson("returner")).To(Succeed())
				Eventually(ctx, func() company { return mirrored(ctx, name) }).Should(HaveKeyWithValue("returner", []string{isActive, staff}))
				watch = grantTo(ctx, name, staff, fewPeople+3)
				Expect(server.Restore(ctx)).To(Succeed())
			})

			It("takes nothing from who joined or was let in again since", func(ctx SpecContext) {
				Expect(eventuallyHeld(ctx, name)).To(And(ContainSubstring("or a restored backup"),
					ContainSubstring("take access from 4 people"), ContainSubstring("kubectl annotate directory "+name)))
				Consistently(ctx, watch.lost).Should(BeEmpty())
			})

			It("takes nothing from them when it has new changes of its own, which count", func(ctx SpecContext) {
				p.hires(server, "newest0", "newest1", "newest2", "newest3")
				Eventually(ctx, func() bool { return watch.has("newest3") }).Should(BeTrue())
				readAgain(ctx, name)
				eventuallyHeld(ctx, name)
				Consistently(ctx, watch.lost).Should(BeEmpty())
			})

			It("is like a fresh mirror once that is accepted, and goes on telling its changes", func(ctx SpecContext) {
				accepts(ctx, name)
				p.likeAFreshMirror(ctx, name, server)
				Expect(server.DisablePerson("newest0")).To(Succeed())
				Eventually(ctx, watch.lost).Should(ConsistOf(append(since, "newest0")))
				Consistently(ctx, watch.lost).Should(HaveLen(len(since) + 1))
			})
		})
	}
})

// position is what is saved of how far a directory has been followed.
func position(ctx context.Context, name string) []string {
	GinkgoHelper()
	d := &v1alpha1.Directory{}
	Expect(k8s.Get(ctx, named(name), d)).To(Succeed())
	return d.Status.Progress.Position
}

var _ = Describe("A directory of two servers, one of which lags", Ordered, func() {
	const name = "lagging"
	var (
		openldap    product
		provider    *slapd.Server
		replica     *slapd.Server
		replication *tcpproxy.Proxy
		line        *tcpproxy.Proxy
		watch       *vigil
	)
	host := func(url string) string { return url[strings.LastIndex(url, "/")+1:] }
	arrives := func(ctx context.Context, uid string) {
		GinkgoHelper()
		Eventually(ctx, func() error { _, err := replica.PersonID(uid); return err }).Should(Succeed())
	}
	BeforeAll(func(ctx SpecContext) {
		openldap, provider = openLDAP(ctx, 0)
		openldap.founds(provider)
		var err error
		replication, err = tcpproxy.Start(host(provider.LDAPURL()))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(replication.Close)
		replica, err = slapd.StartReplica(ctx, provider, replication.Address())
		Expect(err).NotTo(HaveOccurred())
		stopsAfterwards(replica)
		arrives(ctx, "returner")
		var url string
		line, url = proxied(provider)
		operatorRuns(ctx)
		openldap.connects(ctx, openldap.directory(name, url), provider)

		replication.Refuse()
		openldap.hires(provider, "new0", "new1", "new2")
		Expect(provider.EnablePerson("returner")).To(Succeed())
		Eventually(ctx, func() company { return mirrored(ctx, name) }).Should(HaveKeyWithValue("returner", []string{isActive, staff}))
		watch = grantTo(ctx, name, staff, fewPeople+3)
	})

	It("takes nothing from who joined lately when it is the one that answers", func(ctx SpecContext) {
		line.To(host(replica.LDAPSURL()))
		Expect(eventuallyHeld(ctx, name)).To(And(ContainSubstring("a replica that lags"), ContainSubstring("take access from 4 people")))
		eventuallyWatched(ctx, name, "True "+v1alpha1.ReasonSyncrepl)
		Consistently(ctx, watch.lost).Should(BeEmpty())
	})

	It("is all right again, without anyone's act, when the other answers", func(ctx SpecContext) {
		line.To(host(provider.LDAPSURL()))
		d := eventuallyDirectory(ctx, name, synced)
		Expect(d.Status.Pending).To(BeNil())
		Consistently(ctx, watch.lost).Should(BeEmpty())
		openldap.likeAFreshMirror(ctx, name, provider)
	})

	It("lets nobody in again whom only the newer one has disabled", func(ctx SpecContext) {
		eventuallyWatched(ctx, name, "True "+v1alpha1.ReasonSyncrepl)
		Expect(provider.DisablePerson("worker2")).To(Succeed())
		Eventually(ctx, watch.lost).Should(Equal([]string{"worker2"}))
		line.To(host(replica.LDAPSURL()))
		eventuallyDisconnected(ctx, name)
		eventuallyWatched(ctx, name, "True "+v1alpha1.ReasonSyncrepl)
		Consistently(ctx, func() bool { return watch.has("worker2") }).Should(BeFalse())
	})

	It("is all right again, without anyone's act, when the one that lags has caught up", func(ctx SpecContext) {
		replication.Pass()
		openldap.hires(provider, "earlier")
		Eventually(ctx, func() bool { return watch.has("earlier") }).Should(BeTrue())
		d := eventuallyDirectory(ctx, name, synced)
		Expect(d.Status.Pending).To(BeNil())
		openldap.likeAFreshMirror(ctx, name, replica)
		Expect(watch.lost()).To(Equal([]string{"worker2"}))
	})

	It("takes nothing and lets nobody in when the operator was restarted meanwhile", func(ctx SpecContext) {
		replication.Refuse()
		line.To(host(provider.LDAPSURL()))
		eventuallyWatched(ctx, name, "True "+v1alpha1.ReasonSyncrepl)
		saved := position(ctx, name)
		openldap.hires(provider, "latest")
		Expect(provider.DisablePerson("worker3")).To(Succeed())
		Eventually(ctx, func() bool { return watch.has("latest") && !watch.has("worker3") }).Should(BeTrue())
		told := time.Now()
		Eventually(ctx, func() []string { return position(ctx, name) }).ShouldNot(Equal(saved), "what was told is remembered in a while")
		reportf("saved %v after it was mirrored", time.Since(told).Round(time.Millisecond))
		lost := watch.lost()
		operatorStops()
		line.To(host(replica.LDAPSURL()))
		operatorRuns(ctx)
		Expect(eventuallyHeld(ctx, name)).To(ContainSubstring("a replica that lags"))
		Consistently(ctx, watch.lost).Should(Equal(lost))
		Expect(watch.has("worker3")).To(BeFalse())
	})
})
