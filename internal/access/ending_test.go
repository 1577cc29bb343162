// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/access"
)

// reasons are why a request that was accepted ends, whether it is pending or active.
func reasons(body any) {
	DescribeTableSubtree("because of", body,
		Entry("the Grant's deletion", v1alpha1.ReasonGrantNotFound, grantGone),
		Entry("another Grant of that name", v1alpha1.ReasonGrantChanged, grantAnew),
		Entry("a change of the Grant", v1alpha1.ReasonGrantChanged, grantChanged),
		Entry("a Grant that became one for always", v1alpha1.ReasonGrantChanged, func(f *access.Facts) { grantChanged(f); always(f) }),
		Entry("a Lock", v1alpha1.ReasonLocked, locked),
		Entry("a Lock, though nobody is there", v1alpha1.ReasonLocked, func(f *access.Facts) { userGone(f); locked(f) }),
		Entry("a User who is gone", v1alpha1.ReasonUserInactive, userGone),
		Entry("a User who may not act", v1alpha1.ReasonUserInactive, suspended),
		Entry("another User of that name", v1alpha1.ReasonUserInactive, userAnew),
		Entry("whoever left the subjects", v1alpha1.ReasonNotASubject, notASubject),
		Entry("a denial", v1alpha1.ReasonDenied, denied("dave")),
		Entry("the Grant's deletion before a Lock", v1alpha1.ReasonGrantNotFound, func(f *access.Facts) { grantGone(f); locked(f) }),
		Entry("a change of the Grant before a Lock", v1alpha1.ReasonGrantChanged, func(f *access.Facts) { grantChanged(f); locked(f) }),
		Entry("a Lock before a denial", v1alpha1.ReasonLocked, func(f *access.Facts) { locked(f); denied("dave")(f) }),
		Entry("a User who may not act before the subjects", v1alpha1.ReasonUserInactive,
			func(f *access.Facts) { suspended(f); notASubject(f) }),
		Entry("whoever left the subjects before a denial", v1alpha1.ReasonNotASubject,
			func(f *access.Facts) { notASubject(f); denied("dave")(f) }),
	)
}

// endsForGood says that a request that waits, or is active, ends with a reason once an edit is made, and never begins again.
func endsForGood(state access.State, edits ...edit) func(reason string, why edit) {
	return func(reason string, why edit) {
		It("ends it for good", func() {
			s := newStory(edits...)
			Expect(s.at(now).State).To(Equal(state))
			begun, back := s.verdict.Record, asBefore(s)
			v := s.at(sec(60).Add(time.Millisecond), why)
			Expect(v.State).To(Equal(access.Ended))
			Expect(v.Reason).To(Equal(reason))
			Expect(v.Message).NotTo(BeEmpty())
			Expect(v.Recheck).To(BeZero())
			begun.End, begun.EndReason = new(metav1.NewTime(sec(60))), reason
			Expect(v.Record).To(Equal(begun))
			for _, later := range []time.Time{sec(60), sec(61), sec(86400), now, sec(-86400)} {
				Expect(s.at(later, back, approved("erin")).Record).To(Equal(begun))
				Expect(s.verdict.State).To(Equal(access.Ended))
				Expect(s.verdict.Reason).To(Equal(reason))
				Expect(s.verdict.Recheck).To(BeZero())
			}
		})
	}
}

