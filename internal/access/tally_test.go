// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/access"
)

// names are those of the Approvals that count.
func names(v access.Verdict) []string {
	list := make([]string, 0, len(v.Approvals))
	for _, given := range v.Approvals {
		list = append(list, given.Name)
	}
	return list
}

// later is a decision of somebody that was made so many seconds after the story begins.
func later(decision v1alpha1.Decision, by string, n int) edit {
	return decided(decision, user(by), sec(n))
}

func nobody(d *access.Decision)   { d.Approver, d.Named = nil, false }
func unnamed(d *access.Decision)  { d.Named = false }
func otherUID(d *access.Decision) { d.Approval.Spec.RequestRef.UID = "uid-of-an-earlier-r" }
func madeAt(t time.Time) func(*access.Decision) {
	return func(d *access.Decision) { d.Approval.CreationTimestamp = metav1.NewTime(t) }
}

var _ = Describe("One person", func() {
	DescribeTable("may have several Users", func(a, b *v1alpha1.User, same bool) {
		Expect(access.SamePerson(a, b)).To(Equal(same))
		Expect(access.SamePerson(b, a)).To(Equal(same))
		Expect(access.SamePerson(a, a)).To(BeTrue())
		Expect(access.SamePerson(b, b)).To(BeTrue())
	},
		Entry("one object", user("a"), user("b", uid("uid-a")), true),
		Entry("one object, local", user("a", local), user("b", local, uid("uid-a")), true),
		Entry("one entry of one directory", user("a"), user("b", entry("id-a")), true),
		Entry("one id of two directories", user("a"), user("b", entry("id-a"), of("partners")), false),
		Entry("one id of a directory and of none", user("a"), user("b", entry("id-a"), localMail), false),
		Entry("one id of none", user("a", localMail), user("b", entry("id-a"), localMail), false),
		Entry("ids that differ by case", user("a", entry("id-x")), user("b", entry("ID-X")), false),
		Entry("no id at all", user("a", entry("")), user("b", entry("")), false),
		Entry("one mail address", user("a"), user("b", mail("a@corp.example")), true),
		Entry("one mail address in other case", user("a"), user("b", mail("A@Corp.Example")), true),
		Entry("one mail address in other case, beyond ASCII", user("a", mail("jürgen@corp")), user("b", mail("JÜRGEN@corp")), true),
		Entry("one mail address of two directories", user("a"), user("b", mail("a@corp.example"), of("partners")), true),
		Entry("one mail address, another id", user("a", entry("id-x")), user("b", mail("a@corp.example")), true),
		Entry("no mail address at all", user("a", mail("")), user("b", mail("")), false),
		Entry("a mail address and none", user("a"), user("b", mail("")), false),
		Entry("neither id nor address, in one directory", user("a", entry(""), mail("")), user("b", entry(""), mail("")), false),
		Entry("nothing known of either", user("a", local), user("b", local), false),
		Entry("nothing known of one", user("a"), user("b", local), false),
		Entry("two people", user("a"), user("b"), false),
	)
})

