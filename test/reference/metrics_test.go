// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package reference_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/controllers"
	"github.com/rollcall-iam/rollcall/internal/meter"
	"github.com/rollcall-iam/rollcall/test/golden"
)

// entries are all metrics, by name.
func entries() []meter.Entry {
	all := controllers.Metrics()
	slices.SortFunc(all, func(a, b meter.Entry) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

var _ = Describe("docs/metrics.md", func() {
	It("says of each metric what the code says", Label("generated"), func() {
		golden.ExpectPart(at("docs", "metrics.md"), "metrics", metricsPage(entries()))
	})

	It("is of all metrics that the code has, which are made by package meter alone", func() {
		named, made := map[string]bool{}, []string(nil)
		for _, folder := range []string{"internal", "controllers"} {
			eachFile(at(folder), func(path string, file *ast.File) {
				ast.Inspect(file, func(n ast.Node) bool {
					switch node := n.(type) {
					case *ast.BasicLit:
						if text, err := strconv.Unquote(node.Value); node.Kind == token.STRING && err == nil && metricName().MatchString(text) {
							named[text] = true
						}
					case *ast.CallExpr:
						if called, ok := node.Fun.(*ast.SelectorExpr); ok && makesMetric(called) && !strings.Contains(path, "/internal/meter/") {
							made = append(made, path+": prometheus."+called.Sel.Name)
						}
					}
					return true
				})
			})
		}
		Expect(made).To(BeEmpty(), "use package meter, so that docs/metrics.md has them")
		all := entries()
		told := make([]string, len(all))
		for i := range all {
			told[i] = all[i].Name
		}
		Expect(told).To(ConsistOf(slices.Collect(maps.Keys(named))), "controllers.Metrics lacks a metric, or has one twice")
	})

	It("names alerts that there are", func() {
		for _, name := range regexp.MustCompile("`(Rollcall[A-Za-z]+)`").FindAllStringSubmatch(read("docs", "metrics.md"), -1) {
			Expect(alertNames()).To(ContainElement(name[1]))
		}
	})
})

var _ = Describe("Metrics", func() {
	It("have names as Prometheus wants them, a help, and labels that say what they are", func() {
		for _, e := range entries() {
			Expect(e.Name).To(HavePrefix("rollcall_"))
			Expect(strings.HasSuffix(e.Name, "_total")).To(Equal(e.Type == meter.TypeCounter), e.Name)
			Expect(strings.HasSuffix(e.Name, "_duration_seconds")).To(Equal(e.Type == meter.TypeHistogram), e.Name)
			Expect(e.Help).To(MatchRegexp(`^[A-Z01].*\.$`), e.Name)
			Expect(e.Watch).To(MatchRegexp("^[A-Z0-9`].*\\.$"), e.Name)
			Expect(e.Teller).NotTo(BeEmpty(), e.Name)
			Expect(e.Buckets == nil).To(Equal(e.Type != meter.TypeHistogram), e.Name)
			for _, label := range e.Labels {
				Expect(label.Values == nil && label.Of == "").To(BeFalse(), "%s: label %s", e.Name, label.Name)
				Expect(label.Name).NotTo(BeElementOf("user", "username", "name", "email", "session", "grant"), "%s: one series for each", e.Name)
			}
		}
	})
})

// metricName is what a literal looks like that names one.
func metricName() *regexp.Regexp { return regexp.MustCompile(`^rollcall_[a-z_]+$`) }

func makesMetric(called *ast.SelectorExpr) bool {
	of, ok := called.X.(*ast.Ident)
	return ok && (of.Name == "prometheus" || of.Name == "promauto") &&
		regexp.MustCompile(`^New(Counter|Gauge|Histogram|Summary|Untyped|Desc)`).MatchString(called.Sel.Name)
}

// eachFile parses what is built into the manager.
func eachFile(folder string, do func(path string, file *ast.File)) {
	GinkgoHelper()
	Expect(filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err == nil {
			do(path, file)
		}
		return err
	})).To(Succeed())
}

// metricsPage is a table of all, and what there is to know of each.
func metricsPage(all []meter.Entry) string {
	var b strings.Builder
	b.WriteString("\n| metric | type | unit | told by |\n|---|---|---|---|\n")
	for i := range all {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s |\n", all[i].Name, all[i].Name, all[i].Type, unit(&all[i]), all[i].Teller)
	}
	b.WriteString("\n")
	for i := range all {
		b.WriteString(described(&all[i]))
	}
	return b.String()
}

func described(e *meter.Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### `%s`\n\n%s\n\n", e.Name, e.Help)
	fmt.Fprintf(&b, "- Type: %s, told by %s.\n", e.Type, e.Teller)
	for _, label := range e.Labels {
		fmt.Fprintf(&b, "- Label `%s`: %s.\n", label.Name, values(label))
	}
	if len(e.Buckets) > 0 {
		fmt.Fprintf(&b, "- Buckets: %d, from %g s to %g s.\n", len(e.Buckets), e.Buckets[0], e.Buckets[len(e.Buckets)-1])
	}
	fmt.Fprintf(&b, "- Look at: %s\n\n", e.Watch)
	return b.String()
}

func values(label meter.Label) string {
	quoted := make([]string, len(label.Values))
	for i, value := range label.Values {
		quoted[i] = "`" + value + "`"
		if value == "" {
			quoted[i] = "empty"
		}
	}
	all := strings.Join(quoted, ", ")
	if all != "" && label.Of != "" {
		all += "; "
	}
	return all + label.Of
}

// unit is what a name ends with, in words.
func unit(e *meter.Entry) string {
	switch {
	case strings.HasSuffix(e.Name, "_timestamp_seconds"):
		return "seconds since 1970"
	case strings.HasSuffix(e.Name, "_seconds"):
		return "seconds"
	case strings.HasSuffix(e.Name, "_info"), slices.Contains([]string{
		"rollcall_directory_watch_connected", "rollcall_ledger_open", "rollcall_authority_current",
	}, e.Name):
		return "0 or 1"
	default:
		return "number"
	}
}
