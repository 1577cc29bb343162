// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// rangeSize is how many members are asked for at once: as many as Active Directory gives (MaxValRange).
const rangeSize = 1500

// part is some of a group's members.
type part struct {
	values []string
	// next is where the members that follow begin; 0 where there are none.
	next int
}

// memberPart finds the members in an entry: as the attribute itself, or as a range of it such as member;range=0-1499, the last of
// which ends with a star.
func memberPart(entry *ldap.Entry, q *query) part {
	found := part{values: entry.GetEqualFoldAttributeValues(q.member)}
	for _, attribute := range entry.Attributes {
		last, isRange := rangeEnd(attribute.Name, q.member)
		if !isRange {
			continue
		}
		found.values = slices.Concat(found.values, attribute.Values)
		if last >= 0 && len(attribute.Values) > 0 {
			found.next = last + 1
		}
	}
	return found
}

// rangeEnd reads the last place of a range of an attribute; -1 where it is the end.
func rangeEnd(name, attribute string) (last int, ok bool) {
	base, option, _ := strings.Cut(name, ";")
	if !strings.EqualFold(base, attribute) || len(option) < len("range=") || !strings.EqualFold(option[:len("range=")], "range=") {
		return 0, false
	}
	_, end, _ := strings.Cut(option[len("range="):], "-")
	if end == "*" {
		return -1, true
	}
	last, err := strconv.Atoi(end)
	return last, err == nil && last >= 0
}

// rest reads the members that did not come with the entry, part by part.
func (s *Source) rest(connection *ldap.Conn, entry *ldap.Entry, q *query, g *directory.Group) error {
	for next := memberPart(entry, q).next; next != 0; {
		request := ldap.NewSearchRequest(entry.DN, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false,
			"(objectClass=*)", []string{q.memberRange(next)}, nil)
		result, err := connection.Search(request)
		went := ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) || err == nil && len(result.Entries) != 1
		switch {
		case went:
			return outcome.Transientf(v1alpha1.ReasonIncompleteRead, "%q went while its members were read", entry.DN)
		case err != nil:
			return searchProblem(err, entry.DN, s.bindDN)
		}
		more := memberPart(result.Entries[0], q)
		if next < 0 || more.next != 0 && more.next <= next {
			return outcome.Transientf(v1alpha1.ReasonIncompleteRead, "%q gives the same members again and again", entry.DN)
		}
		g.Members = append(g.Members, refs(more.values, q)...)
		next = more.next
	}
	return nil
}
