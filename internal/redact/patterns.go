// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"net/netip"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// patterns of what is taken out wherever it is.
type patterns struct {
	secrets []pattern
	// named is what comes before a secret that is called one.
	named *regexp.Regexp
	// dn and mail are addresses of people, whoever they are: distinguished names of entries that are called something (RFC 4514). ip is what
	// may be one of a machine, v4 one of the older kind.
	dn, mail, ip, v4 *regexp.Regexp
}

// pattern is what a secret looks like, and what is put in its place.
type pattern struct {
	is *regexp.Regexp
	by string
}

func newPatterns() patterns {
	const (
		// escaped is a character of a distinguished name, with one backslash, or more in JSON.
		escaped   = `\\+[ #+,;<=>0-9a-f]|\\{3,}"`
		plainly   = `[^,="\\\n()]`
		value     = `(?:` + escaped + `|` + plainly + `|\((?:` + escaped + `|` + plainly + `)*\))+`
		attribute = `[a-z0-9.-]+=`
		v4        = `\d{1,3}(?:\.\d{1,3}){3}`
	)
	return patterns{
		secrets: []pattern{
			// PEM, also as an escaped string: keys, and certificates, which have names in them.
			{regexp.MustCompile(`-{5}BEGIN [A-Z0-9 ]+-{5}[^-]*(?:-{5}END [A-Z0-9 ]+-{5})?`), LeftOut},
			// PEM in base64, as caBundle and kubeconfigs have it.
			{regexp.MustCompile(`LS0tLS1CRUdJTi[A-Za-z0-9+/=_-]+`), LeftOut},
			// JSON Web Tokens, and with them those of ServiceAccounts.
			{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?`), LeftOut},
			{regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}`), "$1 " + LeftOut},
			// Whoever is named in a URL, with or without a password.
			{regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/\s"']*@`), "${1}" + LeftOut + "@"},
			// Public keys of devices, which end in whose they are.
			{regexp.MustCompile(`\b(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+ AAAA[A-Za-z0-9+/=]+(?: [^\s"\\]+)?`), LeftOut},
		},
		// A Secret is an object, too, of which messages tell.
		named: regexp.MustCompile(`(?i)(?:(?:password|passwd|passphrase|pwd|bindpw|\bpass|_pass|[a-z_-]secret|api[-_]?key|token)` +
			`\\*["']?\s*(?:::|[:=])|secret(?:\\*["']\s*:|\s*=))\s*`),
		dn: regexp.MustCompile(`(?i)\b(?:uid|cn|sn|mail|samaccountname|userprincipalname)=` + value + `(?:\+` + attribute + value + `)*` +
			`(?:,\s*` + attribute + value + `)*,\s*` + attribute + `(?:` + escaped + `|[^,="\\\s()])+`),
		ip:   regexp.MustCompile(`(?:[0-9A-Fa-f]{0,4}:){2,}(?:` + v4 + `|[0-9A-Fa-f]{0,4})|` + v4),
		v4:   regexp.MustCompile(v4),
		mail: regexp.MustCompile(`[\pL\pM\pN._%+'-]+@[\pL\pM\pN-]+(?:\.[\pL\pM\pN-]+)+`),
	}
}

func (r *Redactor) withoutSecrets(s string) string {
	if !suspicious(s) {
		return s
	}
	for _, p := range r.patterns.secrets {
		s = p.is.ReplaceAllString(s, p.by)
	}
	return r.withoutNamed(s)
}

// withoutNamed takes out what is called a password, or the like.
func (r *Redactor) withoutNamed(s string) string {
	var out strings.Builder
	for {
		at := r.patterns.named.FindStringIndex(s)
		if at == nil {
			out.WriteString(s)
			return out.String()
		}
		start, end := secretAfter(s, at[1], strings.Contains(s[at[0]:at[1]], "::"))
		out.WriteString(s[:start])
		if end > start && s[start:end] != LeftOut {
			out.WriteString(LeftOut)
		} else {
			out.WriteString(s[start:end])
		}
		s = s[end:]
	}
}

// secretAfter is where a secret begins and ends: within its quotes, or up to a space. In LDIF, base64 goes on in lines that are indented.
func secretAfter(s string, at int, ldif bool) (start, end int) {
	start = at
	for start < len(s) && s[start] == '\\' {
		start++
	}
	if start < len(s) && (s[start] == '"' || s[start] == '\'') {
		return start + 1, closing(s, start+1, s[start], start-at)
	}
	if strings.HasPrefix(s[at:], LeftOut) {
		return at, at + len(LeftOut)
	}
	return at, at + bareLength(s[at:], ldif)
}

