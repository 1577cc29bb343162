// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package status turns what a reconciler found into conditions, an event and a log line: each the same words, and each only
// when something changed.
package status

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// maxMessage is the longest message of a condition, in bytes: longer ones are no use in a terminal.
const maxMessage = 1024

// Ready makes the summary conditions of an object that is as it should be.
func Ready(reason, message string) []metav1.Condition {
	return []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: reason, Message: message}}
}

// NotReady makes the summary conditions of an object that a problem keeps from being as it should be: Ready is False, and either
// Stalled or Reconciling is True.
func NotReady(problem *outcome.Problem) []metav1.Condition {
	second := v1alpha1.ConditionReconciling
	if problem.Kind == outcome.Terminal {
		second = v1alpha1.ConditionStalled
	}
	return []metav1.Condition{
		{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: problem.Reason, Message: problem.Message},
		{Type: second, Status: metav1.ConditionTrue, Reason: problem.Reason, Message: problem.Message},
	}
}

// Merge gives the wanted conditions the transition times of the current ones where the status did not change.
func Merge(current, wanted []metav1.Condition, generation int64, now time.Time) []metav1.Condition {
	merged := slices.Clone(wanted)
	for i := range merged {
		condition := &merged[i]
		condition.ObservedGeneration = generation
		condition.Message = clip(condition.Message)
		condition.LastTransitionTime = metav1.NewTime(now.Truncate(time.Second))
		if before := meta.FindStatusCondition(current, condition.Type); before != nil && before.Status == condition.Status {
			condition.LastTransitionTime = before.LastTransitionTime
		}
	}
	slices.SortFunc(merged, func(a, b metav1.Condition) int { return strings.Compare(a.Type, b.Type) })
	return merged
}

// Summary are the types of the conditions that every kind has.
func Summary() []string {
	return []string{v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled}
}

// Same says whether the conditions of the given types are the merged ones already.
func Same(current, merged []metav1.Condition, owned ...string) bool {
	mine := slices.DeleteFunc(slices.Clone(current), func(c metav1.Condition) bool { return !slices.Contains(owned, c.Type) })
	slices.SortFunc(mine, func(a, b metav1.Condition) int { return strings.Compare(a.Type, b.Type) })
	return slices.EqualFunc(mine, merged, func(a, b metav1.Condition) bool {
		return a.Type == b.Type && a.Status == b.Status && a.Reason == b.Reason && a.Message == b.Message &&
			a.ObservedGeneration == b.ObservedGeneration
	})
}

// Apply turns conditions into what server-side apply wants.
func Apply(conditions []metav1.Condition) []*metav1ac.ConditionApplyConfiguration {
	applied := make([]*metav1ac.ConditionApplyConfiguration, len(conditions))
	for i := range conditions {
		c := &conditions[i]
		applied[i] = metav1ac.Condition().WithType(c.Type).WithStatus(c.Status).WithReason(c.Reason).WithMessage(c.Message).
			WithObservedGeneration(c.ObservedGeneration).WithLastTransitionTime(c.LastTransitionTime)
	}
	return applied
}

// Applied turns the bindings that a status names into what server-side apply wants.
func Applied(bindings []v1alpha1.AppliedBinding) []*iamac.AppliedBindingApplyConfiguration {
	applied := make([]*iamac.AppliedBindingApplyConfiguration, len(bindings))
	for i, b := range bindings {
		applied[i] = iamac.AppliedBinding().WithName(b.Name)
		if b.Namespace != "" {
			applied[i].WithNamespace(b.Namespace)
		}
	}
	return applied
}

// clip makes a message fit to be stored: valid text, or the API server would store another than was sent, and not too long.
func clip(message string) string {
	message = strings.ToValidUTF8(message, "?")
	if len(message) <= maxMessage {
		return message
	}
	return strings.ToValidUTF8(message[:maxMessage-3], "") + "..."
}
