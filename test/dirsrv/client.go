// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package dirsrv

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/go-ldap/ldap/v3"

	"github.com/rollcall-iam/rollcall/test/internal/ldapacts"
)

// PersonDN is where AddPerson puts the person of that uid.
func PersonDN(uid string) string { return "uid=" + ldap.EscapeDN(uid) + "," + PeopleDN }

// GroupDN is where AddGroup puts the group of that name.
func GroupDN(cn string) string { return "cn=" + ldap.EscapeDN(cn) + "," + GroupsDN }

// Root connects as RootDN. The caller closes the connection.
func (s *Server) Root() (*ldap.Conn, error) {
	return s.Connect(RootDN, s.password)
}

// Connect binds over verified TLS. The caller closes the connection.
func (s *Server) Connect(dn, password string) (*ldap.Conn, error) {
	conn, err := ldap.DialURL(s.ldapsURL, ldap.DialWithTLSConfig(&tls.Config{RootCAs: s.ca.Pool()}))
	if err != nil {
		return nil, err
	}
	if err := conn.Bind(dn, password); err != nil {
		return nil, errors.Join(fmt.Errorf("bind as %s: %w", dn, err), conn.Close())
	}
	return conn, nil
}

// Load applies an LDIF of entries or changes, with all that plug-ins do (entryUUID, memberOf, changelog).
func (s *Server) Load(text string) error {
	return s.Apply(text)
}

func (s *Server) newActs() *ldapacts.Acts {
	return ldapacts.New(ldapacts.Config{
		Root:   s.Root,
		BaseDN: BaseDN, PeopleDN: PeopleDN, GroupsDN: GroupsDN,
		LockAttribute: "nsAccountLock", Locked: "true",
		Halt:    s.Halt,
		Restart: s.Restart,
		Data:    []string{s.file("db")},
	})
}
