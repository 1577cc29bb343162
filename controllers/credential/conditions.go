// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/person"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// fresh says that the Secret is there, with a certificate that is renewed in time.
func fresh() []metav1.Condition {
	return kubeconfig(metav1.ConditionTrue, v1alpha1.ReasonIssued, "the Secret holds a certificate that is renewed in time")
}

// idle says why there is no Secret, or nothing where none is asked for.
func idle(user *v1alpha1.User) []metav1.Condition {
	if user.Spec.Kubeconfig == nil {
		return nil
	}
	return kubeconfig(metav1.ConditionFalse, v1alpha1.ReasonUserInactive,
		"this User is not active: the Secret is removed and nothing is renewed")
}

func failing(problem *outcome.Problem) []metav1.Condition {
	return kubeconfig(metav1.ConditionFalse, problem.Reason, problem.Message)
}

// conditionsWith are a User's conditions once this controller says something else of the kubeconfig. That all is well with somebody who may
// act is told along, as the User controller would next: it would take a write of its own. What is not well, that says itself: what it has
// not said, it could not take back.
func conditionsWith(user *v1alpha1.User, said []metav1.Condition, now time.Time) []metav1.Condition {
	next := *user
	next.Status.Conditions = exchanged(user, said, now, v1alpha1.ConditionKubeconfig)
	active := meta.FindStatusCondition(next.Status.Conditions, v1alpha1.ConditionActive)
	if active == nil || active.Status != metav1.ConditionTrue || ptr.Deref(user.Status.ObservedGeneration, -1) != user.Generation {
		return next.Status.Conditions
	}
	summary := status.OfUser(person.Verdict{Status: active.Status, Reason: active.Reason, Message: active.Message}, &next)
	if len(summary) > 1 {
		return next.Status.Conditions
	}
	return exchanged(&next, summary, now, status.Summary()...)
}

// exchanged are a User's conditions with others in place of those of some types.
func exchanged(user *v1alpha1.User, wanted []metav1.Condition, now time.Time, types ...string) []metav1.Condition {
	current := user.Status.Conditions
	kept := slices.DeleteFunc(slices.Clone(current), func(c metav1.Condition) bool { return slices.Contains(types, c.Type) })
	return append(kept, status.Merge(current, wanted, user.Generation, now)...)
}

func kubeconfig(state metav1.ConditionStatus, reason, message string) []metav1.Condition {
	return []metav1.Condition{{Type: v1alpha1.ConditionKubeconfig, Status: state, Reason: reason, Message: message}}
}
