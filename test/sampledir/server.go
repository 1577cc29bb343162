// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sampledir serves the directory of a small made-up company over LDAPS, from an LDIF file that people may edit:
// editing the file is changing the directory.
package sampledir

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jimlambrt/gldap"

	"github.com/rollcall-iam/rollcall/test/internal/certs"
	"github.com/rollcall-iam/rollcall/test/internal/process"
)

const (
	// BaseDN is the company.
	BaseDN = "dc=corp,dc=example"
	// PeopleDN is where the people are.
	PeopleDN = "ou=people," + BaseDN
	// GroupsDN is where the groups are.
	GroupsDN = "ou=groups," + BaseDN

	bindDN       = "cn=rollcall,ou=services," + BaseDN
	stopTimeout  = 5 * time.Second
	startTimeout = 10 * time.Second
	attempts     = 5
)

// Options say what to serve. The zero value is ready to use.
type Options struct {
	// File is the LDIF file. Where there is none, the sample company is written there. Default: a temporary file, which Stop removes.
	File string
	// Password is what BindDN binds with. Default: a random one.
	Password string
	// OnError is told when the changed file cannot be read; the last good content is served on. Default: nobody is told.
	OnError func(error)
}

// Server is a running directory.
type Server struct {
	password  string
	content   *content
	temporary string
	ca        *certs.CA
	url       string
	ldap      *gldap.Server

	mu       sync.Mutex
	sessions map[int]*session
	conns    []net.Conn
}

// Start returns once the directory answers.
func Start(ctx context.Context, options Options) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s := &Server{password: options.Password, sessions: map[int]*session{}}
	if s.password == "" {
		s.password = rand.Text()
	}
	for _, step := range []func() error{
		func() error { return s.openFile(options) },
		func() error { return s.listen(ctx) },
	} {
		if err := step(); err != nil {
			return nil, errors.Join(err, s.Stop())
		}
	}
	return s, nil
}

// Stop closes all connections and removes the temporary file. It may be called again.
func (s *Server) Stop() error {
	err := s.stopLDAP()
	if s.temporary != "" {
		err = errors.Join(err, os.RemoveAll(s.temporary))
	}
	return err
}

// URL is the server's address, ldaps.
func (s *Server) URL() string { return s.url }

// CAPEM is the authority that signed the server's certificate.
func (s *Server) CAPEM() []byte { return s.ca.Cert }

// BindDN is the only account that may search.
func (*Server) BindDN() string { return bindDN }

// Password is the password of BindDN.
func (s *Server) Password() string { return s.password }

// File is the path of the LDIF file.
func (s *Server) File() string { return s.content.path }

// listen tries other ports where one is taken meanwhile: gldap opens the listener itself and cannot tell its address.
func (s *Server) listen(ctx context.Context) error {
	config, err := s.tlsConfig()
	if err != nil {
		return err
	}
	for range attempts {
		var port []int
		if port, err = process.FreePorts(1); err != nil {
			return err
		}
		if err = s.serve(ctx, port[0], config); err == nil {
			return nil
		}
	}
	return fmt.Errorf("serve the sample directory: %w", err)
}

func (s *Server) tlsConfig() (*tls.Config, error) {
	var err error
	if s.ca, err = certs.NewCA("rollcall-sample-directory-ca"); err != nil {
		return nil, err
	}
	pair, err := s.ca.Issue(pkix.Name{CommonName: "sample directory"}, "127.0.0.1", "localhost")
	if err != nil {
		return nil, err
	}
	certificate, err := pair.TLS()
	return &tls.Config{
		Certificates: []tls.Certificate{certificate},
		MinVersion:   tls.VersionTLS12,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			s.track(hello.Conn)
			return nil, nil
		},
	}, err
}

// track remembers a connection for Stop: gldap waits for idle clients for ever instead of closing their connections,
// and shows them nowhere else.
func (s *Server) track(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	closed := func(c net.Conn) bool { return c.SetReadDeadline(time.Time{}) != nil }
	s.conns = append(slices.DeleteFunc(s.conns, closed), conn)
}

func (s *Server) serve(ctx context.Context, port int, config *tls.Config) error {
	server, err := gldap.NewServer(gldap.WithLogger(hclog.NewNullLogger()), gldap.WithOnClose(s.forget))
	if err != nil {
		return err
	}
	if err := s.route(server); err != nil {
		return err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	ended := make(chan error, 1)
	go func() { ended <- server.Run(address, gldap.WithTLSConfig(config)) }()
	if err := s.awaitTLS(ctx, address, ended); err != nil {
		return errors.Join(err, server.Stop())
	}
	s.ldap, s.url = server, "ldaps://"+address
	return nil
}

func (s *Server) route(server *gldap.Server) error {
	mux, err := gldap.NewMux()
	if err != nil {
		return err
	}
	return errors.Join(mux.Bind(s.bind), mux.Search(s.search), server.Router(mux))
}

// awaitTLS sees that it is this server that answers: its certificate is checked.
func (s *Server) awaitTLS(ctx context.Context, address string, ended <-chan error) error {
	dialer := &tls.Dialer{Config: &tls.Config{RootCAs: s.ca.Pool()}}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case err := <-ended:
			return fmt.Errorf("the server ended: %w", err)
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-ticker.C:
		}
	}
}

func (s *Server) stopLDAP() error {
	if s.ldap == nil {
		return nil
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.ldap.Stop() }()
	s.closeConns()
	select {
	case err := <-stopped:
		s.ldap = nil
		return err
	case <-time.After(stopTimeout):
		return errors.New("the sample directory did not stop: a connection stays open")
	}
}

func (s *Server) closeConns() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		_ = conn.Close() // Already closed ones too.
	}
	s.conns = nil
}
