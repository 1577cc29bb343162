// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package outcome_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/outcome"
)

func TestOutcome(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Outcome")
}

var _ = Describe("A problem", func() {
	DescribeTable("knows its kind, reason, message and delay", func(made *outcome.Problem, want outcome.Problem) {
		Expect(*made).To(Equal(want))
		Expect(made).To(MatchError(want.Message))
	},
		Entry("transient", outcome.Transientf("Unreachable", "cannot reach %s", "x"),
			outcome.Problem{Kind: outcome.Transient, Reason: "Unreachable", Message: "cannot reach x"}),
		Entry("waiting", outcome.Waitingf(time.Minute, "RoleNotFound", "no role %q", "edit"),
			outcome.Problem{Kind: outcome.Waiting, Reason: "RoleNotFound", Message: `no role "edit"`, After: time.Minute}),
		Entry("terminal", outcome.Terminalf("InvalidConfig", "bad %d", 1),
			outcome.Problem{Kind: outcome.Terminal, Reason: "InvalidConfig", Message: "bad 1"}),
	)

	It("is found in a chain of errors", func() {
		problem := outcome.Terminalf("InvalidConfig", "bad")
		Expect(outcome.Of(problem, "Failed")).To(BeIdenticalTo(problem))
		Expect(outcome.Of(fmt.Errorf("read: %w", problem), "Failed")).To(BeIdenticalTo(problem))
		Expect(outcome.Of(errors.Join(errors.New("other"), problem), "Failed")).To(BeIdenticalTo(problem))
	})

	It("is made of any other error, and goes away by itself", func() {
		Expect(outcome.Of(errors.New("100% odd"), "Failed")).To(Equal(
			&outcome.Problem{Kind: outcome.Transient, Reason: "Failed", Message: "100% odd"}))
	})

	It("is none where there is no error", func() {
		Expect(outcome.Of(nil, "Failed")).To(BeIdenticalTo((*outcome.Problem)(nil)))
	})
})
