// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/test/golden"
)

const day = 24 * time.Hour

// acting is a User who may act, was made so long ago, and seen so long ago; never where that is negative.
func acting(name string, made, seen time.Duration, grants ...string) v1alpha1.User {
	u := v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: *at(-made)}}
	u.Status = v1alpha1.UserStatus{
		Username: "corp:" + name, Grants: grants,
		Conditions: []metav1.Condition{conditionOf(v1alpha1.ConditionActive, metav1.ConditionTrue, v1alpha1.ReasonActive)},
	}
	u.Spec.DirectoryRef = &v1alpha1.NameReference{Name: "corp"}
	if seen >= 0 {
		u.Status.LastSeenTime = at(-seen)
	}
	return u
}

var _ = Describe("Who was not seen", func() {
	company := func() []v1alpha1.User {
		out := acting("mallory", 400*day, 300*day, "admin")
		out.Status.Conditions[0].Status = metav1.ConditionFalse
		local := acting("robot", 400*day, 100*day)
		local.Spec.DirectoryRef = nil
		return []v1alpha1.User{
			acting("alice", 400*day, time.Hour, "edit"), acting("bob", 400*day, 200*day, "edit", "view"), acting("carol", 120*day, -1, "view"),
			acting("dave", 89*day, -1), acting("erin", 400*day, 90*day), acting("frank", 400*day, 90*day-time.Second), out, local,
		}
	}
	table := func(wide bool, coverage *usage.Coverage) string {
		found := quietOnes(company(), now().Add(-90*day))
		found.Coverage = coverage
		found.judge()
		w := &tableWriter{}
		quietRows(w, found, wide, now())
		return w.render(false)
	}

	It("is listed, whoever is away for longest first", func() {
		golden.Expect("dormant.golden", table(false, &usage.Coverage{Share: usage.Covered}))
		golden.Expect("dormant-wide.golden", table(true, &usage.Coverage{Share: 1}))
	})

	It("is called dormant by nobody who does not know", func() {
		golden.Expect("dormant-unknown.golden", table(false, &usage.Coverage{Share: usage.Covered - 0.001}))
		Expect(table(false, nil)).To(Equal(table(false, &usage.Coverage{})))
	})
})

var _ = DescribeTable("A share", func(share float64, told string) { Expect(usage.Percent(share)).To(Equal(told)) },
	Entry("of all", 1.0, "100 %"), Entry("of nearly all", 0.99999, "99.9 %"), Entry("of half", 0.5, "50 %"), Entry("of nothing", 0.0, "0 %"),
)

var _ = Describe("Gaps", func() {
	gap := func(begin, length time.Duration) usage.Gap {
		return usage.Gap{Since: *at(begin), Until: *at(begin + length), Reason: "Restart"}
	}

	It("are told the largest, in order", func() {
		a, b, c, d := gap(0, time.Hour), gap(2*time.Hour, time.Minute), gap(3*time.Hour, 2*time.Hour), gap(9*time.Hour, 3*time.Hour)
		Expect(largestGaps([]usage.Gap{a, b, c, d})).To(Equal([]usage.Gap{a, c, d}))
		Expect(largestGaps([]usage.Gap{b})).To(Equal([]usage.Gap{b}))
		Expect(largestGaps(nil)).To(BeEmpty())
	})

	It("are told in a line", func() {
		one := gap(0, time.Hour)
		Expect(gapLine(one)).To(Equal("2026-07-01T10:00:00Z to 2026-07-01T11:00:00Z (60m): Restart"))
		one.Server, one.Message, one.Lost = "10.0.0.1", "it did not say anything", 7
		Expect(gapLine(one)).To(HaveSuffix("(60m), API server 10.0.0.1: it did not say anything (7 events lost)"))
	})
})

var _ = DescribeTable("A role's name", func(of, want string) { Expect(roleName(of)).To(Equal(want)) },
	Entry("of a User", "alice", "recommended-alice"), Entry("of a username", "corp:al", "recommended-corp:al"),
	Entry("of one that a role may not have", "https://idp/%2e#al", "recommended-https:--idp--2e#al"),
)
