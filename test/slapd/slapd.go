// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package slapd runs OpenLDAP's slapd as a child process on free loopback ports, with TLS, the overlays that companies
// use, and a size limit that makes paging necessary.
package slapd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/rollcall-iam/rollcall/test/internal/ldapacts"
	"github.com/rollcall-iam/rollcall/test/internal/ldapserver"
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
)

// Options say what the directory holds at first. The zero value is ready to use.
type Options struct {
	// LDIF is loaded before the start with slapadd: fast, but overlays do not see it, so entries have no memberOf.
	// The base entry, the organizational units and the accounts above are there already.
	LDIF string
}

// Server is a running slapd.
type Server struct {
	*ldapserver.Server
	*ldapacts.Acts
}

// Start returns once the server answers.
func Start(ctx context.Context, options Options) (*Server, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, ldapserver.StartTimeout)
	defer cancel()
	s, err := newServer(ldapserver.Options{Password: rand.Text()})
	if err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{
		func(context.Context) error { return s.writeConfig(config) },
		func(ctx context.Context) error { return s.slapadd(ctx, s.baseLDIF()+"\n"+options.LDIF) },
		s.listen,
	} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.Stop())
		}
	}
	return s, nil
}

func newServer(o ldapserver.Options) (*Server, error) {
	o.Name, o.RootDN = "slapd", RootDN
	base, err := ldapserver.New(o)
	if err != nil {
		return nil, err
	}
	s := &Server{Server: base}
	s.Acts = s.newActs()
	if err := errors.Join(os.Mkdir(s.File("accesslog"), 0o700), os.Mkdir(s.File("main"), 0o700)); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// slapadd writes the main database, which is number 2, without the server.
func (s *Server) slapadd(ctx context.Context, ldif string) error {
	path := s.File("load.ldif")
	if err := os.WriteFile(path, []byte(ldif), 0o600); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, slapaddPath, "-f", s.File("slapd.conf"), "-n", "2", "-q", "-w", "-l", path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("slapadd refuses the LDIF or the configuration: %w:\n%s", err, out)
	}
	return nil
}

// listen starts it. It stays in the foreground because of -d; with "none" the log has errors only, with 0 not even those.
func (s *Server) listen(ctx context.Context) error {
	return s.StartOnFreePorts(ctx, func(int, int) error {
		s.Runs(slapdPath, "-f", s.File("slapd.conf"), "-h", s.LDAPURL()+" "+s.LDAPSURL(), "-d", "none")
		return nil
	})
}
