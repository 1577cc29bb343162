// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ldap reads people and groups from an LDAP server (RFC 4511): all of them, or none.
package ldap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

const (
	dialTimeout = 10 * time.Second
	// answerTimeout is how long the server may take for one page.
	answerTimeout = time.Minute
	// pageSize is below the limits that servers come with.
	pageSize = 500
)

// Credentials are what the Secrets of a Directory hold.
type Credentials struct {
	// CA are PEM certificates; empty means the system's roots.
	CA []byte
	// BindDN is empty where there is no bind.
	BindDN, Password string
}

// Source is a directory.Source.
type Source struct {
	url        string
	tlsMode    v1alpha1.TLSMode
	tlsConfig  *tls.Config
	bindDN     string
	password   string
	users      query
	groups     *query
	byUID      bool
	moreOfUser []string
}

var _ directory.Source = &Source{}

// New prepares a source. What cannot work whatever the server says is an *outcome.Problem, reason InvalidConfig.
func New(spec *v1alpha1.LDAPSource, credentials Credentials) (*Source, error) {
	s := &Source{
		url: spec.URL, tlsMode: spec.TLS, bindDN: credentials.BindDN, password: credentials.Password,
		users: userQuery(spec), groups: groupQuery(spec), byUID: memberUID(spec), moreOfUser: []string{lockedAttribute},
	}
	if s.byUID {
		s.moreOfUser = append(s.moreOfUser, uidAttribute)
	}
	if err := s.validate(); err != nil {
		return nil, err
	}
	config, err := tlsConfig(spec, credentials.CA)
	if err != nil {
		return nil, err
	}
	s.tlsConfig = config
	return s, nil
}

func (s *Source) validate() error {
	if err := validateQuery("spec.ldap.users", &s.users); err != nil {
		return err
	}
	if s.groups != nil {
		return validateQuery("spec.ldap.groups", s.groups)
	}
	return nil
}

func validateQuery(field string, q *query) error {
	if _, err := ldap.ParseDN(q.baseDN); err != nil {
		return outcome.Terminalf(v1alpha1.ReasonInvalidConfig, "%s.baseDN %q is not a DN: %v", field, q.baseDN, err)
	}
	if _, err := ldap.CompileFilter(q.filter); err != nil {
		return outcome.Terminalf(v1alpha1.ReasonInvalidConfig, "%s.filter %q does not parse: %v", field, q.filter, err)
	}
	return nil
}

func tlsConfig(spec *v1alpha1.LDAPSource, ca []byte) (*tls.Config, error) {
	server, err := url.Parse(spec.URL)
	if err != nil {
		return nil, outcome.Terminalf(v1alpha1.ReasonInvalidConfig, "spec.ldap.url is not a URL: %v", err)
	}
	config := &tls.Config{ServerName: server.Hostname(), MinVersion: tls.VersionTLS12}
	if len(ca) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(ca) {
			return nil, outcome.Terminalf(v1alpha1.ReasonInvalidConfig, "the Secret of spec.ldap.caSecretRef holds no PEM certificate in ca.crt")
		}
	}
	return config, nil
}

// Read implements directory.Source.
func (s *Source) Read(ctx context.Context) (*directory.Snapshot, error) {
	connection, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	// go-ldap does not look at contexts while it waits: closing the connection is what ends a handshake or a search.
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() })
	defer stop()
	defer func() { _ = connection.Close() }()
	snapshot, err := s.read(connection)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, outcome.Transientf(v1alpha1.ReasonUnreachable, "%s did not answer a full read in time", s.url)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return snapshot, err
}

func (s *Source) read(connection *ldap.Conn) (*directory.Snapshot, error) {
	if err := s.secure(connection); err != nil {
		return nil, err
	}
	snapshot := &directory.Snapshot{}
	entries, err := s.search(connection, &s.users, s.moreOfUser...)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		snapshot.People = append(snapshot.People, person(entry, &s.users, s.byUID))
	}
	if s.groups == nil {
		return snapshot, nil
	}
	entries, err = s.search(connection, s.groups)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		snapshot.Groups = append(snapshot.Groups, group(entry, s.groups, s.byUID))
	}
	return snapshot, nil
}

// search returns every entry or an error: any result but success, on any page, means that there is more than was sent.
func (s *Source) search(connection *ldap.Conn, q *query, more ...string) ([]*ldap.Entry, error) {
	request := ldap.NewSearchRequest(q.baseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		q.filter, q.attributes(more...), nil)
	result, err := connection.SearchWithPaging(request, pageSize)
	if err != nil {
		return nil, searchProblem(err, q, s.bindDN)
	}
	return result.Entries, nil
}

func (s *Source) dial(ctx context.Context) (*ldap.Conn, error) {
	dialer := &net.Dialer{Timeout: dialTimeout}
	if deadline, ok := ctx.Deadline(); ok {
		dialer.Deadline = deadline
	}
	connection, err := ldap.DialURL(s.url, ldap.DialWithDialer(dialer), ldap.DialWithTLSConfig(s.tlsConfig))
	if err != nil {
		return nil, dialProblem(err, s.url)
	}
	connection.SetTimeout(answerTimeout)
	return connection, nil
}

// secure turns TLS on where it is not on yet, and only then binds.
func (s *Source) secure(connection *ldap.Conn) error {
	if s.tlsMode == v1alpha1.TLSStartTLS {
		if err := connection.StartTLS(s.tlsConfig.Clone()); err != nil {
			return dialProblem(err, s.url)
		}
	}
	if s.bindDN == "" {
		return nil
	}
	if err := connection.Bind(s.bindDN, s.password); err != nil {
		return bindProblem(err, s.url, s.bindDN)
	}
	return nil
}
