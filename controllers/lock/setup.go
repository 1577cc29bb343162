// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package lock

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/reach"
	"github.com/rollcall-iam/rollcall/internal/session"
)

// gather is how long changes of people are gathered before a Lock counts them: the Lock of a large group changes thousands.
const gather = 500 * time.Millisecond

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("lock").
		For(&v1alpha1.Lock{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.User{}, handler.Funcs{
			CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { r.enqueue(ctx, q, e.Object) },
			DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { r.enqueue(ctx, q, e.Object) },
			UpdateFunc: r.userChanged,
		}, builder.WithPredicates(reach.News())).
		Watches(&v1alpha1.Group{}, handler.EnqueueRequestsFromMapFunc(r.locksOfGroup),
			builder.WithPredicates(reach.News(), predicate.Funcs{UpdateFunc: reach.HoldsDiffers})).
		Watches(&v1alpha1.Session{}, handler.Funcs{
			CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { r.enqueueOfSession(ctx, q, e.Object) },
			DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { r.enqueueOfSession(ctx, q, e.Object) },
			UpdateFunc: r.sessionChanged,
		}, builder.WithPredicates(reach.News())).
		Complete(r)
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

func (r *Reconciler) userChanged(ctx context.Context, e event.UpdateEvent, q queue) {
	before, ok := e.ObjectOld.(*v1alpha1.User)
	after, also := e.ObjectNew.(*v1alpha1.User)
	if ok && also && (reach.Active(before) != reach.Active(after) ||
		!slices.Equal(reach.DirectoryGroups(before), reach.DirectoryGroups(after))) {
		r.enqueue(ctx, q, before)
		r.enqueue(ctx, q, after)
	}
}

func (r *Reconciler) enqueue(ctx context.Context, q queue, object client.Object) {
	user, ok := object.(*v1alpha1.User)
	if !ok {
		return
	}
	locks, err := reach.Locks(ctx, r.Client, user, r.Clock.Now())
	for _, request := range reach.Requests(ctx, locks, err) {
		q.AddAfter(request, gather)
	}
}

func (r *Reconciler) sessionChanged(ctx context.Context, e event.UpdateEvent, q queue) {
	before, ok := e.ObjectOld.(*v1alpha1.Session)
	after, also := e.ObjectNew.(*v1alpha1.Session)
	if ok && also && ((before.Status.EndTime == nil) != (after.Status.EndTime == nil) ||
		!slices.Equal(fingerprints(before), fingerprints(after))) {
		r.enqueueOfSession(ctx, q, after)
	}
}

func fingerprints(s *v1alpha1.Session) []string {
	found := make([]string, len(s.Status.Certificates))
	for i := range s.Status.Certificates {
		found[i] = s.Status.Certificates[i].Fingerprint
	}
	return found
}

// enqueueOfSession looks at the Locks that end a Session, and at the one that has ended it.
func (r *Reconciler) enqueueOfSession(ctx context.Context, q queue, object client.Object) {
	of, ok := object.(*v1alpha1.Session)
	if !ok {
		return
	}
	facts, err := reach.OfSession(ctx, r.Client, of, r.Clock.Now())
	requests := reach.Requests(ctx, facts.Locks, err)
	if name, locked := session.LockThatEnded(of.Status.EndedBy); locked {
		requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Name: name}})
	}
	for _, request := range requests {
		q.AddAfter(request, gather)
	}
}

func (r *Reconciler) locksOfGroup(ctx context.Context, object client.Object) []reconcile.Request {
	locks, err := index.LocksOf(ctx, r.Client, v1alpha1.LockGroup, object.GetName())
	return reach.Requests(ctx, locks, err)
}
