// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package outcome_test

import (
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/outcome"
)

var _ = Describe("Names in a message", func() {
	letters := func(n int) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf("%c", 'a'+i)
		}
		return list
	}

	DescribeTable("are the first ten, and how many more there are", func(names []string, want string) {
		before := slices.Clone(names)
		Expect(outcome.Bounded(names)).To(Equal(want))
		Expect(names).To(Equal(before))
	},
		Entry("none", nil, ""),
		Entry("one", letters(1), "a"),
		Entry("two", letters(2), "a, b"),
		Entry("ten", letters(10), "a, b, c, d, e, f, g, h, i, j"),
		Entry("eleven", letters(11), "a, b, c, d, e, f, g, h, i, j and 1 more"),
		Entry("twenty", letters(20), "a, b, c, d, e, f, g, h, i, j and 10 more"),
		Entry("in their own order", []string{"z", "a"}, "z, a"),
		Entry("with signs that formats know", []string{"100%s", "%d"}, "100%s, %d"),
	)

	DescribeTable("of objects are said with their kind, in quotes", func(names []string, want string) {
		before := slices.Clone(names)
		Expect(outcome.Names("Lock", names)).To(Equal(want))
		Expect(names).To(Equal(before))
	},
		Entry("none", nil, ""),
		Entry("one", letters(1), `Lock "a"`),
		Entry("two", letters(2), `Lock "a", Lock "b"`),
		Entry("eleven", letters(11),
			`Lock "a", Lock "b", Lock "c", Lock "d", Lock "e", Lock "f", Lock "g", Lock "h", Lock "i", Lock "j" and 1 more`),
		Entry("with quotes of their own", []string{`a"b`}, `Lock "a\"b"`),
	)
})

var _ = Describe("Several problems as one", func() {
	It("tell all, with the first one's reason, and stay for a person if one of them does", func() {
		first, second := outcome.Transientf("A", "a is missing"), outcome.Terminalf("B", "b is refused")
		Expect(outcome.Whole([]*outcome.Problem{first, second})).To(Equal(
			&outcome.Problem{Kind: outcome.Terminal, Reason: "A", Message: "a is missing; b is refused"}))
		Expect(outcome.Whole([]*outcome.Problem{first})).To(Equal(first))
		Expect(first.Kind).To(Equal(outcome.Transient), "unchanged")
	})
})
