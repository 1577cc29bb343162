// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package reference_test

import (
	"regexp"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-iam/rollcall/internal/meter"
	"github.com/rollcall-iam/rollcall/test/internal/promql"
)

// runbooks is where people find docs/runbooks.md.
const runbooks = "https://github.com/rollcall-iam/rollcall/blob/main/docs/runbooks.md#"

// alert is one of config/prometheus/rules.yaml, as Prometheus has it.
type alert struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func alerts() (all []alert) {
	GinkgoHelper()
	var rules struct {
		Spec struct {
			Groups []struct {
				Rules []alert `json:"rules"`
			} `json:"groups"`
		} `json:"spec"`
	}
	Expect(yaml.Unmarshal([]byte(read("config", "prometheus", "rules.yaml")), &rules)).To(Succeed())
	for _, group := range rules.Spec.Groups {
		all = append(all, group.Rules...)
	}
	Expect(len(all)).To(BeNumerically(">", 15))
	return all
}

func alertNames() []string {
	GinkgoHelper()
	all := alerts()
	names := make([]string, 0, len(all))
	for _, a := range all {
		names = append(names, a.Alert)
	}
	return names
}

// found is what the first group of a pattern matches in a text.
func found(pattern, text string) []string {
	matches := regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1)
	words := make([]string, len(matches))
	for i, match := range matches {
		words[i] = match[1]
	}
	return words
}

// expectKnown says that an expression parses, and asks for what there is: of metrics of our own, and of others that are named.
func expectKnown(expr string, others func(promql.Ask) bool) []promql.Ask {
	GinkgoHelper()
	asks, err := promql.Asks(expr)
	Expect(err).NotTo(HaveOccurred(), expr)
	Expect(asks).NotTo(BeEmpty(), expr)
	all := entries()
	for _, ask := range asks {
		if !strings.HasPrefix(ask.Metric, "rollcall_") {
			Expect(others(ask)).To(BeTrue(), "%s of %s", ask.Metric, expr)
			continue
		}
		name, histogram := ask.Base()
		i := slices.IndexFunc(all, func(e meter.Entry) bool { return e.Name == name })
		Expect(i).NotTo(Equal(-1), "%s of %s", ask.Metric, expr)
		Expect(histogram).To(Equal(all[i].Type == meter.TypeHistogram), "%s of %s", ask.Metric, expr)
		known := slices.Grow([]string{"le"}, len(all[i].Labels))
		for _, label := range all[i].Labels {
			known = append(known, label.Name)
		}
		Expect(known).To(ContainElements(ask.Labels), "labels of %s of %s", ask.Metric, expr)
	}
	return asks
}

var _ = Describe("Alerts", func() {
	It("ask for metrics that the operator has", func() {
		for _, a := range alerts() {
			expectKnown(a.Expr, func(promql.Ask) bool { return false })
		}
	})

	It("have a runbook each, where they say it is, and each runbook an alert", func() {
		sections := found(`(?m)^## (Rollcall\w+)$`, read("docs", "runbooks.md"))
		Expect(sections).To(Equal(alertNames()), "in the same order")
		for _, a := range alerts() {
			Expect(a.Annotations).To(SatisfyAll(
				HaveKeyWithValue("runbook_url", runbooks+strings.ToLower(a.Alert)),
				HaveKeyWithValue("summary", MatchRegexp(`^\S.*\.$`)), HaveKeyWithValue("description", MatchRegexp(`^\S.*[.?]$`))), a.Alert)
			Expect(a.Labels["severity"]).To(BeElementOf("critical", "warning", "info"), a.Alert)
		}
	})

	It("have runbooks that say what it means, who is affected, how to look, what to do, when it ends, and what fires it falsely", func() {
		for _, section := range strings.Split(read("docs", "runbooks.md"), "\n## ")[1:] {
			name, text, _ := strings.Cut(section, "\n")
			if !strings.HasPrefix(name, "Rollcall") {
				continue
			}
			parts := found(`(?m)^\*\*([^*]+)\.\*\* \S`, text)
			Expect(parts).To(Equal([]string{"Means", "Affected", "Look", "Do", "Goes away", "False alarms"}), name)
		}
	})

	It("have a case in which they fire, and one in which they do not", func() {
		var cases struct {
			Tests []struct {
				Name  string `json:"name"`
				Alert []struct {
					Name   string `json:"alertname"`
					Expect []any  `json:"exp_alerts"`
				} `json:"alert_rule_test"`
			} `json:"tests"`
		}
		Expect(yaml.Unmarshal([]byte(read("config", "prometheus", "rules_test.yaml")), &cases)).To(Succeed())
		fire, quiet := map[string]bool{}, map[string]bool{}
		for _, test := range cases.Tests {
			for _, a := range test.Alert {
				Expect(alertNames()).To(ContainElement(a.Name), test.Name)
				fire[a.Name], quiet[a.Name] = fire[a.Name] || len(a.Expect) > 0, quiet[a.Name] || len(a.Expect) == 0
			}
		}
		for _, name := range alertNames() {
			Expect(fire[name]).To(BeTrue(), "%s never fires", name)
			Expect(quiet[name]).To(BeTrue(), "%s always fires", name)
		}
	})
})
