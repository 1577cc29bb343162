// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package slapd

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/go-ldap/ldap/v3"
	"github.com/go-ldap/ldif"
)

const (
	// relaxRules is the control that lets RootDN set what slapd otherwise sets itself, such as entryUUID.
	relaxRules = "1.3.6.1.4.1.4203.666.5.12"
	lockedTime = "pwdAccountLockedTime"
	// lockedForever is the time that means: until somebody unlocks it.
	lockedForever = "000001010000Z"
)

// PersonDN is where People puts the person of that uid.
func PersonDN(uid string) string { return "uid=" + ldap.EscapeDN(uid) + "," + PeopleDN }

// GroupDN is where People puts the group of that name.
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

// Load applies an LDIF of entries or changes while the server runs, with all that overlays do (memberOf, access log).
// Entries may state their entryUUID.
func (s *Server) Load(text string) error {
	parsed, err := ldif.Parse(text)
	if err != nil {
		return err
	}
	return s.asRoot(func(conn *ldap.Conn) error {
		for _, record := range parsed.Entries {
			if err := apply(conn, record); err != nil {
				return err
			}
		}
		return nil
	})
}

// Lock locks an account, as ppolicy does for good.
func (s *Server) Lock(dn string) error {
	return s.setLocked(dn, []string{lockedForever})
}

// Unlock ends a lock.
func (s *Server) Unlock(dn string) error {
	return s.setLocked(dn, nil)
}

func (s *Server) setLocked(dn string, values []string) error {
	return s.asRoot(func(conn *ldap.Conn) error {
		request := ldap.NewModifyRequest(dn, nil)
		request.Replace(lockedTime, values)
		return conn.Modify(request)
	})
}

func (s *Server) asRoot(do func(*ldap.Conn) error) error {
	conn, err := s.Root()
	if err != nil {
		return err
	}
	return errors.Join(do(conn), conn.Close())
}

func apply(conn *ldap.Conn, record *ldif.Entry) error {
	switch {
	case record.Entry != nil:
		return add(conn, record.Entry)
	case record.Add != nil:
		return conn.Add(record.Add)
	case record.Modify != nil:
		return conn.Modify(record.Modify)
	default:
		return conn.Del(record.Del)
	}
}

func add(conn *ldap.Conn, entry *ldap.Entry) error {
	request := ldap.NewAddRequest(entry.DN, []ldap.Control{ldap.NewControlString(relaxRules, true, "")})
	for _, attribute := range entry.Attributes {
		request.Attribute(attribute.Name, attribute.Values)
	}
	if err := conn.Add(request); err != nil {
		return fmt.Errorf("add %s: %w", entry.DN, err)
	}
	return nil
}
