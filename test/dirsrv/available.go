// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package dirsrv

import (
	"fmt"
	"os"

	"github.com/onsi/ginkgo/v2"
)

const (
	nsslapdPath  = "/usr/sbin/ns-slapd"
	certutilPath = "/usr/bin/certutil"
	pk12utilPath = "/usr/bin/pk12util"
	opensslPath  = "/usr/bin/openssl"
	// templatePath is the configuration that every new instance starts from.
	templatePath = "/usr/share/dirsrv/data/template-dse.ldif"
)

// Available says whether 389 Directory Server is installed, and what to do if not.
func Available() error {
	for _, path := range []string{nsslapdPath, certutilPath, pk12utilPath, opensslPath, templatePath} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("389 Directory Server is not installed: %w: run hack/install-directory-servers.sh as root, "+
				"or install Debian's packages 389-ds-base, libnss3-tools and openssl", err)
		}
	}
	return nil
}

// SkipUnlessAvailable skips the spec where there is no 389 Directory Server. In CI that is a failure: there every spec
// must have run.
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
