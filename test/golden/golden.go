// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package golden compares with files that somebody has looked at.
package golden

import (
	"flag"
	"os"
	"path/filepath"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Expect compares with testdata/<file>; go test PACKAGE -update writes it.
func Expect(file, got string) {
	ginkgo.GinkgoHelper()
	gomega.Expect(got).To(gomega.Equal(Kept(file, got)))
}

// Kept is what testdata/<file> holds, for those who wait until they get it; with -update it is written anew first.
func Kept(file, got string) string {
	ginkgo.GinkgoHelper()
	path := filepath.Join("testdata", file)
	if *update {
		gomega.Expect(os.MkdirAll(filepath.Dir(path), 0o755)).To(gomega.Succeed())
		gomega.Expect(os.WriteFile(path, []byte(got), 0o644)).To(gomega.Succeed())
	}
	want, err := os.ReadFile(path)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	return string(want)
}

// ExpectYAML compares an answer, in YAML, with testdata/<name>.golden.
func ExpectYAML(name string, answer any) {
	ginkgo.GinkgoHelper()
	got, err := yaml.Marshal(answer)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	Expect(name+".golden", string(got))
}
