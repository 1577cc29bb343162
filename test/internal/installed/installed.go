// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package installed says whether the programs are there that a fixture runs.
package installed

import (
	"fmt"
	"os"

	"github.com/onsi/ginkgo/v2"
)

// Check says which of a program's files is missing, and which of Debian's packages bring them.
func Check(program, packages string, paths ...string) error {
	for _, path := range paths {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%s is not installed: %w: run hack/install-test-servers.sh as root, or install Debian's packages %s",
				program, err, packages)
		}
	}
	return nil
}

// OrSkip skips the spec for such an error. In CI that is a failure: there every spec must have run.
func OrSkip(err error) {
	ginkgo.GinkgoHelper()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		ginkgo.Fail(err.Error())
	default:
		ginkgo.Skip(err.Error())
	}
}
