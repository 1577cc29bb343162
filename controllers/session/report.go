// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/session"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// report writes the status, if it differs, to exactly the Session that was looked at: an end that is written must not be of one that
// was renewed meanwhile.
func (r *Reconciler) report(ctx context.Context, s *scope) error {
	before := &s.session.Status
	told := s.verdict.Conditions()
	conditions := status.Merge(before.Conditions, append(told, s.layers...), s.session.Generation, s.now)
	owned := append(status.Summary(), append(session.LayerTypes(), v1alpha1.ConditionActive)...)
	ended := !s.verdict.Active()
	if status.Same(before.Conditions, conditions, owned...) && ended == (before.EndTime != nil) &&
		ptr.Deref(before.ObservedGeneration, -1) == s.session.Generation {
		return nil
	}
	applied := iamac.SessionStatus().WithConditions(status.Apply(conditions)...).WithObservedGeneration(s.session.Generation)
	if ended {
		applied.WithEndTime(metav1.NewTime(s.verdict.EndTime.Truncate(time.Second))).WithEndReason(s.verdict.Reason)
		if s.verdict.By != "" {
			applied.WithEndedBy(s.verdict.By)
		}
	}
	object := iamac.Session(s.session.Name).WithResourceVersion(s.session.ResourceVersion).WithStatus(applied)
	// That a layer has taken hold is no news of its own: they go with the end.
	news := status.Merge(before.Conditions, told, s.session.Generation, s.now)
	return client.IgnoreNotFound(r.Reporter.Report(ctx, s.session, object, before.Conditions, news))
}