// bareLength is how long a secret without quotes is.
func bareLength(s string, ldif bool) int {
	end := 0
	for end < len(s) {
		rest := s[end:]
		switch {
		case ldif && strings.HasPrefix(rest, "\n "):
			end += 2
		case strings.IndexByte(" \t\r\n\"", rest[0]) >= 0:
			return end
		case rest[0] != '\\' || len(rest) == 1:
			end++
		case strings.IndexByte(`ntr"'`, rest[1]) >= 0:
			return end
		default:
			end += 2
		}
	}
	return end
}

// closing is where a quoted text ends, whose opening quote has so many backslashes before it: each level of JSON in JSON doubles them.
func closing(s string, from int, quote byte, backslashes int) int {
	run := 0
	for i := from; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			run++
			continue
		case s[i] == quote && run >= backslashes && (run-backslashes)%(2*(backslashes+1)) == 0:
			return i - backslashes
		}
		run = 0
	}
	return len(s)
}

// suspicious says whether something could be a secret; most of what there is cannot.
func suspicious(s string) bool {
	lower := strings.ToLower(s)
	for _, sign := range []string{
		"-----", "ls0tls1", "eyj", "bearer", "basic", "://", "pass", "pwd", "bindpw", "secret", "key", "token",
		"ssh-", "ecdsa-",
	} {
		if strings.Contains(lower, sign) {
			return true
		}
	}
	return false
}

// addresses are replaced also where nobody is known by them.
func (r *Redactor) addresses(s string) string {
	if strings.Contains(s, "=") {
		s = r.patterns.dn.ReplaceAllStringFunc(s, func(dn string) string { return r.Pseudonym("dn", dn) })
	}
	if strings.Contains(s, "@") {
		s = r.patterns.mail.ReplaceAllStringFunc(s, r.address)
	}
	return r.machines(s)
}

// machines have pseudonyms in place of their IP addresses, by which people are found who log in. Those that are the same everywhere stay.
func (r *Redactor) machines(s string) string {
	var out strings.Builder
	done := 0
	for _, at := range r.patterns.ip.FindAllStringIndex(s, -1) {
		found, alone := s[at[0]:at[1]], apart(s, at[0], at[1])
		if address, ok := r.machine(found); ok && alone {
			found = address
		} else if !ok && strings.Contains(found, ":") { // It may be a port, or a time, before one.
			found = r.older(s, at[0], at[1])
		}
		out.WriteString(s[done:at[0]])
		out.WriteString(found)
		done = at[1]
	}
	return out.String() + s[done:]
}

// older replaces the addresses of the older kind between two places.
func (r *Redactor) older(s string, from, to int) string {
	var out strings.Builder
	for _, at := range r.patterns.v4.FindAllStringIndex(s[from:to], -1) {
		start, end := from+at[0], from+at[1]
		if address, ok := r.machine(s[start:end]); ok && apart(s, start, end) {
			out.WriteString(s[from:start])
			out.WriteString(address)
			from = end
		}
	}
	return out.String() + s[from:to]
}

func (r *Redactor) machine(text string) (string, bool) {
	address, err := netip.ParseAddr(text)
	if err != nil {
		return "", false
	}
	if address = address.Unmap(); address.IsLoopback() || address.IsUnspecified() {
		return text, true
	}
	return r.Pseudonym("ip", address.String()), true
}

// apart says whether what is between two places is no part of something longer: a version, or a word.
func apart(s string, start, end int) bool {
	const escape = 24 // More than an escape is long.
	before := append([]rune(s[max(0, start-escape):start]), 'x')
	if !begins(before, len(before)-1) {
		return false
	}
	next, size := utf8.DecodeRuneInString(s[end:])
	if next == '.' {
		next, _ = utf8.DecodeRuneInString(s[end+size:])
		return !unicode.IsDigit(next)
	}
	return next == utf8.RuneError || !word(next)
}

// address is the pseudonym of whoever is known by a mail address, else one of the address.
func (r *Redactor) address(mail string) string {
	for _, n := range r.known[firstWord([]rune(mail))] {
		if fold(string(n.text)) == fold(mail) {
			return n.pseudo
		}
	}
	return r.Pseudonym("mail", mail)
}
