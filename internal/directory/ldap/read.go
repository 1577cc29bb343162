// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"context"
	"errors"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// Read implements directory.Source.
func (s *Source) Read(ctx context.Context) (*directory.Snapshot, error) {
	snapshot, err := s.readAll(ctx)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, outcome.Transientf(v1alpha1.ReasonUnreachable, "%s did not answer a full read in time", s.url)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return snapshot, err
}

func (s *Source) readAll(ctx context.Context) (*directory.Snapshot, error) {
	connection, closeIt, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer closeIt()
	at, err := position(connection, s.users.baseDN)
	if err != nil {
		return nil, searchProblem(err, s.users.baseDN, s.bindDN)
	}
	snapshot := &directory.Snapshot{Position: at}
	for _, q := range s.queries() {
		changes, err := s.search(connection, q, q.filter)
		if err != nil {
			return nil, err
		}
		for _, c := range changes {
			if c.Person != nil {
				snapshot.People = append(snapshot.People, *c.Person)
			} else {
				snapshot.Groups = append(snapshot.Groups, *c.Group)
			}
		}
	}
	return snapshot, nil
}

// search returns every entry or an error: any result but success, on any page, means that there is more than was sent. Each page is decoded
// before the next is asked for: entries as they come take several times as much memory.
func (s *Source) search(connection *ldap.Conn, q *query, filter string) ([]directory.Change, error) {
	page := ldap.NewControlPaging(pageSize)
	request := ldap.NewSearchRequest(q.baseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, q.attributes(),
		[]ldap.Control{page})
	var found pages
	for {
		result, err := connection.Search(request)
		if err != nil {
			return nil, searchProblem(err, q.baseDN, s.bindDN)
		}
		found.add(result.Entries, q)
		next, more := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !more || len(next.Cookie) == 0 {
			break
		}
		page.SetCookie(next.Cookie)
	}
	for _, g := range found.partial {
		if err := s.rest(connection, g.entry, q, g.group); err != nil {
			return nil, err
		}
	}
	return found.changes, nil
}

// pages are what was decoded of them, and the groups whose members did not all come. The rest is asked for after the last page: a server
// may know one search of a connection at a time.
type pages struct {
	changes []directory.Change
	partial []partial
}

type partial struct {
	entry *ldap.Entry
	group *directory.Group
}

func (p *pages) add(entries []*ldap.Entry, q *query) {
	for _, entry := range entries {
		if q.people() {
			found := person(entry, q)
			p.changes = append(p.changes, directory.Change{Person: &found})
			continue
		}
		found := group(entry, q)
		p.changes = append(p.changes, directory.Change{Group: &found})
		if memberPart(entry, q).next != 0 {
			p.partial = append(p.partial, partial{entry: entry, group: &found})
		}
	}
}

// groupsOf reads the groups that list one of some members.
func (s *Source) groupsOf(connection *ldap.Conn, members []string) ([]directory.Change, error) {
	var filter strings.Builder
	for _, member := range members {
		filter.WriteString("(" + s.groups.member + "=" + ldap.EscapeFilter(member) + ")")
	}
	return s.search(connection, s.groups, "(&"+s.groups.filter+"(|"+filter.String()+"))")
}
