// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package slapd

import (
	"errors"
	"strconv"

	"github.com/go-ldap/ldap/v3"

	"github.com/rollcall-iam/rollcall/test/internal/ldapacts"
)

const (
	// relaxRules is the control that lets RootDN set what slapd otherwise sets itself, such as entryUUID.
	relaxRules = "1.3.6.1.4.1.4203.666.5.12"
	lockedTime = "pwdAccountLockedTime"
	// lockedForever is the time that means: until somebody unlocks it.
	lockedForever = "000001010000Z"
	// nobody is in every group of AddGroup, because a groupOfNames without a member is against slapd's schema. No entry
	// has this name, so that refint never removes it.
	nobody = "cn=nobody," + BaseDN
)

// PersonDN is where People puts the person of that uid.
func PersonDN(uid string) string { return "uid=" + ldap.EscapeDN(uid) + "," + PeopleDN }

// GroupDN is where People puts the group of that name.
func GroupDN(cn string) string { return "cn=" + ldap.EscapeDN(cn) + "," + GroupsDN }

// Load applies an LDIF of entries or changes while the server runs, with all that overlays do (memberOf, access log).
// Entries may state their entryUUID.
func (s *Server) Load(text string) error {
	return s.Apply(text, ldap.NewControlString(relaxRules, true, ""))
}

func (s *Server) newActs() *ldapacts.Acts {
	return ldapacts.New(ldapacts.Config{
		AsRoot: s.AsRoot,
		BaseDN: BaseDN, PeopleDN: PeopleDN, GroupsDN: GroupsDN,
		LockAttribute: lockedTime, Locked: lockedForever,
		Nobody:  nobody,
		Halt:    s.Halt,
		Restart: s.Restart,
		Data:    []string{s.File("main"), s.File("accesslog")},
	})
}

// Binds counts the binds that the server has been asked for since it started, by its own account of itself.
func (s *Server) Binds() (binds int, err error) {
	err = s.AsRoot(func(conn *ldap.Conn) error {
		const counter = "monitorOpInitiated"
		found, err := conn.Search(ldap.NewSearchRequest("cn=Bind,cn=Operations,cn=Monitor", ldap.ScopeBaseObject, ldap.NeverDerefAliases,
			0, 0, false, "(objectClass=*)", []string{counter}, nil))
		if err != nil {
			return err
		}
		if len(found.Entries) != 1 {
			return errors.New("slapd does not count its binds")
		}
		binds, err = strconv.Atoi(found.Entries[0].GetAttributeValue(counter))
		return err
	})
	return binds, err
}
