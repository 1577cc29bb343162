// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/picture"
)

// clockFormat is how times are shown to people, in their own zone.
const clockFormat = "2006-01-02 15:04"

// until says when something ends and how long that is from now, as "2026-07-01 15:04 (in 59m)".
func until(t, now time.Time) string {
	const seconds = 10 * time.Minute // Shorter than this, they count.
	left := max(0, t.Sub(now))
	if left >= seconds {
		left = left.Round(time.Minute) // A session of twelve hours has twelve hours to go when it has begun.
	}
	return fmt.Sprintf("%s (in %s)", t.In(now.Location()).Format(clockFormat), duration.HumanDuration(left))
}

// seconds as a duration without parts that are zero at its end, as 1h30m.
func seconds(count int32) string {
	text := (time.Duration(count) * time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// ended says whether a request came to its end, or never began and never will.
func ended(r *v1alpha1.AccessRequest) bool {
	return r.Status.EndTime != nil || r.Status.EndReason != ""
}

func active(r *v1alpha1.AccessRequest) *metav1.Condition {
	return meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionActive)
}

// stateOf a request in one word, or two.
func stateOf(r *v1alpha1.AccessRequest) string {
	condition := active(r)
	state := "New"
	switch {
	case ended(r):
		state = r.Status.EndReason
		if state == "" {
			state = "Ended"
		}
	case condition != nil:
		state = condition.Reason
	}
	if unreviewed(r) {
		state += ", to review"
	}
	return state
}

func unreviewed(r *v1alpha1.AccessRequest) bool {
	reviewed := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionReviewed)
	return reviewed != nil && reviewed.Reason == v1alpha1.ReasonReviewPending
}

// waitsForSomebody says whether an approver has something to do.
func waitsForSomebody(r *v1alpha1.AccessRequest) bool {
	condition := active(r)
	return unreviewed(r) || !ended(r) && (condition == nil || condition.Reason == v1alpha1.ReasonPending)
}

func approved(r *v1alpha1.AccessRequest) int {
	count := 0
	for _, a := range r.Status.Approvals {
		if a.Decision == v1alpha1.DecisionApprove {
			count++
		}
	}
	return count
}

// quorum is how many have to approve, as far as the Grant can be read: nil where it cannot.
func quorum(grant *v1alpha1.Grant) string {
	if grant == nil || grant.Spec.Request == nil {
		return "?"
	}
	return fmt.Sprint(max(1, grant.Spec.Request.Quorum))
}

func approvals(r *v1alpha1.AccessRequest, grant *v1alpha1.Grant) string {
	return fmt.Sprintf("%d of %s", approved(r), quorum(grant))
}

// span is for how long, or until when.
func span(r *v1alpha1.AccessRequest, now time.Time) string {
	switch {
	case ended(r) && r.Status.EndTime != nil:
		return "ended " + r.Status.EndTime.In(now.Location()).Format(clockFormat)
	case ended(r):
		return "never began"
	case r.Status.ExpireTime != nil:
		return "until " + until(r.Status.ExpireTime.Time, now)
	case r.Spec.StartTime != nil:
		return seconds(r.Spec.DurationSeconds) + " from " + r.Spec.StartTime.In(now.Location()).Format(clockFormat)
	default:
		return seconds(r.Spec.DurationSeconds)
	}
}

// deciders are those who may approve, as a person would say it.
func deciders(grant *v1alpha1.Grant) string {
	if grant == nil || grant.Spec.Request == nil {
		return "whoever the grant names"
	}
	names := make([]string, len(grant.Spec.Request.Approvers))
	for i, subject := range grant.Spec.Request.Approvers {
		names[i] = strings.ToLower(string(subject.Kind)) + "/" + subject.Name
	}
	return strings.Join(slices.Compact(names), ", ")
}

// progress is what there is to say of a request now: nothing before the operator has looked at it.
func progress(r *v1alpha1.AccessRequest, grant *v1alpha1.Grant, now time.Time) string {
	condition := active(r)
	switch {
	case ended(r):
		return "ended: " + because(stateOf(r), condition)
	case condition == nil:
		return ""
	case condition.Status == metav1.ConditionTrue && r.Status.ExpireTime != nil:
		return "active until " + until(r.Status.ExpireTime.Time, now)
	case condition.Status == metav1.ConditionTrue:
		return "active"
	case condition.Reason == v1alpha1.ReasonPending && approved(r) > 0:
		return fmt.Sprintf("pending: %s approvals, last by %s", approvals(r, grant), lastApprover(r))
	case condition.Reason == v1alpha1.ReasonPending:
		return fmt.Sprintf("pending: %s approvals; may be approved by %s", approvals(r, grant), deciders(grant))
	case condition.Reason == v1alpha1.ReasonNotStarted && r.Spec.StartTime != nil:
		return "begins " + until(r.Spec.StartTime.Time, now)
	default:
		return because(condition.Reason, condition)
	}
}

func lastApprover(r *v1alpha1.AccessRequest) string {
	for _, a := range slices.Backward(r.Status.Approvals) {
		if a.Decision == v1alpha1.DecisionApprove {
			return a.Approver
		}
	}
	return "nobody"
}

func because(reason string, condition *metav1.Condition) string {
	if condition == nil || condition.Message == "" || condition.Status == metav1.ConditionTrue {
		return reason
	}
	return reason + ": " + condition.Message
}

// gives says what a Grant gives.
func gives(grant *v1alpha1.Grant) string {
	return picture.Role(grant) + " " + picture.In(grant)
}

// impossible says why a request cannot succeed, as far as that is known beforehand. Empty: nothing speaks against it.
func impossible(r *v1alpha1.AccessRequest, grant *v1alpha1.Grant, now time.Time) string {
	policy := grant.Spec.Request
	expire := grant.Spec.ExpireTime
	switch {
	case grant.Spec.Activation != v1alpha1.ActivationOnRequest || policy == nil:
		return fmt.Sprintf("grant %q gives %s to its subjects always: there is nothing to ask for", grant.Name, gives(grant))
	case expire != nil && !now.Before(expire.Time):
		return fmt.Sprintf("grant %q ended %s", grant.Name, expire.In(now.Location()).Format(clockFormat))
	case policy.MaxDurationSeconds > 0 && r.Spec.DurationSeconds > policy.MaxDurationSeconds:
		return fmt.Sprintf("grant %q is given for at most %s at a time: ask for less with --for",
			grant.Name, seconds(policy.MaxDurationSeconds))
	case policy.RequireTicket != "" && r.Spec.Ticket == "":
		return fmt.Sprintf("grant %q wants a ticket like %s: give it with --ticket", grant.Name, policy.RequireTicket)
	}
	return ""
}
