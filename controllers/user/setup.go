// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package user

import (
	"context"

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

const workers = 8

// SetupWithManager registers the controller.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("user").
		For(&v1alpha1.User{}).
		Watches(&v1alpha1.User{}, handler.EnqueueRequestsFromMapFunc(r.namesakes)).
		Watches(&v1alpha1.Directory{}, handler.EnqueueRequestsFromMapFunc(r.usersOfDirectory),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Group{}, handler.EnqueueRequestsFromMapFunc(r.membersOfGroup),
			builder.WithPredicates(predicate.Funcs{UpdateFunc: holdsDiffers})).
		Watches(&v1alpha1.Grant{}, handler.EnqueueRequestsFromMapFunc(r.usersOfGrant),
			builder.WithPredicates(predicate.Funcs{UpdateFunc: givesDiffers})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

// namesakes are the other Users with the username of one that came, changed or went.
func (r *Reconciler) namesakes(ctx context.Context, object client.Object) []reconcile.Request {
	user, ok := object.(*v1alpha1.User)
	if !ok || user.Status.Username == "" {
		return nil
	}
	users, err := index.UsersWithUsername(ctx, r.Client, user.Status.Username)
	return others(ctx, users, err, user.Name)
}

func (r *Reconciler) usersOfDirectory(ctx context.Context, object client.Object) []reconcile.Request {
	users, err := index.UsersOfDirectory(ctx, r.Client, object.GetName())
	return others(ctx, users, err, "")
}

// membersOfGroup are the Users that a local Group names, and those whom the directory says to be in one of its groups.
func (r *Reconciler) membersOfGroup(ctx context.Context, object client.Object) []reconcile.Request {
	group, ok := object.(*v1alpha1.Group)
	if !ok {
		return nil
	}
	if group.Spec.DirectoryRef != nil {
		users, err := index.UsersOfDirectoryGroup(ctx, r.Client, group.Spec.DirectoryRef.Name, group.Spec.GroupName)
		return others(ctx, users, err, "")
	}
	requests := make([]reconcile.Request, len(group.Spec.Members))
	for i, member := range group.Spec.Members {
		requests[i].NamespacedName = types.NamespacedName{Name: member}
	}
	return requests
}

// holdsDiffers lets through what changes whom a Group holds: its spec, and whether its entry is there.
func holdsDiffers(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.Group)
	after, also := e.ObjectNew.(*v1alpha1.Group)
	return ok && also && (before.Generation != after.Generation || before.Status.State != after.Status.State)
}

// usersOfGrant are everyone in a Grant's subjects, active or not.
func (r *Reconciler) usersOfGrant(ctx context.Context, object client.Object) []reconcile.Request {
	grant, ok := object.(*v1alpha1.Grant)
	if !ok {
		return nil
	}
	var requests []reconcile.Request
	for _, subject := range grant.Spec.Subjects {
		if subject.Kind == v1alpha1.SubjectUser {
			requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Name: subject.Name}})
			continue
		}
		var group v1alpha1.Group
		if err := r.Client.Get(ctx, client.ObjectKey{Name: subject.Name}, &group); err != nil {
			continue
		}
		users, err := reach.OfGroup(ctx, r.Client, &group)
		requests = append(requests, others(ctx, users, err, "")...)
	}
	return requests
}

// givesDiffers lets through what changes whom a Grant gives something: its spec, and whether it has bindings.
func givesDiffers(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.Grant)
	after, also := e.ObjectNew.(*v1alpha1.Grant)
	return ok && also && (before.Generation != after.Generation || gives(before) != gives(after))
}

func gives(grant *v1alpha1.Grant) bool {
	return grant.Status.Bindings != nil && *grant.Status.Bindings > 0
}

func others(ctx context.Context, users []v1alpha1.User, err error, except string) []reconcile.Request {
	if err != nil {
		log.FromContext(ctx).Error(err, "list Users of an event")
	}
	requests := make([]reconcile.Request, 0, len(users))
	for i := range users {
		if users[i].Name != except {
			requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Name: users[i].Name}})
		}
	}
	return requests
}
