// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package grant turns Grants and the people whom they reach into bindings.
package grant

import (
	"context"
	"slices"
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/apply"
	"github.com/rollcall-iam/rollcall/internal/index"
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
	grant  *v1alpha1.Grant
	now    time.Time
	open   bool
	reason string
	next   time.Time
	people reach.People
	places []string
	// requests counts those that are active.
	requests int
	// bindings that are in force, sorted.
	bindings []rbacplan.Binding
	// refused is what kept bindings from being written.
	refused *outcome.Problem
	// tooMany is that the bindings would name more people than they may.
	tooMany *outcome.Problem
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
	for _, phase := range []func(context.Context, *scope) error{r.findPlaces, r.findPeople, r.countRequests, r.apply, r.report} {
		if err := phase(ctx, &s); err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{RequeueAfter: r.again(request, &s)}, nil
}

// withdraw deletes the bindings of a Grant that is gone or going, without waiting for the garbage collector.
func (r *Reconciler) withdraw(ctx context.Context, grant string) error {
	if problem := r.Applier.Withdraw(ctx, rbacplan.Holder{Kind: rbacplan.KindGrant, Name: grant}); problem != nil {
		return problem
	}
	return nil
}

func (r *Reconciler) findPlaces(ctx context.Context, s *scope) error {
	places, err := reach.PlacesOf(ctx, r.Client, s.grant)
	s.places, s.problems = places.Namespaces, append(s.problems, places.Problems...)
	return err
}

func (r *Reconciler) findPeople(ctx context.Context, s *scope) error {
	people, err := reach.OfGrant(ctx, r.Client, s.grant, s.now)
	s.people = people
	if !people.Next.IsZero() && (s.next.IsZero() || people.Next.Before(s.next)) {
		s.next = people.Next
	}
	if len(people.Missing) > 0 {
		s.problem(outcome.Transientf(v1alpha1.ReasonSubjectNotFound, "%s does not exist", outcome.Bounded(people.Missing)))
	}
	if len(people.Pending) > 0 {
		s.problem(outcome.Transientf(v1alpha1.ReasonSubjectPending,
			"not known yet: %s (the status there says why)", outcome.Bounded(people.Pending)))
	}
	return err
}

// countRequests counts whose requests for this Grant are active.
func (r *Reconciler) countRequests(ctx context.Context, s *scope) error {
	requests, err := index.RequestsOfGrant(ctx, r.Client, s.grant.Name)
	for i := range requests {
		if reach.Granted(&requests[i]) {
			s.requests++
		}
	}
	return err
}

// apply makes the bindings. Of a Grant on request there are none: those of its AccessRequests are theirs.
func (r *Reconciler) apply(ctx context.Context, s *scope) error {
	template := rbacplan.OfGrant(s.grant)
	existing, err := r.Applier.Existing(ctx, template.Holder)
	if err != nil {
		return err
	}
	in := rbacplan.Input{Template: template, Usernames: s.people.Usernames, Groups: s.people.Groups, Existing: existing}
	if s.open && s.grant.Spec.Activation != v1alpha1.ActivationOnRequest {
		in.Places = s.places
	}
	if in.NobodyNew = rbacplan.TooMany(len(in.Usernames), len(in.Places)); in.NobodyNew {
		s.tooMany = tooMany(len(in.Usernames), len(in.Places))
		s.problems = slices.Insert(s.problems, 0, s.tooMany)
	}
	result := r.Applier.Execute(ctx, rbacplan.Plan(in))
	if s.open && s.grant.Spec.Activation == v1alpha1.ActivationOnRequest && len(s.places) > 0 && result.Problem == nil {
		// Better now than when somebody needs it.
		result.Problem = r.Applier.Try(ctx, rbacplan.Binding{Namespace: s.places[0], Name: template.Holder.BindingName(0), Template: template})
	}
	s.bindings = rbacplan.After(template.Holder, existing, result.Done)
	if s.refused = result.Problem; s.refused != nil {
		s.problems = slices.Insert(s.problems, 0, s.refused)
	}
	if len(result.Done) > 0 {
		log.FromContext(ctx).Info("bindings written", "changes", len(result.Done), "bindings", len(s.bindings), "subjects", s.people.Count)
	}
	return nil
}

func tooMany(people, places int) *outcome.Problem {
	return outcome.Terminalf(v1alpha1.ReasonTooManySubjects,
		"%d people in %d places would be %d names in bindings; at most %d may be, and nobody is added: "+
			"bind the groups instead (subjectMode: Groups), or divide this into several Grants",
		people, places, people*places, rbacplan.MaxNames)
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
