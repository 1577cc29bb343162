// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// Answer says whether an Approval counts.
type Answer struct {
	Approval *v1alpha1.Approval
	// Reason is Counted, or why it does not count.
	Reason string
	// Message explains it to a person.
	Message string
}

// tallied is what the decisions come to.
type tallied struct {
	given    []v1alpha1.GivenApproval
	answers  []Answer
	approved int
	denied   bool
}

// approvers are the usernames of those who approved, by time.
func (t *tallied) approvers() []string {
	var names []string
	for _, given := range t.given {
		if given.Decision == v1alpha1.DecisionApprove {
			names = append(names, given.Approver)
		}
	}
	return names
}

// tally counts the decisions. Once a request has ended, and was reviewed where it has to be, what counted is what was recorded.
func tally(f Facts, record Record) tallied {
	before := recorded(f.Request.Status.Approvals)
	over := record.End != nil && review(record, before) != NotReviewed
	if over {
		before.answers = answers(f, func(d Decision) (reason, message string) { return late(f, before, d) })
		return before
	}
	decisions := slices.Clone(f.Decisions)
	slices.SortFunc(decisions, byTime)
	var t tallied
	var people []*v1alpha1.User
	verdicts := map[string]Answer{}
	for _, d := range decisions {
		reason, message := counts(f, record, people, d)
		verdicts[d.Approval.Name] = Answer{Reason: reason, Message: message}
		if reason == v1alpha1.ReasonCounted {
			people = append(people, d.Approver)
			t.add(given(d))
		}
	}
	t.sort()
	t.answers = answers(f, func(d Decision) (reason, message string) {
		return verdicts[d.Approval.Name].Reason, verdicts[d.Approval.Name].Message
	})
	return t
}

// closing is what is recorded of a request whose access has just ended: the decisions that counted while it had it, and the denial
// that ended it.
func closing(f Facts, count tallied) tallied {
	t := recorded(f.Request.Status.Approvals)
	for _, given := range count.given {
		if given.Decision == v1alpha1.DecisionDeny && !t.has(given.UID) {
			t.add(given)
		}
	}
	t.sort()
	t.answers = answers(f, func(d Decision) (reason, message string) { return late(f, t, d) })
	return t
}

// sort puts what counts in the order in which it was decided.
func (t *tallied) sort() {
	slices.SortStableFunc(t.given, func(a, b v1alpha1.GivenApproval) int {
		return cmp.Or(a.Time.Compare(b.Time.Time), strings.Compare(a.Name, b.Name))
	})
}

func (t *tallied) has(uid string) bool {
	return slices.ContainsFunc(t.given, func(g v1alpha1.GivenApproval) bool { return g.UID == uid })
}

func recorded(approvals []v1alpha1.GivenApproval) tallied {
	var t tallied
	for _, given := range approvals {
		t.add(given)
	}
	return t
}

// most is how many decisions a request records.
const most = 64

func (t *tallied) add(given v1alpha1.GivenApproval) {
	if len(t.given) == most {
		return
	}
	t.given = append(t.given, given)
	if given.Decision == v1alpha1.DecisionDeny {
		t.denied = true
	} else {
		t.approved++
	}
}

func given(d Decision) v1alpha1.GivenApproval {
	return v1alpha1.GivenApproval{
		Name: d.Approval.Name, UID: string(d.Approval.UID), Approver: d.Approval.Spec.Approver, User: d.Approver.Name,
		Decision: d.Approval.Spec.Decision, Time: d.Approval.CreationTimestamp,
	}
}

// byTime puts denials first: whoever denies after approving has denied.
func byTime(a, b Decision) int {
	rank := map[v1alpha1.Decision]int{v1alpha1.DecisionDeny: 0, v1alpha1.DecisionApprove: 1}
	return cmp.Or(
		cmp.Compare(rank[a.Approval.Spec.Decision], rank[b.Approval.Spec.Decision]),
		a.Approval.CreationTimestamp.Compare(b.Approval.CreationTimestamp.Time),
		strings.Compare(a.Approval.Name, b.Approval.Name),
	)
}

func answers(f Facts, of func(Decision) (reason, message string)) []Answer {
	list := make([]Answer, 0, len(f.Decisions))
	for _, d := range f.Decisions {
		reason, message := of(d)
		list = append(list, Answer{Approval: d.Approval, Reason: reason, Message: message})
	}
	slices.SortFunc(list, func(a, b Answer) int { return strings.Compare(a.Approval.Name, b.Approval.Name) })
	return list
}

