// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"fmt"
	"os/user"
	"strconv"
	"syscall"
)

// attributes: dies with its parent; its own group, so that Ctrl-C reaches the parent alone.
func attributes(userName string) (*syscall.SysProcAttr, error) {
	a := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if userName == "" {
		return a, nil
	}
	u, err := user.Lookup(userName)
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", userName, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", userName, err)
	}
	// The kernel forgets Pdeathsig where the user changes: Go asks for it after that.
	a.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return a, nil
}
