// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package slapd

import (
	"context"
	"errors"
	"strings"

	"github.com/rollcall-iam/rollcall/test/internal/ldapserver"
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
	ctx, cancel := context.WithTimeout(ctx, ldapserver.StartTimeout)
	defer cancel()
	s, err := newServer(ldapserver.Options{Password: provider.Password(), CA: provider.CA()})
	if err != nil {
		return nil, err
	}
	before, rest, _ := strings.Cut(config, "overlay memberof\n")
	_, after, _ := strings.Cut(rest, "overlay ppolicy\n")
	err = s.writeConfig(strings.ReplaceAll(before+consumer+after, "{provider}", address))
	if err == nil {
		err = s.listen(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}
