// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package reference_test

import (
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/internal/dashboards"
	"github.com/rollcall-iam/rollcall/test/internal/promql"
)

const gridColumns = 24

// boards are the dashboards, of which there are two.
func boards() []dashboards.Board {
	GinkgoHelper()
	all, err := dashboards.Load()
	Expect(err).NotTo(HaveOccurred())
	Expect(all).To(ConsistOf(HaveField("UID", "rollcall-operations"), HaveField("UID", "rollcall-access")))
	return all
}

// eachPanel visits what is no row.
func eachPanel(do func(p *dashboards.Panel)) {
	GinkgoHelper()
	for _, board := range boards() {
		for i := range board.Panels {
			if board.Panels[i].Type != "row" {
				do(&board.Panels[i])
			}
		}
	}
}

var _ = Describe("Dashboards", func() {
	It("ask for what the operator tells, and for what its libraries do", func() {
		eachPanel(func(p *dashboards.Panel) {
			Expect(p.Targets).NotTo(BeEmpty(), p.Title)
			for _, target := range p.Targets {
				// Whether a manager has these is found out where one is scraped: test/internal/scrape.
				asks := expectKnown(target.Expr, func(ask promql.Ask) bool {
					return regexp.MustCompile(`^(controller_runtime|workqueue|rest_client|process|go)_`).MatchString(ask.Metric)
				})
				var labels []string
				for _, ask := range asks {
					labels = append(labels, ask.Labels...)
				}
				for _, label := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(target.Legend, -1) {
					Expect(append(labels, "instance")).To(ContainElement(label[1]), "legend of %s", p.Title)
				}
				Expect(strings.Count(target.Expr, "{")).To(Equal(strings.Count(target.Expr,
					`{namespace=~"$namespace",job=~"$job",instance=~"$instance"`)), "%s: each metric of the replicas that were chosen", p.Title)
			}
		})
	})

	It("have no panel that says nothing of itself, and no data source but the one that is chosen", func() {
		chosen := dashboards.Source{Type: "prometheus", UID: "${datasource}"}
		eachPanel(func(p *dashboards.Panel) {
			Expect(p.Title).NotTo(BeEmpty())
			Expect(p.Description).To(MatchRegexp(`^[A-Z0-9].*\.$`), p.Title)
			Expect(p.Fields.Defaults.Unit).NotTo(BeEmpty(), p.Title)
			Expect(p.Datasource).To(Equal(chosen), p.Title)
			for _, target := range p.Targets {
				Expect(target.Datasource).To(Equal(chosen), p.Title)
				Expect(target.Instant).To(Equal(p.Type != "timeseries"), p.Title)
				Expect(target.Range).To(Equal(p.Type == "timeseries"), p.Title)
			}
			steps := p.Fields.Defaults.Thresholds.Steps
			Expect(steps).NotTo(BeEmpty(), p.Title)
			Expect(steps[0].Value).To(BeNil(), "%s: Grafana wants the first to be from minus infinity", p.Title)
			for _, alert := range regexp.MustCompile(`Rollcall[A-Z]\w+`).FindAllString(p.Description, -1) {
				Expect(alertNames()).To(ContainElement(alert), p.Title)
			}
		})
	})

	It("let people choose the data source, the namespace, the job and the replica, and link to each other", func() {
		for _, board := range boards() {
			var names []string
			for _, variable := range board.Templating.List {
				names = append(names, variable.Name)
				if variable.Type == "datasource" {
					Expect(variable.Query).To(Equal("prometheus"))
					continue
				}
				Expect(variable.Datasource.UID).To(Equal("${datasource}"))
				Expect(variable.Definition).To(HavePrefix("label_values(rollcall_build_info"))
			}
			Expect(names).To(Equal([]string{"datasource", "namespace", "job", "instance"}))
			Expect(board.SchemaVersion).To(BeNumerically(">=", 39), "Grafana 11")
			Expect(board.Description).NotTo(BeEmpty())
			for _, other := range boards() {
				if other.UID != board.UID {
					Expect(board.Links).To(ConsistOf(HaveField("URL", "/d/"+other.UID)))
				}
			}
		}
	})

	It("have every panel in a place of its own, within the grid, and no hole in a line but at its end", func() {
		for _, board := range boards() {
			taken, ids := map[[2]int]string{}, map[int]bool{}
			bottom := 0
			for i := range board.Panels {
				p := &board.Panels[i]
				Expect(ids).NotTo(HaveKey(p.ID), p.Title)
				ids[p.ID] = true
				Expect(p.Grid.X+p.Grid.W).To(BeNumerically("<=", gridColumns), p.Title)
				Expect(p.Grid.W).To(BeNumerically(">", 2), p.Title)
				Expect(p.Grid.Y).To(BeNumerically("<=", bottom), "%s: nothing is above", p.Title)
				for x := p.Grid.X; x < p.Grid.X+p.Grid.W; x++ {
					for y := p.Grid.Y; y < p.Grid.Y+p.Grid.H; y++ {
						Expect(taken).NotTo(HaveKey([2]int{x, y}), "%s is on top of %s", p.Title, taken[[2]int{x, y}])
						taken[[2]int{x, y}] = p.Title
					}
				}
				bottom = max(bottom, p.Grid.Y+p.Grid.H)
			}
			Expect(taken).To(HaveLen(gridColumns*bottom), "%s has holes", board.Title)
		}
	})

	It("show every metric of ours", func() {
		shown := map[string]bool{}
		eachPanel(func(p *dashboards.Panel) {
			for _, target := range p.Targets {
				asks, err := promql.Asks(target.Expr)
				Expect(err).NotTo(HaveOccurred())
				for _, ask := range asks {
					name, _ := ask.Base()
					shown[name], shown[ask.Metric] = true, true
				}
			}
		})
		for _, e := range entries() {
			Expect(shown).To(HaveKey(e.Name))
		}
	})
})
