// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package dirsrv runs 389 Directory Server as a child process on free loopback ports, with TLS, content synchronization
// (RFC 4533) and the plug-ins that companies use.
package dirsrv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
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
	RootDN = "cn=Directory Manager"
	// ReaderDN may read everything, at once and in searches that persist.
	ReaderDN = "cn=reader,ou=services," + BaseDN

	startTimeout = time.Minute
	// defaultLogLevel is 389 Directory Server's own: errors, warnings and notices.
	defaultLogLevel = "266354688"
)

// Options say what the directory holds at first. The zero value is ready to use.
type Options struct {
	// LDIF is loaded as Load does. The base entry, the organizational units and the reader are there already.
	LDIF string
}

// Server is a running 389 Directory Server.
type Server struct {
	*ldapacts.Acts

	dir      string
	password string
	ca       *certs.CA
	ldapURL  string
	ldapsURL string
	process  *process.Process
}

// Start returns once the server answers and has its entries.
func Start(ctx context.Context, options Options) (*Server, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s := &Server{password: rand.Text()}
	for _, step := range []func(context.Context) error{
		s.makeDirs, s.writeCertificates, s.startOnFreePorts,
		func(context.Context) error { return s.Load(s.baseLDIF() + "\n" + options.LDIF) },
	} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.Stop())
		}
	}
	return s, nil
}

// Stop ends the server and removes its data. It may be called again.
func (s *Server) Stop() error {
	// A server that had to be killed leaves its semaphore, which is in shared memory.
	semaphore := "/dev/shm/sem." + filepath.Base(s.dir) + ".stats"
	return errors.Join(s.Halt(), os.RemoveAll(s.dir), os.RemoveAll(semaphore))
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

// Password is the password of RootDN and ReaderDN.
func (s *Server) Password() string { return s.password }

// PID is the process id, for tests that freeze the server.
func (s *Server) PID() int { return s.process.PID() }

func (s *Server) file(name string) string { return filepath.Join(s.dir, name) }

func (s *Server) makeDirs(context.Context) (err error) {
	if s.dir, err = os.MkdirTemp("", "rollcall-dirsrv-"); err != nil {
		return err
	}
	s.Acts = s.newActs()
	var failures []error
	for _, name := range []string{"certs", "db", "log", "run", "schema"} {
		failures = append(failures, os.Mkdir(s.file(name), 0o700))
	}
	return errors.Join(failures...)
}

func (s *Server) startOnFreePorts(ctx context.Context) (err error) {
	s.process, err = process.StartOnFreePorts(2, func(ports []int) (*process.Process, error) {
		s.ldapURL = fmt.Sprintf("ldap://127.0.0.1:%d", ports[0])
		s.ldapsURL = fmt.Sprintf("ldaps://127.0.0.1:%d", ports[1])
		if err := s.writeConfig(ports[0], ports[1]); err != nil {
			return nil, err
		}
		return s.run(ctx)
	})
	return err
}

// run stays in the foreground because of -d, which takes the place of the configured log level. Without -i the server
// takes the null device for its pid file, and as root denies everybody else to write there.
func (s *Server) run(ctx context.Context) (*process.Process, error) {
	return process.Start(ctx, process.Command{
		Path: nsslapdPath,
		Args: []string{"-D", s.dir, "-i", s.file("run/pid"), "-d", defaultLogLevel},
		Log:  s.file("ns-slapd.log"),
		Ready: func(context.Context) error {
			conn, err := s.Root()
			if err != nil {
				return err
			}
			return conn.Close()
		},
	})
}
