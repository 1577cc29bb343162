// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// lookTimeout bounds what somebody who logs in waits for.
const lookTimeout = 10 * time.Second

// Look implements directory.Source.
func (s *Source) Look(ctx context.Context, userName, id string) (*directory.Person, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	_, found, err := s.find(ctx, userName, id)
	return found, err
}

// Authenticate implements directory.Source.
func (s *Source) Authenticate(ctx context.Context, userName, id, password string) error {
	if s.tlsMode == v1alpha1.TLSDisabled {
		return outcome.Terminalf(v1alpha1.ReasonInvalidConfig,
			"passwords would cross the network in the clear: set spec.ldap.tls to Required or StartTLS, or spec.login.password to Refused")
	}
	// A bind without a password is one that every server accepts and none checks (RFC 4513, section 5.1.2).
	if password == "" {
		return directory.ErrPassword
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	dn, person, err := s.find(ctx, userName, id)
	if err != nil {
		return err
	}
	if person == nil {
		dn = "cn=" + rand.Text() + "," + s.users.baseDN // Nobody's: the server works as hard to refuse it.
	}
	err = s.bindAs(ctx, dn, password)
	if err == nil && person == nil {
		return directory.ErrPassword
	}
	return err
}

// bindAs binds on a connection of its own, which is closed at once.
func (s *Source) bindAs(ctx context.Context, dn, password string) error {
	as := *s
	as.bindDN, as.password = dn, password
	_, closeIt, err := as.connect(ctx)
	if err == nil {
		closeIt()
		return nil
	}
	// What the server says of such a bind tells more than whoever guesses may know.
	if outcome.Of(err, "").Because(v1alpha1.ReasonBindFailed) {
		return directory.ErrPassword
	}
	return err
}

// find looks for the entry with a login name, under the filter that a full read has, and returns it if its id is the one. The id itself
// is not searched for: servers spell ids in more ways than one.
func (s *Source) find(ctx context.Context, userName, id string) (dn string, found *directory.Person, err error) {
	connection, closeIt, err := s.connect(ctx)
	if err != nil {
		return "", nil, err
	}
	defer closeIt()
	filter := "(&" + s.users.filter + "(" + s.users.name + "=" + ldap.EscapeFilter(userName) + "))"
	request := ldap.NewSearchRequest(
		s.users.baseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, s.users.attributes(), nil)
	result, err := connection.SearchWithPaging(request, pageSize)
	if err != nil {
		return "", nil, searchProblem(err, s.users.baseDN, s.bindDN)
	}
	for _, entry := range result.Entries {
		if p := person(entry, &s.users); p.ID == id && id != "" {
			return entry.DN, &p, nil
		}
	}
	return "", nil, nil
}