var _ = Describe("The end of a request", func() {
	Context("that waits for approval comes", func() { reasons(endsForGood(access.Pending)) })
	Context("that waits for its time comes", func() { reasons(endsForGood(access.NotStarted, asksFrom(sec(600)), approved("bob"))) })
	Context("that is active comes", func() { reasons(endsForGood(access.Active, approved("bob"))) })
	Context("that is active and to be reviewed comes", func() { reasons(endsForGood(access.Active, afterUse)) })

	DescribeTableSubtree("that is active comes because of too few approvals:",
		func(_ string, why edit) {
			endsForGood(access.Active, approved("bob"), approved("carol"), quorum(2))(v1alpha1.ReasonApprovalWithdrawn, why)
		},
		Entry("one is deleted", "", takenBack("bob-Approve")),
		Entry("an approver may not act", "", about("carol-Approve", func(d *access.Decision) { d.Approver = nil })),
		Entry("an approver is none any more", "", about("carol-Approve", func(d *access.Decision) { d.Named = false })),
		Entry("two approvers turn out to be one person", "", about("carol-Approve", func(d *access.Decision) {
			d.Approver = user("carol", mail("bob@corp.example"))
		})),
		Entry("an approver turns out to be who asks", "", about("carol-Approve", func(d *access.Decision) {
			d.Approver = user("carol", mail("alice@corp.example"))
		})),
	)

	It("does not come while enough approvals are left", func() {
		s := newStory(approved("bob"), approved("carol"))
		Expect(s.at(now).State).To(Equal(access.Active))
		Expect(s.at(sec(1), takenBack("bob-Approve")).State).To(Equal(access.Active))
		Expect(s.verdict.Message).To(Equal("approved by corp:carol"))
		Expect(s.at(sec(2), takenBack("carol-Approve")).Reason).To(Equal(v1alpha1.ReasonApprovalWithdrawn))
	})

	It("comes with its time, for what was not reviewed too", func() {
		for _, edits := range [][]edit{{approved("bob")}, {afterUse}} {
			s := newStory(edits...)
			s.at(now)
			Expect(s.at(sec(3600).Add(-1)).State).To(Equal(access.Active))
			Expect(s.at(sec(3600)).State).To(Equal(access.Ended))
			Expect(s.verdict.Reason).To(Equal(v1alpha1.ReasonExpired))
			Expect(s.verdict.Record.End.Time).To(Equal(sec(3600)))
		}
	})

	It("comes with the Grant's, which cut it short", func() {
		s := newStory(approved("bob"), closes(sec(600)))
		Expect(s.at(now).State).To(Equal(access.Active))
		Expect(s.at(sec(599)).State).To(Equal(access.Active))
		Expect(s.at(sec(600)).State).To(Equal(access.Ended))
		Expect(s.verdict.Record.Expire.Time).To(Equal(sec(600)))
	})

	It("comes with the Grant's while it waits for approval", func() {
		s := newStory(closes(sec(600)))
		Expect(s.at(sec(599)).State).To(Equal(access.Pending))
		Expect(s.at(sec(600)).Reason).To(Equal(v1alpha1.ReasonGrantClosed))
		Expect(s.at(sec(601), approved("bob")).State).To(Equal(access.Ended))
	})

	It("comes after a week without approval, where no time was asked for", func() {
		s := newStory()
		week := 7*86400 - 60 // It was made a minute ago.
		Expect(s.at(sec(week - 1)).State).To(Equal(access.Pending))
		Expect(s.at(sec(week)).Reason).To(Equal(v1alpha1.ReasonExpired))
		Expect(s.at(sec(week), approved("bob")).State).To(Equal(access.Ended))
	})

	It("leaves on record who approved, whatever ended it", func() {
		for _, end := range []edit{grantGone, grantChanged, userGone, locked, unnamedBob} {
			s := newStory(approved("bob"))
			Expect(s.at(now).State).To(Equal(access.Active))
			Expect(s.at(sec(1), end).State).To(Equal(access.Ended))
			Expect(names(s.verdict)).To(Equal([]string{"bob-Approve"}))
			Expect(s.answer("bob-Approve")).To(Equal(v1alpha1.ReasonCounted))
			Expect(names(s.at(sec(2)))).To(Equal([]string{"bob-Approve"}))
		}
	})

	DescribeTable("is told before what else is wrong", func(reason string, at time.Time, why ...edit) {
		s := newStory(approved("bob"), closes(sec(600)))
		s.at(now)
		Expect(s.at(at, why...).Reason).To(Equal(reason))
	},
		Entry("a denial before time", v1alpha1.ReasonDenied, sec(9999), denied("dave")),
		Entry("time before the Grant's end and withdrawal", v1alpha1.ReasonExpired, sec(600), takenBack("bob-Approve")),
		Entry("a denial before withdrawal", v1alpha1.ReasonDenied, sec(1), takenBack("bob-Approve"), denied("bob")),
	)
})

var _ = Describe("A clock", func() {
	It("that goes back takes nothing and gives nothing", func() {
		s := newStory(approved("bob"))
		begun := s.at(now).Record
		for _, at := range []time.Time{sec(-7200), sec(3599), sec(-1), sec(1)} {
			v := s.at(at)
			Expect(v.State).To(Equal(access.Active))
			Expect(v.Record).To(Equal(begun))
			Expect(v.Recheck).To(Equal(sec(3600)))
		}
		Expect(s.at(sec(3600)).State).To(Equal(access.Ended))
		Expect(s.at(sec(1)).State).To(Equal(access.Ended))
		Expect(s.at(now).Record.End.Time).To(Equal(sec(3600)))
	})

	It("that goes back before the Grant was accepted leaves that as it was", func() {
		s := newStory(grantChanged)
		s.at(now)
		Expect(s.at(sec(-3600)).Record.Grant.Time.Time).To(Equal(now))
		Expect(s.at(sec(-3600), approved("bob")).Record.Start.Time).To(Equal(sec(-3600)))
	})

	It("that goes back before its start leaves it active", func() {
		s := newStory(approved("bob"), asksFrom(sec(60)), opens(sec(50)))
		Expect(s.at(sec(60)).State).To(Equal(access.Active))
		Expect(s.at(sec(10)).State).To(Equal(access.Active))
		Expect(s.verdict.Record.Expire.Time).To(Equal(sec(3660)))
	})

	It("that leaps ends what was active, and what is too late", func() {
		s := newStory(approved("bob"))
		s.at(now)
		Expect(s.at(sec(10 * 365 * 86400)).Reason).To(Equal(v1alpha1.ReasonExpired))
		late := newStory(asksFrom(sec(60)))
		late.at(now)
		Expect(late.at(sec(3660), approved("bob")).Reason).To(Equal(v1alpha1.ReasonExpired))
	})
})

// unnamedBob takes bob off the Grant's approvers.
func unnamedBob(f *access.Facts) { about("bob-Approve", unnamed)(f) }
