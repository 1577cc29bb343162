// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package grant turns Grants and the people whom they reach into bindings.
package grant

import (
	"context"
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/apply"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/rbacplan"
	"github.com/rollcall-iam/rollcall/internal/reach"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// Reconciler keeps the bindings and the status of Grants.
type Reconciler struct {
	Client   client.Client
	Applier  *apply.Applier
	Reporter status.Reporter
	Clock    clock.PassiveClock
	// Backoff spaces the tries of a Grant whose writes fail.
	Backoff workqueue.TypedRateLimiter[reconcile.Request]
}

// scope is what one run learns of a Grant.
type scope struct {
	grant    *v1alpha1.Grant
	now      time.Time
	open     bool
	reason   string
	next     time.Time
	people   reach.People
	places   []string
	bindings int
	// refused is what kept bindings from being written.
	refused *outcome.Problem
	// problems are what keeps the Grant from being whole, in the order in which a person should see them.
	problems []*outcome.Problem
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	s := scope{grant: &v1alpha1.Grant{}, now: r.Clock.Now()}
	if err := r.Client.Get(ctx, request.NamespacedName, s.grant); client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, err
	}
	if s.grant.Name == "" || !s.grant.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.withdraw(ctx, request.Name)
	}
	s.open, s.reason, s.next = rbacplan.Window(s.grant, s.now)
	for _, phase := range []func(context.Context, *scope) error{r.findRole, r.findPeople, r.apply, r.report} {
		if err := phase(ctx, &s); err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{RequeueAfter: r.again(request, &s)}, nil
}

// withdraw deletes the bindings of a Grant that is gone or going, without waiting for the garbage collector.
func (r *Reconciler) withdraw(ctx context.Context, grant string) error {
	existing, err := r.Applier.Existing(ctx, grant)
	if err != nil {
		return err
	}
	result := r.Applier.Execute(ctx, rbacplan.Withdraw(grant, existing))
	if result.Problem != nil {
		return result.Problem
	}
	return nil
}

// findRole finds the role and the places in which the Grant can hold.
func (r *Reconciler) findRole(ctx context.Context, s *scope) error {
	places, err := r.placesOf(ctx, s)
	if err != nil {
		return err
	}
	if s.grant.Spec.RoleRef.Kind == v1alpha1.RoleKindRole {
		return r.keepWithRole(ctx, s, places)
	}
	found, err := r.exists(ctx, "ClusterRole", client.ObjectKey{Name: s.grant.Spec.RoleRef.Name})
	if err != nil {
		return err
	}
	if !found {
		s.problem(outcome.Transientf(v1alpha1.ReasonRoleNotFound, "ClusterRole %q does not exist", s.grant.Spec.RoleRef.Name))
		return nil
	}
	s.places = places
	return nil
}

func (r *Reconciler) keepWithRole(ctx context.Context, s *scope, namespaces []string) error {
	role := s.grant.Spec.RoleRef.Name
	var without []string
	for _, namespace := range namespaces {
		found, err := r.exists(ctx, "Role", client.ObjectKey{Namespace: namespace, Name: role})
		if err != nil {
			return err
		}
		if found {
			s.places = append(s.places, namespace)
		} else {
			without = append(without, namespace)
		}
	}
	if len(without) > 0 {
		s.problem(outcome.Transientf(v1alpha1.ReasonRoleNotFound, "Role %q does not exist in %s", role, list("namespace", without)))
	}
	return nil
}

func (r *Reconciler) exists(ctx context.Context, kind string, key client.ObjectKey) (bool, error) {
	role := &metav1.PartialObjectMetadata{}
	role.SetGroupVersionKind(rbacv1.SchemeGroupVersion.WithKind(kind))
	if err := r.Client.Get(ctx, key, role); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return true, nil
}

func (r *Reconciler) findPeople(ctx context.Context, s *scope) error {
	people, err := reach.OfGrant(ctx, r.Client, s.grant)
	s.people = people
	if len(people.Missing) > 0 {
		s.problem(outcome.Transientf(v1alpha1.ReasonSubjectNotFound, "%s does not exist", bounded(people.Missing)))
	}
	return err
}

func (r *Reconciler) apply(ctx context.Context, s *scope) error {
	existing, err := r.Applier.Existing(ctx, s.grant.Name)
	if err != nil {
		return err
	}
	changes := rbacplan.Plan(rbacplan.Input{
		Grant: s.grant, Usernames: s.people.Usernames, Places: s.places, Existing: existing, Now: s.now,
	})
	result := r.Applier.Execute(ctx, changes)
	s.bindings = rbacplan.Count(s.grant, existing, result.Done)
	if s.refused = result.Problem; s.refused != nil {
		s.problems = slices.Insert(s.problems, 0, s.refused)
	}
	if len(result.Done) > 0 {
		log.FromContext(ctx).Info("bindings written", "changes", len(result.Done), "bindings", s.bindings, "subjects", len(s.people.Usernames))
	}
	return nil
}

func (s *scope) problem(p *outcome.Problem) { s.problems = append(s.problems, p) }

// again is when to look again: at the window's next edge; sooner where a write failed. What else is missing comes with an event.
func (r *Reconciler) again(request ctrl.Request, s *scope) time.Duration {
	var after time.Duration
	if !s.next.IsZero() {
		after = s.next.Sub(s.now)
	}
	if s.refused == nil {
		r.Backoff.Forget(request)
		return after
	}
	if retry := r.Backoff.When(request); after == 0 || retry < after {
		return retry
	}
	return after
}
