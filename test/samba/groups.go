// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package samba

import (
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// AddGroup adds a global security group.
func (s *Server) AddGroup(cn string, members ...string) error {
	return s.AsRoot(func(conn *ldap.Conn) error { return addGroup(conn, cn, members) })
}

// DeleteGroup deletes a group.
func (s *Server) DeleteGroup(cn string) error {
	return s.AsRoot(func(conn *ldap.Conn) error { return conn.Del(ldap.NewDelRequest(GroupDN(cn), nil)) })
}

// AddMember adds a member to a group.
func (s *Server) AddMember(cn, dn string) error {
	return s.changeGroup(cn, func(request *ldap.ModifyRequest) { request.Add("member", []string{dn}) })
}

// RemoveMember removes a member from a group.
func (s *Server) RemoveMember(cn, dn string) error {
	return s.changeGroup(cn, func(request *ldap.ModifyRequest) { request.Delete("member", []string{dn}) })
}

// SetPrimaryGroup makes a person a member of a group, and the group that person's primary one. That is then the only
// sign of it: a primary group does not list whose primary group it is.
func (s *Server) SetPrimaryGroup(uid, cn string) error {
	return s.withPerson(uid, func(conn *ldap.Conn, person *ldap.Entry) error {
		group, err := find(conn, cn, "objectSid")
		if err != nil {
			return err
		}
		request := ldap.NewModifyRequest(group.DN, nil)
		request.Add("member", []string{person.DN})
		if err := conn.Modify(request); err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultEntryAlreadyExists) {
			return err
		}
		sid, err := formatSID(group.GetRawAttributeValue("objectSid"))
		if err != nil {
			return err
		}
		return replace(conn, person.DN, "primaryGroupID", sid[strings.LastIndex(sid, "-")+1:])
	})
}

func (s *Server) changeGroup(cn string, change func(*ldap.ModifyRequest)) error {
	return s.AsRoot(func(conn *ldap.Conn) error {
		request := ldap.NewModifyRequest(GroupDN(cn), nil)
		change(request)
		return conn.Modify(request)
	})
}

func addGroup(conn *ldap.Conn, cn string, members []string) error {
	request := ldap.NewAddRequest(GroupDN(cn), nil)
	request.Attribute("objectClass", []string{"group"})
	request.Attribute("sAMAccountName", []string{cn})
	if len(members) > 0 {
		request.Attribute("member", members)
	}
	return conn.Add(request)
}
