// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plain makes text that others wrote safe to show: what a terminal would act on, or a reader would not see, becomes visible.
package plain

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Line is s on one line. Line breaks and other spaces become a space each; control characters, invisible ones and those that turn the
// direction of writing are written as their code, so that nobody forges a line, a colour or a name with them.
func Line(s string) string {
	var line strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)):
			fmt.Fprintf(&line, `\x%02x`, s[i])
		case Shown(r):
			line.WriteRune(r)
		case unicode.IsSpace(r):
			line.WriteByte(' ')
		default:
			line.WriteString(code(r))
		}
	}
	return line.String()
}

// Lines is Line for each line of s.
func Lines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = Line(lines[i])
	}
	return strings.Join(lines, "\n")
}

// Shown says whether a character is one that a terminal shows as it is.
func Shown(r rune) bool { return unicode.IsPrint(r) }

func code(r rune) string {
	switch {
	case r < utf8.RuneSelf:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	default:
		return fmt.Sprintf(`\U%08x`, r)
	}
}

// Short is s in at most columns of a terminal, with an ellipsis in place of the rest.
func Short(s string, columns int) string {
	if Width(s) <= columns {
		return s
	}
	var short strings.Builder
	left := columns - 1
	for _, r := range s {
		if left -= runeWidth(r); left < 0 {
			break
		}
		short.WriteRune(r)
	}
	return short.String() + "…"
}

// Width is how many columns of a terminal s takes.
func Width(s string) int {
	columns := 0
	for _, r := range s {
		columns += runeWidth(r)
	}
	return columns
}

func runeWidth(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}
