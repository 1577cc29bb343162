// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// Reporter writes status for one controller.
type Reporter struct {
	Client   client.Client
	Recorder events.EventRecorder
	// FieldOwner is the controller's one field manager.
	FieldOwner client.FieldOwner
}

// Report applies a status, which holds the conditions after, and tells what changed since before. The uid in what is applied only
// keeps an object that is gone from being created; it is not compared with that of one which took its name.
func (r Reporter) Report(
	ctx context.Context, object client.Object, applied runtime.ApplyConfiguration, before, after []metav1.Condition,
) error {
	if err := r.Client.Status().Apply(ctx, applied, r.FieldOwner, client.ForceOwnership); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	r.tellAll(ctx, object, before, after)
	return nil
}

// Patch writes what of a status differs from the one before, if that is still the present one, and tells what changed of the conditions:
// for what one controller says and another would say next. What is written holds the object as it then is.
func (r Reporter) Patch(ctx context.Context, before, written client.Object, conditionsBefore, conditions []metav1.Condition) error {
	ofThatVersion := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Status().Patch(ctx, written, ofThatVersion, r.FieldOwner); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	r.tellAll(ctx, before, conditionsBefore, conditions)
	return nil
}

func (r Reporter) tellAll(ctx context.Context, object client.Object, before, after []metav1.Condition) {
	for i := range after {
		r.tell(ctx, object, meta.FindStatusCondition(before, after[i].Type), &after[i])
	}
}

// failing says that a condition is bad news even as the first thing that is known of an object. That a new User is not active
// is none: nobody lost anything. That a User is dormant always is, since it is said while it is so and not otherwise.
func failing(condition *metav1.Condition) bool {
	return condition.Status == metav1.ConditionFalse && condition.Type != v1alpha1.ConditionActive ||
		condition.Type == v1alpha1.ConditionDormant
}

// underWay are the reasons of conditions that last moments when all is well.
func underWay(reason string) bool {
	switch reason {
	case v1alpha1.ReasonIssuing, v1alpha1.ReasonMirroring, v1alpha1.ReasonDirectoryPending, v1alpha1.ReasonLocking, v1alpha1.ReasonPending,
		v1alpha1.ReasonSubjectPending:
		return true
	}
	return false
}

// begins says that a reason is that of an object which is new, mostly, and of which nobody was told.
func begins(reason string) bool {
	return reason == v1alpha1.ReasonIssuing || reason == v1alpha1.ReasonDirectoryPending || reason == v1alpha1.ReasonSubjectPending
}

// tell makes an event and a log line of a transition. Stalled and Reconciling go with Ready, which says the same; and that a new
// object is well is no news.
func (r Reporter) tell(ctx context.Context, object client.Object, before, after *metav1.Condition) {
	if after.Type == v1alpha1.ConditionStalled || after.Type == v1alpha1.ConditionReconciling {
		return
	}
	if before != nil && before.Status == after.Status && before.Reason == after.Reason {
		return
	}
	logger := log.FromContext(ctx).WithValues("condition", after.Type, "status", after.Status, "reason", after.Reason)
	isNew := before == nil || before.Status != metav1.ConditionTrue && begins(before.Reason)
	if isNew && !failing(after) || underWay(after.Reason) {
		logger.V(1).Info(after.Message)
		return
	}
	logger.Info(after.Message)
	kind := corev1.EventTypeNormal
	if after.Status == metav1.ConditionFalse {
		kind = corev1.EventTypeWarning
	}
	r.Recorder.Eventf(object, nil, kind, after.Reason, after.Type, "%s", after.Message)
}
