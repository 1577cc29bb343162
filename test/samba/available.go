// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package samba

import (
	"errors"
	"fmt"
	"os"

	"github.com/onsi/ginkgo/v2"
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
	for _, path := range []string{sambaPath, sambaToolPath, setupPath, ldbmodifyPath, nsenterPath} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("samba is not installed: %w: run hack/install-directory-servers.sh as root", err)
		}
	}
	if os.Geteuid() != 0 {
		return errors.New("samba needs a network namespace of its own, for its ports are fixed: run as root")
	}
	return nil
}

// SkipUnlessAvailable skips the spec where there is no Samba. In CI that is a failure: there every spec must have run.
func SkipUnlessAvailable() {
	ginkgo.GinkgoHelper()
	err := Available()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		ginkgo.Fail(err.Error())
	default:
		ginkgo.Skip(err.Error())
	}
}
