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

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
)

func person(entry *ldap.Entry, q *query) directory.Person {
	p := directory.Person{
		Key:         key(entry),
		ID:          id(entry, q.id),
		UserName:    name(entry, q.name),
		DisplayName: first(entry, q.displayName),
		Email:       first(entry, q.email),
		Refs:        []string{dnKey(entry.DN)},
	}
	p.Disabled, p.ExpireTime = out(entry, q)
	switch {
	case q.byUID():
		p.Refs = entry.GetEqualFoldAttributeValues(attrUID)
	case q.schema == v1alpha1.SchemaActiveDirectory:
		p.MemberOf = primaryGroup(entry)
	}
	return p
}

// group reads a group and the members that came with it: where the server gives them in parts, that is the first.
func group(entry *ldap.Entry, q *query) directory.Group {
	g := directory.Group{Key: key(entry), ID: id(entry, q.id), Name: name(entry, q.name), Refs: []string{dnKey(entry.DN)}}
	if sid := entry.GetEqualFoldRawAttributeValue(attrObjectSID); validSID(sid) {
		g.Refs = append(g.Refs, sidRef(sid))
	}
	part := memberPart(entry, q)
	g.Members = refs(part.values, q)
	return g
}

// refs are member values as people and groups are referred to.
func refs(values []string, q *query) []string {
	if q.byUID() {
		return values
	}
	keys := make([]string, len(values))
	for i, value := range values {
		keys[i] = dnKey(value)
	}
	return keys
}

// key is what the server calls an entry when it tells of changes: the UUID of content synchronization, which 389 Directory Server makes
// of its own unique id, or the objectGUID. Entries that show neither are told apart by their DN.
func key(entry *ldap.Entry) string {
	if guid, ok := objectGUID(entry.GetEqualFoldRawAttributeValue(attrObjectGUID)); ok {
		return guid
	}
	for _, attribute := range []string{attrUniqueID, attrEntryUUID} {
		digits := strings.ReplaceAll(entry.GetEqualFoldAttributeValue(attribute), "-", "")
		if parsed, err := uuid.Parse(digits); err == nil {
			return parsed.String()
		}
	}
	return dnKey(entry.DN)
}

// id reads an id so that the same one always reads the same: UUIDs in their canonical form, bytes that are no text in hex.
func id(entry *ldap.Entry, attribute string) string {
	raw := entry.GetEqualFoldRawAttributeValue(attribute)
	if strings.EqualFold(attribute, attrObjectGUID) {
		if guid, ok := objectGUID(raw); ok {
			return guid
		}
	}
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

// objectGUID reads the sixteen bytes of a GUID, whose first three numbers are little-endian (MS-DTYP, section 2.3.4.2).
func objectGUID(raw []byte) (guid string, ok bool) {
	parsed, err := uuid.FromBytes(raw)
	if err != nil {
		return "", false
	}
	slices.Reverse(parsed[0:4])
	slices.Reverse(parsed[4:6])
	slices.Reverse(parsed[6:8])
	return parsed.String(), true
}

// guidBytes is the way back from objectGUID.
func guidBytes(guid string) ([]byte, error) {
	parsed, err := uuid.Parse(guid)
	if err != nil {
		return nil, err
	}
	slices.Reverse(parsed[0:4])
	slices.Reverse(parsed[4:6])
	slices.Reverse(parsed[6:8])
	return parsed[:], nil
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
