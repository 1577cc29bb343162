// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package grant

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/apply"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/rbacplan"
	"github.com/rollcall-iam/rollcall/internal/status"
)

func (r *Reconciler) report(ctx context.Context, s *scope) error {
	before := &s.grant.Status
	conditions := status.Merge(before.Conditions, s.summary(), s.grant.Generation, s.now)
	wanted := s.status()
	if status.Same(before.Conditions, conditions, status.Summary()...) && equality.Semantic.DeepEqual(ours(before), wanted) {
		return nil
	}
	applied := iamac.GrantStatus().WithConditions(status.Apply(conditions)...).WithObservedGeneration(s.grant.Generation).
		WithSubjects(*wanted.Subjects).WithBindings(*wanted.Bindings).WithApplied(status.Applied(wanted.Applied)...).WithWindow(wanted.Window)
	applied.Requests = wanted.Requests
	err := r.Reporter.Report(ctx, s.grant, iamac.Grant(s.grant.Name).WithUID(s.grant.UID).WithStatus(applied),
		before.Conditions, conditions)
	return client.IgnoreNotFound(err)
}

// ours is what this controller writes of a status, but for conditions. What a Grant is used for, others say.
func ours(before *v1alpha1.GrantStatus) v1alpha1.GrantStatus {
	rest := *before
	rest.Conditions, rest.LastUsedTime, rest.Usage = nil, nil, ""
	return rest
}

// status is all of it but the conditions.
func (s *scope) status() v1alpha1.GrantStatus {
	subjects, bindings := s.count()
	wanted := v1alpha1.GrantStatus{
		ObservedGeneration: &s.grant.Generation, Subjects: &subjects, Bindings: &bindings,
		Applied: apply.Named(s.bindings), Window: window(s.reason),
	}
	if s.grant.Spec.Activation == v1alpha1.ActivationOnRequest {
		wanted.Requests = new(int32(s.requests)) //nolint:gosec // A count of objects in memory is far from the limit.
	}
	return wanted
}

func window(reason string) v1alpha1.Window {
	switch reason {
	case v1alpha1.ReasonExpired:
		return v1alpha1.WindowExpired
	case v1alpha1.ReasonNotStarted:
		return v1alpha1.WindowNotStarted
	default:
		return v1alpha1.WindowOpen
	}
}

// count is how many people have the role through how many bindings: nobody, where there are none; where no more may be added,
// those who had it before.
func (s *scope) count() (subjects, bindings int32) {
	count := s.people.Count
	if len(s.bindings) == 0 {
		count = 0
	}
	if s.tooMany != nil {
		count = named(s.bindings)
	}
	return int32(count), int32(len(s.bindings)) //nolint:gosec // Counts of objects in memory are far from the limit.
}

// named counts the people whom bindings name, each once.
func named(bindings []rbacplan.Binding) int {
	names := map[string]bool{}
	for i := range bindings {
		for _, username := range bindings[i].Usernames {
			names[username] = true
		}
	}
	return len(names)
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
	if len(s.problems) == 0 && s.grant.Spec.Activation == v1alpha1.ActivationOnRequest {
		return status.Ready(v1alpha1.ReasonOnRequest,
			fmt.Sprintf("%d people may ask for it; %d have it now", s.people.Count, s.requests))
	}
	if len(s.problems) == 0 {
		subjects, bindings := s.count()
		return status.Ready(v1alpha1.ReasonApplied, fmt.Sprintf("%d people in %d bindings", subjects, bindings))
	}
	return status.NotReady(outcome.Whole(s.problems))
}
