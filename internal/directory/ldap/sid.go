// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/go-ldap/ldap/v3"
)

// A security identifier is a revision, a count, six bytes of authority and as many numbers of four bytes as the count says, of which the
// last tells the account within its domain (MS-DTYP, section 2.4.2.2).
const (
	sidHead   = 8
	sidNumber = 4
)

func validSID(sid []byte) bool {
	return len(sid) > sidHead && len(sid) == sidHead+sidNumber*int(sid[1])
}

func sidRef(sid []byte) string { return "sid:" + hex.EncodeToString(sid) }

// primaryGroup refers to the group that a person's entry names by number. Its member list does not name the person.
func primaryGroup(entry *ldap.Entry) []string {
	sid := entry.GetEqualFoldRawAttributeValue(attrObjectSID)
	number, err := strconv.ParseUint(entry.GetEqualFoldAttributeValue(attrPrimaryGroupID), 10, 32)
	if err != nil || !validSID(sid) {
		return nil
	}
	group := slices.Clone(sid)
	binary.LittleEndian.PutUint32(group[len(group)-sidNumber:], uint32(number))
	return []string{sidRef(group)}
}
