// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldap

import (
	"context"
	"slices"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// Watch implements directory.Source: by DirSync where the schema is Active Directory's, else by content synchronization.
func (s *Source) Watch(ctx context.Context, from []string, tell func(directory.News)) error {
	if s.users.schema == v1alpha1.SchemaActiveDirectory {
		return s.watchDirSync(ctx, from, tell)
	}
	return s.watchSyncrepl(ctx, from, tell)
}

// Way is the reason that ChangesWatched has while a watch goes on.
func (s *Source) Way() string {
	if s.users.schema == v1alpha1.SchemaActiveDirectory {
		return v1alpha1.ReasonDirSync
	}
	return v1alpha1.ReasonSyncrepl
}

// connect dials and binds. The connection closes when ctx ends: go-ldap does not look at contexts while it waits, and cancelling alone
// would neither end a search at the server nor show as an error.
func (s *Source) connect(ctx context.Context) (connection *ldap.Conn, closeIt func(), err error) {
	connection, err = s.dial(ctx)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = connection.Close() })
	closeIt = func() { stop(); _ = connection.Close() }
	// go-ldap waits for the end of a TLS handshake without a limit.
	limit := time.AfterFunc(answerTimeout, func() { _ = connection.Close() })
	defer limit.Stop()
	if err := s.secure(connection); err != nil {
		closeIt()
		return nil, nil, err
	}
	return connection, closeIt, nil
}

// open connects, and makes sure that the server offers a control.
func (s *Source) open(ctx context.Context, control, called string) (connection *ldap.Conn, closeIt func(), err error) {
	connection, closeIt, err = s.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	root, err := rootDSE(connection)
	if err != nil {
		closeIt()
		return nil, nil, watchProblem(err, s.users.baseDN, s.bindDN, false)
	}
	if !slices.Contains(root.GetEqualFoldAttributeValues(attrSupportedControl), control) {
		closeIt()
		return nil, nil, outcome.Terminalf(v1alpha1.ReasonNotSupported, "%s does not offer %s (control %s)", s.url, called, control)
	}
	return connection, closeIt, nil
}
