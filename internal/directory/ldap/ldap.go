// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ldap reads people and groups from an LDAP server (RFC 4511): all of them, or none.
package ldap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"slices"
	"strings"
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
	url       string
	tlsMode   v1alpha1.TLSMode
	tlsConfig *tls.Config
	bindDN    string
	password  string
	users     query
	groups    *query
}

var _ directory.Source = &Source{}

// New prepares a source. What cannot work whatever the server says is an *outcome.Problem, reason InvalidConfig.
func New(spec *v1alpha1.LDAPSource, credentials Credentials) (*Source, error) {
	s := &Source{
		url: spec.URL, tlsMode: spec.TLS, bindDN: credentials.BindDN, password: credentials.Password,
		users: userQuery(spec), groups: groupQuery(spec),
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

// String tells what is read, without credentials: what one source told means nothing to another.
func (s *Source) String() string {
	var told strings.Builder
	told.WriteString(s.url + "\n" + s.bindDN)
	for _, q := range s.queries() {
		told.WriteString("\n\n" + q.String())
	}
	return told.String()
}

// queries are the searches that make up the directory: people, and groups if any.
func (s *Source) queries() []*query {
	if s.groups == nil {
		return []*query{&s.users}
	}
	return []*query{&s.users, s.groups}
}

// followsGroups says that who is found, or who is kept out, is a matter of the groups that they are in: servers do not tell of that.
func (s *Source) followsGroups() bool {
	return slices.ContainsFunc(s.queries(), (*query).followsGroups)
}

func (s *Source) validate() error {
	for i, q := range s.queries() {
		if err := validateQuery([]string{"spec.ldap.users", "spec.ldap.groups"}[i], q); err != nil {
			return err
		}
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

func (s *Source) dial(ctx context.Context) (*ldap.Conn, error) {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAliveConfig: keepAlive()}
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

// keepAlive finds out within half a minute that the other end is gone: a watch has nothing to say for hours, and waits without a limit.
func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}
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
