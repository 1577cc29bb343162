// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package picture_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestPicture(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Picture")
}

// expectGolden compares with testdata/<name>; go test ./internal/picture -update writes it.
func expectGolden(name, got string) {
	GinkgoHelper()
	path := filepath.Join("testdata", name)
	if *update {
		Expect(os.MkdirAll("testdata", 0o755)).To(Succeed())
		Expect(os.WriteFile(path, []byte(got), 0o644)).To(Succeed())
	}
	want, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred())
	Expect(got).To(Equal(string(want)))
}
