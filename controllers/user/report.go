// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package user

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/person"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// report writes the status, if it differs.
func (r *Reconciler) report(ctx context.Context, s *scope) error {
	before := &s.user.Status
	wanted := append(status.OfUser(s.verdict, s.user), s.active())
	if s.dormant {
		wanted = append(wanted, person.Dormant(s.user, len(s.grants)))
	}
	conditions := status.Merge(before.Conditions, wanted, s.user.Generation, s.now)
	username := cmp.Or(s.username, before.Username)
	owned := append(status.Summary(), v1alpha1.ConditionActive, v1alpha1.ConditionDormant)
	if status.Same(before.Conditions, conditions, owned...) && before.Username == username &&
		slices.Equal(before.Groups, s.groups) && slices.Equal(before.Grants, s.grants) &&
		ptr.Deref(before.ObservedGeneration, -1) == s.user.Generation {
		return nil
	}
	applied := iamac.UserStatus().WithConditions(status.Apply(conditions)...).WithObservedGeneration(s.user.Generation).
		WithGroups(s.groups...).WithGrants(s.grants...)
	if username != "" {
		applied.WithUsername(username)
	}
	err := r.Reporter.Report(ctx, s.user, iamac.User(s.user.Name).WithUID(s.user.UID).WithStatus(applied), before.Conditions, conditions)
	return client.IgnoreNotFound(err)
}

// active is the verdict as a condition. When it is False, the message says since when, and until when a certificate that is
// already out would still prove who its bearer is.
func (s *scope) active() metav1.Condition {
	condition := metav1.Condition{
		Type: v1alpha1.ConditionActive, Status: s.verdict.Status, Reason: s.verdict.Reason, Message: s.verdict.Message,
	}
	if condition.Status != metav1.ConditionFalse {
		return condition
	}
	since := s.now
	if before := meta.FindStatusCondition(s.user.Status.Conditions, condition.Type); before != nil && before.Status == condition.Status {
		since = before.LastTransitionTime.Time
	}
	condition.Message += fmt.Sprintf("; no access since %s", rfc3339(since))
	if h := s.held(since); h.until.After(since) {
		condition.Message += h.told()
	}
	return condition
}

func rfc3339(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }
