// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"time"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// Outcome is what came of a wait for approval.
type Outcome string

// The outcomes of a wait.
const (
	WaitApproved Outcome = "approved"
	WaitDenied   Outcome = "denied"
	// WaitUndecided means that the request came to its end before enough people had decided.
	WaitUndecided Outcome = "undecided"
)

// Waited says, when a request is about to leave what was recorded of it as pending, how long it waited for approval and what came of it.
// Empty where it does not leave that now, or did not wait: it was not accepted, or asks for no approval before use.
func Waited(request *v1alpha1.AccessRequest, v Verdict) (Outcome, time.Duration) {
	before, after := &request.Status, v.Record
	accepted := after.Grant != nil && after.Grant.Approval != v1alpha1.ApprovalAfterUse && after.Grant.Quorum > 0
	if !accepted || before.StartTime != nil || before.EndTime != nil {
		return "", 0
	}
	asked := request.CreationTimestamp.Time
	switch {
	case after.Start != nil:
		return WaitApproved, decided(v, asked)
	case after.End != nil && after.EndReason == v1alpha1.ReasonDenied:
		return WaitDenied, decided(v, asked)
	case after.End != nil:
		return WaitUndecided, after.End.Sub(asked)
	default:
		return "", 0
	}
}

// decided is how long it took until the last decision that counts.
func decided(v Verdict, asked time.Time) time.Duration {
	var last time.Time
	for i := range v.Approvals {
		if at := v.Approvals[i].Time.Time; at.After(last) {
			last = at
		}
	}
	return max(last.Sub(asked), 0)
}
