// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package dirsrv runs 389 Directory Server as a child process on free loopback ports, with TLS, content synchronization
// (RFC 4533) and the plug-ins that companies use.
package dirsrv

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"

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
	RootDN = "cn=Directory Manager"
	// ReaderDN may read everything, at once and in searches that persist.
	ReaderDN = "cn=reader,ou=services," + BaseDN

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
	*ldapserver.Server
	*ldapacts.Acts
}

// Start returns once the server answers and has its entries.
func Start(ctx context.Context, options Options) (*Server, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, ldapserver.StartTimeout)
	defer cancel()
	base, err := ldapserver.New(ldapserver.Options{Name: "dirsrv", RootDN: RootDN, Password: rand.Text()})
	if err != nil {
		return nil, err
	}
	s := &Server{Server: base}
	s.Acts = s.newActs()
	for _, step := range []func(context.Context) error{
		s.makeDirs, s.fillCertificateDatabase, s.listen,
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
	semaphore := "/dev/shm/sem." + filepath.Base(s.Dir()) + ".stats"
	return errors.Join(s.Server.Stop(), os.RemoveAll(semaphore))
}

func (s *Server) makeDirs(context.Context) error {
	for _, name := range []string{"certs", "db", "log", "run", "schema"} {
		if err := os.Mkdir(s.File(name), 0o700); err != nil {
			return err
		}
	}
	return nil
}

// listen starts it. It stays in the foreground because of -d, which takes the place of the configured log level. Without -i the server
// takes the null device for its pid file, and as root denies everybody else to write there.
func (s *Server) listen(ctx context.Context) error {
	s.Runs(nsslapdPath, "-D", s.Dir(), "-i", s.File("run/pid"), "-d", defaultLogLevel)
	return s.StartOnFreePorts(ctx, s.writeConfig)
}
