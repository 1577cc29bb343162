// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"strings"
	"time"
	"unicode/utf8"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/status"
)

var (
	earlier = time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC)
	now     = time.Date(2026, 11, 23, 12, 0, 0, 999, time.UTC)
)

func condition(kind string, value metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: value, Reason: reason, Message: message}
}

func stored(c metav1.Condition, generation int64, at time.Time) metav1.Condition {
	c.ObservedGeneration, c.LastTransitionTime = generation, metav1.NewTime(at)
	return c
}

var _ = Describe("The summary", func() {
	It("of an object that is well is Ready alone", func() {
		Expect(status.Ready("Synced", "all is well")).To(Equal([]metav1.Condition{
			condition("Ready", metav1.ConditionTrue, "Synced", "all is well"),
		}))
	})

	DescribeTable("of a problem says who can solve it", func(problem *outcome.Problem, second string) {
		Expect(status.NotReady(problem)).To(Equal([]metav1.Condition{
			condition("Ready", metav1.ConditionFalse, problem.Reason, problem.Message),
			condition(second, metav1.ConditionTrue, problem.Reason, problem.Message),
		}))
	},
		Entry("a person", outcome.Terminalf("InvalidConfig", "bad filter"), "Stalled"),
		Entry("time", outcome.Transientf("Unreachable", "no route"), "Reconciling"),
		Entry("something else", outcome.Waitingf(time.Minute, "RoleNotFound", "no role"), "Reconciling"),
	)
})

var _ = Describe("Merging conditions", func() {
	ready := condition("Ready", metav1.ConditionTrue, "Synced", "all is well")

	It("sets generation and time of new ones, to the second", func() {
		Expect(status.Merge(nil, []metav1.Condition{ready}, 7, now)).To(Equal([]metav1.Condition{
			stored(ready, 7, now.Truncate(time.Second)),
		}))
	})

	It("keeps the time while the status is the same, whatever else changes", func() {
		before := stored(condition("Ready", metav1.ConditionTrue, "Mirroring", "working"), 6, earlier)
		Expect(status.Merge([]metav1.Condition{before}, []metav1.Condition{ready}, 7, now)).To(Equal([]metav1.Condition{
			stored(ready, 7, earlier),
		}))
	})

	It("sets the time anew when the status changes, whatever stays", func() {
		before := stored(condition("Ready", metav1.ConditionFalse, "Synced", "all is well"), 7, earlier)
		Expect(status.Merge([]metav1.Condition{before}, []metav1.Condition{ready}, 7, now)[0].LastTransitionTime.Time).To(
			Equal(now.Truncate(time.Second)))
	})

	It("drops what is not wanted any more, and sorts", func() {
		stalled := stored(condition("Stalled", metav1.ConditionTrue, "X", ""), 1, earlier)
		active := condition("Active", metav1.ConditionUnknown, "DirectoryPending", "wait")
		merged := status.Merge([]metav1.Condition{stalled}, []metav1.Condition{ready, active}, 1, now)
		Expect(merged).To(HaveLen(2))
		Expect(merged[0].Type).To(Equal("Active"))
		Expect(merged[1].Type).To(Equal("Ready"))
	})

	It("leaves what it was given as it was", func() {
		wanted := []metav1.Condition{ready, condition("Active", metav1.ConditionTrue, "Active", "")}
		status.Merge(nil, wanted, 7, now)
		Expect(wanted[0]).To(Equal(ready))
	})

	DescribeTable("makes messages fit to be stored", func(message, want string) {
		merged := status.Merge(nil, []metav1.Condition{condition("Ready", metav1.ConditionTrue, "Synced", message)}, 1, now)
		Expect(merged[0].Message).To(Equal(want))
		Expect(utf8.ValidString(merged[0].Message)).To(BeTrue())
	},
		Entry("of 1024 bytes", strings.Repeat("x", 1024), strings.Repeat("x", 1024)),
		Entry("of 1025 bytes", strings.Repeat("x", 1025), strings.Repeat("x", 1021)+"..."),
		Entry("that would be cut within a character", strings.Repeat("é", 600), strings.Repeat("é", 510)+"..."),
		Entry("that are no text, which the API server would store as another", "bad \xff end", "bad ? end"),
		Entry("that are empty", "", ""),
	)
})

var _ = Describe("Sameness", func() {
	ready := condition("Ready", metav1.ConditionTrue, "Synced", "all is well")
	stalled := condition("Stalled", metav1.ConditionTrue, "X", "stuck")
	merged := []metav1.Condition{stored(ready, 7, now)}

	DescribeTable("is of everything but the time", func(want bool, current ...metav1.Condition) {
		Expect(status.Same(current, merged, status.Summary()...)).To(Equal(want))
	},
		Entry("equal", true, stored(ready, 7, earlier)),
		Entry("none before", false),
		Entry("another generation", false, stored(ready, 6, now)),
		Entry("another status", false, stored(condition("Ready", metav1.ConditionFalse, "Synced", "all is well"), 7, now)),
		Entry("another reason", false, stored(condition("Ready", metav1.ConditionTrue, "Paused", "all is well"), 7, now)),
		Entry("another message", false, stored(condition("Ready", metav1.ConditionTrue, "Synced", "fine"), 7, now)),
		Entry("one of ours too many", false, stored(ready, 7, now), stored(stalled, 7, now)),
		Entry("one of somebody else's", true, stored(ready, 7, now), stored(condition("Theirs", "True", "X", ""), 1, now)),
	)

	It("does not depend on the order in which they are stored", func() {
		both := status.Merge(nil, []metav1.Condition{ready, stalled}, 7, now)
		Expect(status.Same([]metav1.Condition{both[1], both[0]}, both, status.Summary()...)).To(BeTrue())
	})

	It("is true of what was merged and stored", func() {
		long := condition("Ready", metav1.ConditionFalse, "Failed", strings.Repeat("ü\xfe", 2000))
		once := status.Merge(nil, []metav1.Condition{long}, 7, now)
		again := status.Merge(once, []metav1.Condition{long}, 7, now.Add(time.Hour))
		Expect(status.Same(once, again, status.Summary()...)).To(BeTrue())
		Expect(again).To(Equal(once))
	})
})

var _ = Describe("What is applied", func() {
	It("has every field of every condition", func() {
		c := stored(condition("Ready", metav1.ConditionTrue, "Synced", "all is well"), 7, now)
		applied := status.Apply([]metav1.Condition{c})
		Expect(applied).To(HaveLen(1))
		Expect(metav1.Condition{
			Type: *applied[0].Type, Status: *applied[0].Status, Reason: *applied[0].Reason, Message: *applied[0].Message,
			ObservedGeneration: *applied[0].ObservedGeneration, LastTransitionTime: *applied[0].LastTransitionTime,
		}).To(Equal(c))
	})
})
