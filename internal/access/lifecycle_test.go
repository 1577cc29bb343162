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

var _ = Describe("Acceptance", func() {
	DescribeTable("waits for what is missing", func(reason, message string, edits ...edit) {
		s := newStory(append(edits, approved("bob"))...)
		s.at(now)
		Expect(s.verdict.State).To(Equal(access.Pending))
		Expect(s.verdict.Reason).To(Equal(reason))
		Expect(s.verdict.Message).To(Equal(message))
		Expect(s.verdict.Record).To(Equal(access.Record{}))
		Expect(s.verdict.Recheck).To(Equal(sec(540)), "ten minutes after it was made")
		Expect(s.verdict.Approvals).To(BeEmpty())
		Expect(s.verdict.Review).To(BeEmpty())
		Expect(s.answer("bob-Approve")).To(Equal(v1alpha1.ReasonPending))
		Expect(s.at(sec(540)).Record).To(Equal(access.Record{End: new(metav1.NewTime(sec(540))), EndReason: reason}), "but not for ever")
	},
		Entry("no Grant", v1alpha1.ReasonGrantNotFound, `Grant "g" does not exist`, grantGone),
		Entry("no Grant and nobody who asks", v1alpha1.ReasonGrantNotFound, `Grant "g" does not exist`, grantGone, userGone, locked),
		Entry("nobody of that name", v1alpha1.ReasonUserNotFound, `no User is called "corp:alice" in Kubernetes`, userGone),
		Entry("no subject", v1alpha1.ReasonNotASubject, `User "alice" is not among the subjects of Grant "g"`, notASubject),
		Entry("no subject, for review afterwards", v1alpha1.ReasonNotASubject, `User "alice" is not among the subjects of Grant "g"`,
			notASubject, afterUse),
	)

	DescribeTable("ends at once for whoever is kept out", func(reason string, edits ...edit) {
		s := newStory(edits...)
		back := asBefore(newStory())
		Expect(s.at(now).Record).To(Equal(access.Record{End: new(metav1.NewTime(now)), EndReason: reason}))
		Expect(s.at(sec(60), back).State).To(Equal(access.Ended), "and gives nothing once they may act again")
	},
		Entry("locked", v1alpha1.ReasonLocked, locked),
		Entry("locked and no subject", v1alpha1.ReasonLocked, notASubject, locked),
		Entry("suspended", v1alpha1.ReasonUserInactive, suspended),
		Entry("suspended, for review afterwards", v1alpha1.ReasonUserInactive, suspended, afterUse),
	)

	DescribeTable("is refused for good", func(reason, message string, edits ...edit) {
		s := newStory(append(edits, approved("bob"))...)
		back := asBefore(newStory(approved("bob")))
		v := s.at(now.Add(300 * time.Millisecond))
		Expect(v.State).To(Equal(access.Ended))
		Expect(v.Reason).To(Equal(reason))
		Expect(v.Message).To(Equal(message))
		Expect(v.Record).To(Equal(access.Record{End: new(metav1.NewTime(now)), EndReason: reason}))
		Expect(v.Recheck).To(BeZero())
		Expect(v.Review).To(BeEmpty())
		Expect(s.answer("bob-Approve")).To(Equal(v1alpha1.ReasonRequestEnded))
		Expect(s.at(sec(60), back).Record).To(Equal(v.Record), "however it is afterwards")
	},
		Entry("a Grant that is there always", v1alpha1.ReasonNotOnRequest,
			`Grant "g" is not one to ask for: its activation is not OnRequest`, always),
		Entry("a Grant without a policy", v1alpha1.ReasonNotOnRequest,
			`Grant "g" is not one to ask for: its activation is not OnRequest`, ofGrant(func(g *v1alpha1.Grant) { g.Spec.Request = nil })),
		Entry("a Grant that is there always, with a policy", v1alpha1.ReasonNotOnRequest,
			`Grant "g" is not one to ask for: its activation is not OnRequest`,
			ofGrant(func(g *v1alpha1.Grant) { g.Spec.Activation = v1alpha1.ActivationAlways })),
		Entry("too long", v1alpha1.ReasonDurationTooLong,
			`7201 s are more than spec.request.maxDurationSeconds of Grant "g": ask for less`, seconds(7201)),
		Entry("no ticket", v1alpha1.ReasonTicketRefused,
			`the ticket does not match spec.request.requireTicket of Grant "g": ask with one`, ticket("", "CHG-[0-9]+")),
		Entry("too long, before the ticket", v1alpha1.ReasonDurationTooLong,
			`7201 s are more than spec.request.maxDurationSeconds of Grant "g": ask for less`, seconds(7201), ticket("", "CHG-[0-9]+")),
		Entry("too long, before who asks", v1alpha1.ReasonDurationTooLong,
			`7201 s are more than spec.request.maxDurationSeconds of Grant "g": ask for less`, seconds(7201), userGone),
		Entry("too long, for review afterwards", v1alpha1.ReasonDurationTooLong,
			`7201 s are more than spec.request.maxDurationSeconds of Grant "g": ask for less`, seconds(7201), afterUse),
	)

	DescribeTable("wants the whole ticket to match", func(ticketGiven, pattern string, fits bool) {
		v := newStory(ticket(ticketGiven, pattern)).at(now)
		if fits {
			Expect(v.Reason).To(Equal(v1alpha1.ReasonPending))
		} else {
			Expect(v.Reason).To(Equal(v1alpha1.ReasonTicketRefused))
		}
	},
		Entry("none is asked for", "", "", true),
		Entry("none is asked for, one is given", "CHG-1", "", true),
		Entry("one that fits", "CHG-1", "CHG-[0-9]+", true),
		Entry("something before it", "XCHG-1", "CHG-[0-9]+", false),
		Entry("something after it", "CHG-1x", "CHG-[0-9]+", false),
		Entry("a line after it", "CHG-1\n", "CHG-[0-9]+", false),
		Entry("a line before it", "x\nCHG-1", "(?m)CHG-[0-9]+", false),
		Entry("the first of two", "CHG", "CHG|INC-[0-9]+", true),
		Entry("the first of two, and more", "CHG-1", "CHG|INC-[0-9]+", false),
		Entry("something before the second of two", "XINC-1", "CHG|INC-[0-9]+", false),
		Entry("anchors of its own", "CHG-1", "^CHG-1$", true),
		Entry("what does not parse fits nothing", "CHG-(", "CHG-(", false),
		Entry("an empty one that may be empty", "", "(CHG-1)?", true),
	)

	It("records whom and what it is for, at the limit of what may be asked for", func() {
		v := newStory(seconds(7200), quorum(3)).at(now)
		Expect(v.Record).To(Equal(access.Record{
			Grant: &v1alpha1.GrantVersion{
				UID: "uid-g", Generation: 1, Approval: v1alpha1.ApprovalBeforeUse, Quorum: 3, Time: metav1.NewTime(sec(-86400)),
			},
			User: &v1alpha1.Requester{Name: "alice", UID: "uid-alice"},
		}))
		Expect(v.Message).To(Equal(`0 of 3 approvals; who may approve: Group "leads", User "bob"`))
	})

	DescribeTable("says from when on Approvals are about the Grant as it is", func(generation int64, written, want time.Time) {
		s := newStory(ofGrant(func(g *v1alpha1.Grant) { g.Generation = generation }))
		s.facts.GrantWritten = written
		Expect(s.at(now.Add(900 * time.Millisecond)).Record.Grant.Time.Time).To(Equal(want))
		Expect(s.at(sec(3600)).Record.Grant.Time.Time).To(Equal(want), "once and for all")
	},
		Entry("since it was created, if nobody changed it", int64(1), time.Time{}, sec(-86400)),
		Entry("since it was created, whatever else was written", int64(1), sec(-5), sec(-86400)),
		Entry("since the second after it was changed", int64(2), sec(-10), sec(-9)),
		Entry("since the second after that in which it was changed", int64(2), sec(-10).Add(999*time.Millisecond), sec(-9)),
		Entry("since two seconds ago", int64(7), sec(-3), sec(-2)),
		Entry("from now, if it was changed a second ago", int64(2), sec(-1), now),
		Entry("from now, if nobody knows", int64(2), time.Time{}, now),
	)

	It("is for Approvals that are surely later than the Grant, however near", func() {
		for _, written := range []time.Time{now, sec(5), sec(3600)} {
			s := newStory(grantChanged)
			s.facts.GrantWritten = written
			Expect(s.at(now).Record.Grant.Time.Time).To(BeTemporally(">=", now))
		}
	})

	It("comes with what is missing", func() {
		s := newStory(grantGone, userGone, approved("bob"))
		full := asBefore(newStory(approved("bob")))
		Expect(s.at(now).Reason).To(Equal(v1alpha1.ReasonGrantNotFound))
		Expect(s.at(sec(600), full).State).To(Equal(access.Active))
		Expect(s.verdict.Record.Start.Time).To(Equal(sec(600)))
	})
})

