// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package grant

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/rbacplan"
	"github.com/rollcall-iam/rollcall/internal/reach"
)

const (
	workers = 4
	// gather is how long gains of access are gathered before a Grant's bindings are written, and how soon it is looked at again after that.
	// Losses do not wait.
	gather = 200 * time.Millisecond
)

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	comesOrGoes := builder.WithPredicates(reach.News(), predicate.Funcs{UpdateFunc: func(event.UpdateEvent) bool { return false }})
	return ctrl.NewControllerManagedBy(mgr).
		Named("grant").
		For(&v1alpha1.Grant{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.User{}, handler.Funcs{
			CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { r.enqueue(ctx, q, e.Object, gather) },
			DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { r.enqueue(ctx, q, e.Object, 0) },
			UpdateFunc: r.userChanged,
		}, builder.WithPredicates(reach.News())).
		Watches(&v1alpha1.Group{}, handler.EnqueueRequestsFromMapFunc(r.grantsOfGroup),
			builder.WithPredicates(reach.News(), predicate.Or(
				predicate.Funcs{UpdateFunc: reach.HoldsDiffers}, predicate.Funcs{UpdateFunc: reach.KnownDiffers}))).
		Watches(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(r.grantsOfNamespace),
			builder.WithPredicates(reach.News(), predicate.Or(predicate.LabelChangedPredicate{}, reach.Deletion()))).
		WatchesMetadata(&rbacv1.ClusterRole{}, handler.EnqueueRequestsFromMapFunc(r.grantsOfRole(v1alpha1.RoleKindClusterRole)), comesOrGoes).
		WatchesMetadata(&rbacv1.Role{}, handler.EnqueueRequestsFromMapFunc(r.grantsOfRole(v1alpha1.RoleKindRole)), comesOrGoes).
		Watches(&rbacv1.RoleBinding{}, bindings()).
		Watches(&rbacv1.ClusterRoleBinding{}, bindings()).
		Watches(&v1alpha1.Lock{}, handler.EnqueueRequestsFromMapFunc(r.grantsOfLock),
			builder.WithPredicates(reach.News(), predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.AccessRequest{}, handler.EnqueueRequestsFromMapFunc(grantOfRequest),
			builder.WithPredicates(reach.News(), predicate.Funcs{UpdateFunc: reach.GrantedDiffers})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// userChanged acts at once where a User loses something, and gathers gains: an import brings thousands of them.
func (r *Reconciler) userChanged(ctx context.Context, e event.UpdateEvent, q queue) {
	before, ok := e.ObjectOld.(*v1alpha1.User)
	after, also := e.ObjectNew.(*v1alpha1.User)
	if !ok || !also {
		return
	}
	if reach.Loses(before, after) {
		r.enqueue(ctx, q, before, 0)
	}
	if reach.Gains(before, after) || reach.Looked(before) != reach.Looked(after) || reach.Judged(before) != reach.Judged(after) {
		r.enqueue(ctx, q, after, gather)
	}
}

func (r *Reconciler) enqueue(ctx context.Context, q queue, object client.Object, wait time.Duration) {
	user, ok := object.(*v1alpha1.User)
	if !ok {
		return
	}
	grants, err := reach.Grants(ctx, r.Client, user)
	for _, request := range reach.Requests(ctx, grants, err) {
		q.AddAfter(request, wait)
	}
}

func (r *Reconciler) grantsOfGroup(ctx context.Context, object client.Object) []reconcile.Request {
	grants, err := index.GrantsOfSubject(ctx, r.Client, v1alpha1.SubjectGroup, object.GetName())
	return reach.Requests(ctx, grants, err)
}

func (r *Reconciler) grantsOfNamespace(ctx context.Context, object client.Object) []reconcile.Request {
	grants, err := index.GrantsOfScope(ctx, r.Client, v1alpha1.ScopeNamespaces)
	grants = slices.DeleteFunc(grants, func(g v1alpha1.Grant) bool { return !reach.Selects(&g, object) })
	return reach.Requests(ctx, grants, err)
}

func (r *Reconciler) grantsOfRole(kind v1alpha1.RoleKind) handler.MapFunc {
	return func(ctx context.Context, object client.Object) []reconcile.Request {
		grants, err := index.GrantsOfRole(ctx, r.Client, kind, object.GetName())
		return reach.Requests(ctx, grants, err)
	}
}

// bindings are looked at again when somebody has changed them: at once where one is gone. Most changes are our own, and more follow.
func bindings() handler.Funcs {
	later := func(q queue, object client.Object, wait time.Duration) {
		if holder, found := index.HolderOf(object); found && holder.Kind == rbacplan.KindGrant {
			q.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Name: holder.Name}}, wait)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { later(q, e.Object, gather) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			later(q, e.ObjectOld, gather)
			later(q, e.ObjectNew, gather)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { later(q, e.Object, 0) },
	}
}

// grantsOfLock are the Grants of a User who is kept out, or let in again; of a Group all, since its people are many.
func (r *Reconciler) grantsOfLock(ctx context.Context, object client.Object) []reconcile.Request {
	lock, ok := object.(*v1alpha1.Lock)
	if !ok {
		return nil
	}
	subject, about := lock.Spec.Target.Subject()
	if !about {
		return nil
	}
	if subject.Kind == v1alpha1.SubjectGroup {
		grants, err := index.Grants(ctx, r.Client)
		return reach.Requests(ctx, grants, err)
	}
	var user v1alpha1.User
	if err := r.Client.Get(ctx, client.ObjectKey{Name: subject.Name}, &user); err != nil {
		return nil
	}
	grants, err := reach.Grants(ctx, r.Client, &user)
	return reach.Requests(ctx, grants, err)
}

func grantOfRequest(_ context.Context, object client.Object) []reconcile.Request {
	request, ok := object.(*v1alpha1.AccessRequest)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: request.Spec.GrantRef.Name}}}
}
