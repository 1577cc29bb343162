// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package dirsrv

import (
	"github.com/go-ldap/ldap/v3"

	"github.com/rollcall-iam/rollcall/test/internal/ldapacts"
)

// PersonDN is where AddPerson puts the person of that uid.
func PersonDN(uid string) string { return "uid=" + ldap.EscapeDN(uid) + "," + PeopleDN }

// GroupDN is where AddGroup puts the group of that name.
func GroupDN(cn string) string { return "cn=" + ldap.EscapeDN(cn) + "," + GroupsDN }

// Load applies an LDIF of entries or changes, with all that plug-ins do (entryUUID, memberOf, changelog).
func (s *Server) Load(text string) error {
	return s.Apply(text)
}

func (s *Server) newActs() *ldapacts.Acts {
	return ldapacts.New(ldapacts.Config{
		AsRoot: s.AsRoot,
		BaseDN: BaseDN, PeopleDN: PeopleDN, GroupsDN: GroupsDN,
		LockAttribute: "nsAccountLock", Locked: "true",
		Halt:    s.Halt,
		Restart: s.Restart,
		Data:    []string{s.File("db")},
	})
}