// late is the answer to a decision about a request that is over.
func late(f Facts, before tallied, d Decision) (reason, message string) {
	if before.has(string(d.Approval.UID)) {
		return v1alpha1.ReasonCounted, counted(d)
	}
	if string(f.Request.UID) != d.Approval.Spec.RequestRef.UID {
		return another(f, d)
	}
	return v1alpha1.ReasonRequestEnded, fmt.Sprintf("AccessRequest %q has come to its end", f.Request.Name)
}

func counted(d Decision) string {
	return map[v1alpha1.Decision]string{
		v1alpha1.DecisionApprove: "counts as an approval", v1alpha1.DecisionDeny: "counts: the request is denied",
	}[d.Approval.Spec.Decision]
}

func another(f Facts, d Decision) (reason, message string) {
	return v1alpha1.ReasonRequestNotFound, fmt.Sprintf("the AccessRequest that is now called %q has another uid than %q",
		f.Request.Name, d.Approval.Spec.RequestRef.UID)
}

// counts says whether a decision counts, after those of some people did.
func counts(f Facts, record Record, people []*v1alpha1.User, d Decision) (reason, message string) {
	switch {
	case string(f.Request.UID) != d.Approval.Spec.RequestRef.UID:
		return another(f, d)
	case record.Grant == nil || record.User == nil:
		return v1alpha1.ReasonPending, fmt.Sprintf("AccessRequest %q is not accepted yet: its status says why", f.Request.Name)
	case d.Approval.Spec.Decision == v1alpha1.DecisionApprove && d.Approval.CreationTimestamp.Time.Before(record.Grant.Time.Time):
		return v1alpha1.ReasonMadeTooEarly, fmt.Sprintf(
			"made before this generation of Grant %q was known: look at it, delete this, and decide again", f.Request.Spec.GrantRef.Name)
	case f.Grant == nil || string(f.Grant.UID) != record.Grant.UID:
		return v1alpha1.ReasonGrantNotFound, fmt.Sprintf("Grant %q, which says who may approve, was deleted", f.Request.Spec.GrantRef.Name)
	case d.Approver == nil || !d.Named:
		return v1alpha1.ReasonNotAnApprover, fmt.Sprintf("%q may not approve: not among the approvers of Grant %q, or not active",
			d.Approval.Spec.Approver, f.Grant.Name)
	}
	return independent(f, record, people, d)
}

// independent says whether an approver is another person than whoever asked, and than everybody who decided before.
func independent(f Facts, record Record, people []*v1alpha1.User, d Decision) (reason, message string) {
	gone := f.Requester == nil || string(f.Requester.UID) != record.User.UID
	switch {
	case string(d.Approver.UID) == record.User.UID, !gone && SamePerson(d.Approver, f.Requester):
		return v1alpha1.ReasonOwnRequest, fmt.Sprintf("%q and %q are the same person, and nobody decides on a request of their own",
			d.Approval.Spec.Approver, f.Request.Spec.UserName)
	case gone:
		return v1alpha1.ReasonUserNotFound, fmt.Sprintf("the User who asked as %q is gone: nobody can tell whether whoever approves is "+
			"the same person", f.Request.Spec.UserName)
	}
	for _, other := range people {
		if SamePerson(d.Approver, other) {
			return v1alpha1.ReasonDecidedAlready, fmt.Sprintf("the same person decided before, as %q", other.Status.Username)
		}
	}
	return v1alpha1.ReasonCounted, counted(d)
}

// SamePerson says whether two Users are one person: one object, one entry of a directory, or one mail address.
func SamePerson(a, b *v1alpha1.User) bool {
	if a.UID == b.UID {
		return true
	}
	one, other := a.Status.Identity, b.Status.Identity
	if one == nil || other == nil {
		return false
	}
	entry := a.Spec.DirectoryRef != nil && b.Spec.DirectoryRef != nil && a.Spec.DirectoryRef.Name == b.Spec.DirectoryRef.Name &&
		one.ID != "" && one.ID == other.ID
	return entry || one.Email != "" && strings.EqualFold(one.Email, other.Email)
}
