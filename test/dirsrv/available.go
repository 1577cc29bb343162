// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package dirsrv

import "github.com/rollcall-iam/rollcall/test/internal/installed"

const (
	nsslapdPath  = "/usr/sbin/ns-slapd"
	certutilPath = "/usr/bin/certutil"
	pk12utilPath = "/usr/bin/pk12util"
	opensslPath  = "/usr/bin/openssl"
	// templatePath is the configuration that every new instance starts from.
	templatePath = "/usr/share/dirsrv/data/template-dse.ldif"
)

// Available says whether 389 Directory Server can run here, and what to do if not.
func Available() error {
	return installed.Check("389 Directory Server", "389-ds-base, libnss3-tools and openssl",
		nsslapdPath, certutilPath, pk12utilPath, opensslPath, templatePath)
}
