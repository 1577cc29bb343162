// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"unicode/utf16"

	"sigs.k8s.io/yaml"

	"github.com/rollcall-iam/rollcall/internal/plain"
)

// The values of --output.
const (
	outputTable = "table"
	outputWide  = "wide"
	outputJSON  = "json"
	outputYAML  = "yaml"
)

const (
	bold   = "\x1b[1m"
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
	normal = "\x1b[0m"
)

func (t *tool) checkOutput() error {
	switch t.output {
	case outputTable, outputWide, outputJSON, outputYAML:
		return nil
	}
	return fmt.Errorf("there is no output %q: use table, wide, json or yaml", t.output)
}

// structured says whether the output is for a program.
func (t *tool) structured() bool { return t.output == outputJSON || t.output == outputYAML }

// tableWriter takes the rows of a table, the header first.
type tableWriter struct{ rows [][]string }

// Row adds a row. Cells may hold whatever somebody wrote into an object.
func (w *tableWriter) Row(cells ...string) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = plain.Line(cell)
	}
	w.rows = append(w.rows, row)
}

// print writes an object, or its table, to standard output.
func (t *tool) print(object any, table func(w *tableWriter)) error {
	switch t.output {
	case outputJSON:
		return t.printJSON(object)
	case outputYAML:
		return t.printYAML(object)
	}
	w := &tableWriter{}
	table(w)
	return t.write(w.render(t.colour()))
}

func (t *tool) write(text string) error {
	_, err := fmt.Fprint(t.streams.Out, text)
	return err
}

// colour says whether to use it: https://no-color.org.
func (t *tool) colour() bool { return os.Getenv("NO_COLOR") == "" && t.onTerminal() }

// paint gives a mark its colour, or leaves it.
func (t *tool) paint(mark string) string {
	if !t.colour() {
		return mark
	}
	return red + mark + normal
}

func (w *tableWriter) render(colour bool) string {
	var text strings.Builder
	columns := tabwriter.NewWriter(&text, 0, 8, 3, ' ', 0)
	for i, row := range w.rows {
		line := strings.Join(row, "\t")
		if i == 0 && len(row) > 1 { // One cell alone is a sentence.
			line = strings.ToUpper(line)
		}
		_, _ = fmt.Fprintln(columns, line)
	}
	_ = columns.Flush()
	lines := strings.SplitAfter(text.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \n")
	}
	if colour && len(w.rows) > 0 && len(w.rows[0]) > 1 {
		lines[0] = bold + lines[0] + normal
	}
	return strings.Join(lines, "\n")
}

func (t *tool) printJSON(object any) error {
	text, err := json.MarshalIndent(object, "", "  ")
	if err != nil {
		return err
	}
	return t.write(visible(text, jsonEscape) + "\n")
}

// printYAML writes YAML in JSON's form where there are characters that a terminal acts on: in that form they have escapes.
func (t *tool) printYAML(object any) error {
	written, err := json.MarshalIndent(object, "", "  ")
	if err != nil {
		return err
	}
	escaped := visible(written, yamlEscape)
	if escaped != string(written) {
		return t.write(escaped + "\n")
	}
	text, err := yaml.JSONToYAML(written)
	if err != nil {
		return err
	}
	return t.write(string(text))
}

// visible writes everything in JSON as an escape that is not shown as it is: outside of strings there is nothing of that kind.
func visible(text []byte, escape func(rune) string) string {
	var out strings.Builder
	for _, r := range string(text) {
		if r == '\n' || plain.Shown(r) {
			out.WriteRune(r)
		} else {
			out.WriteString(escape(r))
		}
	}
	return out.String()
}

func jsonEscape(r rune) string {
	if r > 0xffff {
		high, low := utf16.EncodeRune(r)
		return fmt.Sprintf(`\u%04x\u%04x`, high, low)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// yamlEscape differs where JSON writes two halves, which YAML does not take.
func yamlEscape(r rune) string {
	if r > 0xffff {
		return fmt.Sprintf(`\U%08x`, r)
	}
	return jsonEscape(r)
}

// sayf tells a person something, on one line: where a program reads standard output, beside it.
func (t *tool) sayf(format string, args ...any) {
	to := t.streams.Out
	if t.structured() {
		to = t.streams.ErrOut
	}
	_, _ = fmt.Fprintln(to, plain.Line(fmt.Sprintf(format, args...)))
}

// warnf tells a person something beside the output.
func (t *tool) warnf(format string, args ...any) {
	_, _ = fmt.Fprintln(t.streams.ErrOut, plain.Line(fmt.Sprintf(format, args...)))
}

// widths of the columns.
func (w *tableWriter) widths() []int {
	var widths []int
	for _, row := range w.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], plain.Width(cell))
		}
	}
	return widths
}