var _ = Describe("An Approval", func() {
	DescribeTable("counts, or is told why not", func(reason string, edits ...edit) {
		s := newStory(append([]edit{approved("bob")}, edits...)...)
		s.at(now)
		Expect(s.answer("bob-Approve")).To(Equal(reason))
		if reason == v1alpha1.ReasonCounted {
			Expect(names(s.verdict)).To(ContainElement("bob-Approve"))
		} else {
			Expect(names(s.verdict)).NotTo(ContainElement("bob-Approve"))
			Expect(s.verdict.State).NotTo(Equal(access.Active))
		}
	},
		Entry("all is well", v1alpha1.ReasonCounted),
		Entry("the request has another uid", v1alpha1.ReasonRequestNotFound, about("bob-Approve", otherUID)),
		Entry("another uid, before it is accepted", v1alpha1.ReasonRequestNotFound, about("bob-Approve", otherUID), grantGone),
		Entry("another uid, of nobody", v1alpha1.ReasonRequestNotFound, about("bob-Approve", otherUID), about("bob-Approve", nobody)),
		Entry("the request is not accepted yet", v1alpha1.ReasonPending, notASubject),
		Entry("made a second before the Grant", v1alpha1.ReasonMadeTooEarly, about("bob-Approve", madeAt(sec(-86401)))),
		Entry("made with the Grant", v1alpha1.ReasonCounted, about("bob-Approve", madeAt(sec(-86400)))),
		Entry("made before nobody knows when the Grant changed", v1alpha1.ReasonMadeTooEarly,
			about("bob-Approve", madeAt(sec(-1))), grantChanged),
		Entry("made with acceptance", v1alpha1.ReasonCounted, grantChanged),
		Entry("made too early, and by nobody", v1alpha1.ReasonMadeTooEarly,
			about("bob-Approve", madeAt(sec(-86401))), about("bob-Approve", nobody)),
		Entry("somebody who may not act", v1alpha1.ReasonNotAnApprover, about("bob-Approve", nobody)),
		Entry("somebody who is not named", v1alpha1.ReasonNotAnApprover, about("bob-Approve", unnamed)),
		Entry("somebody who is not named, on their own request", v1alpha1.ReasonNotAnApprover,
			about("bob-Approve", func(d *access.Decision) { d.Approver, d.Named = user("alice"), false })),
	)

	DescribeTable("is not for one's own request", func(own bool, approver *v1alpha1.User, edits ...edit) {
		s := newStory(append(edits, approvedBy(approver))...)
		s.at(now)
		if own {
			Expect(s.answer("x-Approve")).To(Equal(v1alpha1.ReasonOwnRequest))
			Expect(s.verdict.State).To(Equal(access.Pending))
		} else {
			Expect(s.answer("x-Approve")).To(Equal(v1alpha1.ReasonCounted))
			Expect(s.verdict.State).To(Equal(access.Active))
		}
	},
		Entry("the same User", true, user("x", uid("uid-alice"))),
		Entry("the same entry", true, user("x", entry("id-alice"))),
		Entry("the same mail address", true, user("x", mail("alice@corp.example"))),
		Entry("the same mail address in other case", true, user("x", mail("Alice@CORP.example"))),
		Entry("the same mail address of another directory", true, user("x", mail("alice@corp.example"), of("partners"))),
		Entry("the same id of another directory", false, user("x", entry("id-alice"), of("partners"))),
		Entry("no mail address, as whoever asks", false, user("x", mail("")),
			func(f *access.Facts) { f.Requester = user("alice", mail("")) }),
		Entry("a local one", false, user("x", local)),
		Entry("another", false, user("x")),
	)

	It("by the same person denies nothing on a request of their own", func() {
		s := newStory(decided(v1alpha1.DecisionDeny, user("x", mail("ALICE@corp.example")), now), approved("bob"))
		Expect(s.at(now).State).To(Equal(access.Active))
		Expect(s.answer("x-Deny")).To(Equal(v1alpha1.ReasonOwnRequest))
	})

	DescribeTable("of one person counts once", func(second *v1alpha1.User, counts bool) {
		s := newStory(quorum(2), later(v1alpha1.DecisionApprove, "bob", -2), decided(v1alpha1.DecisionApprove, second, sec(-1)))
		s.at(now)
		Expect(s.answer("bob-Approve")).To(Equal(v1alpha1.ReasonCounted))
		if counts {
			Expect(s.answer("a-Approve")).To(Equal(v1alpha1.ReasonCounted))
			Expect(s.verdict.State).To(Equal(access.Active))
			return
		}
		Expect(s.answer("a-Approve")).To(Equal(v1alpha1.ReasonDecidedAlready))
		Expect(s.verdict.Answers[0].Message).To(Equal(`the same person decided before, as "corp:bob"`))
		Expect(s.verdict.State).To(Equal(access.Pending))
		Expect(s.at(sec(1), takenBack("bob-Approve")).Approvals).To(HaveLen(1), "the other counts instead")
		Expect(s.answer("a-Approve")).To(Equal(v1alpha1.ReasonCounted))
	},
		Entry("the same User", user("a", uid("uid-bob")), false),
		Entry("the same entry", user("a", entry("id-bob")), false),
		Entry("the same mail address", user("a", mail("BOB@corp.example")), false),
		Entry("the same id of another directory", user("a", entry("id-bob"), of("partners")), true),
		Entry("another", user("a"), true),
	)

	It("that does not count takes nobody's place", func() {
		s := newStory(later(v1alpha1.DecisionApprove, "bob", -2), about("bob-Approve", unnamed),
			decided(v1alpha1.DecisionApprove, user("bob2", entry("id-bob")), now))
		Expect(s.at(now).State).To(Equal(access.Active))
		Expect(s.verdict.Approvers()).To(Equal([]string{"corp:bob2"}))
	})

	It("is about nobody where whoever asked is gone", func() {
		s := newStory(quorum(2), approved("bob"))
		s.at(now)
		s.at(sec(1), userGone)
		Expect(s.answer("bob-Approve")).To(Equal(v1alpha1.ReasonUserNotFound))
	})

	It("is about nothing where the Grant is gone or another", func() {
		for _, gone := range []edit{grantGone, grantAnew} {
			s := newStory(quorum(2), approved("bob"))
			s.at(now)
			s.at(sec(1), gone)
			Expect(s.answer("bob-Approve")).To(Equal(v1alpha1.ReasonGrantNotFound))
		}
	})
})

