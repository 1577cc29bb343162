// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package group

import (
	"context"
	"slices"
	"time"

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
)

// gather is how long changes of people are gathered before a Group counts them: a count is for reading, and an import changes
// it thousands of times.
const gather = time.Second

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("group").
		For(&v1alpha1.Group{}).
		Watches(&v1alpha1.User{}, handler.Funcs{
			CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { r.enqueue(ctx, q, e.Object) },
			DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { r.enqueue(ctx, q, e.Object) },
			UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
				if membershipDiffers(e.ObjectOld, e.ObjectNew) {
					r.enqueue(ctx, q, e.ObjectOld)
					r.enqueue(ctx, q, e.ObjectNew)
				}
			},
		}, builder.WithPredicates(reach.News())).
		Watches(&v1alpha1.Directory{}, handler.EnqueueRequestsFromMapFunc(r.groupsOfDirectory),
			builder.WithPredicates(reach.News(), predicate.GenerationChangedPredicate{})).
		Complete(r)
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

func (r *Reconciler) enqueue(ctx context.Context, q queue, object client.Object) {
	user, ok := object.(*v1alpha1.User)
	if !ok {
		return
	}
	groups, err := reach.Groups(ctx, r.Client, user)
	for _, request := range reach.Requests(ctx, groups, err) {
		q.AddAfter(request, gather)
	}
}

func membershipDiffers(before, after client.Object) bool {
	a, ok := before.(*v1alpha1.User)
	b, also := after.(*v1alpha1.User)
	return ok && also && !slices.Equal(reach.DirectoryGroups(a), reach.DirectoryGroups(b))
}

func (r *Reconciler) groupsOfDirectory(ctx context.Context, object client.Object) []reconcile.Request {
	groups, err := index.GroupsOfDirectory(ctx, r.Client, object.GetName())
	return reach.Requests(ctx, groups, err)
}
