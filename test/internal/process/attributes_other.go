// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package process

import (
	"errors"
	"syscall"
)

// attributes: only Linux can tie a child's life to its parent's.
func attributes(userName string) (*syscall.SysProcAttr, error) {
	if userName != "" {
		return nil, errors.New("only on Linux another user can run it")
	}
	return &syscall.SysProcAttr{}, nil
}

func (p *Process) start(oneCore bool) error {
	if oneCore {
		return errors.New("only on Linux it can be kept to one processor")
	}
	return p.cmd.Start()
}
