// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/doctor"
	"github.com/rollcall-iam/rollcall/internal/plain"
)

var _ = Describe("What the doctor says", func() {
	report := &doctor.Report{
		Counts: map[doctor.State]int{doctor.OK: 1, doctor.Failed: 1, doctor.Skipped: 2},
		Checks: []doctor.Check{
			{State: doctor.OK, About: "kinds", Found: "all 9 are served"},
			{
				State: doctor.Failed, About: "directory 王", Found: "a\x1b[31m b", Do: "Do one thing, and then do quite another one.",
				Run: []string{"kubectl describe directory corp --with --a --long --line --of --flags"}, See: "docs/x.md",
			},
			{State: doctor.Skipped, About: "users", Found: "you may not read users", Do: "Ask somebody."},
			{State: doctor.Skipped, About: "groups", Found: "you may not read groups", Do: "Ask somebody."},
		},
	}
	unpainted := func(_ doctor.State, text string) string { return text }

	It("is a line for each check, and below it what to do", func() {
		Expect(doctorPage(report, 0, unpainted)).To(Equal(`ok       kinds         all 9 are served
failed   directory 王  a\x1b[31m b
                       -> Do one thing, and then do quite another one.
                          kubectl describe directory corp --with --a --long --line --of --flags
                          see docs/x.md
skipped  users         you may not read users
skipped  groups        you may not read groups

What was skipped: Ask somebody.
Something does not work: begin with what failed first, others may follow from it. (1 ok, 2 skipped, 1 failed)
`))
	})

	It("fits the terminal, but for what is to be copied", func() {
		const columns = 50
		for line := range strings.Lines(doctorPage(report, columns, unpainted)) {
			if line = strings.TrimSuffix(line, "\n"); strings.Contains(line, "kubectl") || strings.Contains(line, "follow") {
				continue
			}
			Expect(plain.Width(line)).To(BeNumerically("<=", columns), line)
		}
		Expect(doctorPage(report, columns, unpainted)).To(ContainSubstring(
			"-> Do one thing, and then\n                          do quite another one.\n"))
	})

	It("has colours where they are wanted", func() {
		painted := func(state doctor.State, text string) string { return "<" + string(state) + ">" + text }
		Expect(doctorPage(report, 0, painted)).To(ContainSubstring("<failed>failed   directory"))
	})
})

var _ = It("The doctor asks only https URLs that show no user", func(ctx SpecContext) {
	var asked atomic.Int32
	count := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	open, secured := httptest.NewServer(count), httptest.NewTLSServer(count)
	DeferCleanup(open.Close)
	DeferCleanup(secured.Close)
	for _, address := range []string{
		open.URL, strings.Replace(secured.URL, "https://", "https://u:hunter2@", 1), "https:///x", "file:///etc/passwd", "://", "",
	} {
		e := visit(ctx, address, nil)
		Expect(e.Err).To(ContainSubstring("it is not asked"), address)
		Expect(e.URL).NotTo(ContainSubstring("hunter2"))
	}
	Expect(asked.Load()).To(BeZero())
	Expect(visit(ctx, secured.URL, nil)).To(SatisfyAll(HaveField("Err", ""), HaveField("NotAfter", Not(BeZero()))))
	Expect(asked.Load()).To(BeEquivalentTo(1))
})

var _ = DescribeTable("Its last words", func(counts map[doctor.State]int, words string) {
	Expect(verdict(&doctor.Report{Counts: counts})).To(HavePrefix(words))
},
	Entry("where all is well", map[doctor.State]int{doctor.OK: 3, doctor.Note: 1}, "Everything works. (3 ok, 1 note)"),
	Entry("where something was not looked at", map[doctor.State]int{doctor.OK: 3, doctor.Skipped: 1}, "What was looked at works."),
	Entry("where there are warnings", map[doctor.State]int{doctor.Skipped: 1, doctor.Warning: 1}, "It works, and somebody"),
	Entry("where something failed", map[doctor.State]int{doctor.Warning: 1, doctor.Failed: 1}, "Something does not work"),
)
