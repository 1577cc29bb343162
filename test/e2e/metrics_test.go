// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"os"
	"regexp"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/internal/scrape"
)

// scraped is what the operator tells Prometheus.
func scraped(ctx context.Context) string {
	GinkgoHelper()
	return scrape.Text(ctx, operator.Metrics())
}

// rises expects series to have grown by so much, each.
func rises(ctx context.Context, before string, by map[string]float64) {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		text := scraped(ctx)
		for series, wanted := range by {
			grown := scrape.Value(text, series) - max(scrape.Value(before, series), 0)
			g.Expect(grown).To(Equal(wanted), series)
		}
	}).Should(Succeed())
}

var _ = Describe("Metrics of a Directory", Ordered, func() {
	var (
		server directoryServer
		name   string
		d      *v1alpha1.Directory
	)
	of := func(metric, labels string) string {
		return "rollcall_directory_" + metric + `{` + labels + `directory="` + name + `"` + `}`
	}
	BeforeAll(func(ctx SpecContext) {
		p := products()[0]
		server = p.runs(ctx)
		for _, uid := range []string{"ann", "ben", "cho", "dee"} {
			Expect(server.AddPerson(uid)).To(Succeed())
		}
		Expect(server.AddGroup("ops", p.personDN("ann"))).To(Succeed())
		operatorRuns(ctx)
		name = unique("metrics")
		d = p.directory(name, server.LDAPSURL())
		p.connects(ctx, d, server)
	})

	It("tell what was read, and that changes are watched", func(ctx SpecContext) {
		text := scraped(ctx)
		Expect(scrape.Value(text, `rollcall_directory_entries{directory="`+name+`",kind="User"}`)).To(BeEquivalentTo(4))
		Expect(scrape.Value(text, `rollcall_directory_entries{directory="`+name+`",kind="Group"}`)).To(BeEquivalentTo(1))
		Expect(scrape.Value(text, `rollcall_directory_changes_total{change="joined",directory="`+name+`",kind="User"}`)).To(BeEquivalentTo(4))
		Expect(scrape.Value(text, `rollcall_directory_read_duration_seconds_count{directory="`+name+`",result="success"}`)).
			To(BeNumerically(">=", 1))
		Expect(scrape.Value(text, of("watch_connected", ""))).To(BeEquivalentTo(1))
		Expect(scrape.Value(text, of("guard_pending", ""))).To(BeEquivalentTo(0))
		Expect(scrape.Value(text, of("sync_interval_seconds", ""))).To(BeEquivalentTo(d.Spec.SyncIntervalSeconds))
		Expect(scrape.Value(text, of("last_read_timestamp_seconds", ""))).To(BeEquivalentTo(lastSync(ctx, name).Unix()))
		Expect(scrape.Value(text, of("last_event_timestamp_seconds", ""))).To(BeNumerically(">", 0))
	})

	It("are those that the alert rules ask for", func(ctx SpecContext) {
		rules, err := os.ReadFile("../../config/prometheus/rules.yaml")
		Expect(err).NotTo(HaveOccurred())
		asked := regexp.MustCompile(`rollcall_directory_[a-z_]+`).FindAllString(string(rules), -1)
		slices.Sort(asked)
		asked = slices.Compact(asked)
		Expect(len(asked)).To(BeNumerically(">", 5))
		text := scraped(ctx)
		for _, name := range asked {
			Expect(text).To(MatchRegexp(`(?m)^%s\{`, name))
		}
	})

	It("tell that the guard holds, and how many wait", func(ctx SpecContext) {
		change(ctx, d, func(d *v1alpha1.Directory) { d.Spec.LDAP.Users.BaseDN = products()[0].elsewhere })
		eventuallyDirectory(ctx, name, "False "+v1alpha1.ReasonLossGuard)
		Expect(scrape.Value(scraped(ctx), of("guard_pending", ""))).To(BeEquivalentTo(4))
	})

	It("are what docs/metrics.md says of them, and of everything else that the operator tells", func(ctx SpecContext) {
		scrape.ExpectDescribed(scraped(ctx))
	})

	It("are gone with the Directory", func(ctx SpecContext) {
		remove(ctx, d)
		Eventually(ctx, scraped).ShouldNot(ContainSubstring(`"` + name + `"`))
	})
})

