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

// search returns every entry or an error: any result but success, on any page, means that there is more than was sent.
func (s *Source) search(connection *ldap.Conn, q *query, filter string) ([]directory.Change, error) {
	request := ldap.NewSearchRequest(q.baseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, q.attributes(), nil)
	result, err := connection.SearchWithPaging(request, pageSize)
	if err != nil {
		return nil, searchProblem(err, q.baseDN, s.bindDN)
	}
	changes := make([]directory.Change, 0, len(result.Entries))
	for _, entry := range result.Entries {
		change, err := s.decode(connection, entry, q)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change)
	}
	return changes, nil
}

// decode reads an entry, and of a group whose members did not all come with it, the rest of them.
func (s *Source) decode(connection *ldap.Conn, entry *ldap.Entry, q *query) (directory.Change, error) {
	if q.people() {
		p := person(entry, q)
		return directory.Change{Person: &p}, nil
	}
	g := group(entry, q)
	return directory.Change{Group: &g}, s.rest(connection, entry, q, &g)
}

// groupsOf reads the groups that list one of some members.
func (s *Source) groupsOf(connection *ldap.Conn, members []string) ([]directory.Change, error) {
	var filter strings.Builder
	for _, member := range members {
		filter.WriteString("(" + s.groups.member + "=" + ldap.EscapeFilter(member) + ")")
	}
	return s.search(connection, s.groups, "(&"+s.groups.filter+"(|"+filter.String()+"))")
}
