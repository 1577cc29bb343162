// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package samba runs Samba as an Active Directory domain controller: a child process in a network namespace of its own,
// for its ports are fixed, reachable over TLS on free loopback ports.
package samba

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/rollcall-iam/rollcall/test/internal/certs"
	"github.com/rollcall-iam/rollcall/test/internal/process"
)

const (
	// BaseDN is above everything.
	BaseDN = "DC=ad,DC=example,DC=test"
	// PeopleDN is where people belong.
	PeopleDN = "OU=people," + BaseDN
	// GroupsDN is where groups belong.
	GroupsDN = "OU=groups," + BaseDN
	// ElsewhereDN is where people are who moved away.
	ElsewhereDN = "OU=elsewhere," + BaseDN
	// RootDN may do everything.
	RootDN = "CN=Administrator,CN=Users," + BaseDN
	// ReaderDN is a plain domain user: may read, and has no right to replicate.
	ReaderDN = "CN=reader,OU=services," + BaseDN
	// SyncDN is a plain domain user too, who may also read which entries were deleted, as administrators usually grant it
	// to accounts that synchronize.
	SyncDN = "CN=sync,OU=services," + BaseDN

	startTimeout = time.Minute
)

// Options say what the directory holds at first. The zero value is ready to use.
type Options struct {
	// People is how many people there are, named by UID, in groups of twenty, named by Team.
	People int
}

// Server is a running domain controller.
type Server struct {
	dir       string
	password  string
	ca        *certs.CA
	namespace *namespace
	ldap      *forwarder
	ldaps     *forwarder
	process   *process.Process
}

// Start returns once the server answers.
func Start(ctx context.Context, options Options) (*Server, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s := &Server{password: "Aa1-" + rand.Text()} // Three kinds of characters, as the domain's policy wants it.
	for _, step := range []func(context.Context) error{
		s.makeDirs, s.writeCertificates, s.provision, s.writeConfig, s.forward, s.Restart,
		s.addAccounts, s.showDeleted,
		func(context.Context) error {
			return s.AddPeople(0, options.People, func(i int) string { return Team(i / teamSize) })
		},
	} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.Stop())
		}
	}
	return s, nil
}

// Stop ends the server and removes its data. It may be called again.
func (s *Server) Stop() error {
	err := errors.Join(s.Halt(), s.ldap.close(), s.ldaps.close(), s.namespace.close(), os.RemoveAll(s.dir))
	s.ldap, s.ldaps, s.namespace = nil, nil, nil
	return err
}

// Halt ends the server and keeps its data, for Restart. Its ports then close each connection at once.
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
func (s *Server) LDAPSURL() string { return "ldaps://" + s.ldaps.address() }

// LDAPURL is the address that speaks plain text, and TLS after StartTLS.
func (s *Server) LDAPURL() string { return "ldap://" + s.ldap.address() }

// CAPEM is the authority that signed the server's certificate.
func (s *Server) CAPEM() []byte { return s.ca.Cert }

// Password is the password of RootDN, ReaderDN, SyncDN and everybody whom AddPerson adds.
func (s *Server) Password() string { return s.password }

// PID is the process id, for tests that freeze the server.
func (s *Server) PID() int { return s.process.PID() }

func (s *Server) file(name ...string) string {
	return filepath.Join(append([]string{s.dir}, name...)...)
}

func (s *Server) forward(ctx context.Context) (err error) {
	if s.namespace, err = newNamespace(); err != nil {
		return err
	}
	to := func(address string) (*forwarder, error) {
		inside := s.namespace
		return newForwarder(ctx, func(ctx context.Context) (net.Conn, error) { return inside.dial(ctx, address) })
	}
	if s.ldap, err = to("127.0.0.1:389"); err != nil {
		return err
	}
	s.ldaps, err = to("127.0.0.1:636")
	return err
}

// run stays in the foreground because of -i; one process does all, so there is one to end.
func (s *Server) run(ctx context.Context) (*process.Process, error) {
	return process.Start(ctx, process.Command{
		Path: nsenterPath,
		Args: []string{"--net=" + s.namespace.path(), sambaPath, "-i", "-M", "single", "-s", s.file("smb.conf")},
		Log:  s.file("samba.log"),
		Ready: func(context.Context) error {
			conn, err := s.Root()
			if err != nil {
				return err
			}
			return conn.Close()
		},
	})
}
