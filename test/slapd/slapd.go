// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package slapd runs OpenLDAP's slapd as a child process on free loopback ports, with TLS, the overlays that companies
// use, and a size limit that makes paging necessary.
package slapd

import (
	"context"
	"crypto/rand"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/rollcall-iam/rollcall/test/internal/certs"
	"github.com/rollcall-iam/rollcall/test/internal/ldapacts"
	"github.com/rollcall-iam/rollcall/test/internal/process"
)

const (
	// BaseDN is above everything.
	BaseDN = "dc=corp,dc=example"
	// PeopleDN is where people belong.
	PeopleDN = "ou=people," + BaseDN
	// GroupsDN is where groups belong.
	GroupsDN = "ou=groups," + BaseDN
	// ElsewhereDN is where people go who leave PeopleDN without being deleted.
	ElsewhereDN = "ou=elsewhere," + BaseDN
	// RootDN may do everything.
	RootDN = "cn=admin," + BaseDN
	// ReaderDN may read everything, in pages.
	ReaderDN = "cn=reader,ou=services," + BaseDN
	// LimitedDN may read everything, but never more than SizeLimit entries in one search, in pages or not.
	LimitedDN = "cn=limited,ou=services," + BaseDN
	// SyncDN may read everything at once: for searches that persist.
	SyncDN = "cn=sync,ou=services," + BaseDN
	// SizeLimit is how many entries a search without paging returns before it ends in result 4, sizeLimitExceeded.
	SizeLimit = 100

	startTimeout = time.Minute
)

// Options say what the directory holds at first. The zero value is ready to use.
type Options struct {
	// LDIF is loaded before the start with slapadd: fast, but overlays do not see it, so entries have no memberOf.
	// The base entry, the organizational units and the accounts above are there already.
	LDIF string
}

// Server is a running slapd.
type Server struct {
	*ldapacts.Acts

	dir      string
	password string
	ca       *certs.CA
	ldapURL  string
	ldapsURL string
	process  *process.Process
}

// Start returns once the server answers.
func Start(ctx context.Context, options Options) (*Server, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s := &Server{password: rand.Text()}
	for _, step := range []func(context.Context) error{
		s.makeDirs, s.writeCertificates, s.writeConfig,
		func(ctx context.Context) error { return s.slapadd(ctx, s.baseLDIF()+"\n"+options.LDIF) },
		s.startOnFreePorts,
	} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.Stop())
		}
	}
	return s, nil
}

// Stop ends the server and removes its data. It may be called again.
func (s *Server) Stop() error {
	return errors.Join(s.Halt(), os.RemoveAll(s.dir))
}

// Halt ends the server and keeps its data, for Restart.
func (s *Server) Halt() error {
	return s.process.Stop()
}

// Restart ends the server if it runs and starts it with the same addresses and data.
func (s *Server) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
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

// LDAPSURL is the address where TLS comes first.
func (s *Server) LDAPSURL() string { return s.ldapsURL }

// LDAPURL is the address that speaks plain text, and TLS after StartTLS.
func (s *Server) LDAPURL() string { return s.ldapURL }

// CAPEM is the authority that signed the server's certificate.
func (s *Server) CAPEM() []byte { return s.ca.Cert }

// Password is the password of RootDN, ReaderDN, LimitedDN and SyncDN.
func (s *Server) Password() string { return s.password }

// String says whether the server runs, and what it logged last.
func (s *Server) String() string { return s.process.String() }

// PID is the process id, for tests that freeze the server.
func (s *Server) PID() int { return s.process.PID() }

func (s *Server) file(name string) string { return filepath.Join(s.dir, name) }

func (s *Server) makeDirs(context.Context) (err error) {
	if s.dir, err = os.MkdirTemp("", "rollcall-slapd-"); err != nil {
		return err
	}
	s.Acts = s.newActs()
	return errors.Join(os.Mkdir(s.file("accesslog"), 0o700), os.Mkdir(s.file("main"), 0o700))
}

func (s *Server) writeCertificates(context.Context) (err error) {
	if s.ca, err = certs.NewCA("rollcall-test-slapd-ca"); err != nil {
		return err
	}
	pair, err := s.ca.Issue(pkix.Name{CommonName: "slapd"}, "127.0.0.1", "localhost")
	return errors.Join(err,
		os.WriteFile(s.file("ca.crt"), s.ca.Cert, 0o600),
		os.WriteFile(s.file("slapd.crt"), pair.Cert, 0o600),
		os.WriteFile(s.file("slapd.key"), pair.Key, 0o600))
}

// slapadd writes the main database, which is number 2, without the server.
func (s *Server) slapadd(ctx context.Context, ldif string) error {
	path := s.file("load.ldif")
	if err := os.WriteFile(path, []byte(ldif), 0o600); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, slapaddPath, "-f", s.file("slapd.conf"), "-n", "2", "-q", "-w", "-l", path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("slapadd refuses the LDIF or the configuration: %w:\n%s", err, out)
	}
	return nil
}

func (s *Server) startOnFreePorts(ctx context.Context) (err error) {
	s.process, err = process.StartOnFreePorts(2, func(ports []int) (*process.Process, error) {
		s.ldapURL = fmt.Sprintf("ldap://127.0.0.1:%d", ports[0])
		s.ldapsURL = fmt.Sprintf("ldaps://127.0.0.1:%d", ports[1])
		return s.run(ctx)
	})
	return err
}

// run stays in the foreground because of -d; with "none" the log has errors only, with 0 not even those.
func (s *Server) run(ctx context.Context) (*process.Process, error) {
	return process.Start(ctx, process.Command{
		Path: slapdPath,
		Args: []string{"-f", s.file("slapd.conf"), "-h", s.ldapURL + " " + s.ldapsURL, "-d", "none"},
		Log:  s.file("slapd.log"),
		Ready: func(context.Context) error {
			conn, err := s.Root()
			if err != nil {
				return err
			}
			return conn.Close()
		},
	})
}
