// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/internal/checkout"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	fenced  = regexp.MustCompile("(?s)\n *```.*?\n *```")
	code    = regexp.MustCompile("`[^`\n]*`")
	dropped = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
)

// anchors are the places of a page that links can name, as GitHub makes them of headings.
func anchors(text string) []string {
	headings := heading.FindAllStringSubmatch(text, -1)
	found := make([]string, len(headings))
	for i, match := range headings {
		found[i] = strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(match[1]), ""), " ", "-")
	}
	return found
}

// broken are the links of a page that lead nowhere in the checkout.
func broken(page string) (links []string) {
	GinkgoHelper()
	text, err := os.ReadFile(page)
	Expect(err).NotTo(HaveOccurred())
	for _, match := range link.FindAllStringSubmatch(code.ReplaceAllString(fenced.ReplaceAllString(string(text), ""), ""), -1) {
		target, anchor, _ := strings.Cut(match[1], "#")
		if strings.Contains(match[1], "://") {
			continue
		}
		path := page
		if target != "" {
			path = filepath.Join(filepath.Dir(page), target)
		}
		if !leads(path, anchor) {
			links = append(links, fmt.Sprintf("%s: %s", page, match[1]))
		}
	}
	return links
}

func leads(path, anchor string) bool {
	GinkgoHelper()
	text, err := os.ReadFile(path)
	if anchor == "" {
		_, err := os.Stat(path)
		return err == nil
	}
	return err == nil && strings.Contains("\n"+strings.Join(anchors(string(text)), "\n")+"\n", "\n"+anchor+"\n")
}

var _ = Describe("Links between pages", func() {
	It("lead to a file, and to a heading that is there", func() {
		root, err := checkout.Root()
		Expect(err).NotTo(HaveOccurred())
		var links []string
		pages := 0
		for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "config/*/*.md"} {
			found, err := filepath.Glob(filepath.Join(root, pattern))
			Expect(err).NotTo(HaveOccurred())
			pages += len(found)
			for _, page := range found {
				links = append(links, broken(page)...)
			}
		}
		Expect(pages).To(BeNumerically(">", 20))
		Expect(links).To(BeEmpty())
	})
})
