// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lock says of each Lock whom it keeps out, with which certificates, and whether that has taken hold. What a Lock does is done by
// whoever gives: the controllers of Users, Sessions, Grants, credentials and requests look at the Locks themselves. Only the policy
// rollcall-locks goes by what is said here.
package lock

import (
	"context"
	"fmt"
	"slices"
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
	// sessions that it has ended or ends and whose certificates are still valid, and how many of them have not ended yet.
	sessions, ending int32
	// credentials are the ids of these certificates, sorted.
	credentials []string
	// expiry is when the next of these certificates expires. Zero: there are none.
	expiry time.Time
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
	return ctrl.Result{RequeueAfter: s.next()}, nil
}

// next is how long it takes until something changes by itself: the Lock ends, or a certificate expires. Zero: never.
func (s *scope) next() time.Duration {
	next := s.expiry
	if expire := s.lock.Spec.ExpireTime; expire != nil && s.now.Before(expire.Time) && (next.IsZero() || expire.Time.Before(next)) {
		next = expire.Time
	}
	if next.IsZero() {
		return 0
	}
	return next.Sub(s.now)
}

func (r *Reconciler) findTarget(ctx context.Context, s *scope) error {
	users, found, err := reach.OfTarget(ctx, r.Client, s.lock.Spec.Target)
	if err != nil {
		return fmt.Errorf("find %s %s: %w", s.lock.Spec.Target.Kind, s.lock.Spec.Target.Name, err)
	}
	sessions, err := reach.SessionsOfLock(ctx, r.Client, s.lock, users)
	if err != nil {
		return err
	}
	s.found = found || s.exists(sessions)
	if !reach.Holds(s.lock, s.now) {
		return nil
	}
	s.count(users)
	s.collect(sessions)
	return nil
}

// exists says whether a target that is no person is there. A device always is: it may be locked before anybody has it.
func (s *scope) exists(sessions []v1alpha1.Session) bool {
	target := s.lock.Spec.Target
	return target.Kind == v1alpha1.LockDevice || target.Kind == v1alpha1.LockSession &&
		slices.ContainsFunc(sessions, func(of v1alpha1.Session) bool { return of.Name == target.Name })
}

func (s *scope) count(users []v1alpha1.User) {
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
}

func (r *Reconciler) report(ctx context.Context, s *scope) error {
	before := &s.lock.Status
	conditions := status.Merge(before.Conditions, s.summary(), s.lock.Generation, s.now)
	if status.Same(before.Conditions, conditions, status.Summary()...) && ptr.Equal(before.Users, &s.users) &&
		ptr.Equal(before.Sessions, &s.sessions) && slices.Equal(before.Credentials, s.credentials) &&
		ptr.Deref(before.ObservedGeneration, -1) == s.lock.Generation {
		return nil
	}
	applied := iamac.LockStatus().WithConditions(status.Apply(conditions)...).WithObservedGeneration(s.lock.Generation).
		WithUsers(s.users).WithSessions(s.sessions).WithCredentials(s.credentials...)
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
	case s.acting > 0, s.ending > 0:
		return status.NotReady(outcome.Transientf(v1alpha1.ReasonLocking, "access is being withdrawn"))
	case target.Kind == v1alpha1.LockDevice && s.sessions == 0:
		return status.Ready(v1alpha1.ReasonLocked, fmt.Sprintf("Device %q is kept out; no Session is on it now", target.Name))
	default:
		return status.Ready(v1alpha1.ReasonLocked, fmt.Sprintf("%s %q is kept out", target.Kind, target.Name))
	}
}
