// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package scrape reads what a manager tells Prometheus, and holds it against what docs/metrics.md is made of.
package scrape

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/rollcall-iam/rollcall/controllers"
	"github.com/rollcall-iam/rollcall/internal/meter"
	"github.com/rollcall-iam/rollcall/test/internal/checkout"
	"github.com/rollcall-iam/rollcall/test/internal/dashboards"
	"github.com/rollcall-iam/rollcall/test/internal/promql"
)

// Text is what a manager tells.
func Text(ctx context.Context, url string) string {
	ginkgo.GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	response, err := http.DefaultClient.Do(request)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	defer func() { gomega.Expect(response.Body.Close()).To(gomega.Succeed()) }()
	body, err := io.ReadAll(response.Body)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	gomega.Expect(response.StatusCode).To(gomega.Equal(http.StatusOK))
	return string(body)
}

// Value is that of a time series, or -1 where there is none.
func Value(text, series string) float64 {
	ginkgo.GinkgoHelper()
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindStringSubmatch(text)
	if found == nil {
		return -1
	}
	value, err := strconv.ParseFloat(found[1], 64)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return value
}

// Families are the metrics of a scrape, by name.
func Families(text string) map[string]*dto.MetricFamily {
	ginkgo.GinkgoHelper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return families
}

// ExpectDescribed says that the operator's own metrics are what their descriptions say: name, type, help, labels and their values. And that
// promtool check metrics finds nothing wrong with them, which is made of the same linter.
func ExpectDescribed(text string) {
	ginkgo.GinkgoHelper()
	entries := map[string]meter.Entry{}
	for _, e := range controllers.Metrics() {
		entries[e.Name] = e
	}
	var own []*dto.MetricFamily
	for name, family := range Families(text) {
		if !strings.HasPrefix(name, "rollcall_") {
			continue
		}
		own = append(own, family)
		gomega.Expect(entries).To(gomega.HaveKey(name), "controllers.Metrics does not have it")
		expectLike(entries[name], family)
	}
	gomega.Expect(len(own)).To(gomega.BeNumerically(">", 5))
	problems, err := promlint.NewWithMetricFamilies(own).Lint()
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	gomega.Expect(problems).To(gomega.BeEmpty())
}

func expectLike(e meter.Entry, family *dto.MetricFamily) {
	ginkgo.GinkgoHelper()
	gomega.Expect(strings.ToLower(family.GetType().String())).To(gomega.Equal(string(e.Type)), e.Name)
	gomega.Expect(family.GetHelp()).To(gomega.Equal(e.Help), e.Name)
	names := make([]string, 0, len(e.Labels))
	for _, label := range e.Labels {
		names = append(names, label.Name)
	}
	for _, metric := range family.GetMetric() {
		told := make([]string, 0, len(names))
		for _, pair := range metric.GetLabel() {
			told = append(told, pair.GetName())
			i := slices.Index(names, pair.GetName())
			gomega.Expect(i).NotTo(gomega.Equal(-1), "%s has a label %s", e.Name, pair.GetName())
			if label := e.Labels[i]; label.Of == "" {
				gomega.Expect(label.Values).To(gomega.ContainElement(pair.GetValue()), "%s: a value of %s", e.Name, label.Name)
			}
		}
		gomega.Expect(told).To(gomega.ConsistOf(names), e.Name)
	}
}

// ExpectLibraries says that what the dashboards and docs/metrics.md ask for besides is there, with the labels that they ask for.
func ExpectLibraries(text string) {
	ginkgo.GinkgoHelper()
	families := Families(text)
	asked := 0
	for _, ask := range askedOfLibraries() {
		if strings.HasPrefix(ask.Metric, "rollcall_") {
			continue
		}
		asked++
		name, _ := ask.Base()
		family := families[name]
		if family == nil {
			family = families[ask.Metric]
		}
		gomega.Expect(family).NotTo(gomega.BeNil(), ask.Metric)
		known := slices.Grow([]string{"le"}, len(family.GetMetric()[0].GetLabel()))
		for _, pair := range family.GetMetric()[0].GetLabel() {
			known = append(known, pair.GetName())
		}
		gomega.Expect(known).To(gomega.ContainElements(ask.Labels), ask.Metric)
	}
	gomega.Expect(asked).To(gomega.BeNumerically(">", 10))
}

func askedOfLibraries() (asks []promql.Ask) {
	ginkgo.GinkgoHelper()
	boards, err := dashboards.Load()
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	for _, board := range boards {
		for i := range board.Panels {
			for _, target := range board.Panels[i].Targets {
				found, err := promql.Asks(target.Expr)
				gomega.Expect(err).NotTo(gomega.HaveOccurred())
				asks = append(asks, found...)
			}
		}
	}
	root, err := checkout.Root()
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	page, err := os.ReadFile(filepath.Join(root, "docs", "metrics.md"))
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	before, _, _ := strings.Cut(string(page), "## All of them")
	for _, name := range regexp.MustCompile("`((?:leader_election|controller_runtime|workqueue|rest_client|process|go)_\\w+)`").
		FindAllStringSubmatch(before, -1) {
		asks = append(asks, promql.Ask{Metric: name[1]})
	}
	return asks
}
