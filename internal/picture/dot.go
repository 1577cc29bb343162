// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"fmt"
	"strings"
)

// heading of a column.
func heading(column int) string {
	return [columnCount]string{"people", "groups", "grants", "role @ where"}[column]
}

// DOT is the picture in Graphviz' language.
func (g *Graph) DOT() string {
	var text strings.Builder
	text.WriteString("digraph rollcall {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n")
	for column := range columnCount {
		fmt.Fprintf(&text, "  subgraph cluster_%d {\n    label=%s; color=\"#dddddd\"; fontname=\"sans-serif\";\n",
			column, dotText(heading(column)))
		for i, b := range g.boxes {
			if b.column == column {
				fmt.Fprintf(&text, "    n%d [label=%s, %s];\n", i, dotText(b.title, b.small), dotStyle(b))
			}
		}
		text.WriteString("  }\n")
	}
	for _, a := range g.arrows {
		fmt.Fprintf(&text, "  n%d -> n%d%s;\n", a.from, a.to, dotEdge(g.stateOf(a)))
	}
	return text.String() + "}\n"
}

// dotText quotes lines: in Graphviz' quotes a backslash begins an escape, and only a quotation mark ends them.
func dotText(lines ...string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	var quoted []string
	for _, line := range lines {
		if line != "" {
			quoted = append(quoted, escape.Replace(line))
		}
	}
	return `"` + strings.Join(quoted, `\n`) + `"`
}

func dotStyle(b box) string {
	fill, line := colours(b.column)
	switch b.state {
	case stateOff:
		return fmt.Sprintf("fillcolor=%q, color=%q, fontcolor=%q, style=\"rounded,filled,dashed\"", offFill, offLine, offText)
	case stateAsk:
		return fmt.Sprintf("fillcolor=%q, color=%q, style=\"rounded,filled,dashed\"", fill, line)
	default:
		return fmt.Sprintf("fillcolor=%q, color=%q", fill, line)
	}
}

func dotEdge(s state) string {
	switch s {
	case stateOff:
		return fmt.Sprintf(" [style=dotted, color=%q]", offLine)
	case stateAsk:
		return " [style=dashed]"
	default:
		return ""
	}
}
