// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package slapd

import "github.com/rollcall-iam/rollcall/test/internal/installed"

const (
	slapdPath   = "/usr/sbin/slapd"
	slapaddPath = "/usr/sbin/slapadd"
)

// Available says whether slapd can run here, and what to do if not.
func Available() error {
	return installed.Check("slapd", "slapd", slapdPath, slapaddPath)
}
