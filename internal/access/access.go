// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package access decides what becomes of an AccessRequest: whether it is accepted, approved, active, at its end, reviewed. It is pure.
package access

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// Facts is all that a decision depends on.
type Facts struct {
	// Request in question, with what was recorded of it before.
	Request *v1alpha1.AccessRequest
	// Grant that it names; nil where there is none.
	Grant *v1alpha1.Grant
	// GrantWritten is when the Grant's spec was last written, as far as it says so. Needed until the request is accepted.
	GrantWritten time.Time
	// Requester is the User whose username asks; nil where there is none.
	Requester *v1alpha1.User
	// MayAct says that the requester may act, and Locked that a Lock is what keeps them from it.
	MayAct, Locked bool
	// Subject says that the Grant's subjects stand for the requester.
	Subject bool
	// Decisions that name the request, whatever its uid.
	Decisions []Decision
}

// Decision is an Approval, and who made it.
type Decision struct {
	Approval *v1alpha1.Approval
	// Approver is the User whose username it is, if they may act; else nil.
	Approver *v1alpha1.User
	// Named says that the Grant's approvers stand for them.
	Named bool
}

// State is what a request is at a time.
type State string

// The states of a request. Ended is the last.
const (
	Pending    State = "Pending"
	NotStarted State = "NotStarted"
	Active     State = "Active"
	Ended      State = "Ended"
)

// Record is what must be known of a request's past: it is written before anything is done about it.
type Record struct {
	// Grant is set once the request is accepted.
	Grant *v1alpha1.GrantVersion
	// User who asked, set with Grant.
	User *v1alpha1.Requester
	// Start and Expire are set together, once access begins.
	Start, Expire *metav1.Time
	// End and EndReason are set together, once it ends. What has ended never begins again.
	End       *metav1.Time
	EndReason string
}

// Verdict says what a request is, and what becomes of it.
type Verdict struct {
	State State
	// Reason of the condition Active: Pending or what the request waits for, NotStarted, Active, or why it ended.
	Reason string
	// Message explains it to a person.
	Message string
	// Record as it is to be.
	Record Record
	// Approvals are the decisions that count, by time.
	Approvals []v1alpha1.GivenApproval
	// Answers say of each Approval whether it counts, by name.
	Answers []Answer
	// Review says what came of the review: empty where the Grant asks for none.
	Review Review
	// Recheck is when the verdict may change by itself. Zero: never.
	Recheck time.Time
}

// Review is what came of the review of access that was given before it was approved.
type Review string

// The outcomes of a review.
const (
	NotReviewed Review = "ReviewPending"
	Approved    Review = "Approved"
	Denied      Review = "Denied"
	// Unreviewable means that nobody can any more: the Grant, which says who may, is gone, or whoever asked is.
	Unreviewable Review = "Unreviewable"
)

// RecordOf reads what was recorded of a request.
func RecordOf(request *v1alpha1.AccessRequest) Record {
	s := &request.Status
	if s.Grant == nil || s.User == nil {
		return Record{End: s.EndTime, EndReason: s.EndReason}
	}
	return Record{Grant: s.Grant, User: s.User, Start: s.StartTime, Expire: s.ExpireTime, End: s.EndTime, EndReason: s.EndReason}
}

// Decide decides.
func Decide(f Facts, now time.Time) Verdict {
	now = now.Truncate(time.Second)
	v := Verdict{Record: RecordOf(f.Request)}
	if v.Record.End == nil && v.Record.Grant == nil {
		v.accept(f, now)
	}
	count := tally(f, v.Record)
	v.Approvals, v.Answers = count.given, count.answers
	if v.Record.End == nil && v.Record.Grant != nil {
		v.proceed(f, count, now)
		if v.Record.End != nil && f.Request.Status.StartTime != nil {
			// What access was given for stays on record, whatever ended it.
			count = closing(f, count)
			v.Approvals, v.Answers = count.given, count.answers
		}
	}
	if v.Record.End != nil {
		v.State, v.Reason, v.Recheck = Ended, v.Record.EndReason, time.Time{}
		v.Message = endMessage(v.Record.EndReason, f)
	}
	if v.Review = review(v.Record, count); v.Review == NotReviewed && unreviewable(f, v.Record) {
		v.Review = Unreviewable
	}
	return v
}

// end is where a request comes to its end, for good.
func (v *Verdict) end(reason string, now time.Time) {
	v.Record.End, v.Record.EndReason = new(metav1.NewTime(now)), reason
}

// wait leaves a request as it is until something changes.
func (v *Verdict) wait(state State, reason, message string, recheck time.Time) {
	v.State, v.Reason, v.Message, v.Recheck = state, reason, message, recheck
}

func unreviewable(f Facts, record Record) bool {
	return f.Requester == nil || string(f.Requester.UID) != record.User.UID ||
		f.Grant == nil || string(f.Grant.UID) != record.Grant.UID || f.Grant.Spec.Request == nil
}

func review(record Record, count tallied) Review {
	switch {
	case record.Grant == nil || record.Grant.Approval != v1alpha1.ApprovalAfterUse || record.Start == nil && !count.denied:
		return ""
	case count.denied:
		return Denied
	case count.approved >= int(record.Grant.Quorum):
		return Approved
	default:
		return NotReviewed
	}
}

// Approvers are the usernames of those whose approval counts, by time.
func (v *Verdict) Approvers() []string { return (&tallied{given: v.Approvals}).approvers() }
