// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package samba

import (
	"errors"
	"os"

	"github.com/rollcall-iam/rollcall/test/internal/installed"
)

const (
	sambaPath     = "/usr/sbin/samba"
	sambaToolPath = "/usr/bin/samba-tool"
	ldbmodifyPath = "/usr/bin/ldbmodify"
	nsenterPath   = "/usr/bin/nsenter"
	// setupPath is there where a domain controller can be provisioned, not only a file server.
	setupPath = "/usr/share/samba/setup/provision.ldif"
)

// Available says whether a domain controller can run here, and what to do if not.
func Available() error {
	if os.Geteuid() != 0 {
		return errors.New("samba needs a network namespace of its own, for its ports are fixed: run as root")
	}
	return installed.Check("samba", "samba, samba-ad-provision, samba-dsdb-modules, samba-vfs-modules, winbind and ldb-tools",
		sambaPath, sambaToolPath, setupPath, ldbmodifyPath, nsenterPath)
}
