// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("Metrics of a manager that serves all there is", func() {
	It("are those that the alert rules ask for, but for those of Directories", func(ctx SpecContext) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, manager.Metrics(), http.NoBody)
		Expect(err).NotTo(HaveOccurred())
		response, err := http.DefaultClient.Do(request)
		Expect(err).NotTo(HaveOccurred())
		text, err := io.ReadAll(response.Body)
		Expect(err).NotTo(HaveOccurred())
		Expect(response.Body.Close()).To(Succeed())
		asked := 0
		for _, name := range regexp.MustCompile(`rollcall_[a-z_]+`).FindAllString(string(read("../../config/prometheus/rules.yaml")), -1) {
			if !strings.HasPrefix(name, "rollcall_directory_") {
				asked++
				Expect(string(text)).To(MatchRegexp(`(?m)^%s[{ ]`, name))
			}
		}
		Expect(asked).To(BeNumerically(">", 0))
	})
})
