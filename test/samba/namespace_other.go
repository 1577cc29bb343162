// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package samba

import (
	"context"
	"errors"
	"net"
)

// namespace: only Linux has them.
type namespace struct{}

func newNamespace() (*namespace, error) { return nil, errors.ErrUnsupported }

func (*namespace) path() string { return "" }

func (*namespace) dial(context.Context, string) (net.Conn, error) { return nil, errors.ErrUnsupported }

func (*namespace) close() error { return nil }
