// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package person

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// QuietSince is when a person was last seen or, where they never were, when their User was made.
func QuietSince(user *v1alpha1.User) time.Time {
	if user.Status.LastSeenTime != nil {
		return user.Status.LastSeenTime.Time
	}
	return user.CreationTimestamp.Time
}

// Dormant is what is said of somebody who may act, has that many Grants, and was not seen for long. It stays the same for as long as they
// are not seen.
func Dormant(user *v1alpha1.User, grants int) metav1.Condition {
	condition := metav1.Condition{Type: v1alpha1.ConditionDormant, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonNotSeen}
	since := QuietSince(user).UTC().Format(time.RFC3339)
	condition.Message = "not seen since " + since
	if user.Status.LastSeenTime == nil {
		condition.Reason, condition.Message = v1alpha1.ReasonNeverSeen, "never seen since this User was made at "+since
	}
	condition.Message += fmt.Sprintf(", and may still act, with %s: set spec.state to Suspended, or take this person out of %s",
		counted(grants), sources(user))
	return condition
}

func counted(grants int) string {
	switch grants {
	case 0:
		return "no Grant"
	case 1:
		return "1 Grant"
	default:
		return fmt.Sprintf("%d Grants", grants)
	}
}

// sources are what lets them act.
func sources(user *v1alpha1.User) string {
	if user.Spec.DirectoryRef == nil {
		return "all Grants"
	}
	return fmt.Sprintf("Directory %q or of all Grants", user.Spec.DirectoryRef.Name)
}
