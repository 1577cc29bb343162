// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"text/template"
	"time"
	"unicode/utf8"

	"github.com/rollcall-iam/rollcall/test/internal/process"
)

//go:embed page.md
var pages embed.FS

// Units of lines.
const (
	unitSeconds      = "s"
	unitMilliseconds = "ms"
	unitBytes        = "bytes"
	unitMebibytes    = "MiB"
	unitRate         = "/s"
	unitCount        = ""
	unitEach         = "each"
)

// line is one number that was measured.
type line struct {
	Row   string  `json:"row"`
	What  string  `json:"what"`
	State string  `json:"state,omitempty"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
	// P99 where value is a median.
	P99 float64 `json:"p99,omitempty"`
	// Against is what the other side came to, where both were measured in turns.
	Against float64 `json:"against,omitempty"`
	// Ratio to the other side: without one, to the line that this one is compared with.
	Ratio float64 `json:"ratio,omitempty"`
	Goal  string  `json:"goal,omitempty"`
}

// result is all of a run.
type result struct {
	Cores      int     `json:"cores"`
	Memory     float64 `json:"memoryGiB,omitempty"`
	People     int     `json:"people"`
	Groups     int     `json:"groups"`
	Grants     int     `json:"grants"`
	Namespaces int     `json:"namespaces"`
	Reviews    int     `json:"reviews"`
	// Certificates in each way.
	Certificates int `json:"certificates"`
	// Events of audit logs, to each database.
	Events int `json:"events"`
	// Many is how many people the large directory has, Leavers how many of each are disabled one by one, Robots how many Users want a
	// kubeconfig.
	Many    int `json:"many,omitempty"`
	Leavers int `json:"leavers"`
	Robots  int `json:"kubeconfigs"`
	// Busiest, Usual and Everywhere are how many names the bindings of such a namespace have, and those of the whole cluster.
	Busiest    int    `json:"namesInBusiestNamespace"`
	Usual      int    `json:"namesInUsualNamespace"`
	Everywhere int    `json:"namesInClusterRoleBindings"`
	Lines      []line `json:"lines"`
}

func newResult(o options, c *company) result {
	r := result{
		Cores: runtime.NumCPU(), People: o.people, Groups: o.groups, Grants: o.grants, Namespaces: o.namespaces, Reviews: o.reviews,
		Certificates: o.certificates, Events: o.events,
		Many: o.many, Leavers: o.leavers, Robots: o.robots,
	}
	names := c.names()
	r.Busiest, r.Usual = names[c.busiest()], names[c.usual()]
	for _, a := range c.access {
		if a.cluster {
			r.Everywhere += len(c.reached(a))
		}
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil { // Elsewhere than on Linux it is left out.
		r.Memory = math.Round(mebibytes(process.Kilobytes(string(text), "MemTotal:")) / 1024)
	}
	return r
}

// series are latencies.
type series []time.Duration

// percentile by the nearest rank; 0 of nothing.
func (s series) percentile(p int) time.Duration {
	if len(s) == 0 {
		return 0
	}
	rank := (len(s)*p + 99) / 100
	return slices.Sorted(slices.Values(s))[max(1, rank)-1]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// cells of a line as people read it, as titles calls them.
func (l line) cells() []string {
	return []string{
		l.Row, l.What, l.State, quantity(l.Value, l.Unit), orBlank(l.P99, l.Unit), orBlank(l.Against, l.Unit), orBlank(l.Ratio, "x"), l.Goal,
	}
}

func titles() []string {
	return []string{"ROW", "WHAT", "STATE", "VALUE (P50)", "P99", "AGAINST", "RATIO", "MUST REACH"}
}

func orBlank(value float64, unit string) string {
	if value == 0 {
		return ""
	}
	return quantity(value, unit)
}

func quantity(value float64, unit string) string {
	switch unit {
	case unitCount, unitBytes:
		return strings.TrimSpace(count(int(value)) + " " + unit)
	case unitEach:
		return fmt.Sprintf("%.1f", value)
	case unitSeconds, unitMebibytes:
		return fmt.Sprintf("%.1f %s", value, unit)
	case unitRate:
		return count(int(value)) + unit
	case unitMilliseconds:
		return fmt.Sprintf("%.3f %s", value, unit)
	default:
		return fmt.Sprintf("%.2f %s", value, unit)
	}
}

// count is a number with its thousands apart.
func count(n int) string {
	digits := strconv.Itoa(n)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

func writeJSON(w io.Writer, r result) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// writeTable aligns columns, and names a row and a question once.
func writeTable(w io.Writer, lines []line) error {
	rows := append(make([][]string, 0, 1+len(lines)), titles())
	var before line
	for _, l := range lines {
		cells := l.cells()
		if l.Row == before.Row {
			cells[0] = ""
		}
		if l.Row == before.Row && l.What == before.What {
			cells[1] = ""
		}
		rows = append(rows, cells)
		before = l
	}
	text, err := aligned(rows)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return err
}

// aligned are rows with their columns below each other, without blanks at the end.
func aligned(rows [][]string) (string, error) {
	var text, trimmed strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if _, err := io.WriteString(table, strings.Join(row, "\t")+"\n"); err != nil {
			return "", err
		}
	}
	if err := table.Flush(); err != nil {
		return "", err
	}
	for row := range strings.Lines(text.String()) {
		trimmed.WriteString(strings.TrimRight(row, " \n") + "\n")
	}
	return trimmed.String(), nil
}

// withGoal are the lines that have to reach something.
func withGoal(lines []line) []line {
	return slices.DeleteFunc(slices.Clone(lines), func(l line) bool { return l.Goal == "" })
}

// markdown is a table of lines, from a column on.
func markdown(lines []line, from int) string {
	empty := func(column int) bool {
		return !slices.ContainsFunc(lines, func(l line) bool { return l.cells()[column] != "" })
	}
	var text strings.Builder
	write := func(cells []string) {
		for column, cell := range cells {
			if column >= from && !empty(column) {
				text.WriteString("| " + cell + " ")
			}
		}
		text.WriteString("|\n")
	}
	heads := titles()
	rules := make([]string, len(heads))
	for i := range heads {
		heads[i] = strings.ToLower(heads[i])
		rules[i] = strings.Repeat("-", utf8.RuneCountInString(heads[i]))
	}
	write(heads)
	write(rules)
	for _, l := range lines {
		write(l.cells())
	}
	return strings.TrimSpace(text.String())
}

// writePage is the result as a page for readers.
func writePage(w io.Writer, r result) error {
	page, err := template.New("page.md").Funcs(template.FuncMap{
		"count": count,
		"goals": func() string { return markdown(withGoal(r.Lines), 0) },
		"table": func(row string) string {
			return markdown(slices.DeleteFunc(slices.Clone(r.Lines), func(l line) bool { return l.Row != row }), 1)
		},
	}).ParseFS(pages, "page.md")
	if err != nil {
		return err
	}
	return page.Execute(w, r)
}