var _ = Describe("Metrics of people and their access", Ordered, func() {
	const leaver = "rollcall_leaver_withdrawal_duration_seconds_count"
	var (
		server    directoryServer
		namespace string
	)
	bindings := func(change string) string {
		return `rollcall_binding_changes_total{change="` + change + `",holder="Grant",result="done"}`
	}
	BeforeAll(func(ctx SpecContext) {
		p := products()[0]
		server = p.runs(ctx)
		for _, uid := range []string{"uma", "vic", "wes"} {
			Expect(server.AddPerson(uid)).To(Succeed())
		}
		operatorRuns(ctx)
		d := p.directory(unique("counted"), server.LDAPSURL())
		before := scraped(ctx)
		p.connects(ctx, d, server)
		rises(ctx, before, map[string]float64{
			`rollcall_users{state="Active"}`:                                     3,
			`rollcall_objects{kind="User",reason="Reconciled",state="Ready"}`:    3,
			`rollcall_objects{kind="Directory",reason="Synced",state="Ready"}`:   1,
			`rollcall_directory_entries{directory="` + d.Name + `",kind="User"}`: 3,
		})
		namespace = inNamespace(ctx, "counted")
	})

	It("tell which version runs", func(ctx SpecContext) {
		Expect(scraped(ctx)).To(MatchRegexp(`(?m)^rollcall_build_info\{go_version="go1[^"]+",version="[^"]+"\} 1$`))
	})

	It("tell of bindings, of whoever is out, and how long they kept access", func(ctx SpecContext) {
		before := scraped(ctx)
		g := grant(unique("counted"), namespace, v1alpha1.Subject{Kind: v1alpha1.SubjectUser, Name: "uma"},
			v1alpha1.Subject{Kind: v1alpha1.SubjectUser, Name: "vic"})
		create(ctx, g)
		rises(ctx, before, map[string]float64{
			bindings("create"): 1, bindings("update"): 0, leaver: 0,
			`rollcall_objects{kind="Grant",reason="Applied",state="Ready"}`: 1,
		})

		By("disabling one of them")
		before = scraped(ctx)
		Expect(server.DisablePerson("uma")).To(Succeed())
		rises(ctx, before, map[string]float64{
			bindings("update"): 1, leaver: 1, `rollcall_users{state="Active"}`: -1, `rollcall_users{state="DirectoryDisabled"}`: 1,
		})
		text := scraped(ctx)
		const sum = "rollcall_leaver_withdrawal_duration_seconds_sum"
		took := scrape.Value(text, sum) - scrape.Value(before, sum)
		Expect(took).To(And(BeNumerically(">", 0), BeNumerically("<", patience.Seconds())))

		By("and again, once they are back: what ends their access now is no departure")
		before = text
		Expect(server.EnablePerson("uma")).To(Succeed())
		rises(ctx, before, map[string]float64{bindings("update"): 1, `rollcall_users{state="DirectoryDisabled"}`: -1})
		before = scraped(ctx)
		remove(ctx, g)
		rises(ctx, before, map[string]float64{
			bindings("delete"): 1, leaver: 0, `rollcall_objects{kind="Grant",reason="Applied",state="Ready"}`: -1,
		})
	})

	It("tell of what cannot be until a person acts", func(ctx SpecContext) {
		before := scraped(ctx)
		g := grant(unique("stalled"), namespace, v1alpha1.Subject{Kind: v1alpha1.SubjectUser, Name: "vic"})
		g.Spec.RoleRef.Name = "cluster-admin"
		create(ctx, g)
		rises(ctx, before, map[string]float64{
			`rollcall_objects{kind="Grant",reason="RoleNotBindable",state="Stalled"}`: 1,
		})
		Expect(scrape.Value(scraped(ctx), `rollcall_binding_changes_total{change="create",holder="Grant",result="refused"}`)).
			To(BeNumerically(">=", 1))
	})

	It("tell of kubeconfigs, and of the certificates and Sessions that they take", func(ctx SpecContext) {
		before := scraped(ctx)
		robot := localUser(unique("robot"), 3600)
		create(ctx, robot)
		rises(ctx, before, map[string]float64{
			`rollcall_kubeconfigs{state="Issued"}`: 1, `rollcall_active_sessions{method="Managed"}`: 1,
			`rollcall_certificates_total{result="issued",signer="CSR"}`:         1,
			`rollcall_certificates_total{result="failed",signer="CSR"}`:         0,
			`rollcall_certificate_signing_duration_seconds_count{signer="CSR"}`: 1,
		})
		remove(ctx, robot)
		rises(ctx, before, map[string]float64{
			`rollcall_kubeconfigs{state="Issued"}`: 0, `rollcall_active_sessions{method="Managed"}`: 0,
		})
	})
})
