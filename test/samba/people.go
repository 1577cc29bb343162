// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package samba

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"time"
	"unicode/utf16"

	"github.com/go-ldap/ldap/v3"
)

// Bits of userAccountControl.
const (
	accountDisabled     = 0x2
	passwordNotRequired = 0x20
	normalAccount       = 0x200
	passwordNeverEnds   = 0x10000

	// fileTimeEpoch is 1601 in seconds of Unix time, where Windows begins to count steps of 100 ns.
	fileTimeEpoch = -11644473600
)

// AddPerson adds an enabled account with the server's Password.
func (s *Server) AddPerson(uid string) error {
	return s.AsRoot(func(conn *ldap.Conn) error { return conn.Add(newUser(PersonDN(uid), uid, s.Password())) })
}

// SetPassword gives a person a password.
func (s *Server) SetPassword(uid, password string) error {
	return s.withPerson(uid, func(conn *ldap.Conn, person *ldap.Entry) error {
		return replace(conn, person.DN, "unicodePwd", encodePassword(password))
	})
}

// RenamePerson changes all three names of an account. The mail address stays.
func (s *Server) RenamePerson(uid, newUID string) error {
	return s.withPerson(uid, func(conn *ldap.Conn, person *ldap.Entry) error {
		request := ldap.NewModifyRequest(person.DN, nil)
		request.Replace("sAMAccountName", []string{newUID})
		request.Replace("userPrincipalName", []string{principal(newUID)})
		if err := conn.Modify(request); err != nil {
			return err
		}
		return conn.ModifyDN(ldap.NewModifyDNRequest(person.DN, "CN="+ldap.EscapeDN(newUID), true, ""))
	})
}

// DisablePerson disables an account.
func (s *Server) DisablePerson(uid string) error {
	return s.setControl(uid, func(flags uint64) uint64 { return flags | accountDisabled })
}

// EnablePerson ends what DisablePerson did.
func (s *Server) EnablePerson(uid string) error {
	return s.setControl(uid, func(flags uint64) uint64 { return flags &^ accountDisabled })
}

// ExpirePerson makes an account expire then; the zero time means never.
func (s *Server) ExpirePerson(uid string, at time.Time) error {
	var fileTime int64
	if !at.IsZero() {
		fileTime = (at.Unix()-fileTimeEpoch)*int64(time.Second/100) + int64(at.Nanosecond()/100)
	}
	return s.withPerson(uid, func(conn *ldap.Conn, person *ldap.Entry) error {
		return replace(conn, person.DN, "accountExpires", strconv.FormatInt(fileTime, 10))
	})
}

// DeletePerson deletes an account; the directory keeps a tombstone.
func (s *Server) DeletePerson(uid string) error {
	return s.withPerson(uid, func(conn *ldap.Conn, person *ldap.Entry) error {
		return conn.Del(ldap.NewDelRequest(person.DN, nil))
	})
}

// MovePerson moves an account from wherever it is to below that DN.
func (s *Server) MovePerson(uid, toDN string) error {
	return s.withPerson(uid, func(conn *ldap.Conn, person *ldap.Entry) error {
		name := "CN=" + ldap.EscapeDN(person.GetAttributeValue("cn"))
		return conn.ModifyDN(ldap.NewModifyDNRequest(person.DN, name, true, toDN))
	})
}

// PersonID is an account's objectGUID as Windows prints it.
func (s *Server) PersonID(uid string) (id string, err error) {
	err = s.withPerson(uid, func(_ *ldap.Conn, person *ldap.Entry) (err error) {
		id, err = formatGUID(person.GetRawAttributeValue("objectGUID"))
		return err
	})
	return id, err
}

func (s *Server) setControl(uid string, change func(uint64) uint64) error {
	return s.withPerson(uid, func(conn *ldap.Conn, person *ldap.Entry) error {
		flags, err := strconv.ParseUint(person.GetAttributeValue("userAccountControl"), 10, 32)
		if err != nil {
			return err
		}
		return replace(conn, person.DN, "userAccountControl", strconv.FormatUint(change(flags), 10))
	})
}

// withPerson finds the account wherever it is now.
func (s *Server) withPerson(uid string, do func(*ldap.Conn, *ldap.Entry) error) error {
	return s.AsRoot(func(conn *ldap.Conn) error {
		person, err := find(conn, uid, "cn", "objectGUID", "userAccountControl")
		if err != nil {
			return err
		}
		return do(conn, person)
	})
}

// newUser is an enabled account. Making keys of a password takes time; without one the account cannot log in.
func newUser(dn, uid, password string) *ldap.AddRequest {
	flags := normalAccount | passwordNeverEnds
	request := ldap.NewAddRequest(dn, nil)
	request.Attribute("objectClass", []string{"user"})
	request.Attribute("sAMAccountName", []string{uid})
	request.Attribute("userPrincipalName", []string{principal(uid)})
	request.Attribute("displayName", []string{"Person " + uid})
	request.Attribute("mail", []string{uid + "@corp.example"})
	if password == "" {
		flags |= passwordNotRequired
	} else {
		request.Attribute("unicodePwd", []string{encodePassword(password)})
	}
	request.Attribute("userAccountControl", []string{fmt.Sprint(flags)})
	return request
}

func principal(uid string) string { return uid + "@ad.example.test" }

// encodePassword: unicodePwd wants quotes and UTF-16.
func encodePassword(password string) string {
	var encoded []byte
	for _, unit := range utf16.Encode([]rune(`"` + password + `"`)) {
		encoded = binary.LittleEndian.AppendUint16(encoded, unit)
	}
	return string(encoded)
}
