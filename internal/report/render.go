// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/picture"
	"github.com/rollcall-iam/rollcall/internal/plain"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

const (
	// mostRows is how long a table gets: with more, browsers are slow and nobody reads on. The model has them all.
	mostRows = 5000
	// longest is how much is shown of a text that somebody wrote.
	longest = 400
)

// view is a page with what its HTML needs besides.
type view struct {
	Page
	Policy string
	Style  template.CSS
	Script template.JS
	Access template.HTML
	Plot   *plot
	Strips *strips
	// More rows than are shown, by table.
	MorePeople, MoreGrants, MoreRequests, MoreSessions int
}

// Render writes the page as HTML that refers to nothing outside of itself, and in which nothing that somebody wrote is more than text.
func Render(w io.Writer, page Page) error {
	parsed, err := template.New("page").Funcs(functions()).Parse(pageHTML)
	if err != nil {
		return err
	}
	return parsed.Execute(w, newView(page))
}

func newView(page Page) view {
	v := view{Page: tidied(page)}
	css := pageCSS + picture.FigureStyle()
	v.Style, v.Script = template.CSS(css), template.JS(pageJS) //nolint:gosec // Both are ours, and the same for everybody.
	v.Access = template.HTML(page.Picture.svg)                 //nolint:gosec // The package picture escapes what is written in it.
	v.Policy = "default-src 'none'; style-src '" + digest(css) + "'; script-src '" + digest(pageJS) + "'; base-uri 'none'; form-action 'none'"
	if v.Activity != nil {
		v.Plot, v.Strips = plotDays(v.Activity.Days), plotPeople(v.Activity)
	}
	v.People, v.MorePeople = mostImportant(v.People)
	v.Grants, v.MoreGrants = first(v.Grants)
	v.Requests, v.MoreRequests = first(v.Requests)
	v.Sessions, v.MoreSessions = first(v.Sessions)
	return v
}

// digest is how a Content-Security-Policy names the one style or script that it allows.
func digest(text string) string {
	hash := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(hash[:])
}

func first[T any](rows []T) ([]T, int) {
	shown := min(mostRows, len(rows))
	return rows[:shown], len(rows) - shown
}

// mostImportant leaves out people without access first.
func mostImportant(people []Person) ([]Person, int) {
	if len(people) <= mostRows {
		return people, 0
	}
	order := slices.SortedStableFunc(slices.Values(people), func(a, b Person) int { return cmp.Compare(b2i(b.has()), b2i(a.has())) })
	shown := order[:mostRows]
	slices.SortFunc(shown, func(a, b Person) int { return cmp.Compare(a.Name, b.Name) })
	return shown, len(people) - mostRows
}

// has says whether somebody has access, or could.
func (p *Person) has() bool { return len(p.Grants)+len(p.Unmanaged)+len(p.MayAsk)+p.Sessions > 0 }

// tidied is a page of which every text is on one line, has nothing in it that is not seen, and is not too long.
func tidied(page Page) Page {
	tidy, _ := reflect.TypeAssert[Page](tidyValue(reflect.ValueOf(page)))
	return tidy
}

func tidyValue(v reflect.Value) reflect.Value {
	tidy := reflect.New(v.Type()).Elem()
	tidy.Set(v)
	switch v.Kind() {
	case reflect.String:
		tidy.SetString(plain.Short(plain.Line(v.String()), longest))
	case reflect.Slice:
		if !v.IsNil() {
			tidy.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		}
		for i := range v.Len() {
			tidy.Index(i).Set(tidyValue(v.Index(i)))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			tidy.Set(reflect.New(v.Type().Elem()))
			tidy.Elem().Set(tidyValue(v.Elem()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type() != reflect.TypeFor[metav1.Time]() {
				tidy.Field(i).Set(tidyValue(v.Field(i)))
			}
		}
	default: // Numbers and the like have no text, and the keys of maps are ours.
	}
	return tidy
}

func functions() template.FuncMap {
	return template.FuncMap{
		"time":    at,
		"maybe":   maybe,
		"count":   count,
		"big":     func(n int64) string { return count(int(n)) },
		"join":    func(names []string) string { return strings.Join(names, ", ") },
		"lower":   func(s any) string { return strings.ToLower(reflect.ValueOf(s).String()) },
		"missing": about,
		"percent": usage.Percent,
		"weight": func(w Weight) string {
			return map[Weight]string{WeightUrgent: "Act now", WeightReview: "Review", WeightTidy: "Tidy up"}[w]
		},
		"anchor":  anchor,
		"short":   func(s string) string { return plain.Short(s, nameColumns) },
		"plus":    func(a, b int) int { return a + b },
		"usages":  usages,
		"unknown": func(g Glance) int { return g.Usage[v1alpha1.GrantUnknown] },
	}
}

// usages are how many Grants are used, and how many are not.
func usages(g Glance) string {
	var parts []string
	for _, said := range []v1alpha1.GrantUsage{v1alpha1.GrantUsed, v1alpha1.GrantRedundant, v1alpha1.GrantUnused, v1alpha1.GrantUnknown} {
		if n := g.Usage[said]; n > 0 {
			parts = append(parts, count(n)+" "+strings.ToLower(string(said)))
		}
	}
	return strings.Join(parts, ", ")
}

// nameColumns is how much of a name fits beside a strip.
const nameColumns = 26

func maybe(t *metav1.Time) string {
	if t == nil {
		return ""
	}
	return at(*t)
}

// about is what is missing of a part of the page.
func about(missing []Missing, parts ...string) []Missing {
	var found []Missing
	for _, m := range missing {
		if slices.Contains(parts, m.About) {
			found = append(found, m)
		}
	}
	return found
}

// anchor is the id of the row about an object; empty where there is none.
func anchor(kind, name string) string {
	switch kind {
	case "User", "Grant", "AccessRequest", "Session":
		return strings.ToLower(kind) + "-" + name
	default:
		return ""
	}
}
