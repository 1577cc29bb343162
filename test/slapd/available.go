// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package slapd

import (
	"fmt"
	"os"

	"github.com/onsi/ginkgo/v2"
)

const (
	slapdPath   = "/usr/sbin/slapd"
	slapaddPath = "/usr/sbin/slapadd"
)

// Available says whether a slapd is installed, and what to do if not.
func Available() error {
	for _, path := range []string{slapdPath, slapaddPath} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("slapd is not installed: %w: run hack/install-directory-servers.sh as root, "+
				"or install Debian's package slapd", err)
		}
	}
	return nil
}

// SkipUnlessAvailable skips the spec where there is no slapd. In CI that is a failure: there every spec must have run.
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
