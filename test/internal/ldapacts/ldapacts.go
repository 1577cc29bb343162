// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ldapacts is what administrators do to the people and groups of an LDAP server, and what they do to its
// database: the same acts for every fixture that speaks LDAP with the usual schemas.
package ldapacts

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// Config says how the acts are done on one server.
type Config struct {
	// AsRoot does something over a connection that may do everything.
	AsRoot func(func(*ldap.Conn) error) error
	// BaseDN is above everything; people and groups are added to the other two.
	BaseDN, PeopleDN, GroupsDN string
	// LockAttribute has the value Locked in an account that is locked, and none in others.
	LockAttribute, Locked string
	// Nobody is a member of every new group where the schema demands one, so that the last real one can leave.
	Nobody string
	// Halt and Restart end the server and start it again; Data are the folders that it keeps its database in.
	Halt    func() error
	Restart func(context.Context) error
	Data    []string
}

// Acts does them. Each returns once the server has confirmed it. People are found by uid, wherever they are.
type Acts struct {
	config Config
}

// New returns the acts for one server.
func New(config Config) *Acts {
	return &Acts{config: config}
}

// AddPerson adds an inetOrgPerson.
func (a *Acts) AddPerson(uid string) error {
	return a.config.AsRoot(func(conn *ldap.Conn) error {
		request := ldap.NewAddRequest("uid="+ldap.EscapeDN(uid)+","+a.config.PeopleDN, nil)
		request.Attribute("objectClass", []string{"inetOrgPerson"})
		request.Attribute("uid", []string{uid})
		request.Attribute("cn", []string{"Person " + uid})
		request.Attribute("sn", []string{uid})
		request.Attribute("mail", []string{uid + "@corp.example"})
		return conn.Add(request)
	})
}

// SetPassword gives a person a password.
func (a *Acts) SetPassword(uid, password string) error {
	return a.toPerson(uid, func(conn *ldap.Conn, entry *ldap.Entry) error {
		request := ldap.NewModifyRequest(entry.DN, nil)
		request.Replace("userPassword", []string{password})
		return conn.Modify(request)
	})
}

// RenamePerson gives a person another uid, in the entry's name too.
func (a *Acts) RenamePerson(uid, newUID string) error {
	return a.toPerson(uid, func(conn *ldap.Conn, entry *ldap.Entry) error {
		return conn.ModifyDN(ldap.NewModifyDNRequest(entry.DN, "uid="+ldap.EscapeDN(newUID), true, ""))
	})
}

// MovePerson puts a person below another entry.
func (a *Acts) MovePerson(uid, toDN string) error {
	return a.toPerson(uid, func(conn *ldap.Conn, entry *ldap.Entry) error {
		return conn.ModifyDN(ldap.NewModifyDNRequest(entry.DN, "uid="+ldap.EscapeDN(uid), true, toDN))
	})
}

// DisablePerson locks the account.
func (a *Acts) DisablePerson(uid string) error {
	return a.toPerson(uid, func(_ *ldap.Conn, entry *ldap.Entry) error { return a.Lock(entry.DN) })
}

// EnablePerson ends a lock.
func (a *Acts) EnablePerson(uid string) error {
	return a.toPerson(uid, func(_ *ldap.Conn, entry *ldap.Entry) error { return a.Unlock(entry.DN) })
}

// DeletePerson deletes the entry.
func (a *Acts) DeletePerson(uid string) error {
	return a.toPerson(uid, func(conn *ldap.Conn, entry *ldap.Entry) error {
		return conn.Del(ldap.NewDelRequest(entry.DN, nil))
	})
}

// PersonID is the person's entryUUID.
func (a *Acts) PersonID(uid string) (id string, err error) {
	err = a.toPerson(uid, func(_ *ldap.Conn, entry *ldap.Entry) error {
		id = strings.ToLower(entry.GetAttributeValue("entryUUID"))
		if id == "" {
			return fmt.Errorf("%s has no entryUUID", entry.DN)
		}
		return nil
	})
	return id, err
}

// AddGroup adds a groupOfNames.
func (a *Acts) AddGroup(cn string, members ...string) error {
	if a.config.Nobody != "" {
		members = append([]string{a.config.Nobody}, members...)
	}
	return a.config.AsRoot(func(conn *ldap.Conn) error {
		request := ldap.NewAddRequest(a.groupDN(cn), nil)
		request.Attribute("objectClass", []string{"groupOfNames"})
		request.Attribute("cn", []string{cn})
		if len(members) > 0 {
			request.Attribute("member", members)
		}
		return conn.Add(request)
	})
}

// DeleteGroup deletes the entry.
func (a *Acts) DeleteGroup(cn string) error {
	return a.config.AsRoot(func(conn *ldap.Conn) error {
		return conn.Del(ldap.NewDelRequest(a.groupDN(cn), nil))
	})
}

// AddMember adds one member to a group.
func (a *Acts) AddMember(cn, dn string) error {
	request := ldap.NewModifyRequest(a.groupDN(cn), nil)
	request.Add("member", []string{dn})
	return a.modify(request)
}

// RemoveMember removes one member from a group.
func (a *Acts) RemoveMember(cn, dn string) error {
	request := ldap.NewModifyRequest(a.groupDN(cn), nil)
	request.Delete("member", []string{dn})
	return a.modify(request)
}

// Lock locks an account for good.
func (a *Acts) Lock(dn string) error {
	return a.setLocked(dn, []string{a.config.Locked})
}

// Unlock ends a lock. Of an account that is not locked it changes nothing.
func (a *Acts) Unlock(dn string) error {
	return a.setLocked(dn, nil)
}

func (a *Acts) setLocked(dn string, values []string) error {
	request := ldap.NewModifyRequest(dn, nil)
	request.Replace(a.config.LockAttribute, values)
	return a.modify(request)
}

func (a *Acts) modify(request *ldap.ModifyRequest) error {
	return a.config.AsRoot(func(conn *ldap.Conn) error { return conn.Modify(request) })
}

func (a *Acts) groupDN(cn string) string {
	return "cn=" + ldap.EscapeDN(cn) + "," + a.config.GroupsDN
}

func (a *Acts) toPerson(uid string, do func(*ldap.Conn, *ldap.Entry) error) error {
	return a.config.AsRoot(func(conn *ldap.Conn) error {
		found, err := conn.Search(ldap.NewSearchRequest(a.config.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
			"(uid="+ldap.EscapeFilter(uid)+")", []string{"entryUUID"}, nil))
		if err != nil {
			return fmt.Errorf("find the person %s: %w", uid, err)
		}
		if len(found.Entries) != 1 {
			return fmt.Errorf("%d entries have the uid %s, not one", len(found.Entries), uid)
		}
		return do(conn, found.Entries[0])
	})
}
