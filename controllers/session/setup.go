// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
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
	"github.com/rollcall-iam/rollcall/internal/reach"
)

const workers = 4

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("session").
		For(&v1alpha1.Session{}).
		Watches(&v1alpha1.User{}, handler.EnqueueRequestsFromMapFunc(r.sessionsOfUser),
			builder.WithPredicates(reach.News(), predicate.Funcs{UpdateFunc: mayActDiffers})).
		Watches(&v1alpha1.Lock{}, handler.EnqueueRequestsFromMapFunc(r.sessionsOfLock), builder.WithPredicates(reach.News())).
		Watches(&v1alpha1.Installation{}, handler.EnqueueRequestsFromMapFunc(r.ended),
			builder.WithPredicates(reach.News(), predicate.Funcs{UpdateFunc: checkedDiffers})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

// mayActDiffers lets through what may end Sessions: that a User may not act any more, is called otherwise, or enrols other devices.
func mayActDiffers(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.User)
	after, also := e.ObjectNew.(*v1alpha1.User)
	return ok && also && (before.Generation != after.Generation || reach.Active(before) != reach.Active(after) ||
		before.Status.Username != after.Status.Username)
}

func (r *Reconciler) sessionsOfUser(ctx context.Context, object client.Object) []reconcile.Request {
	sessions, err := index.SessionsOfUser(ctx, r.Client, object.GetName())
	return reach.Requests(ctx, sessions, err)
}

func (r *Reconciler) sessionsOfLock(ctx context.Context, object client.Object) []reconcile.Request {
	lock, ok := object.(*v1alpha1.Lock)
	if !ok {
		return nil
	}
	users, _, err := reach.OfTarget(ctx, r.Client, lock.Spec.Target)
	if err != nil {
		return reach.Requests[v1alpha1.Session](ctx, nil, err)
	}
	sessions, err := reach.SessionsOfLock(ctx, r.Client, lock, users)
	return reach.Requests(ctx, sessions, err)
}

// checkedDiffers lets through that API servers have begun, or ceased, to ask the authorization webhook.
func checkedDiffers(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.Installation)
	after, also := e.ObjectNew.(*v1alpha1.Installation)
	checked := func(i *v1alpha1.Installation) bool {
		return meta.IsStatusConditionTrue(i.Status.Conditions, v1alpha1.ConditionCredentialsChecked)
	}
	return ok && also && checked(before) != checked(after)
}

// ended are the Sessions that have ended and whose certificates may still be valid.
func (r *Reconciler) ended(ctx context.Context, _ client.Object) []reconcile.Request {
	var list v1alpha1.SessionList
	err := r.Client.List(ctx, &list, client.UnsafeDisableDeepCopy)
	now := r.Clock.Now()
	var ended []v1alpha1.Session
	for i := range list.Items {
		if s := &list.Items[i]; s.Status.EndTime != nil && now.Before(s.ValidUntil()) {
			ended = append(ended, *s)
		}
	}
	return reach.Requests(ctx, ended, err)
}
