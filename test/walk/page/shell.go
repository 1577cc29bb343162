// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package page

import "strings"

// command is what a shell takes at once: mostly a line. List: && or || are in it, outside of quotes, so that a part of it may fail
// unnoticed.
type command struct {
	text string
	list bool
}

// commands are those of a block, as far as a page needs: quotes, continued lines, comments. The lines of a here-document count as commands.
func commands(block string) (all []command) {
	s := scanner{rest: block}
	for s.rest != "" {
		if c := s.command(); strings.TrimSpace(c.text) != "" {
			all = append(all, c)
		}
	}
	return all
}

// scanner is where one is in a block.
type scanner struct {
	rest  string
	quote byte
}

// command takes the next command.
func (s *scanner) command() (c command) {
	var text strings.Builder
	// A line that ends in && or || goes on in the next, as after a backslash.
	open, list := false, false
	for s.rest != "" {
		taken := s.token(text.String())
		s.rest = s.rest[len(taken):]
		switch {
		case s.quote != 0 || taken[0] == '\\':
			open = false
		case taken == "&&" || taken == "||":
			open, list = true, true
		case (taken == "\n" || taken == ";") && !open:
			return command{text: text.String(), list: list}
		case taken[0] == '#':
			continue
		case strings.TrimSpace(taken) != "":
			open = false
		}
		text.WriteString(taken)
	}
	return command{text: text.String(), list: list}
}

// token is the next piece that means one thing: an escaped character, an operator, a comment, or a character.
func (s *scanner) token(before string) string {
	first := s.rest[0]
	switch {
	case first == '\\' && s.quote != '\'' && len(s.rest) > 1:
		return s.rest[:2]
	case s.quote != 0 || first == '\'' || first == '"':
		s.quotes(first)
	case strings.HasPrefix(s.rest, "&&") || strings.HasPrefix(s.rest, "||"):
		return s.rest[:2]
	case first == '#' && (before == "" || strings.ContainsRune(" \n", rune(before[len(before)-1]))):
		line, _, _ := strings.Cut(s.rest, "\n")
		return line
	}
	return s.rest[:1]
}

// quotes notes where a quoted text begins and ends.
func (s *scanner) quotes(mark byte) {
	switch s.quote {
	case 0:
		s.quote = mark
	case mark:
		s.quote = 0
	}
}
