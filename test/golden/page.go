// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package golden

import (
	"os"
	"strings"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
)

// ExpectPart compares the part of a page that is made of the code, between the lines <!-- generated: PART --> and <!-- end: PART -->.
// With -update it is written anew; the rest of the page is somebody's own words.
func ExpectPart(path, part, got string) {
	ginkgo.GinkgoHelper()
	first, last := "<!-- generated: "+part+" -->\n", "<!-- end: "+part+" -->\n"
	page, err := os.ReadFile(path)
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	before, rest, found := strings.Cut(string(page), first)
	gomega.Expect(found).To(gomega.BeTrue(), "%s has no line %q", path, first)
	kept, after, found := strings.Cut(rest, last)
	gomega.Expect(found).To(gomega.BeTrue(), "%s has no line %q", path, last)
	if *update {
		kept = got
		gomega.Expect(os.WriteFile(path, []byte(before+first+got+last+after), 0o644)).To(gomega.Succeed())
	}
	gomega.Expect(kept).To(gomega.Equal(got), "%s is not what the code says any more: make docs writes it anew", path)
}