var _ = Describe("The beginning", func() {
	It("is in the second of the decision, and its end whole seconds later", func() {
		v := newStory(approved("bob")).at(now.Add(999 * time.Millisecond))
		Expect(v.State).To(Equal(access.Active))
		Expect(v.Reason).To(Equal(v1alpha1.ReasonActive))
		Expect(v.Message).To(Equal("approved by corp:bob"))
		Expect(*v.Record.Start).To(Equal(metav1.NewTime(now)))
		Expect(*v.Record.Expire).To(Equal(metav1.NewTime(sec(3600))))
		Expect(v.Recheck).To(Equal(sec(3600)))
	})

	DescribeTable("waits for as many as the quorum", func(n int32, by []string, active bool) {
		s := newStory(quorum(n))
		for _, name := range by {
			s.change([]edit{approved(name)})
		}
		s.at(now)
		if active {
			Expect(s.verdict.State).To(Equal(access.Active))
			return
		}
		Expect(s.verdict.State).To(Equal(access.Pending))
		Expect(s.verdict.Reason).To(Equal(v1alpha1.ReasonPending))
		Expect(s.verdict.Record.Start).To(BeNil())
		Expect(s.verdict.Record.Expire).To(BeNil())
	},
		Entry("none of one", int32(1), nil, false),
		Entry("one of one", int32(1), []string{"bob"}, true),
		Entry("two of one", int32(1), []string{"bob", "carol"}, true),
		Entry("one of two", int32(2), []string{"bob"}, false),
		Entry("two of two", int32(2), []string{"bob", "carol"}, true),
		Entry("one of two twice", int32(2), []string{"bob", "bob"}, false),
		Entry("two of three", int32(3), []string{"bob", "carol"}, false),
	)

	It("waits for nobody where it is reviewed afterwards", func() {
		v := newStory(afterUse, quorum(2)).at(now)
		Expect(v.State).To(Equal(access.Active))
		Expect(v.Message).To(Equal("given at once, to be reviewed afterwards"))
		Expect(v.Review).To(Equal(access.NotReviewed))
	})

	It("has no review where it was approved before", func() {
		Expect(newStory(approved("bob")).at(now).Review).To(BeEmpty())
	})

	from := func(t time.Time) []edit { return []edit{asksFrom(t)} }
	with := func(edits ...edit) []edit { return edits }
	zero := time.Time{}

	DescribeTable("and the end are within what is asked for and what the Grant says",
		func(edits []edit, at time.Time, state access.State, reason string, expire, recheck time.Time) {
			v := newStory(append(edits, approved("bob"))...).at(at)
			Expect(v.State).To(Equal(state))
			Expect(v.Reason).To(Equal(reason))
			Expect(v.Recheck).To(Equal(recheck))
			if state == access.Active {
				Expect(v.Record.Start.Time).To(Equal(at))
				Expect(v.Record.Expire.Time).To(Equal(expire))
			} else {
				Expect(v.Record.Start).To(BeNil())
				Expect(v.Record.Expire).To(BeNil())
			}
		},
		Entry("at once", with(), sec(7), access.Active, "Active", sec(3607), sec(3607)),
		Entry("before its start", from(sec(60)), sec(59), access.NotStarted, "NotStarted", zero, sec(60)),
		Entry("at its start", from(sec(60)), sec(60), access.Active, "Active", sec(3660), sec(3660)),
		Entry("late after its start, and no longer", from(sec(60)), sec(3659), access.Active, "Active", sec(3660), sec(3660)),
		Entry("too late after its start", from(sec(60)), sec(3660), access.Ended, "Expired", zero, zero),
		Entry("before the Grant's start", with(opens(sec(60))), sec(59), access.NotStarted, "NotStarted", zero, sec(60)),
		Entry("at the Grant's start, for the whole time", with(opens(sec(60))), sec(60), access.Active, "Active", sec(3660), sec(3660)),
		Entry("before both starts, the request's first", with(asksFrom(sec(60)), opens(sec(90))), now,
			access.NotStarted, "NotStarted", zero, sec(60)),
		Entry("between both starts", with(asksFrom(sec(60)), opens(sec(90))), sec(60), access.NotStarted, "NotStarted", zero, sec(90)),
		Entry("after both starts", with(asksFrom(sec(60)), opens(sec(90))), sec(90), access.Active, "Active", sec(3660), sec(3660)),
		Entry("over before the Grant's start", with(asksFrom(now), opens(sec(7200))), sec(3600), access.Ended, "Expired", zero, zero),
		Entry("until the Grant's end", with(closes(sec(600))), now, access.Active, "Active", sec(600), sec(600)),
		Entry("until the Grant's end, after a start", with(asksFrom(sec(60)), closes(sec(600))), sec(60),
			access.Active, "Active", sec(600), sec(600)),
		Entry("until its own end before the Grant's", with(closes(sec(3601))), now, access.Active, "Active", sec(3600), sec(3600)),
		Entry("just before the Grant's end", with(closes(sec(600))), sec(599), access.Active, "Active", sec(600), sec(600)),
		Entry("at the Grant's end", with(closes(sec(600))), sec(600), access.Ended, "GrantClosed", zero, zero),
		Entry("within the Grant's whole window", with(opens(sec(10)), closes(sec(20))), sec(10), access.Active, "Active", sec(20), sec(20)),
		Entry("for the shortest time", with(seconds(1)), now, access.Active, "Active", sec(1), sec(1)),
		Entry("review afterwards, before its start", append(from(sec(60)), afterUse), now, access.NotStarted, "NotStarted", zero, sec(60)),
	)

	It("that waits for approval is looked at again when it would be too late", func() {
		Expect(newStory(asksFrom(sec(60))).at(now).Recheck).To(Equal(sec(3660)))
		Expect(newStory(closes(sec(600))).at(now).Recheck).To(Equal(sec(600)))
		Expect(newStory().at(now).Recheck).To(Equal(sec(7*86400 - 60)))
	})

	It("waits again where an approval is withdrawn before it", func() {
		s := newStory(asksFrom(sec(60)), approved("bob"))
		Expect(s.at(now).State).To(Equal(access.NotStarted))
		Expect(s.at(sec(1), takenBack("bob-Approve")).State).To(Equal(access.Pending))
		Expect(s.at(sec(60)).State).To(Equal(access.Pending))
		Expect(s.at(sec(70), approved("carol")).State).To(Equal(access.Active))
	})
})
