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

	"github.com/rollcall-iam/rollcall/test/internal/ldapserver"
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
)

// Options say what the directory holds at first. The zero value is ready to use.
type Options struct {
	// People is how many people there are, named by UID, in groups of twenty, named by Team.
	People int
}

// Server is a running domain controller.
type Server struct {
	*ldapserver.Server

	namespace   *namespace
	ldap, ldaps *forwarder
}

// Start returns once the server answers.
func Start(ctx context.Context, options Options) (*Server, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, ldapserver.StartTimeout)
	defer cancel()
	// Three kinds of characters, as the domain's policy wants it.
	base, err := ldapserver.New(ldapserver.Options{Name: "samba", RootDN: RootDN, Password: "Aa1-" + rand.Text()})
	if err != nil {
		return nil, err
	}
	s := &Server{Server: base}
	for _, step := range []func(context.Context) error{
		s.provision, s.writeConfig, s.forward, s.Restart,
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
	err := errors.Join(s.Server.Stop(), s.ldap.close(), s.ldaps.close(), s.namespace.close())
	s.ldap, s.ldaps, s.namespace = nil, nil, nil
	return err
}

// forward leads free ports into the namespace, while the server is halted too: they then close each connection at once.
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
	if s.ldaps, err = to("127.0.0.1:636"); err != nil {
		return err
	}
	s.ListensAt(s.ldap.address(), s.ldaps.address())
	// It stays in the foreground because of -i; one process does all, so there is one to end.
	s.Runs(nsenterPath, "--net="+s.namespace.path(), sambaPath, "-i", "-M", "single", "-s", s.File("smb.conf"))
	return nil
}
