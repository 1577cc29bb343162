// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package reference_test holds pages and dashboards against the code that they are about. What is labelled
// generated, make docs writes anew.
package reference_test

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/internal/checkout"
)

func TestReference(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Reference")
}

// at is the path of a file of the checkout.
func at(parts ...string) string {
	GinkgoHelper()
	root, err := checkout.Root()
	Expect(err).NotTo(HaveOccurred())
	return filepath.Join(append([]string{root}, parts...)...)
}

func read(parts ...string) string {
	GinkgoHelper()
	content, err := os.ReadFile(at(parts...))
	Expect(err).NotTo(HaveOccurred())
	return string(content)
}
