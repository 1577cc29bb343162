// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"fmt"
	"regexp"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

const (
	// settling is how long a request waits for what it needs to be accepted: things that are applied together come one after another.
	settling = 10 * time.Minute
	// attention is how long a request without a startTime waits for approval.
	attention = 7 * 24 * time.Hour
)

// accept looks at a request for the first time: what cannot be as it is asked for ends it; what may still come is waited for, a while.
func (v *Verdict) accept(f Facts, now time.Time) {
	if reason := refused(f); reason != "" {
		v.end(reason, now)
		return
	}
	if reason, message := missing(f); reason != "" {
		until := f.Request.CreationTimestamp.Add(settling)
		if reason == v1alpha1.ReasonLocked || reason == v1alpha1.ReasonUserInactive || !now.Before(until) {
			v.end(reason, now) // Else it would give access, long after anybody thought of it, once that is over.
			return
		}
		v.wait(Pending, reason, message, until)
		return
	}
	policy := f.Grant.Spec.Request
	v.Record.Grant = &v1alpha1.GrantVersion{
		UID: string(f.Grant.UID), Generation: f.Grant.Generation, Approval: policy.Approval, Quorum: policy.Quorum,
		Time: metav1.NewTime(approvableSince(f, now)),
	}
	v.Record.User = &v1alpha1.Requester{Name: f.Requester.Name, UID: string(f.Requester.UID)}
}

// approvableSince is from when on Approvals are surely about the Grant as it is: since it was created, if nobody has changed it since;
// else from the second after it was written; where that is not known, from now.
func approvableSince(f Facts, now time.Time) time.Time {
	if f.Grant.Generation == 1 {
		return f.Grant.CreationTimestamp.Time
	}
	next := f.GrantWritten.Truncate(time.Second).Add(time.Second)
	if !f.GrantWritten.IsZero() {
		return next // By the API server's clock, which Approvals have their times from too.
	}
	return now
}

// refused is why a request can never be what its Grant allows. Both are immutable, or a Grant that changes ends it anyway.
func refused(f Facts) string {
	switch spec := &f.Request.Spec; {
	case f.Grant == nil:
		return ""
	case f.Grant.Spec.Activation != v1alpha1.ActivationOnRequest || f.Grant.Spec.Request == nil:
		return v1alpha1.ReasonNotOnRequest
	case spec.DurationSeconds > f.Grant.Spec.Request.MaxDurationSeconds:
		return v1alpha1.ReasonDurationTooLong
	case !ticketFits(f.Grant.Spec.Request.RequireTicket, spec.Ticket):
		return v1alpha1.ReasonTicketRefused
	}
	return ""
}

// ticketFits says whether the whole ticket matches a pattern. A pattern that does not parse, which admission refuses, fits nothing.
func ticketFits(pattern, ticket string) bool {
	if pattern == "" {
		return true
	}
	if _, err := regexp.Compile(pattern); err != nil {
		return false // What does not parse by itself may do so between parentheses, and mean anything.
	}
	expression, err := regexp.Compile(`^(?:` + pattern + `)$`)
	return err == nil && expression.MatchString(ticket)
}

// missing is what a request waits for before it can be accepted.
func missing(f Facts) (reason, message string) {
	switch {
	case f.Grant == nil:
		return v1alpha1.ReasonGrantNotFound, fmt.Sprintf("Grant %q does not exist", f.Request.Spec.GrantRef.Name)
	case f.Requester == nil:
		return v1alpha1.ReasonUserNotFound, fmt.Sprintf("no User is called %q in Kubernetes", f.Request.Spec.UserName)
	case f.Locked:
		return v1alpha1.ReasonLocked, fmt.Sprintf("User %q is locked", f.Requester.Name)
	case !f.MayAct:
		return v1alpha1.ReasonUserInactive, fmt.Sprintf("User %q may not act", f.Requester.Name)
	case !f.Subject:
		return v1alpha1.ReasonNotASubject, fmt.Sprintf("User %q is not among the subjects of Grant %q", f.Requester.Name, f.Grant.Name)
	}
	return "", ""
}

// proceed takes an accepted request further: to its end, to its beginning, or nowhere yet.
func (v *Verdict) proceed(f Facts, count tallied, now time.Time) {
	if reason := over(f, v.Record, count, now); reason != "" {
		v.end(reason, now)
		return
	}
	if v.Record.Start == nil {
		if !v.begin(f, count, now) {
			return
		}
	}
	message := fmt.Sprintf("approved by %s", outcome.Bounded(count.approvers()))
	if len(count.approvers()) == 0 {
		message = "given at once, to be reviewed afterwards"
	}
	v.wait(Active, v1alpha1.ReasonActive, message, v.Record.Expire.Time)
}

