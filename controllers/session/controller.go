// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package session ends Sessions whose time has come or whose person may not act any more, says which layers keep their credentials
// out, and lets ended ones go when nobody needs the record.
package session

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/reach"
	"github.com/rollcall-iam/rollcall/internal/session"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// lookAgain is how soon a layer that is taking hold is looked at again: nothing tells of bindings.
const lookAgain = time.Second

// Reconciler keeps the conditions of Sessions and the record of their end.
type Reconciler struct {
	Client   client.Client
	Reporter status.Reporter
	Clock    clock.PassiveClock
	// Retention is how long a Session stays once it has ended and its last certificate has expired.
	Retention time.Duration
}

// scope is what one run learns of a Session.
type scope struct {
	session *v1alpha1.Session
	now     time.Time
	facts   session.Facts
	verdict session.Verdict
	// layers and again are set once it has ended: what keeps it out, and when to look anew.
	layers []metav1.Condition
	again  time.Time
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	s := scope{session: &v1alpha1.Session{}, now: r.Clock.Now()}
	if err := r.Client.Get(ctx, request.NamespacedName, s.session); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !s.session.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	if gone := r.goes(s.session); !gone.IsZero() && !s.now.Before(gone) {
		return ctrl.Result{}, r.remove(ctx, s.session)
	}
	if err := r.decide(ctx, &s); err != nil {
		return ctrl.Result{}, err
	}
	if wait := s.awaited(); wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, nil
	}
	for _, phase := range []func(context.Context, *scope) error{r.findLayers, r.report} {
		if err := phase(ctx, &s); err != nil {
			return ctrl.Result{}, err
		}
	}
	if s.again.IsZero() {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{RequeueAfter: max(s.again.Sub(s.now), time.Millisecond)}, nil
}

// soon is how long the first certificate of a Session may take that has just begun.
const soon = 5 * time.Second

// awaited is how long to leave a new Session alone that goes on: until its first certificate is recorded, which comes next and tells that
// it does. Zero for all others.
func (s *scope) awaited() time.Duration {
	known := s.session.Status
	if !s.verdict.Active() || known.Issued != nil || len(known.Conditions) > 0 {
		return 0
	}
	return status.Awaited(s.session.CreationTimestamp, soon, s.now)
}

// goes is when an ended Session is deleted; zero for one that goes on.
func (r *Reconciler) goes(s *v1alpha1.Session) time.Time {
	if s.Status.EndTime == nil {
		return time.Time{}
	}
	last := s.Status.EndTime.Time
	if until := s.ValidUntil(); until.After(last) {
		last = until
	}
	return last.Add(r.Retention)
}

func (r *Reconciler) remove(ctx context.Context, s *v1alpha1.Session) error {
	err := r.Client.Delete(ctx, s, client.Preconditions{UID: &s.UID, ResourceVersion: &s.ResourceVersion})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete Session %s: %w", s.Name, err)
	}
	log.FromContext(ctx).V(1).Info("the record of an ended Session is no longer needed")
	return nil
}

func (r *Reconciler) decide(ctx context.Context, s *scope) (err error) {
	if s.facts, err = reach.OfSession(ctx, r.Client, s.session, s.now); err != nil {
		return err
	}
	s.verdict = session.Decide(s.facts, s.now)
	s.again = s.verdict.Recheck
	return nil
}

// findLayers looks at what keeps the credential out. What was true when the last certificate expired stays as it was told.
func (r *Reconciler) findLayers(ctx context.Context, s *scope) error {
	if s.verdict.Active() {
		return nil
	}
	until := s.session.ValidUntil()
	s.again = s.verdict.EndTime.Add(r.Retention)
	if told := s.told(); !s.now.Before(until) && len(told) > 0 {
		s.layers = told
		return nil
	}
	layers, err := r.layers(ctx, s)
	if err != nil {
		return err
	}
	s.layers = layers.Conditions(until, s.now)
	if s.now.Before(until) {
		s.again = until
		if layers.Bound && !layers.UserActive {
			s.again = s.now.Add(lookAgain)
		}
	}
	return nil
}

// told are the layers as they are in the status, with all certificates expired.
func (s *scope) told() []metav1.Condition {
	var told []metav1.Condition
	for _, kind := range session.LayerTypes() {
		before := meta.FindStatusCondition(s.session.Status.Conditions, kind)
		if before == nil {
			return nil
		}
		told = append(told, *before)
	}
	expired := session.Layers{}.Conditions(s.session.ValidUntil(), s.now)
	told[len(told)-1] = expired[len(expired)-1]
	return told
}

func (r *Reconciler) layers(ctx context.Context, s *scope) (session.Layers, error) {
	var layers session.Layers
	var err error
	layers.UserActive = s.facts.User != nil && reach.Active(s.facts.User)
	if layers.Bound, err = reach.Bound(ctx, r.Client, s.session.Spec.Username); err != nil {
		return layers, err
	}
	installation := &v1alpha1.Installation{}
	err = r.Client.Get(ctx, client.ObjectKey{Name: v1alpha1.InstallationName}, installation)
	if client.IgnoreNotFound(err) != nil {
		return layers, fmt.Errorf("get Installation: %w", err)
	}
	layers.Checked = meta.IsStatusConditionTrue(installation.Status.Conditions, v1alpha1.ConditionCredentialsChecked)
	layers.Locked = session.LockedBy(s.facts.Locks, s.session.Status.Certificates, s.now)
	return layers, nil
}
