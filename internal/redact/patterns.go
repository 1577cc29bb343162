// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"regexp"
	"strings"
)

// patterns of what is taken out wherever it is.
type patterns struct {
	secrets []pattern
	// dn and mail are addresses of people, whoever they are: distinguished names of entries that are called something (RFC 4514).
	dn, mail *regexp.Regexp
}

// pattern is what a secret looks like, and what is put in its place.
type pattern struct {
	is *regexp.Regexp
	by string
}

func newPatterns() patterns {
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
			{regexp.MustCompile(`(?i)((?:password|passwd|passphrase|client[-_]?secret|api[-_]?key|[a-z]*token)\\?["']?\s*[:=]\s*\\?["']?)` +
				`[^\s"',;&\\]+`), "${1}" + LeftOut},
			// Public keys of devices, which end in whose they are.
			{regexp.MustCompile(`\b(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+ AAAA[A-Za-z0-9+/=]+(?: [^\s"\\]+)?`), LeftOut},
		},
		dn: regexp.MustCompile(`(?i)\b(?:uid|cn|sn|mail|samaccountname|userprincipalname)=(?:\\.|[^,="\\\n()])+` +
			`(?:,\s*[a-z0-9.-]+=(?:\\.|[^,="\\\s()])+)+`),
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
	return s
}

// suspicious says whether something could be a secret; most of what there is cannot.
func suspicious(s string) bool {
	lower := strings.ToLower(s)
	for _, sign := range []string{"-----", "ls0tls1", "eyj", "bearer", "basic", "://", "pass", "secret", "key", "token", "ssh-", "ecdsa-"} {
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
	return s
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
