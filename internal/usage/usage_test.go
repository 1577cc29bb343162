// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package usage_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

var _ = Describe("A Grant", func() {
	window := usage.Window{Since: at(0), Until: at(1000)}
	never := func() *metav1.Time { return nil }
	when := func(seconds int) func() *metav1.Time { return func() *metav1.Time { return new(moment(seconds)) } }

	DescribeTable("is", func(last, needed func() *metav1.Time, begun int, share float64, want v1alpha1.GrantUsage, message string) {
		total := usage.Total{Last: last(), Needed: needed()}
		Expect(usage.Judge(total, at(begun), window, usage.Coverage{Share: share})).To(Equal(usage.Verdict{Usage: want, Message: message}))
	},
		Entry("used", when(9), when(5), -100, 1.0, v1alpha1.GrantUsed, "last needed at 2026-11-26T12:00:05Z"),
		Entry("used from the first moment on", when(0), when(0), -100, 1.0, v1alpha1.GrantUsed, "last needed at 2026-11-26T12:00:00Z"),
		Entry("used, whatever is covered and however new it is", when(9), when(9), 8, 0.0, v1alpha1.GrantUsed,
			"last needed at 2026-11-26T12:00:09Z"),
		Entry("redundant where it was never needed", when(9), never, -100, 1.0, v1alpha1.GrantRedundant,
			"last used at 2026-11-26T12:00:09Z; whatever was done by it since 2026-11-26T12:00:00Z, something else allowed as well"),
		Entry("redundant where it was needed before", when(9), when(-1), -100, 0.0, v1alpha1.GrantRedundant,
			"last used at 2026-11-26T12:00:09Z; whatever was done by it since 2026-11-26T12:00:00Z, something else allowed as well"),
		Entry("redundant from the first moment on", when(0), never, -100, 0.0, v1alpha1.GrantRedundant,
			"last used at 2026-11-26T12:00:00Z; whatever was done by it since 2026-11-26T12:00:00Z, something else allowed as well"),
		Entry("unknown where it is new", never, never, 1, 1.0, v1alpha1.GrantUnknown,
			"not used yet; it gives something only since 2026-11-26T12:00:01Z"),
		Entry("unknown where too little is covered", when(-1), when(-1), 0, 0.98999, v1alpha1.GrantUnknown,
			"no use is known since 2026-11-26T12:00:00Z, but only 98.9 % of that time is covered by audit events"),
		Entry("unused", never, never, 0, 0.99, v1alpha1.GrantUnused,
			"not used since 2026-11-26T12:00:00Z; 99 % of that time is covered by audit events"),
		Entry("unused where it was used before", when(-1), when(-1), -100, 1.0, v1alpha1.GrantUnused,
			"not used since 2026-11-26T12:00:00Z; 100 % of that time is covered by audit events"),
	)

	It("is told in UTC", func() {
		east := time.FixedZone("east", 2*60*60)
		verdict := usage.Judge(usage.Total{}, at(-1), usage.Window{Since: at(0).In(east)}, usage.Coverage{Share: 1})
		Expect(verdict.Message).To(HavePrefix("not used since 2026-11-26T12:00:00Z"))
	})
})

var _ = DescribeTable("A share in words", func(share float64, want string) { Expect(usage.Percent(share)).To(Equal(want)) },
	Entry("nothing", 0.0, "0 %"), Entry("all", 1.0, "100 %"), Entry("nearly all", 0.99999999, "99.9 %"), Entry("half", 0.5, "50 %"),
	Entry("a little", 0.0009, "0 %"), Entry("what must be covered", usage.Covered, "99 %"), Entry("a part of a percent", 0.7254, "72.5 %"),
)
