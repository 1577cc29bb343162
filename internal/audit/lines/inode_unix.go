// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package lines

import (
	"io/fs"
	"syscall"
)

// inodeOf is which file it is, until another one gets that inode.
func inodeOf(info fs.FileInfo) uint64 {
	status, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return status.Ino
}
