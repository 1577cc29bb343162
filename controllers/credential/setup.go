// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
)

// workers wait for the signer most of the time.
const workers = 16

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("credential").
		For(&v1alpha1.User{}, builder.WithPredicates(predicate.NewPredicateFuncs(concerned))).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.usersOfSecret)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

// concerned are Users that ask for a kubeconfig, and those that no longer do.
func concerned(object client.Object) bool {
	user, ok := object.(*v1alpha1.User)
	return ok && (user.Spec.Kubeconfig != nil || user.Status.Certificate != nil)
}

func (r *Reconciler) usersOfSecret(ctx context.Context, object client.Object) []reconcile.Request {
	users, err := index.UsersOfSecret(ctx, r.Client, object.GetNamespace(), object.GetName())
	if err != nil {
		log.FromContext(ctx).Error(err, "list Users of a Secret")
	}
	requests := make([]reconcile.Request, len(users))
	for i := range users {
		requests[i].NamespacedName = types.NamespacedName{Name: users[i].Name}
	}
	return requests
}
