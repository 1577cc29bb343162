// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package grant

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/reach"
)

const workers = 4

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	comesOrGoes := builder.WithPredicates(predicate.Funcs{UpdateFunc: func(event.UpdateEvent) bool { return false }})
	return ctrl.NewControllerManagedBy(mgr).
		Named("grant").
		For(&v1alpha1.Grant{}, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, deletion()))).
		Watches(&v1alpha1.User{}, handler.EnqueueRequestsFromMapFunc(r.grantsOfUser),
			builder.WithPredicates(predicate.Funcs{UpdateFunc: reachDiffers})).
		Watches(&v1alpha1.Group{}, handler.EnqueueRequestsFromMapFunc(r.grantsOfGroup),
			builder.WithPredicates(predicate.Funcs{UpdateFunc: holdsDiffers})).
		Watches(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(r.grantsOfNamespace)).
		WatchesMetadata(&rbacv1.ClusterRole{}, handler.EnqueueRequestsFromMapFunc(r.grantsOfRole(v1alpha1.RoleKindClusterRole)), comesOrGoes).
		WatchesMetadata(&rbacv1.Role{}, handler.EnqueueRequestsFromMapFunc(r.grantsOfRole(v1alpha1.RoleKindRole)), comesOrGoes).
		Watches(&rbacv1.RoleBinding{}, handler.EnqueueRequestsFromMapFunc(grantOfBinding)).
		Watches(&rbacv1.ClusterRoleBinding{}, handler.EnqueueRequestsFromMapFunc(grantOfBinding)).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

func deletion() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool { return !e.ObjectNew.GetDeletionTimestamp().IsZero() }}
}

func (r *Reconciler) grantsOfUser(ctx context.Context, object client.Object) []reconcile.Request {
	user, ok := object.(*v1alpha1.User)
	if !ok {
		return nil
	}
	grants, err := reach.Grants(ctx, r.Client, user)
	return requests(ctx, grants, err)
}

// reachDiffers lets through what changes whom bindings name.
func reachDiffers(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.User)
	after, also := e.ObjectNew.(*v1alpha1.User)
	return ok && also && (reach.Active(before) != reach.Active(after) || before.Status.Username != after.Status.Username ||
		!slices.Equal(groupsOf(before), groupsOf(after)))
}

func groupsOf(user *v1alpha1.User) []string {
	if user.Status.Identity == nil {
		return nil
	}
	return user.Status.Identity.Groups
}

func (r *Reconciler) grantsOfGroup(ctx context.Context, object client.Object) []reconcile.Request {
	grants, err := index.GrantsOfSubject(ctx, r.Client, v1alpha1.SubjectGroup, object.GetName())
	return requests(ctx, grants, err)
}

func holdsDiffers(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.Group)
	after, also := e.ObjectNew.(*v1alpha1.Group)
	return ok && also && (before.Generation != after.Generation || before.Status.State != after.Status.State)
}

func (r *Reconciler) grantsOfNamespace(ctx context.Context, object client.Object) []reconcile.Request {
	grants, err := index.GrantsOfScope(ctx, r.Client, v1alpha1.ScopeNamespaces)
	grants = slices.DeleteFunc(grants, func(g v1alpha1.Grant) bool { return !selects(&g, object) })
	return requests(ctx, grants, err)
}

func (r *Reconciler) grantsOfRole(kind v1alpha1.RoleKind) handler.MapFunc {
	return func(ctx context.Context, object client.Object) []reconcile.Request {
		grants, err := index.GrantsOfRole(ctx, r.Client, kind, object.GetName())
		return requests(ctx, grants, err)
	}
}

func grantOfBinding(_ context.Context, object client.Object) []reconcile.Request {
	grant := object.GetLabels()[v1alpha1.LabelGrant]
	if grant == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: grant}}}
}

func requests(ctx context.Context, grants []v1alpha1.Grant, err error) []reconcile.Request {
	if err != nil {
		log.FromContext(ctx).Error(err, "list Grants of an event")
	}
	list := make([]reconcile.Request, len(grants))
	for i := range grants {
		list[i].NamespacedName = types.NamespacedName{Name: grants[i].Name}
	}
	return list
}
