// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package redact takes out of objects and text what is secret, and puts pseudonyms in place of people: the same one for the same person
// wherever they are named.
package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
)

// LeftOut is in place of what is taken out.
const LeftOut = "(left out)"

// Redactor knows people by all that they are called. It is told of them first, and redacts then.
type Redactor struct {
	// key makes pseudonyms that nobody who has not the key finds the names of by trying.
	key []byte
	// keep says that people keep their names. Secrets are taken out in any case.
	keep bool
	// known are names by their first word, and taken those whose case counts, and those whose does not.
	known map[string][]name
	taken map[bool]map[string]bool

	patterns patterns
}

// name is something that a person is called.
type name struct {
	text []rune
	// before is how much of it comes before its first word.
	before int
	// exact says that the letters' case counts.
	exact  bool
	pseudo string
}

// New is a Redactor of that key.
func New(key []byte, keepNames bool) *Redactor {
	return &Redactor{
		key: key, keep: keepNames, known: map[string][]name{}, taken: map[bool]map[string]bool{false: {}, true: {}}, patterns: newPatterns(),
	}
}

// Pseudonym is what somebody, or something, is called instead.
func (r *Redactor) Pseudonym(kind, of string) string {
	const digits = 5
	sum := hmac.New(sha256.New, r.key)
	sum.Write([]byte(kind + "\x00" + strings.ToLower(of)))
	return kind + "-" + hex.EncodeToString(sum.Sum(nil)[:digits])
}

// know has text be replaced wherever it stands by itself. What is known already stays what it is.
func (r *Redactor) know(text, pseudo string, exact bool) {
	text = strings.TrimSpace(text)
	if r.taken[false][fold(text)] || exact && r.taken[true][fold(text)] {
		return
	}
	runes := []rune(text)
	before := 0
	for before < len(runes) && !word(runes[before]) {
		before++
	}
	if before == len(runes) {
		return // There is nothing in it that could be called a name.
	}
	r.taken[exact][fold(text)] = true
	key := firstWord(runes[before:])
	r.known[key] = longestFirst(append(r.known[key], name{runes, before, exact, pseudo}))
}

// longestFirst puts the last one where it belongs.
func longestFirst(names []name) []name {
	for i := len(names) - 1; i > 0 && len(names[i].text) > len(names[i-1].text); i-- {
		names[i], names[i-1] = names[i-1], names[i]
	}
	return names
}

// Text is s without secrets, and with pseudonyms.
func (r *Redactor) Text(s string) string {
	s = r.withoutSecrets(s)
	if r.keep {
		return s
	}
	return r.names(r.addresses(s))
}

// names puts pseudonyms in place of names, the longest first.
func (r *Redactor) names(s string) string {
	text := []rune(s)
	var out strings.Builder
	done := 0 // What is before is written.
	for i := 0; i < len(text); {
		found, ok := r.at(text, i, done)
		if !ok {
			i++
			continue
		}
		out.WriteString(string(text[done : i-found.before]))
		out.WriteString(found.pseudo)
		done = i - found.before + len(found.text)
		i = done
	}
	if done == 0 {
		return s
	}
	return out.String() + string(text[done:])
}

// at is the longest name whose first word begins at i.
func (r *Redactor) at(text []rune, i, done int) (name, bool) {
	if !word(text[i]) || !begins(text, i) {
		return name{}, false
	}
	for _, n := range r.known[firstWord(text[i:])] {
		start := i - n.before
		if start < done || start+len(n.text) > len(text) {
			continue
		}
		if end := start + len(n.text); same(text[start:end], n) && ends(text, end) {
			return n, true
		}
	}
	return name{}, false
}

func same(text []rune, n name) bool {
	for i := range n.text {
		if text[i] != n.text[i] && (n.exact || unicode.ToLower(text[i]) != unicode.ToLower(n.text[i])) {
			return false
		}
	}
	return true
}

// word says whether a character is of a word.
func word(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.IsMark(c) }

// begins says whether a word may begin at i. What looks like a letter before may belong to an escape: \n, \u0020, %3A.
func begins(text []rune, i int) bool {
	if i == 0 || !word(text[i-1]) {
		return true
	}
	for _, escape := range []struct {
		by     rune
		length int
	}{{'\\', 2}, {'%', 3}, {'\\', 6}} {
		if i >= escape.length && text[i-escape.length] == escape.by {
			return true
		}
	}
	return false
}

func ends(text []rune, i int) bool { return i == len(text) || !word(text[i]) }

// firstWord in small letters.
func firstWord(text []rune) string {
	end := 0
	for end < len(text) && word(text[end]) {
		end++
	}
	return fold(string(text[:end]))
}

// fold letter by letter, so that none becomes two.
func fold(s string) string { return strings.Map(unicode.ToLower, s) }
