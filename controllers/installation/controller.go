// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package installation keeps the one Installation, which says what the operator can do in this cluster.
package installation

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/preflight"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// How long until the signer is tried again: while it works, and while it does not.
const (
	lookAgain = time.Minute
	tryAgain  = 30 * time.Second
	// soon is how long until what has just begun is looked at again.
	soon = 10 * time.Second
)

// Reconciler makes the Installation and keeps its status.
type Reconciler struct {
	Client    client.Client
	Reporter  status.Reporter
	Clock     clock.PassiveClock
	Preflight *preflight.Preflight
	// Rotation looks after the operator's own authority; nil where another signs.
	Rotation *Rotation
	// Version of the operator.
	Version string
	// LoginURL is where people log in; empty where there is no login service.
	LoginURL string
	// Audit tells where auditors ask; nil where there is no audit service.
	Audit func(context.Context) (*v1alpha1.InstallationAudit, error)
	// Received tells whether the audit logs of API servers arrive; nil where there is no audit service.
	Received func() metav1.Condition

	// found is what was found last, and due when to look again: there is one object, and so one Reconcile at a time.
	found *found
	due   time.Time
}

// found is what is known of what the operator can do.
type found struct {
	preflight.Result

	// authority is the operator's own; nil where another signs, or it is not known.
	authority *rotated
	// audit is where auditors ask; nil where there is no audit service, or it is not known.
	audit *v1alpha1.InstallationAudit
	// received is whether audit logs arrive; nil where there is no audit service.
	received *metav1.Condition
}

// scope is what one run works on.
type scope struct {
	installation *v1alpha1.Installation
	// made says that it was made just now: its own event brings it back.
	made bool
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	s := scope{installation: &v1alpha1.Installation{ObjectMeta: metav1.ObjectMeta{Name: request.Name}}}
	if err := r.find(ctx, &s); err != nil {
		return ctrl.Result{}, err
	}
	if s.made || !s.installation.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	for _, phase := range []func(context.Context, *scope) error{r.try, r.report} {
		if err := phase(ctx, &s); err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{RequeueAfter: max(r.due.Sub(r.Clock.Now()), time.Millisecond)}, nil
}

// find reads the Installation, and makes it where there is none.
func (r *Reconciler) find(ctx context.Context, s *scope) error {
	err := r.Client.Get(ctx, client.ObjectKeyFromObject(s.installation), s.installation)
	if !apierrors.IsNotFound(err) {
		return err
	}
	s.made = true
	// Where it exists already, the cache will tell.
	if err := r.Client.Create(ctx, s.installation); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create Installation: %w", err)
	}
	return nil
}

// try tries the signer when it is time. Whatever happens to the object in between is answered with what is known.
func (r *Reconciler) try(ctx context.Context, _ *scope) error {
	if r.found != nil && r.Clock.Now().Before(r.due) {
		return nil
	}
	now := r.look(ctx)
	r.locate(ctx, now)
	if err := ctx.Err(); err != nil {
		return err // What was cut short says nothing.
	}
	next := lookAgain
	if now.Problem != nil {
		next = tryAgain
	}
	if r.Received != nil {
		now.received = new(r.Received())
		if reason := now.received.Reason; reason == v1alpha1.ReasonStarting || reason == v1alpha1.ReasonFailed {
			next = soon
		}
	}
	r.found, r.due = now, r.Clock.Now().Add(next)
	return nil
}

// look keeps the authority, where there is one to be kept, and tries the signer.
func (r *Reconciler) look(ctx context.Context) *found {
	if r.Rotation == nil {
		return &found{Result: r.Preflight.Check(ctx)}
	}
	authority, problem := r.Rotation.keep(ctx)
	if authority == nil && r.found != nil {
		authority = r.found.authority // What is not known now is told as it was.
	}
	if r.found != nil && r.found.authority.replacedBy(authority) {
		r.Preflight.Forget()
	}
	now := &found{Result: r.Preflight.Check(ctx), authority: authority}
	if now.Problem == nil {
		now.Problem = problem
	}
	return now
}

// locate finds out where auditors ask. What is not known now is told as it was.
func (r *Reconciler) locate(ctx context.Context, now *found) {
	if r.Audit == nil {
		return
	}
	at, err := r.Audit(ctx)
	if err != nil {
		log.FromContext(ctx).Error(err, "where auditors ask is not told")
		if r.found != nil {
			at = r.found.audit
		}
	}
	now.audit = at
}

func (r *Reconciler) report(ctx context.Context, s *scope) error {
	object, before := s.installation, &s.installation.Status
	name := r.Preflight.Signer.Name()
	wanted, authority := r.found.Conditions(name), r.found.authority.status()
	if r.found.authority != nil {
		wanted = append(wanted, r.found.authority.condition())
	}
	if r.found.received != nil {
		wanted = append(wanted, *r.found.received)
	}
	conditions := status.Merge(before.Conditions, wanted, object.Generation, r.Clock.Now())
	owned := append(status.Summary(),
		v1alpha1.ConditionSignerReady, v1alpha1.ConditionCredentialsChecked, v1alpha1.ConditionAuthorityCurrent,
		v1alpha1.ConditionAuditReceived)
	after := v1alpha1.InstallationStatus{
		Conditions: before.Conditions, ObservedGeneration: &object.Generation, Version: r.Version, Signer: name, LoginURL: r.LoginURL,
		Authority: authority, Audit: r.found.audit,
	}
	if status.Same(before.Conditions, conditions, owned...) && equality.Semantic.DeepEqual(*before, after) {
		return nil
	}
	written := iamac.Installation(object.Name).WithUID(object.UID).WithStatus(told(&after).WithConditions(status.Apply(conditions)...))
	return client.IgnoreNotFound(r.Reporter.Report(ctx, object, written, before.Conditions, conditions))
}

// told is a status as it is written, without its conditions.
func told(s *v1alpha1.InstallationStatus) *iamac.InstallationStatusApplyConfiguration {
	written := iamac.InstallationStatus().WithObservedGeneration(*s.ObservedGeneration).WithSigner(s.Signer)
	if s.Version != "" {
		written.WithVersion(s.Version)
	}
	if s.LoginURL != "" {
		written.WithLoginURL(s.LoginURL)
	}
	if s.Authority != nil {
		written.WithAuthority(applied(s.Authority))
	}
	if at := s.Audit; at != nil {
		written.WithAudit(iamac.InstallationAudit().WithURL(at.URL).WithCABundle(at.CABundle...).WithNamespace(at.Namespace))
	}
	return written
}
