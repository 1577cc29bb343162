// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package grant

import (
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/status"
)

func (r *Reconciler) report(ctx context.Context, s *scope) error {
	before := &s.grant.Status
	conditions := status.Merge(before.Conditions, s.summary(), s.grant.Generation, s.now)
	subjects, bindings := s.count()
	if status.Same(before.Conditions, conditions, status.Summary()...) &&
		ptr.Equal(before.Subjects, &subjects) && ptr.Equal(before.Bindings, &bindings) &&
		ptr.Deref(before.ObservedGeneration, -1) == s.grant.Generation {
		return nil
	}
	applied := iamac.GrantStatus().WithConditions(status.Apply(conditions)...).WithObservedGeneration(s.grant.Generation).
		WithSubjects(subjects).WithBindings(bindings)
	err := r.Reporter.Report(ctx, s.grant, iamac.Grant(s.grant.Name).WithUID(s.grant.UID).WithStatus(applied),
		before.Conditions, conditions)
	return client.IgnoreNotFound(err)
}

// count is how many people have the role through how many bindings: nobody, where there are none.
func (s *scope) count() (subjects, bindings int32) {
	if s.bindings == 0 {
		return 0, 0
	}
	return int32(len(s.people.Usernames)), int32(s.bindings) //nolint:gosec // Counts of objects in memory are far from the limit.
}

func (s *scope) summary() []metav1.Condition {
	if !s.open && s.refused != nil {
		return status.NotReady(s.refused)
	}
	if !s.open {
		return status.Ready(s.reason, map[string]string{
			v1alpha1.ReasonExpired:    "expireTime has passed: there are no bindings",
			v1alpha1.ReasonNotStarted: "startTime is yet to come: there are no bindings",
		}[s.reason])
	}
	if len(s.problems) == 0 {
		subjects, bindings := s.count()
		return status.Ready(v1alpha1.ReasonApplied, fmt.Sprintf("%d people in %d bindings", subjects, bindings))
	}
	whole := *s.problems[0]
	messages := make([]string, len(s.problems))
	for i, problem := range s.problems {
		messages[i] = problem.Message
		if problem.Kind == outcome.Terminal {
			whole.Kind = outcome.Terminal
		}
	}
	whole.Message = strings.Join(messages, "; ")
	return status.NotReady(&whole)
}
