// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/access"
)

// waits decides at a time without writing it, and says what came of the wait.
func waits(s *story, at time.Time, edits ...edit) (access.Outcome, time.Duration) {
	s.change(edits)
	return access.Waited(s.facts.Request, access.Decide(s.facts, at))
}

// expect is told once: when it is written it is the past.
func expectOnce(s *story, at time.Time, wanted access.Outcome, took time.Duration, edits ...edit) {
	GinkgoHelper()
	outcome, waited := waits(s, at, edits...)
	Expect(outcome).To(Equal(wanted))
	Expect(waited).To(Equal(took))
	s.at(at)
	again, _ := waits(s, at.Add(time.Second))
	Expect(again).To(BeEmpty())
}

// The request was made a minute before now.
var _ = Describe("The wait for approval", func() {
	It("goes on while too few have approved", func() {
		outcome, _ := waits(newStory(quorum(2)), now, approved("dave"))
		Expect(outcome).To(BeEmpty())
	})
	It("is over with the approval that was missing, whenever that is noticed", func() {
		expectOnce(newStory(), sec(30), access.WaitApproved, time.Minute, approved("dave"))
	})
	It("is until the decision, where access begins later", func() {
		expectOnce(newStory(asksFrom(sec(600))), sec(600), access.WaitApproved, time.Minute, approved("dave"))
	})
	It("is over with a denial", func() {
		expectOnce(newStory(), sec(30), access.WaitDenied, time.Minute, denied("dave"))
	})
	It("comes to nothing where the request ends before", func() {
		s := newStory()
		s.at(now)
		expectOnce(s, sec(30), access.WaitUndecided, 90*time.Second, grantGone)
	})
	It("is none where approval comes after use, and where the request is not accepted", func() {
		outcome, _ := waits(newStory(ofPolicy(func(p *v1alpha1.RequestPolicy) { p.Approval = v1alpha1.ApprovalAfterUse })), now)
		Expect(outcome).To(BeEmpty())
		outcome, _ = waits(newStory(seconds(7201)), now)
		Expect(outcome).To(BeEmpty())
	})
	It("is none of a request that ends later, having been approved", func() {
		s := newStory(approved("dave"))
		s.at(now)
		outcome, _ := waits(s, sec(3600))
		Expect(outcome).To(BeEmpty())
	})
})
