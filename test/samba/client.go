// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package samba

import (
	"fmt"

	"github.com/go-ldap/ldap/v3"
)

const servicesDN = "OU=services," + BaseDN

// PersonDN is where AddPerson puts the person of that uid.
func PersonDN(uid string) string { return "CN=" + ldap.EscapeDN(uid) + "," + PeopleDN }

// GroupDN is where AddGroup puts the group of that name.
func GroupDN(cn string) string { return "CN=" + ldap.EscapeDN(cn) + "," + GroupsDN }

func replace(conn *ldap.Conn, dn, attribute, value string) error {
	request := ldap.NewModifyRequest(dn, nil)
	request.Replace(attribute, []string{value})
	return conn.Modify(request)
}

// find reads the account of that name wherever it is now.
func find(conn *ldap.Conn, name string, attributes ...string) (*ldap.Entry, error) {
	found, err := conn.Search(ldap.NewSearchRequest(BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(sAMAccountName="+ldap.EscapeFilter(name)+")", attributes, nil))
	if err != nil {
		return nil, err
	}
	if len(found.Entries) != 1 {
		return nil, fmt.Errorf("%d accounts are named %q, not one", len(found.Entries), name)
	}
	return found.Entries[0], nil
}
