// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/access"
)

// used is a story of access that was given at once, until its end where ended.
func used(ended bool, edits ...edit) *story {
	GinkgoHelper()
	s := newStory(append([]edit{afterUse}, edits...)...)
	Expect(s.at(now).State).To(Equal(access.Active))
	if ended {
		Expect(s.at(sec(3600)).State).To(Equal(access.Ended))
	}
	Expect(s.verdict.Review).To(Equal(access.NotReviewed))
	return s
}

var _ = Describe("The review of access that was given at once", func() {
	It("finds it right while it is active, and lets it go on", func() {
		s := used(false, quorum(2))
		Expect(s.at(sec(1), later(v1alpha1.DecisionApprove, "bob", 1)).Review).To(Equal(access.NotReviewed))
		v := s.at(sec(2), later(v1alpha1.DecisionApprove, "carol", 2))
		Expect(v.Review).To(Equal(access.Approved))
		Expect(v.State).To(Equal(access.Active))
		Expect(v.Message).To(Equal("approved by corp:bob, corp:carol"))
		Expect(v.Record.Expire.Time).To(Equal(sec(3600)))
	})

	It("finds it wrong while it is active, and ends it", func() {
		s := used(false)
		v := s.at(sec(1), later(v1alpha1.DecisionDeny, "bob", 1))
		Expect(v.Review).To(Equal(access.Denied))
		Expect(v.Reason).To(Equal(v1alpha1.ReasonDenied))
	})

	It("finds it wrong before it begins", func() {
		s := newStory(afterUse, asksFrom(sec(60)))
		Expect(s.at(now).Review).To(BeEmpty())
		Expect(s.at(sec(1), denied("bob")).Review).To(Equal(access.Denied))
		Expect(s.verdict.Record.Start).To(BeNil())
	})

	It("is not needed where it never began", func() {
		s := newStory(afterUse, asksFrom(sec(60)))
		s.at(now)
		Expect(s.at(sec(1), locked).Reason).To(Equal(v1alpha1.ReasonLocked))
		Expect(s.verdict.Review).To(BeEmpty())
		s.at(sec(2), approved("bob"))
		Expect(s.verdict.Review).To(BeEmpty())
		Expect(s.answer("bob-Approve")).To(Equal(v1alpha1.ReasonRequestEnded))
	})

	It("may be taken back while it is active, which ends nothing", func() {
		s := used(false)
		Expect(s.at(sec(1), approved("bob")).Review).To(Equal(access.Approved))
		v := s.at(sec(2), takenBack("bob-Approve"))
		Expect(v.Review).To(Equal(access.NotReviewed))
		Expect(v.State).To(Equal(access.Active))
	})

	DescribeTable("comes after the end", func(review access.Review, edits ...edit) {
		s := used(true)
		ended := s.verdict.Record
		v := s.at(sec(4000), edits...)
		Expect(v.Review).To(Equal(review))
		Expect(v.State).To(Equal(access.Ended))
		Expect(v.Reason).To(Equal(v1alpha1.ReasonExpired), "why it ended stays")
		Expect(v.Record).To(Equal(ended))
	},
		Entry("right", access.Approved, later(v1alpha1.DecisionApprove, "bob", 4000)),
		Entry("wrong", access.Denied, later(v1alpha1.DecisionDeny, "bob", 4000)),
		Entry("wrong, as one of two says", access.Denied,
			later(v1alpha1.DecisionApprove, "bob", 3999), later(v1alpha1.DecisionDeny, "carol", 4000)),
		Entry("by nobody", access.NotReviewed),
		Entry("by whoever asked", access.NotReviewed, decided(v1alpha1.DecisionApprove, user("x", entry("id-alice")), sec(4000))),
		Entry("by somebody who is no approver", access.NotReviewed, approved("bob"), about("bob-Approve", unnamed)),
		Entry("though the Grant changed", access.Approved, grantChanged, approved("bob")),
		Entry("though whoever asked is locked", access.Approved, locked, approved("bob")),
		Entry("not once the Grant is gone", access.Unreviewable, grantGone, approved("bob")),
		Entry("not by the approvers of another Grant of that name", access.Unreviewable, grantAnew, approved("bob")),
		Entry("not once whoever asked is gone", access.Unreviewable, userGone, approved("bob")),
	)

	It("is not by whoever asked, though they and somebody else have new names", func() {
		s := used(true)
		renamed := user("alicia", uid("uid-alice"), entry("id-alice"), mail("alice@corp.example"))
		Expect(s.at(sec(4000), userAnew, approvedBy(renamed)).Review).To(Equal(access.Unreviewable))
		Expect(names(s.verdict)).To(BeEmpty())
	})

	It("is not by their second account either, once somebody else has their name", func() {
		s := used(true)
		second := user("alice-admin", mail("alice@corp.example"))
		Expect(s.at(sec(4000), userAnew, approvedBy(second)).Review).To(Equal(access.Unreviewable))
		Expect(names(s.verdict)).To(BeEmpty())
	})

	It("needs the quorum that the Grant had, from people who may still approve", func() {
		s := used(true, quorum(2))
		Expect(s.at(sec(4000), approved("bob"), quorum(1), grantChanged).Review).To(Equal(access.NotReviewed))
		Expect(s.at(sec(4001), about("bob-Approve", nobody), approved("carol")).Review).To(Equal(access.NotReviewed))
		Expect(names(s.verdict)).To(Equal([]string{"carol-Approve"}))
		Expect(s.at(sec(4002), approved("dave")).Review).To(Equal(access.Approved))
	})

	DescribeTable("stays once it was found", func(review access.Review, by edit, counted string, then ...edit) {
		s := used(true)
		s.at(sec(4000), by)
		Expect(s.verdict.Review).To(Equal(review))
		given := s.verdict.Approvals
		v := s.at(sec(5000), then...)
		Expect(v.Review).To(Equal(review))
		Expect(v.Approvals).To(Equal(given))
		for _, answer := range v.Answers {
			if answer.Approval.Name == counted {
				Expect(answer.Reason).To(Equal(v1alpha1.ReasonCounted))
			} else {
				Expect(answer.Reason).To(BeElementOf(v1alpha1.ReasonRequestEnded, v1alpha1.ReasonRequestNotFound))
			}
			Expect(answer.Message).NotTo(BeEmpty())
		}
	},
		Entry("right, and the Approval deleted", access.Approved, approved("bob"), "", takenBack("bob-Approve")),
		Entry("right, and somebody denies later", access.Approved, approved("bob"), "bob-Approve", denied("carol")),
		Entry("right, and the same person denies later", access.Approved, approved("bob"), "bob-Approve", denied("bob")),
		Entry("right, and the approver leaves", access.Approved, approved("bob"), "bob-Approve", about("bob-Approve", nobody)),
		Entry("right, and the Grant goes", access.Approved, approved("bob"), "bob-Approve", grantGone),
		Entry("right, and the Grant changes", access.Approved, approved("bob"), "bob-Approve", grantChanged),
		Entry("right, and whoever asked goes", access.Approved, approved("bob"), "bob-Approve", userGone),
		Entry("right, and another request of that name is meant", access.Approved, approved("bob"), "bob-Approve",
			denied("carol"), about("carol-Deny", otherUID)),
		Entry("wrong, and the denial deleted", access.Denied, denied("bob"), "", takenBack("bob-Deny")),
		Entry("wrong, and others approve", access.Denied, denied("bob"), "bob-Deny", approved("carol"), approved("dave")),
		Entry("wrong, and the Grant goes", access.Denied, denied("bob"), "bob-Deny", grantGone),
	)

	It("that was found while it was active stays so after the end", func() {
		s := used(false)
		s.at(sec(1), approved("bob"))
		Expect(s.at(sec(3600)).State).To(Equal(access.Ended))
		Expect(s.at(sec(3601), takenBack("bob-Approve"), denied("carol")).Review).To(Equal(access.Approved))
		Expect(names(s.verdict)).To(Equal([]string{"bob-Approve"}))
	})
})

