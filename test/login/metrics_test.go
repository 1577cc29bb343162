// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login_test

import (
	"context"
	"regexp"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/internal/scrape"
)

// scraped is what the manager tells.
func scraped(ctx context.Context) string {
	GinkgoHelper()
	return scrape.Text(ctx, manager.Metrics())
}

// metric is a line of it for any series of that name.
func metric(name string) OmegaMatcher { return MatchRegexp(`(?m)^%s[{ ]`, name) }

var _ = Describe("Metrics of a manager that serves logins and the webhook", func() {
	It("are those that the alert rules ask for, but for Directories, audit and an authority of its own", func(ctx SpecContext) {
		others := regexp.MustCompile("^rollcall_(directory|authority|audit|ledger|ocsf)_")
		text, asked := scraped(ctx), 0
		for _, name := range regexp.MustCompile(`rollcall_[a-z_]+`).FindAllString(string(read("../../config/prometheus/rules.yaml")), -1) {
			if !others.MatchString(name) {
				asked++
				Expect(text).To(metric(name))
			}
		}
		Expect(asked).To(BeNumerically(">", 0))
	})

	It("are what docs/metrics.md says of them", func(ctx SpecContext) { scrape.ExpectDescribed(scraped(ctx)) })
})
