// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package sampledir

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
	"github.com/jimlambrt/gldap"
)

// operational attributes are returned only to those who ask for them by name or with "+".
var operational = []string{
	"createTimestamp", "entryUUID", "memberOf", "modifyTimestamp", "namingContexts",
	"pwdAccountLockedTime", "supportedControl", "supportedLDAPVersion",
}

// session is what is known about one connection.
type session struct {
	bound bool
	// pages holds what is left of each paged search, by cookie. Later pages thus show the directory as the first did.
	pages map[string][]*entry
}

// result is a search's outcome, before it is sent.
type result struct {
	entries []*entry
	code    int
	message string
	cookie  string
	paged   bool
}

func failed(code int, message string) result {
	return result{code: code, message: message}
}

func (s *Server) session(connection int) *session {
	if s.sessions[connection] == nil {
		s.sessions[connection] = &session{pages: map[string][]*entry{}}
	}
	return s.sessions[connection]
}

func (s *Server) forget(connection int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, connection)
}

func (s *Server) bind(w *gldap.ResponseWriter, r *gldap.Request) {
	response := r.NewBindResponse(gldap.WithResponseCode(gldap.ResultInvalidCredentials))
	if s.authenticate(r) {
		response.SetResultCode(gldap.ResultSuccess)
	}
	_ = w.Write(response) // A client that is gone needs no answer.
}

// authenticate remembers the outcome: a failed bind makes the connection anonymous again.
func (s *Server) authenticate(r *gldap.Request) bool {
	message, err := r.GetSimpleBindMessage()
	known := err == nil && sameDN(message.UserName, bindDN) &&
		subtle.ConstantTimeCompare([]byte(message.Password), []byte(s.password)) == 1
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session(r.ConnectionID()).bound = known
	return known
}

func (s *Server) search(w *gldap.ResponseWriter, r *gldap.Request) {
	done := r.NewSearchDoneResponse(gldap.WithResponseCode(gldap.ResultProtocolError))
	if message, err := r.GetSearchMessage(); err == nil {
		found := s.answer(r.ConnectionID(), message)
		for _, e := range found.entries {
			_ = w.Write(r.NewSearchResponseEntry(e.dn, gldap.WithAttributes(e.selected(message)))) // As above.
		}
		done.SetResultCode(found.code)
		done.SetDiagnosticMessage(found.message)
		if found.paged {
			done.SetControls(&gldap.ControlPaging{Cookie: []byte(found.cookie)})
		}
	}
	_ = w.Write(done)
}

// answer searches anew, or goes on with an earlier search when the client brings its cookie.
func (s *Server) answer(connection int, message *gldap.SearchMessage) result {
	s.mu.Lock()
	defer s.mu.Unlock()
	client := s.session(connection)
	if !client.bound {
		return failed(gldap.ResultInsufficientAccessRights, "bind first: there is no anonymous search here")
	}
	paging := pagingOf(message)
	if paging != nil && len(paging.Cookie) > 0 {
		return client.nextPage(string(paging.Cookie), paging.PagingSize)
	}
	found := find(s.content.current(), message)
	if paging != nil && found.code == gldap.ResultSuccess {
		return client.page(found.entries, paging.PagingSize)
	}
	return limit(found, message.SizeLimit)
}

func pagingOf(message *gldap.SearchMessage) *gldap.ControlPaging {
	for _, control := range message.Controls {
		if paging, ok := control.(*gldap.ControlPaging); ok {
			return paging
		}
	}
	return nil
}

func (c *session) nextPage(cookie string, size uint32) result {
	rest, known := c.pages[cookie]
	if !known {
		return failed(gldap.ResultUnwillingToPerform, "unknown paging cookie: search anew")
	}
	delete(c.pages, cookie)
	if size == 0 { // RFC 2696: the client wants no more.
		return result{paged: true}
	}
	return c.page(rest, size)
}

func (c *session) page(entries []*entry, size uint32) result {
	if size == 0 || int64(size) >= int64(len(entries)) {
		return result{entries: entries, paged: true}
	}
	cookie := rand.Text()
	c.pages[cookie] = entries[size:]
	return result{entries: entries[:size], cookie: cookie, paged: true}
}

// limit cuts the answer at what the client asked for, and says so.
func limit(found result, most int64) result {
	if most > 0 && int64(len(found.entries)) > most {
		found.entries, found.code = found.entries[:most], gldap.ResultSizeLimitExceeded
	}
	return found
}

func find(entries []*entry, message *gldap.SearchMessage) result {
	base, err := ldap.ParseDN(message.BaseDN)
	if err != nil {
		return failed(gldap.ResultInvalidDNSyntax, err.Error())
	}
	if len(base.RDNs) == 0 && message.Scope == gldap.BaseObject {
		entries = []*entry{rootDSE()}
	}
	if !slices.ContainsFunc(entries, func(e *entry) bool { return e.name.EqualFold(base) }) {
		return failed(gldap.ResultNoSuchObject, fmt.Sprintf("there is no entry %q", message.BaseDN))
	}
	return filtered(entries, base, message)
}

func filtered(entries []*entry, base *ldap.DN, message *gldap.SearchMessage) (found result) {
	filter, err := ldap.CompileFilter(message.Filter)
	if err != nil {
		return failed(gldap.ResultProtocolError, err.Error())
	}
	for _, e := range entries {
		if !inScope(e.name, base, message.Scope) {
			continue
		}
		matched, err := e.matches(filter)
		if errors.Is(err, errUnsupportedFilter) {
			return failed(gldap.ResultUnwillingToPerform, err.Error())
		}
		if matched {
			found.entries = append(found.entries, e)
		}
	}
	return found
}

func inScope(name, base *ldap.DN, scope gldap.Scope) bool {
	switch scope {
	case gldap.BaseObject:
		return name.EqualFold(base)
	case gldap.SingleLevel:
		return base.AncestorOfFold(name) && len(name.RDNs) == len(base.RDNs)+1
	default:
		return name.EqualFold(base) || base.AncestorOfFold(name)
	}
}

// rootDSE says what the server can do.
func rootDSE() *entry {
	return &entry{name: &ldap.DN{}, attributes: []*ldap.EntryAttribute{
		ldap.NewEntryAttribute("objectClass", []string{"top"}),
		ldap.NewEntryAttribute("namingContexts", []string{BaseDN}),
		ldap.NewEntryAttribute("supportedControl", []string{gldap.ControlTypePaging}),
		ldap.NewEntryAttribute("supportedLDAPVersion", []string{"3"}),
	}}
}

// selected are the attributes that the client asked for.
func (e *entry) selected(message *gldap.SearchMessage) map[string][]string {
	selected := map[string][]string{}
	for _, attribute := range e.attributes {
		if !wanted(attribute.Name, message.Attributes) {
			continue
		}
		selected[attribute.Name] = nil
		if !message.TypesOnly {
			selected[attribute.Name] = attribute.Values
		}
	}
	return selected
}

func wanted(name string, asked []string) bool {
	equal := func(other string) bool { return strings.EqualFold(name, other) }
	switch {
	case slices.ContainsFunc(asked, equal):
		return true
	case slices.ContainsFunc(operational, equal):
		return slices.Contains(asked, "+")
	default:
		return len(asked) == 0 || slices.Contains(asked, "*")
	}
}