// over is why an accepted request is at its end.
func over(f Facts, record Record, count tallied, now time.Time) string {
	enough := record.Grant.Approval == v1alpha1.ApprovalAfterUse || count.approved >= int(record.Grant.Quorum)
	closed := f.Grant != nil && f.Grant.Spec.ExpireTime != nil && !now.Before(f.Grant.Spec.ExpireTime.Time)
	switch reason := withdrawn(f, record); {
	case reason != "":
		return reason
	case count.denied:
		return v1alpha1.ReasonDenied
	case !now.Before(deadline(f, record)):
		return v1alpha1.ReasonExpired
	case closed:
		return v1alpha1.ReasonGrantClosed
	case record.Start != nil && !enough:
		return v1alpha1.ReasonApprovalWithdrawn
	}
	return ""
}

// withdrawn is why whoever asked cannot have it any more, or why it is not there any more.
func withdrawn(f Facts, record Record) string {
	switch {
	case f.Grant == nil:
		return v1alpha1.ReasonGrantNotFound
	case string(f.Grant.UID) != record.Grant.UID || f.Grant.Generation != record.Grant.Generation:
		return v1alpha1.ReasonGrantChanged
	case f.Locked:
		return v1alpha1.ReasonLocked
	case f.Requester == nil || string(f.Requester.UID) != record.User.UID || !f.MayAct:
		return v1alpha1.ReasonUserInactive
	case !f.Subject:
		return v1alpha1.ReasonNotASubject
	}
	return ""
}

// deadline is when a request is over at the latest.
func deadline(f Facts, record Record) time.Time {
	switch {
	case record.Expire != nil:
		return record.Expire.Time
	case f.Request.Spec.StartTime != nil:
		return f.Request.Spec.StartTime.Add(duration(f))
	default:
		return f.Request.CreationTimestamp.Add(attention)
	}
}

func duration(f Facts) time.Duration {
	return time.Duration(f.Request.Spec.DurationSeconds) * time.Second
}

// begin begins access once it is approved and its time has come, or says what it waits for.
func (v *Verdict) begin(f Facts, count tallied, now time.Time) bool {
	policy := f.Grant.Spec.Request
	if v.Record.Grant.Approval != v1alpha1.ApprovalAfterUse && count.approved < int(v.Record.Grant.Quorum) {
		v.wait(Pending, v1alpha1.ReasonPending, fmt.Sprintf("%d of %d approvals; who may approve: %s",
			count.approved, policy.Quorum, outcome.Bounded(subjects(policy.Approvers))), earlier(deadline(f, v.Record), f.Grant.Spec.ExpireTime))
		return false
	}
	for _, start := range []*metav1.Time{f.Request.Spec.StartTime, f.Grant.Spec.StartTime} {
		if start != nil && now.Before(start.Time) {
			late := metav1.NewTime(deadline(f, v.Record))
			v.wait(NotStarted, v1alpha1.ReasonNotStarted, "its time is yet to come", earlier(start.Time, &late))
			return false
		}
	}
	expire := now.Add(duration(f))
	if f.Request.Spec.StartTime != nil {
		expire = deadline(f, v.Record)
	}
	expire = earlier(expire, f.Grant.Spec.ExpireTime)
	v.Record.Start, v.Record.Expire = new(metav1.NewTime(now)), new(metav1.NewTime(expire))
	return true
}

// earlier of a time and another, if there is another.
func earlier(at time.Time, other *metav1.Time) time.Time {
	if other != nil && other.Time.Before(at) {
		return other.Time
	}
	return at
}

func subjects(list []v1alpha1.Subject) []string {
	names := make([]string, len(list))
	for i, subject := range list {
		names[i] = fmt.Sprintf("%s %q", subject.Kind, subject.Name)
	}
	return names
}

// endMessage says why a request ended, and what to do about it.
func endMessage(reason string, f Facts) string {
	who, grant := f.Request.Spec.UserName, f.Request.Spec.GrantRef.Name
	return map[string]string{
		v1alpha1.ReasonExpired:           "its time is over",
		v1alpha1.ReasonDenied:            "an approver decided against it",
		v1alpha1.ReasonUserInactive:      fmt.Sprintf("whoever is called %q in Kubernetes may not act, or is somebody else now", who),
		v1alpha1.ReasonLocked:            "a Lock keeps out whoever asked",
		v1alpha1.ReasonNotASubject:       fmt.Sprintf("whoever asked is not among the subjects of Grant %q", grant),
		v1alpha1.ReasonGrantChanged:      fmt.Sprintf("Grant %q was changed since this was asked for: ask again", grant),
		v1alpha1.ReasonGrantNotFound:     fmt.Sprintf("Grant %q does not exist", grant),
		v1alpha1.ReasonGrantClosed:       fmt.Sprintf("the expireTime of Grant %q has passed", grant),
		v1alpha1.ReasonApprovalWithdrawn: "too few approvals are left: one was deleted, or whoever gave it may not approve any more",
		v1alpha1.ReasonNotOnRequest:      fmt.Sprintf("Grant %q is not one to ask for: its activation is not OnRequest", grant),
		v1alpha1.ReasonDurationTooLong: fmt.Sprintf("%d s are more than spec.request.maxDurationSeconds of Grant %q: ask for less",
			f.Request.Spec.DurationSeconds, grant),
		v1alpha1.ReasonTicketRefused: fmt.Sprintf("the ticket does not match spec.request.requireTicket of Grant %q: ask with one", grant),
	}[reason]
}
