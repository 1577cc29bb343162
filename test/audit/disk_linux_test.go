// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"
)

// smallDisk is a folder that takes only so much. Making one needs root, and a system that lets it.
func smallDisk(size string) string {
	GinkgoHelper()
	folder := GinkgoT().TempDir()
	if err := unix.Mount("rollcall", folder, "tmpfs", 0, "size="+size); err != nil {
		Skip("a small disk cannot be mounted here: it needs root: " + err.Error())
	}
	DeferCleanup(func() error { return unix.Unmount(folder, unix.MNT_DETACH) })
	return folder
}

// enlarge makes room on a small disk.
func enlarge(folder, size string) {
	GinkgoHelper()
	Expect(unix.Mount("", folder, "", unix.MS_REMOUNT, "size="+size)).To(Succeed())
}
