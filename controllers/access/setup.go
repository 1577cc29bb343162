// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
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

const workers = 4

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	changed := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	comesOrGoes := builder.WithPredicates(predicate.Funcs{UpdateFunc: func(event.UpdateEvent) bool { return false }})
	everyOpen, everyGiven := handler.EnqueueRequestsFromMapFunc(r.openRequests), handler.EnqueueRequestsFromMapFunc(r.givenRequests)
	return ctrl.NewControllerManagedBy(mgr).
		Named("access").
		For(&v1alpha1.AccessRequest{}, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, ended()))).
		Watches(&v1alpha1.Approval{}, handler.EnqueueRequestsFromMapFunc(requestOfApproval), changed).
		Watches(&v1alpha1.Grant{}, handler.EnqueueRequestsFromMapFunc(r.requestsOfGrant), changed).
		Watches(&v1alpha1.User{}, handler.EnqueueRequestsFromMapFunc(r.requestsOfUser), builder.WithPredicates(predicate.Funcs{
			UpdateFunc: userDiffers,
		})).
		Watches(&v1alpha1.Group{}, everyOpen, builder.WithPredicates(predicate.Funcs{UpdateFunc: reach.HoldsDiffers})).
		Watches(&v1alpha1.Lock{}, everyOpen, changed).
		Watches(&corev1.Namespace{}, everyGiven, builder.WithPredicates(predicate.Or(predicate.LabelChangedPredicate{}, reach.Deletion()))).
		WatchesMetadata(&rbacv1.ClusterRole{}, everyGiven, comesOrGoes).
		WatchesMetadata(&rbacv1.Role{}, everyGiven, comesOrGoes).
		Watches(&rbacv1.RoleBinding{}, handler.EnqueueRequestsFromMapFunc(requestOfBinding)).
		Watches(&rbacv1.ClusterRoleBinding{}, handler.EnqueueRequestsFromMapFunc(requestOfBinding)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

// ended lets through that a request has ended, or was deleted: what is left of its bindings goes.
func ended() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*v1alpha1.AccessRequest)
		after, also := e.ObjectNew.(*v1alpha1.AccessRequest)
		return ok && also && (before.Status.EndTime == nil) != (after.Status.EndTime == nil)
	}}
}

// userDiffers lets through what may change whether somebody may ask or approve.
func userDiffers(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.User)
	after, also := e.ObjectNew.(*v1alpha1.User)
	return ok && also && (reach.Active(before) != reach.Active(after) || before.Status.Username != after.Status.Username ||
		!slices.Equal(reach.DirectoryGroups(before), reach.DirectoryGroups(after)) || !samePerson(before, after))
}

// samePerson says whether what tells that two Users are one person has not changed.
func samePerson(before, after *v1alpha1.User) bool {
	one, other := ptr.Deref(before.Status.Identity, v1alpha1.Identity{}), ptr.Deref(after.Status.Identity, v1alpha1.Identity{})
	return one.ID == other.ID && one.Email == other.Email
}

// requestsOfUser are those that a User made, or decided about.
func (r *Reconciler) requestsOfUser(ctx context.Context, object client.Object) []reconcile.Request {
	user, ok := object.(*v1alpha1.User)
	if !ok || user.Status.Username == "" {
		return nil
	}
	made, err := index.RequestsOfUsername(ctx, r.Client, user.Status.Username)
	requests := reach.Requests(ctx, made, err)
	decided, err := index.ApprovalsBy(ctx, r.Client, user.Status.Username)
	_ = reach.Requests(ctx, decided, err) // Says so where the list failed.
	for i := range decided {
		requests = append(requests, requestOfApproval(ctx, &decided[i])...)
	}
	return requests
}

func (r *Reconciler) requestsOfGrant(ctx context.Context, object client.Object) []reconcile.Request {
	requests, err := index.RequestsOfGrant(ctx, r.Client, object.GetName())
	return reach.Requests(ctx, requests, err)
}

// openRequests are all that somebody may still decide about.
func (r *Reconciler) openRequests(ctx context.Context, _ client.Object) []reconcile.Request {
	requests, err := index.OpenRequests(ctx, r.Client)
	return reach.Requests(ctx, requests, err)
}

// givenRequests are all that give something now.
func (r *Reconciler) givenRequests(ctx context.Context, _ client.Object) []reconcile.Request {
	requests, err := index.GivenRequests(ctx, r.Client)
	return reach.Requests(ctx, requests, err)
}

func requestOfApproval(_ context.Context, object client.Object) []reconcile.Request {
	approval, ok := object.(*v1alpha1.Approval)
	if !ok {
		return nil
	}
	return named(approval.Spec.RequestRef.Name)
}

func requestOfBinding(_ context.Context, object client.Object) []reconcile.Request {
	holder, found := index.HolderOf(object)
	if !found || holder.Kind != rbacplan.KindRequest {
		return nil
	}
	return named(holder.Name)
}

func named(request string) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: request}}}
}
