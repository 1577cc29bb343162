// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package oidcprovider

import (
	"context"
	"html/template"
	"net/http"
)

const (
	loginPath  = "/login"
	devicePath = "/device"

	requestField  = "request"
	userCodeField = "user_code"
	nameField     = "username"
	passwordField = "password"
	actionField   = "action"
	allow         = "allow"
	deny          = "deny"
)

// form is both pages: a form that is sent to the page's own address.
var form = template.Must(template.New("form").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{{.Title}}</title>
<h1>{{.Title}}</h1>
{{with .Problem}}<p id="problem">{{.}}</p>{{end}}
{{if .Buttons}}<form method="post">
{{if .AskCode}}<p><label>Code <input name="user_code" id="user_code" value="{{.UserCode}}"></label></p>{{end}}
<p><label>Name <input name="username" id="username" autocomplete="username"></label></p>
<p><label>Password <input name="password" id="password" type="password" autocomplete="current-password"></label></p>
<p>{{range .Buttons}}<button type="submit" name="action" id="{{.}}" value="{{.}}">{{.}}</button> {{end}}</p>
</form>{{end}}
</html>
`))

// page is what a form shows.
type page struct {
	Title, Problem, UserCode string
	AskCode                  bool
	Buttons                  []string
}

// pages are what people see in their browser.
type pages struct {
	storage  *storage
	callback func(ctx context.Context, id string) string
}

// login is the login page of the code flow.
func (p *pages) login(w http.ResponseWriter, r *http.Request) {
	page := page{Title: "Log in", Buttons: []string{"login"}}
	if r.Method != http.MethodPost {
		show(w, http.StatusOK, &page)
		return
	}
	id := r.URL.Query().Get(requestField)
	if err := p.storage.logIn(id, r.PostFormValue(nameField), r.PostFormValue(passwordField)); err != nil {
		page.Problem = err.Error()
		show(w, http.StatusUnauthorized, &page)
		return
	}
	http.Redirect(w, r, p.callback(r.Context(), id), http.StatusFound)
}

// device is the page of the device flow.
func (p *pages) device(w http.ResponseWriter, r *http.Request) {
	page := page{Title: "Connect a device", AskCode: true, UserCode: r.FormValue(userCodeField), Buttons: []string{allow, deny}}
	if r.Method != http.MethodPost {
		show(w, http.StatusOK, &page)
		return
	}
	approve := r.PostFormValue(actionField) == allow
	err := p.storage.decide(r.PostFormValue(userCodeField), r.PostFormValue(nameField), r.PostFormValue(passwordField), approve)
	if err != nil {
		page.Problem = err.Error()
		show(w, http.StatusUnauthorized, &page)
		return
	}
	page.Title, page.Buttons = "Done: go back to your device", nil
	show(w, http.StatusOK, &page)
}

func show(w http.ResponseWriter, status int, page *page) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = form.Execute(w, page) // whoever reads it sees that it ends early
}
