// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lock says of each Lock whom it keeps out, and whether that has taken hold. What a Lock does is done by whoever gives:
// the controllers of Users, Grants, credentials and requests look at the Locks themselves.
package lock

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/reach"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// Reconciler keeps the status of Locks.
type Reconciler struct {
	Client   client.Client
	Reporter status.Reporter
	Clock    clock.PassiveClock
}

// scope is what one run learns of a Lock.
type scope struct {
	lock  *v1alpha1.Lock
	now   time.Time
	found bool
	// users whom it is about, and how many of them are not known yet to be kept out.
	users, acting int32
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	s := scope{lock: &v1alpha1.Lock{}, now: r.Clock.Now()}
	if err := r.Client.Get(ctx, request.NamespacedName, s.lock); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !s.lock.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	for _, phase := range []func(context.Context, *scope) error{r.findTarget, r.report} {
		if err := phase(ctx, &s); err != nil {
			return ctrl.Result{}, err
		}
	}
	if expire := s.lock.Spec.ExpireTime; expire != nil && s.now.Before(expire.Time) {
		return ctrl.Result{RequeueAfter: expire.Sub(s.now)}, nil
	}
	return ctrl.Result{}, nil
}

func (r *Reconciler) findTarget(ctx context.Context, s *scope) error {
	users, found, err := reach.OfTarget(ctx, r.Client, s.lock.Spec.Target)
	if err != nil {
		return fmt.Errorf("find %s %s: %w", s.lock.Spec.Target.Kind, s.lock.Spec.Target.Name, err)
	}
	s.found = found
	if !reach.Holds(s.lock, s.now) {
		return nil
	}
	counted := map[string]bool{}
	for i := range users {
		if counted[users[i].Name] {
			continue
		}
		counted[users[i].Name] = true
		s.users++
		if reach.Active(&users[i]) {
			s.acting++
		}
	}
	return nil
}

func (r *Reconciler) report(ctx context.Context, s *scope) error {
	before := &s.lock.Status
	conditions := status.Merge(before.Conditions, s.summary(), s.lock.Generation, s.now)
	if status.Same(before.Conditions, conditions, status.Summary()...) && ptr.Equal(before.Users, &s.users) &&
		ptr.Deref(before.ObservedGeneration, -1) == s.lock.Generation {
		return nil
	}
	applied := iamac.LockStatus().WithConditions(status.Apply(conditions)...).WithObservedGeneration(s.lock.Generation).WithUsers(s.users)
	err := r.Reporter.Report(ctx, s.lock, iamac.Lock(s.lock.Name).WithUID(s.lock.UID).WithStatus(applied), before.Conditions, conditions)
	return client.IgnoreNotFound(err)
}

func (s *scope) summary() []metav1.Condition {
	target := s.lock.Spec.Target
	switch {
	case !reach.Holds(s.lock, s.now):
		return status.Ready(v1alpha1.ReasonExpired, "expireTime has passed: this keeps nobody out")
	case !s.found:
		return status.NotReady(outcome.Transientf(v1alpha1.ReasonTargetNotFound,
			"%s %q does not exist, or is gone from its directory: this keeps nobody out now",
			target.Kind, target.Name))
	case s.acting > 0:
		return status.NotReady(outcome.Transientf(v1alpha1.ReasonLocking, "access is being withdrawn"))
	default:
		return status.Ready(v1alpha1.ReasonLocked, fmt.Sprintf("%s %q is kept out", target.Kind, target.Name))
	}
}
