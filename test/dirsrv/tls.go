// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package dirsrv

import (
	"context"
	"fmt"
	"os/exec"
)

// certificateName is what the configuration's nsSSLPersonalitySSL says.
const certificateName = "Server-Cert"

// fillCertificateDatabase makes the NSS database that the server reads: it takes keys from PKCS #12 alone.
func (s *Server) fillCertificateDatabase(ctx context.Context) error {
	database := "sql:" + s.File("certs")
	for _, command := range [][]string{
		{
			opensslPath, "pkcs12", "-export", "-name", certificateName, "-passout", "pass:",
			"-in", s.File("dirsrv.crt"), "-inkey", s.File("dirsrv.key"), "-out", s.File("dirsrv.p12"),
		},
		{certutilPath, "-d", database, "-N", "--empty-password"},
		{certutilPath, "-d", database, "-A", "-n", "CA", "-t", "CT,,", "-i", s.File("ca.crt")},
		{pk12utilPath, "-d", database, "-i", s.File("dirsrv.p12"), "-W", ""},
	} {
		if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("make the certificate database: %s: %w:\n%s", command[0], err, out)
		}
	}
	return nil
}