var _ = Describe("Decisions about a request that is over", func() {
	It("are answered, and change nothing", func() {
		s := newStory(approved("bob"))
		s.at(now)
		s.at(sec(3600))
		s.at(sec(3601), approved("carol"), denied("dave"), approved("erin"), about("erin-Approve", otherUID))
		Expect(names(s.verdict)).To(Equal([]string{"bob-Approve"}))
		Expect(s.answer("bob-Approve")).To(Equal(v1alpha1.ReasonCounted))
		Expect(s.answer("carol-Approve")).To(Equal(v1alpha1.ReasonRequestEnded))
		Expect(s.answer("dave-Deny")).To(Equal(v1alpha1.ReasonRequestEnded))
		Expect(s.answer("erin-Approve")).To(Equal(v1alpha1.ReasonRequestNotFound))
		Expect(s.verdict.Reason).To(Equal(v1alpha1.ReasonExpired))
	})

	It("do not count for another of the same name", func() {
		s := newStory(approved("bob"))
		s.at(now)
		s.at(sec(3600))
		s.at(sec(3601), about("bob-Approve", func(d *access.Decision) { d.Approval.UID = "uid-of-another" }))
		Expect(s.answer("bob-Approve")).To(Equal(v1alpha1.ReasonRequestEnded))
	})
})
