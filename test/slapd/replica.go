// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package slapd

import (
	"context"
	"crypto/rand"
	"crypto/x509/pkix"
	"errors"
	"os"
	"strings"
)

// consumer is what a replica's main database has besides (slapd.conf, syncrepl): it takes every change from its provider, and asks for the
// next connection each second. Overlays that write of their own would write twice what the provider's have written.
const consumer = `
syncrepl rid=001 provider=ldap://{provider} type=refreshAndPersist retry="1 +"
  searchbase="{base}" bindmethod=simple binddn="{root}" credentials={password}
overlay ppolicy
`

// StartReplica starts a server that takes everything from a provider, by way of an address that passes plain LDAP on to it. It has the
// provider's password and authority; what it serves is the provider's data as far as it has arrived.
func StartReplica(ctx context.Context, provider *Server, address string) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s := &Server{password: provider.password, ca: provider.ca}
	writeConfig := func(context.Context) error {
		before, rest, _ := strings.Cut(config, "overlay memberof\n")
		_, after, _ := strings.Cut(rest, "overlay ppolicy\n")
		filled := strings.ReplaceAll(s.fill(before+consumer+after), "{provider}", address)
		return os.WriteFile(s.file("slapd.conf"), []byte(filled), 0o600)
	}
	for _, step := range []func(context.Context) error{s.makeDirs, s.issueCertificate, writeConfig, s.startOnFreePorts} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.Stop())
		}
	}
	return s, nil
}

// issueCertificate is a certificate by the authority that is there already.
func (s *Server) issueCertificate(context.Context) error {
	pair, err := s.ca.Issue(pkix.Name{CommonName: "slapd-" + rand.Text()}, "127.0.0.1", "localhost")
	return errors.Join(err,
		os.WriteFile(s.file("ca.crt"), s.ca.Cert, 0o600),
		os.WriteFile(s.file("slapd.crt"), pair.Cert, 0o600),
		os.WriteFile(s.file("slapd.key"), pair.Key, 0o600))
}