var _ = Describe("A denial", func() {
	DescribeTable("wins", func(edits ...edit) {
		v := newStory(edits...).at(now)
		Expect(v.State).To(Equal(access.Ended))
		Expect(v.Reason).To(Equal(v1alpha1.ReasonDenied))
		Expect(v.Record.Start).To(BeNil())
	},
		Entry("alone", denied("bob")),
		Entry("over more approvals", approved("bob"), approved("carol"), denied("dave")),
		Entry("over an approval that was made before", later(v1alpha1.DecisionApprove, "bob", -9), later(v1alpha1.DecisionDeny, "carol", -1)),
		Entry("over an approval that is made later", later(v1alpha1.DecisionApprove, "bob", -1), later(v1alpha1.DecisionDeny, "carol", -9)),
		Entry("over the same person's approval before", later(v1alpha1.DecisionApprove, "bob", -9), later(v1alpha1.DecisionDeny, "bob", -1)),
		Entry("where it is reviewed afterwards", afterUse, denied("bob")),
	)

	It("of a person leaves their approval out", func() {
		s := newStory(later(v1alpha1.DecisionApprove, "bob", -9), later(v1alpha1.DecisionDeny, "bob", -1))
		Expect(names(s.at(now))).To(Equal([]string{"bob-Deny"}))
		Expect(s.verdict.Approvers()).To(BeEmpty())
	})

	DescribeTable("that does not count denies nothing", func(change func(*access.Decision)) {
		s := newStory(approved("bob"), denied("dave"), about("dave-Deny", change))
		Expect(s.at(now).State).To(Equal(access.Active))
	},
		Entry("of nobody", nobody),
		Entry("of no approver", unnamed),
		Entry("about an earlier request", otherUID),
	)

	It("counts however early it was made", func() {
		s := newStory(approved("bob"), denied("dave"), about("dave-Deny", madeAt(sec(-86401))))
		Expect(s.at(now).Reason).To(Equal(v1alpha1.ReasonDenied))
	})

	It("that is deleted after the end brings nothing back", func() {
		s := newStory(approved("bob"))
		s.at(now)
		s.at(sec(1), denied("dave"))
		Expect(s.at(sec(2), takenBack("dave-Deny")).Reason).To(Equal(v1alpha1.ReasonDenied))
		Expect(names(s.verdict)).To(ConsistOf("bob-Approve", "dave-Deny"))
	})
})

var _ = Describe("What counts", func() {
	It("is recorded by time, then by name, whatever the order in which it is found", func() {
		edits := []edit{
			later(v1alpha1.DecisionApprove, "dave", -3), later(v1alpha1.DecisionDeny, "zoe", -1), later(v1alpha1.DecisionApprove, "bob", -2),
			later(v1alpha1.DecisionApprove, "carol", -2), later(v1alpha1.DecisionApprove, "erin", 0),
		}
		for range edits {
			edits = append(edits[1:], edits[0])
			s := newStory(edits...)
			Expect(names(s.at(now))).To(Equal([]string{"dave-Approve", "bob-Approve", "carol-Approve", "zoe-Deny", "erin-Approve"}))
			Expect(s.verdict.Approvers()).To(Equal([]string{"corp:dave", "corp:bob", "corp:carol", "corp:erin"}))
		}
	})

	It("is recorded whole", func() {
		Expect(newStory(approved("bob")).at(sec(5)).Approvals).To(Equal([]v1alpha1.GivenApproval{{
			Name: "bob-Approve", UID: "uid-bob-Approve", Approver: "corp:bob", User: "bob",
			Decision: v1alpha1.DecisionApprove, Time: metav1.NewTime(now),
		}}))
	})

	It("is at most 64 decisions, denials among them", func() {
		edits := make([]edit, 0, 71)
		for i := range 70 {
			edits = append(edits, later(v1alpha1.DecisionApprove, fmt.Sprintf("p%02d", i), i-100))
		}
		v := newStory(edits...).at(now)
		Expect(v.State).To(Equal(access.Active))
		Expect(v.Approvals).To(HaveLen(64))
		Expect(v.Approvers()).To(HaveLen(64))
		Expect(v.Message).To(HaveSuffix("corp:p09 and 54 more"))
		v = newStory(append(edits, denied("zoe"))...).at(now)
		Expect(v.Reason).To(Equal(v1alpha1.ReasonDenied))
		Expect(v.Approvals).To(HaveLen(64))
		Expect(v.Approvals[63].Name).To(Equal("zoe-Deny"))
	})

	It("is answered to each, by name", func() {
		s := newStory(quorum(3), approved("zoe"), denied("mallory"), about("mallory-Deny", unnamed), approved("bob"))
		s.at(now)
		answered := make([]string, len(s.verdict.Answers))
		for i, answer := range s.verdict.Answers {
			answered[i] = answer.Approval.Name + " " + answer.Reason + ": " + answer.Message
		}
		Expect(answered).To(Equal([]string{
			"bob-Approve Counted: counts as an approval",
			`mallory-Deny NotAnApprover: "corp:mallory" may not approve: not among the approvers of Grant "g", or not active`,
			"zoe-Approve Counted: counts as an approval",
		}))
	})

	It("leaves the decisions in the order in which they were found", func() {
		s := newStory(approved("zoe"), denied("dave"), approved("bob"))
		found := slices.Clone(s.facts.Decisions)
		s.at(now)
		Expect(s.facts.Decisions).To(Equal(found))
	})
})
