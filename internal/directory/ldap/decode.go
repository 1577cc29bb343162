// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"

	"github.com/rollcall-iam/rollcall/internal/directory"
)

// uidAttribute is what memberUid refers to, whichever attribute is the login name.
const uidAttribute = "uid"

func person(entry *ldap.Entry, q *query, byUID bool) directory.Person {
	p := directory.Person{
		ID:          id(entry, q.id),
		UserName:    name(entry, q.name),
		DisplayName: first(entry, q.displayName),
		Email:       first(entry, q.email),
		Disabled:    slices.Contains(entry.GetEqualFoldAttributeValues(lockedAttribute), lockedForGood),
		Refs:        []string{dnKey(entry.DN)},
	}
	if byUID {
		p.Refs = entry.GetEqualFoldAttributeValues(uidAttribute)
	}
	return p
}

func group(entry *ldap.Entry, q *query, byUID bool) directory.Group {
	g := directory.Group{ID: id(entry, q.id), Name: name(entry, q.name), Ref: dnKey(entry.DN)}
	members := entry.GetEqualFoldAttributeValues(q.member)
	if byUID {
		g.Members = members
		return g
	}
	g.Members = make([]string, len(members))
	for i, member := range members {
		g.Members[i] = dnKey(member)
	}
	return g
}

// id reads an id so that the same one always reads the same: UUIDs in their canonical form, bytes that are no text in hex.
func id(entry *ldap.Entry, attribute string) string {
	raw := entry.GetEqualFoldRawAttributeValue(attribute)
	if !utf8.Valid(raw) {
		return hex.EncodeToString(raw)
	}
	text := strings.TrimSpace(string(raw))
	// Validate looks at the braces of "{...}", which Parse takes for granted.
	if parsed, err := uuid.Parse(text); err == nil && uuid.Validate(text) == nil {
		return parsed.String()
	}
	return text
}

// name reads a naming attribute. Of several values the one in the RDN counts, else the first in alphabetical order, since
// servers give them in any.
func name(entry *ldap.Entry, attribute string) string {
	values := entry.GetEqualFoldAttributeValues(attribute)
	if len(values) <= 1 {
		return strings.Join(values, "")
	}
	if dn, err := ldap.ParseDN(entry.DN); err == nil && len(dn.RDNs) > 0 {
		for _, part := range dn.RDNs[0].Attributes {
			same := func(value string) bool { return strings.EqualFold(value, part.Value) }
			if i := slices.IndexFunc(values, same); i >= 0 && strings.EqualFold(part.Type, attribute) {
				return values[i]
			}
		}
	}
	return slices.Min(values)
}

func first(entry *ldap.Entry, attribute string) string {
	values := entry.GetEqualFoldAttributeValues(attribute)
	if len(values) == 0 {
		return ""
	}
	return slices.Min(values)
}

// dnKey makes a DN comparable (RFC 4518, as far as real member lists need it): values in lower case; ldap.DN.String folds types,
// orders the parts of an RDN and has one way of escaping. What is no DN, or no text, is compared as it is.
func dnKey(text string) string {
	dn, err := ldap.ParseDN(text)
	if err != nil {
		return strings.ToLower(strings.TrimSpace(text))
	}
	for _, rdn := range dn.RDNs {
		for _, part := range rdn.Attributes {
			if utf8.ValidString(part.Value) {
				part.Value = strings.ToLower(part.Value)
			}
		}
	}
	return dn.String()
}
