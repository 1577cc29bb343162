// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// scrape is what the operator tells Prometheus.
func scrape(ctx context.Context) string {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, operator.Metrics(), http.NoBody)
	Expect(err).NotTo(HaveOccurred())
	response, err := http.DefaultClient.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer func() { Expect(response.Body.Close()).To(Succeed()) }()
	body, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	return string(body)
}

// metric is the value of a time series, or -1 where there is none.
func metric(text, series string) float64 {
	GinkgoHelper()
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindStringSubmatch(text)
	if found == nil {
		return -1
	}
	value, err := strconv.ParseFloat(found[1], 64)
	Expect(err).NotTo(HaveOccurred())
	return value
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
		text := scrape(ctx)
		Expect(metric(text, `rollcall_directory_entries{directory="`+name+`",kind="User"}`)).To(BeEquivalentTo(4))
		Expect(metric(text, `rollcall_directory_entries{directory="`+name+`",kind="Group"}`)).To(BeEquivalentTo(1))
		Expect(metric(text, `rollcall_directory_changes_total{change="joined",directory="`+name+`",kind="User"}`)).To(BeEquivalentTo(4))
		Expect(metric(text, `rollcall_directory_read_duration_seconds_count{directory="`+name+`",result="success"}`)).To(BeNumerically(">=", 1))
		Expect(metric(text, of("watch_connected", ""))).To(BeEquivalentTo(1))
		Expect(metric(text, of("guard_pending", ""))).To(BeEquivalentTo(0))
		Expect(metric(text, of("sync_interval_seconds", ""))).To(BeEquivalentTo(d.Spec.SyncIntervalSeconds))
		Expect(metric(text, of("last_read_timestamp_seconds", ""))).To(BeEquivalentTo(lastSync(ctx, name).Unix()))
		Expect(metric(text, of("last_event_timestamp_seconds", ""))).To(BeNumerically(">", 0))
	})

	It("are those that the alert rules ask for", func(ctx SpecContext) {
		rules, err := os.ReadFile("../../config/prometheus/rules.yaml")
		Expect(err).NotTo(HaveOccurred())
		asked := regexp.MustCompile(`rollcall_directory_[a-z_]+`).FindAllString(string(rules), -1)
		slices.Sort(asked)
		asked = slices.Compact(asked)
		Expect(len(asked)).To(BeNumerically(">", 5))
		text := scrape(ctx)
		for _, name := range asked {
			Expect(text).To(MatchRegexp(`(?m)^%s\{`, name))
		}
	})

	It("tell that the guard holds, and how many wait", func(ctx SpecContext) {
		change(ctx, d, func(d *v1alpha1.Directory) { d.Spec.LDAP.Users.BaseDN = products()[0].elsewhere })
		eventuallyDirectory(ctx, name, "False "+v1alpha1.ReasonLossGuard)
		Expect(metric(scrape(ctx), of("guard_pending", ""))).To(BeEquivalentTo(4))
	})

	It("are gone with the Directory", func(ctx SpecContext) {
		remove(ctx, d)
		Eventually(ctx, scrape).ShouldNot(ContainSubstring(`"` + name + `"`))
	})
})
