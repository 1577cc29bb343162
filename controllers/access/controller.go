// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package access turns AccessRequests that are approved into bindings of their own, for a time, and says of Approvals whether they count.
package access

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/access"
	"github.com/rollcall-iam/rollcall/internal/apply"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/rbacplan"
	"github.com/rollcall-iam/rollcall/internal/reach"
	"github.com/rollcall-iam/rollcall/internal/status"
)

const (
	// lookAgain is when to look again after a write that met a newer state than the cache had.
	lookAgain = 50 * time.Millisecond
	// lookOften is how often the clock is looked at while a request waits for a time: clocks are set, and timers do not notice.
	lookOften = 30 * time.Second
)

// Reconciler keeps the bindings and the status of AccessRequests, and the status of Approvals.
type Reconciler struct {
	Client client.Client
	// Live reads past the cache: before a request is accepted, ended because of its Grant, or given anything.
	Live     client.Reader
	Applier  *apply.Applier
	Reporter status.Reporter
	Clock    clock.PassiveClock
	// Metrics tell how long people wait; nil where nobody asks.
	Metrics *Metrics
	// Backoff spaces the tries of a request whose writes fail.
	Backoff workqueue.TypedRateLimiter[reconcile.Request]
}

// scope is what one run learns of a request.
type scope struct {
	request *v1alpha1.AccessRequest
	now     time.Time
	facts   access.Facts
	verdict access.Verdict
	// bindings that are in force, sorted.
	bindings []rbacplan.Binding
	// problems are what keeps its access from being whole, in the order in which a person should see them.
	problems []*outcome.Problem
	// refused says that a binding could not be written.
	refused bool
}

// errBehind says that the cache shows less than is there.
var errBehind = errors.New("the cache is behind")

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	s := scope{request: &v1alpha1.AccessRequest{}, now: r.Clock.Now()}
	if err := r.Client.Get(ctx, request.NamespacedName, s.request); client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, err
	}
	if s.request.Name == "" || !s.request.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.gone(ctx, request.Name)
	}
	for _, phase := range []func(context.Context, *scope) error{r.gather, r.decide, r.record, r.apply, r.report, r.answer} {
		err := phase(ctx, &s)
		if apierrors.IsConflict(err) || errors.Is(err, errBehind) {
			log.FromContext(ctx).V(1).Info("will look again", "why", err.Error())
			return ctrl.Result{RequeueAfter: lookAgain}, nil
		}
		if err != nil {
			return ctrl.Result{}, client.IgnoreNotFound(err)
		}
	}
	return ctrl.Result{RequeueAfter: r.again(request, &s)}, nil
}

// gone takes away what a request gave that is gone or going, and says so to its Approvals.
func (r *Reconciler) gone(ctx context.Context, name string) error {
	if problem := r.Applier.Withdraw(ctx, rbacplan.Holder{Kind: rbacplan.KindRequest, Name: name}); problem != nil {
		return problem
	}
	return r.answerWithout(ctx, name)
}

// decide decides. Before access begins, and before a request ends because its Grant seems to be another, it is decided once more on the
// Grant past the cache: a request is for the Grant as it is.
func (r *Reconciler) decide(ctx context.Context, s *scope) error {
	s.verdict = access.Decide(s.facts, s.now)
	record, before := s.verdict.Record, &s.request.Status
	begins := record.Start != nil && before.StartTime == nil
	ends := record.End != nil && before.EndTime == nil &&
		(record.EndReason == v1alpha1.ReasonGrantChanged || record.EndReason == v1alpha1.ReasonGrantNotFound)
	if !begins && !ends {
		return nil
	}
	s.facts = access.Facts{Request: s.request}
	for _, part := range []func(context.Context, *scope) error{r.lookAtGrant, r.findRequester, r.findDecisions} {
		if err := part(ctx, s); err != nil {
			return err
		}
	}
	s.verdict = access.Decide(s.facts, s.now)
	return nil
}

// record writes what must be known of the request's past, before anything is done about it. The write is for exactly the state that
// was decided on, so that nothing which has ended is taken for what it was.
func (r *Reconciler) record(ctx context.Context, s *scope) error {
	if s.verdict.Record == access.RecordOf(s.request) {
		return nil
	}
	outcome, took := access.Waited(s.request, s.verdict)
	err := r.write(ctx, s, s.request.Status.Conditions, nil)
	if err == nil {
		r.Metrics.wait(outcome, took)
	}
	if err != nil && s.verdict.State == access.Ended {
		// Whatever keeps the end from being recorded does not keep access from ending.
		return errors.Join(err, r.apply(ctx, s))
	}
	return err
}

func (r *Reconciler) apply(ctx context.Context, s *scope) error {
	holder := rbacplan.Holder{Kind: rbacplan.KindRequest, Name: s.request.Name, UID: s.request.UID}
	existing, err := r.Applier.Existing(ctx, holder)
	if err != nil {
		return err
	}
	in := rbacplan.Input{Template: rbacplan.Template{Holder: holder}, Existing: existing}
	if s.verdict.State == access.Active {
		if in, err = r.wanted(ctx, s, existing); err != nil {
			return err
		}
	}
	changes := rbacplan.Plan(in)
	if len(changes) > 0 && s.verdict.State == access.Active {
		if err := r.stillAsSeen(ctx, s); err != nil {
			return err
		}
	}
	result := r.Applier.Execute(ctx, changes)
	s.bindings = rbacplan.After(holder, existing, result.Done)
	if s.refused = result.Problem != nil; s.refused {
		s.problems = append([]*outcome.Problem{result.Problem}, s.problems...)
	}
	if len(result.Done) > 0 {
		log.FromContext(ctx).Info("bindings written", "changes", len(result.Done), "bindings", len(s.bindings),
			"grant", s.request.Spec.GrantRef.Name)
	}
	return nil
}

// wanted are the bindings of a request that is active.
func (r *Reconciler) wanted(ctx context.Context, s *scope, existing []rbacplan.Binding) (rbacplan.Input, error) {
	places, err := reach.PlacesOf(ctx, r.Client, s.facts.Grant)
	s.problems = places.Problems
	return rbacplan.Input{
		Template:  rbacplan.OfRequest(s.request, s.facts.Grant, s.verdict.Approvers()),
		Usernames: []string{s.request.Spec.UserName}, Places: places.Namespaces, Existing: existing,
	}, err
}

// stillAsSeen makes sure that the request has not ended meanwhile, which the cache may not show yet.
func (r *Reconciler) stillAsSeen(ctx context.Context, s *scope) error {
	var fresh v1alpha1.AccessRequest
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(s.request), &fresh); err != nil {
		return err
	}
	if fresh.UID != s.request.UID || fresh.Status.EndTime != nil || !fresh.DeletionTimestamp.IsZero() {
		return errBehind
	}
	return nil
}

// again is when to look again: when the verdict may change by itself; sooner where a write failed.
func (r *Reconciler) again(request ctrl.Request, s *scope) time.Duration {
	var after time.Duration
	if !s.verdict.Recheck.IsZero() {
		after = max(min(s.verdict.Recheck.Sub(s.now), lookOften), time.Millisecond)
	}
	if !s.refused {
		r.Backoff.Forget(request)
		return after
	}
	if retry := r.Backoff.When(request); after == 0 || retry < after {
		return retry
	}
	return after
}
