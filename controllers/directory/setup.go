// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
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
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/reach"
)

const (
	// workers is how many Directories are read at once.
	workers = 4
	// gather is how long newly declared Users and Groups are gathered before their Directory is read for them.
	gather = time.Second
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	declared := handler.Funcs{CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) {
		if directory := waitsFor(e.Object); directory != "" {
			r.remembered().read(directory)
			q.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Name: directory}}, gather)
		}
	}}
	return ctrl.NewControllerManagedBy(mgr).
		Named("directory").
		For(&v1alpha1.Directory{}, builder.WithPredicates(predicate.Or(
			predicate.GenerationChangedPredicate{}, predicate.Funcs{UpdateFunc: acceptDiffers},
		))).
		Watches(&v1alpha1.User{}, declared).
		Watches(&v1alpha1.Group{}, declared).
		Watches(&v1alpha1.Grant{}, handler.EnqueueRequestsFromMapFunc(r.importingGranted),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Group{}, handler.EnqueueRequestsFromMapFunc(r.importingGranted),
			builder.WithPredicates(predicate.GenerationChangedPredicate{}, predicate.NewPredicateFuncs(isLocal))).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.directoriesOfSecret)).
		WatchesRawSource(source.Func(r.remembered().begin)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

// acceptDiffers lets through a decision about what the loss guard holds.
func acceptDiffers(e event.UpdateEvent) bool {
	const accept = v1alpha1.AnnotationAcceptLoss
	return e.ObjectOld.GetAnnotations()[accept] != e.ObjectNew.GetAnnotations()[accept]
}

// isLocal says whether it is a Group of nobody's directory, whose spec says who is in it.
func isLocal(object client.Object) bool {
	group, ok := object.(*v1alpha1.Group)
	return ok && group.Spec.DirectoryRef == nil
}

// importingGranted are the Directories whose people come and go as Grants do. What is known of them is enough for another plan.
func (r *Reconciler) importingGranted(ctx context.Context, _ client.Object) []reconcile.Request {
	directories, err := index.DirectoriesImporting(ctx, r.Client, v1alpha1.ImportGranted)
	for i := range directories {
		r.remembered().plan(directories[i].Name)
	}
	return reach.Requests(ctx, directories, err)
}

// waitsFor is the Directory that has yet to say who a User or Group is that somebody else created; empty where none has.
func waitsFor(object client.Object) string {
	var ref *v1alpha1.NameReference
	switch o := object.(type) {
	case *v1alpha1.User:
		if o.Status.Identity == nil {
			ref = o.Spec.DirectoryRef
		}
	case *v1alpha1.Group:
		if o.Status.State == "" {
			ref = o.Spec.DirectoryRef
		}
	}
	if ref == nil || object.GetLabels()[v1alpha1.LabelDirectory] == ref.Name {
		return ""
	}
	return ref.Name
}

func (r *Reconciler) directoriesOfSecret(ctx context.Context, object client.Object) []reconcile.Request {
	directories, err := index.DirectoriesOfSecret(ctx, r.Client, object.GetName())
	for i := range directories {
		r.remembered().read(directories[i].Name)
	}
	return reach.Requests(ctx, directories, err)
}
