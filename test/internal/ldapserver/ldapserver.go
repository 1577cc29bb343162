// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ldapserver is what the fixtures of LDAP servers have in common: a folder, a certificate, a process that can be ended and started
// again with the same addresses and data, and connections to it.
package ldapserver

import (
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/rollcall-iam/rollcall/test/internal/certs"
	"github.com/rollcall-iam/rollcall/test/internal/process"
)

// StartTimeout is how long any of the servers may take to start.
const StartTimeout = time.Minute

// Options say what a server is.
type Options struct {
	// Name of the folder, of the certificate's files, and of the log.
	Name string
	// RootDN may do everything, with Password.
	RootDN, Password string
	// CA signs the certificate. Default: an authority of its own.
	CA *certs.CA
}

// Server is one of them. Embed it, and say with Runs how it runs.
type Server struct {
	name, rootDN, password string
	dir                    string
	ca                     *certs.CA
	ldap, ldaps            string
	path                   string
	args                   []string
	process                *process.Process
}

// New makes the folder, and in it ca.crt, and the certificate and key as .crt and .key by the server's name.
func New(o Options) (*Server, error) {
	s := &Server{name: o.Name, rootDN: o.RootDN, password: o.Password, ca: o.CA}
	var err error
	if s.dir, err = os.MkdirTemp("", "rollcall-"+o.Name+"-"); err != nil {
		return nil, err
	}
	if err := s.writeCertificates(); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) writeCertificates() (err error) {
	if s.ca == nil {
		if s.ca, err = certs.NewCA("rollcall-test-" + s.name + "-ca"); err != nil {
			return err
		}
	}
	pair, err := s.ca.Issue(pkix.Name{CommonName: s.name}, "127.0.0.1", "localhost")
	return errors.Join(err,
		os.WriteFile(s.File("ca.crt"), s.ca.Cert, 0o600),
		os.WriteFile(s.File(s.name+".crt"), pair.Cert, 0o600),
		os.WriteFile(s.File(s.name+".key"), pair.Key, 0o600))
}

// Runs says how to run the server in the foreground.
func (s *Server) Runs(path string, args ...string) { s.path, s.args = path, args }

// ListensAt says where the server is reached, as host and port: in plain text, with TLS after StartTLS, and where TLS comes first.
func (s *Server) ListensAt(plain, secure string) { s.ldap, s.ldaps = plain, secure }

// StartOnFreePorts starts the server for the first time, on ports for which it is configured before; again with others if one was taken.
func (s *Server) StartOnFreePorts(ctx context.Context, configure func(ldapPort, ldapsPort int) error) (err error) {
	s.process, err = process.StartOnFreePorts(2, func(ports []int) (*process.Process, error) {
		s.ListensAt(fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1]))
		if err := configure(ports[0], ports[1]); err != nil {
			return nil, err
		}
		return s.run(ctx)
	})
	return err
}

func (s *Server) run(ctx context.Context) (*process.Process, error) {
	return process.Start(ctx, process.Command{
		Path: s.path,
		Args: s.args,
		Log:  s.File(s.name + ".log"),
		Ready: func(context.Context) error {
			conn, err := s.Root()
			if err != nil {
				return err
			}
			return conn.Close()
		},
	})
}

// Halt ends the server and keeps its data, for Restart.
func (s *Server) Halt() error { return s.process.Stop() }

// Restart ends the server if it runs and starts it with the same addresses and data.
func (s *Server) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, StartTimeout)
	defer cancel()
	if err := s.Halt(); err != nil {
		return err
	}
	p, err := s.run(ctx)
	if err == nil {
		s.process = p
	}
	return err
}

// Stop ends the server and removes its data. It may be called again.
func (s *Server) Stop() error { return errors.Join(s.Halt(), os.RemoveAll(s.dir)) }

// String says whether the server runs, and what it logged last.
func (s *Server) String() string { return s.process.String() }

// PID is the process id, for tests that freeze the server.
func (s *Server) PID() int { return s.process.PID() }

// Dir is the server's folder.
func (s *Server) Dir() string { return s.dir }

// File is a path in the server's folder.
func (s *Server) File(name ...string) string {
	return filepath.Join(append([]string{s.dir}, name...)...)
}

// LDAPURL is the address that speaks plain text, and TLS after StartTLS.
func (s *Server) LDAPURL() string { return "ldap://" + s.ldap }

// LDAPSURL is the address where TLS comes first.
func (s *Server) LDAPSURL() string { return "ldaps://" + s.ldaps }

// CA is the authority that signed the server's certificate.
func (s *Server) CA() *certs.CA { return s.ca }

// CAPEM is its certificate.
func (s *Server) CAPEM() []byte { return s.ca.Cert }

// Password is the password of all accounts that the fixture makes.
func (s *Server) Password() string { return s.password }

// Connect binds over verified TLS. The caller closes the connection.
func (s *Server) Connect(dn, password string) (*ldap.Conn, error) {
	conn, err := ldap.DialURL(s.LDAPSURL(), ldap.DialWithTLSConfig(&tls.Config{RootCAs: s.ca.Pool()}))
	if err != nil {
		return nil, err
	}
	if err := conn.Bind(dn, password); err != nil {
		return nil, errors.Join(fmt.Errorf("bind as %s: %w", dn, err), conn.Close())
	}
	return conn, nil
}

// Root connects as the one who may do everything. The caller closes the connection.
func (s *Server) Root() (*ldap.Conn, error) { return s.Connect(s.rootDN, s.password) }

// AsRoot does what no act of the fixture does, over such a connection.
func (s *Server) AsRoot(do func(*ldap.Conn) error) error {
	conn, err := s.Root()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // What was done is done.
	return do(conn)
}
