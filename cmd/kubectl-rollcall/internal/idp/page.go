// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"html/template"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rollcall-iam/rollcall/internal/plain"
)

//go:embed page.html
var page string

// Outcome is how a login ended, for the page that the browser shows.
type Outcome struct {
	Success bool
	Title   string
	// Who and Cluster are shown on success.
	Who, Cluster string
	// Detail says what went wrong, and Advice what to do.
	Detail, Advice string
}

// sentence makes one of an error's words.
func sentence(words string) string {
	if words == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(words)
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(words[size:], ".") + "."
}

// show writes a page that needs nothing from elsewhere, and that nothing else can use.
func show(w http.ResponseWriter, status int, outcome Outcome) {
	for _, text := range []*string{&outcome.Title, &outcome.Who, &outcome.Cluster, &outcome.Detail, &outcome.Advice} {
		*text = plain.Line(*text)
	}
	outcome.Detail = sentence(outcome.Detail)
	nonce := rand.Text()
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+nonce+"'; base-uri 'none'; form-action 'none'; "+
		"frame-ancestors 'none'")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer") // The address holds the code.
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	parsed, err := template.New("page").Parse(page)
	var text bytes.Buffer
	if err == nil {
		err = parsed.Execute(&text, struct {
			Outcome
			Nonce string
		}{outcome, nonce})
	}
	if err != nil {
		http.Error(w, outcome.Title, http.StatusInternalServerError)
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes())
}
