// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
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
	"github.com/rollcall-iam/rollcall/internal/reach"
)

const (
	// workers wait for the signer most of the time.
	workers = 16
	// calm is how long after it was written a Secret is looked at. One that is gone is made anew at once; what is written is mostly our own.
	calm = time.Second
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("credential").
		For(&v1alpha1.User{}, builder.WithPredicates(predicate.NewPredicateFuncs(concerned), predicate.Funcs{UpdateFunc: matters})).
		Watches(&v1alpha1.Grant{}, handler.EnqueueRequestsFromMapFunc(r.usersOfGrant), builder.WithPredicates(predicate.Funcs{
			CreateFunc: func(e event.CreateEvent) bool { return bindsGroups(e.Object) },
			DeleteFunc: func(e event.DeleteEvent) bool { return bindsGroups(e.Object) },
			UpdateFunc: bindsDiffers,
		})).
		Watches(&v1alpha1.Group{}, handler.EnqueueRequestsFromMapFunc(r.usersOfGroup),
			builder.WithPredicates(predicate.Funcs{UpdateFunc: reach.HoldsDiffers})).
		Watches(&v1alpha1.Session{}, handler.EnqueueRequestsFromMapFunc(userOfSession), builder.WithPredicates(predicate.Funcs{
			// One that was there before may have a Secret that a crash kept its User from telling of.
			CreateFunc: func(e event.CreateEvent) bool { return e.IsInInitialList },
			UpdateFunc: func(e event.UpdateEvent) bool { return ended(e.ObjectNew) && !ended(e.ObjectOld) },
		})).
		WatchesMetadata(&corev1.Secret{}, handler.Funcs{
			CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { r.enqueueOfSecret(ctx, q, e.Object, calm) },
			UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) { r.enqueueOfSecret(ctx, q, e.ObjectNew, calm) },
			DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { r.enqueueOfSecret(ctx, q, e.Object, 0) },
		}).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

// concerned are Users that ask for a kubeconfig, and those that no longer do but did.
func concerned(object client.Object) bool {
	user, ok := object.(*v1alpha1.User)
	return ok && (user.Spec.Kubeconfig != nil || user.Status.Certificate != nil ||
		meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionKubeconfig) != nil)
}

// matters lets through what decides about a kubeconfig. What this controller writes itself does not.
func matters(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.User)
	after, also := e.ObjectNew.(*v1alpha1.User)
	return ok && also && (before.Generation != after.Generation || before.Status.Username != after.Status.Username ||
		reach.Active(before) != reach.Active(after) || undecided(before) != undecided(after) ||
		!slices.Equal(before.Status.Groups, after.Status.Groups))
}

// bindsGroups lets through Grants that may change which groups bindings name.
func bindsGroups(object client.Object) bool {
	grant, ok := object.(*v1alpha1.Grant)
	return ok && grant.Spec.SubjectMode == v1alpha1.SubjectModeGroups
}

// bindsDiffers lets through what changes which groups bindings name.
func bindsDiffers(e event.UpdateEvent) bool {
	return reach.GivesDiffers(e) && (bindsGroups(e.ObjectOld) || bindsGroups(e.ObjectNew))
}

// usersOfGrant are those in a Grant's groups who have a kubeconfig.
func (r *Reconciler) usersOfGrant(ctx context.Context, object client.Object) []reconcile.Request {
	grant, ok := object.(*v1alpha1.Grant)
	if !ok {
		return nil
	}
	users, err := reach.Subjects(ctx, r.Client, grant)
	return reach.Requests(ctx, withKubeconfig(users), err)
}

// usersOfGroup are those in a Group who have a kubeconfig.
func (r *Reconciler) usersOfGroup(ctx context.Context, object client.Object) []reconcile.Request {
	group, ok := object.(*v1alpha1.Group)
	if !ok {
		return nil
	}
	users, err := reach.OfGroup(ctx, r.Client, group)
	return reach.Requests(ctx, withKubeconfig(users), err)
}

func withKubeconfig(users []v1alpha1.User) []v1alpha1.User {
	return slices.DeleteFunc(slices.Clone(users), func(user v1alpha1.User) bool { return !concerned(&user) })
}

func userOfSession(_ context.Context, object client.Object) []reconcile.Request {
	s, ok := object.(*v1alpha1.Session)
	if !ok || s.Spec.Custody != v1alpha1.CustodyServer {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Name: s.Spec.UserRef.Name}}}
}

func (r *Reconciler) enqueueOfSecret(ctx context.Context, q queue, object client.Object, wait time.Duration) {
	users, err := index.UsersOfSecret(ctx, r.Client, object.GetNamespace(), object.GetName())
	for _, request := range reach.Requests(ctx, users, err) {
		q.AddAfter(request, wait)
	}
}
