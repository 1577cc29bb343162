// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"fmt"
	"strings"
)

// Mermaid is the picture in Mermaid's language, as Markdown pages show it.
func (g *Graph) Mermaid() string {
	var text strings.Builder
	text.WriteString("flowchart LR\n")
	for column := range columnCount {
		if !g.has(column) {
			continue
		}
		fmt.Fprintf(&text, "  subgraph c%d[%s]\n", column, mermaidText(heading(column)))
		for i, b := range g.boxes {
			if b.column == column {
				fmt.Fprintf(&text, "    n%d(%s):::%s\n", i, mermaidText(b.title, b.small), mermaidClass(b))
			}
		}
		text.WriteString("  end\n")
	}
	for _, a := range g.arrows {
		link := "-->"
		if g.stateOf(a) != stateOn {
			link = "-.->"
		}
		fmt.Fprintf(&text, "  n%d %s n%d\n", a.from, link, a.to)
	}
	for column := range columnCount {
		fill, line := colours(column)
		fmt.Fprintf(&text, "  classDef k%d fill:%s,stroke:%s,color:#1f2933\n", column, fill, line)
		fmt.Fprintf(&text, "  classDef k%dask fill:%s,stroke:%s,color:#1f2933,stroke-dasharray:5 3\n", column, fill, line)
	}
	fmt.Fprintf(&text, "  classDef off fill:%s,stroke:%s,color:%s,stroke-dasharray:3 3\n", offFill, offLine, offText)
	return text.String()
}

func (g *Graph) has(column int) bool {
	for _, b := range g.boxes {
		if b.column == column {
			return true
		}
	}
	return false
}

func mermaidClass(b box) string {
	switch b.state {
	case stateOff:
		return "off"
	case stateAsk:
		return fmt.Sprintf("k%dask", b.column)
	default:
		return fmt.Sprintf("k%d", b.column)
	}
}

// mermaidText quotes lines. Mermaid takes what is in quotes for HTML and, after a backtick, for Markdown: all that could mean
// something is written as a character code.
func mermaidText(lines ...string) string {
	var quoted []string
	for _, line := range lines {
		if line != "" {
			quoted = append(quoted, mermaidEscape(line))
		}
	}
	return `"` + strings.Join(quoted, "<br/>") + `"`
}

func mermaidEscape(line string) string {
	var text strings.Builder
	for _, r := range line {
		if strings.ContainsRune("\"#&;<>`\\*_~[]{}()|%$", r) {
			fmt.Fprintf(&text, "#%d;", r)
		} else {
			text.WriteRune(r)
		}
	}
	return text.String()
}
