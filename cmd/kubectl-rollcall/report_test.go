// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = DescribeTable("The flags of report", func(flags reportFlags, terminal bool, complaint string) {
	err := flags.check(terminal)
	if complaint == "" {
		Expect(err).NotTo(HaveOccurred())
	} else {
		Expect(err).To(MatchError(ContainSubstring(complaint)))
	}
},
	Entry("a page into a pipe", reportFlags{format: outputHTML, days: 30}, false, ""),
	Entry("a page onto a terminal", reportFlags{format: outputHTML, days: 30}, true, "name a file, as in --to access.html"),
	Entry("a page into a file", reportFlags{format: outputHTML, days: 30, to: "a.html"}, true, ""),
	Entry("JSON onto a terminal", reportFlags{format: outputJSON, days: 30}, true, ""),
	Entry("something else", reportFlags{format: outputTable, days: 30}, false, `no report in "table": use html or json`),
	Entry("no days", reportFlags{format: outputHTML}, false, "--days must be 1 to 3650"),
	Entry("too many days", reportFlags{format: outputHTML, days: 3651}, false, "--days must be 1 to 3650"),
)
