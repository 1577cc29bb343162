// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldapacts

import (
	"fmt"

	"github.com/go-ldap/ldap/v3"
	"github.com/go-ldap/ldif"
)

// Apply does what an LDIF of entries or changes says; the controls are for adding.
func (a *Acts) Apply(text string, controls ...ldap.Control) error {
	parsed, err := ldif.Parse(text)
	if err != nil {
		return err
	}
	return a.config.AsRoot(func(conn *ldap.Conn) error {
		for _, record := range parsed.Entries {
			if err := apply(conn, record, controls); err != nil {
				return err
			}
		}
		return nil
	})
}

func apply(conn *ldap.Conn, record *ldif.Entry, controls []ldap.Control) error {
	switch {
	case record.Entry != nil:
		return add(conn, record.Entry, controls)
	case record.Add != nil:
		return conn.Add(record.Add)
	case record.Modify != nil:
		return conn.Modify(record.Modify)
	default:
		return conn.Del(record.Del)
	}
}

func add(conn *ldap.Conn, entry *ldap.Entry, controls []ldap.Control) error {
	request := ldap.NewAddRequest(entry.DN, controls)
	for _, attribute := range entry.Attributes {
		request.Attribute(attribute.Name, attribute.Values)
	}
	if err := conn.Add(request); err != nil {
		return fmt.Errorf("add %s: %w", entry.DN, err)
	}
	return nil
}
