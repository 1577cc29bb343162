// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import "syscall"

// attributes: dies with its parent; its own group, so that Ctrl-C reaches the parent alone.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
