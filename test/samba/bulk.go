// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package samba

import (
	"fmt"

	"github.com/go-ldap/ldap/v3"
)

const teamSize = 20

// UID is the user name of the i-th person of AddPeople, from 0 on.
func UID(i int) string { return fmt.Sprintf("user%05d", i) }

// Team is the name of the i-th group of twenty people.
func Team(i int) string { return fmt.Sprintf("team-%04d", i) }

// AddPeople adds n accounts, named by UID from first on, without a password: ten times as fast as AddPerson. Where groupOf
// is not nil, it names the group of the person of that number; the groups are made.
func (s *Server) AddPeople(first, n int, groupOf func(i int) string) error {
	return s.AsRoot(func(conn *ldap.Conn) error {
		var groups []string
		members := map[string][]string{}
		for i := first; i < first+n; i++ {
			dn := PersonDN(UID(i))
			if err := conn.Add(newUser(dn, UID(i), "")); err != nil {
				return fmt.Errorf("add %s: %w", dn, err)
			}
			if groupOf == nil {
				continue
			}
			group := groupOf(i)
			if members[group] == nil {
				groups = append(groups, group)
			}
			members[group] = append(members[group], dn)
		}
		for _, group := range groups {
			if err := addGroup(conn, group, members[group]); err != nil {
				return fmt.Errorf("add %s: %w", GroupDN(group), err)
			}
		}
		return nil
	})
}
