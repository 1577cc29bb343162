// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/rollcall-iam/rollcall/test/internal/installed"
)

// smallDisk is a folder that takes only so much. Making one needs root, and a system that lets it; in CI it has to.
func smallDisk(size string) string {
	GinkgoHelper()
	folder := GinkgoT().TempDir()
	if err := unix.Mount("rollcall", folder, "tmpfs", 0, "size="+size); err != nil {
		installed.OrSkip(fmt.Errorf("a small disk cannot be mounted here: it needs root: %w", err))
	}
	DeferCleanup(func() error { return unix.Unmount(folder, unix.MNT_DETACH) })
	return folder
}

// enlarge makes room on a small disk.
func enlarge(folder, size string) {
	GinkgoHelper()
	Expect(unix.Mount("", folder, "", unix.MS_REMOUNT, "size="+size)).To(Succeed())
}
