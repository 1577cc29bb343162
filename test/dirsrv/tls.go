// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package dirsrv

import (
	"context"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/rollcall-iam/rollcall/test/internal/certs"
)

// certificateName is what the configuration's nsSSLPersonalitySSL says.
const certificateName = "Server-Cert"

// writeCertificates makes the NSS database that the server reads: it takes keys from PKCS #12 alone.
func (s *Server) writeCertificates(ctx context.Context) (err error) {
	if s.ca, err = certs.NewCA("rollcall-test-dirsrv-ca"); err != nil {
		return err
	}
	pair, err := s.ca.Issue(pkix.Name{CommonName: "dirsrv"}, "127.0.0.1", "localhost")
	if err := errors.Join(err,
		os.WriteFile(s.file("ca.crt"), s.ca.Cert, 0o600),
		os.WriteFile(s.file("dirsrv.crt"), pair.Cert, 0o600),
		os.WriteFile(s.file("dirsrv.key"), pair.Key, 0o600)); err != nil {
		return err
	}
	database := "sql:" + s.file("certs")
	for _, command := range [][]string{
		{
			opensslPath, "pkcs12", "-export", "-name", certificateName, "-passout", "pass:",
			"-in", s.file("dirsrv.crt"), "-inkey", s.file("dirsrv.key"), "-out", s.file("dirsrv.p12"),
		},
		{certutilPath, "-d", database, "-N", "--empty-password"},
		{certutilPath, "-d", database, "-A", "-n", "CA", "-t", "CT,,", "-i", s.file("ca.crt")},
		{pk12utilPath, "-d", database, "-i", s.file("dirsrv.p12"), "-W", ""},
	} {
		if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("make the certificate database: %s: %w:\n%s", command[0], err, out)
		}
	}
	return nil
}
