// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package gitops_test

import (
	"context"
	"strings"

	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/slapd"
)

func personDN(uid string) string { return slapd.PersonDN(uid) }

// bound are the people whom a Grant's binding in namespace pay names.
func bound(ctx context.Context, grant string) []string {
	return strings.Fields(kubectl(ctx, "", "get", "rolebindings", "-n", "pay", "-l", "iam.rollcall.dev/grant="+grant,
		"-o", "jsonpath={.items[*].subjects[*].name}"))
}

// people are the names of all Users.
func people(ctx context.Context) []string {
	return strings.Fields(kubectl(ctx, "", "get", "users", "-o", "jsonpath={.items[*].metadata.name}"))
}

// fingerprint is of the robot's certificate.
func fingerprint(ctx context.Context) string {
	found := kubectl(ctx, "", "get", "user", "deploy-bot", "-o", "jsonpath={.status.certificate.fingerprint}")
	Expect(found).NotTo(ContainSubstring(" "))
	return found
}
