// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package user

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
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
		Watches(&v1alpha1.User{}, handler.Funcs{UpdateFunc: leaversFirst}).
		Watches(&v1alpha1.User{}, handler.EnqueueRequestsFromMapFunc(r.namesakes),
			builder.WithPredicates(reach.News(), predicate.Funcs{UpdateFunc: nameDiffers})).
		Watches(&v1alpha1.Directory{}, handler.EnqueueRequestsFromMapFunc(r.usersOfDirectory),
			builder.WithPredicates(reach.News(), predicate.Funcs{UpdateFunc: directoryDiffers})).
		Watches(&v1alpha1.Group{}, handler.EnqueueRequestsFromMapFunc(r.membersOfGroup),
			builder.WithPredicates(reach.News(), predicate.Funcs{UpdateFunc: reach.HoldsDiffers})).
		Watches(&v1alpha1.Grant{}, handler.EnqueueRequestsFromMapFunc(r.usersOfGrant),
			builder.WithPredicates(reach.News(), predicate.Funcs{UpdateFunc: reach.GivesDiffers})).
		Watches(&v1alpha1.Lock{}, handler.Funcs{
			CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { r.enqueueTarget(ctx, q, e.Object) },
			DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { r.enqueueTarget(ctx, q, e.Object) },
			UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
				if e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() {
					r.enqueueTarget(ctx, q, e.ObjectNew)
				}
			},
		}).
		Watches(&v1alpha1.AccessRequest{}, handler.EnqueueRequestsFromMapFunc(r.requester),
			builder.WithPredicates(reach.News(), predicate.Funcs{UpdateFunc: reach.GrantedDiffers})).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}

// first is the priority of whoever loses access.
const first = 100

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// leaversFirst lets nobody keep access because thousands of others wait for something else, such as the view of a new Grant.
func leaversFirst(_ context.Context, e event.UpdateEvent, q queue) {
	before, ok := e.ObjectOld.(*v1alpha1.User)
	after, also := e.ObjectNew.(*v1alpha1.User)
	prioritized, can := q.(priorityqueue.PriorityQueue[reconcile.Request])
	if ok && also && can && mayAct(before) && !mayAct(after) {
		prioritized.AddWithOpts(priorityqueue.AddOpts{Priority: new(first)},
			reconcile.Request{NamespacedName: types.NamespacedName{Name: after.Name}})
	}
}

// enqueueTarget looks at whom a Lock keeps out, or kept out, before others.
func (r *Reconciler) enqueueTarget(ctx context.Context, q queue, object client.Object) {
	lock, ok := object.(*v1alpha1.Lock)
	if !ok {
		return
	}
	users, _, err := reach.OfTarget(ctx, r.Client, lock.Spec.Target)
	requests := reach.Requests(ctx, users, err)
	if prioritized, can := q.(priorityqueue.PriorityQueue[reconcile.Request]); can {
		prioritized.AddWithOpts(priorityqueue.AddOpts{Priority: new(first)}, requests...)
		return
	}
	for _, request := range requests {
		q.Add(request)
	}
}

// requester is the User who made an AccessRequest.
func (r *Reconciler) requester(_ context.Context, object client.Object) []reconcile.Request {
	request, ok := object.(*v1alpha1.AccessRequest)
	if !ok || request.Status.User == nil {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: request.Status.User.Name}}}
}

// mayAct says whether neither the directory nor the spec keeps a User out.
func mayAct(user *v1alpha1.User) bool {
	identity := user.Status.Identity
	return user.Spec.State != v1alpha1.UserSuspended && (identity == nil || identity.State == v1alpha1.IdentityPresent)
}

// namesakes are the other Users with the name or the username of one that came, changed or went.
func (r *Reconciler) namesakes(ctx context.Context, object client.Object) []reconcile.Request {
	user, ok := object.(*v1alpha1.User)
	if !ok {
		return nil
	}
	called, err := index.UsersCalled(ctx, r.Client, user.Spec.UserName)
	requests := reach.Requests(ctx, called, err)
	if user.Status.Username != "" {
		recorded, err := index.UsersWithUsername(ctx, r.Client, user.Status.Username)
		requests = append(requests, reach.Requests(ctx, recorded, err)...)
	}
	return slices.DeleteFunc(requests, func(request reconcile.Request) bool { return request.Name == user.Name })
}

func (r *Reconciler) usersOfDirectory(ctx context.Context, object client.Object) []reconcile.Request {
	users, err := index.UsersOfDirectory(ctx, r.Client, object.GetName())
	return reach.Requests(ctx, users, err)
}

// membersOfGroup are the Users that a local Group names, and those whom the directory says to be in one of its groups.
func (r *Reconciler) membersOfGroup(ctx context.Context, object client.Object) []reconcile.Request {
	group, ok := object.(*v1alpha1.Group)
	if !ok {
		return nil
	}
	if group.Spec.DirectoryRef != nil {
		users, err := index.UsersOfDirectoryGroup(ctx, r.Client, group.Spec.DirectoryRef.Name, group.Spec.GroupName)
		return reach.Requests(ctx, users, err)
	}
	requests := make([]reconcile.Request, len(group.Spec.Members))
	for i, member := range group.Spec.Members {
		requests[i].NamespacedName = types.NamespacedName{Name: member}
	}
	return requests
}

// usersOfGrant are everyone in a Grant's subjects, active or not.
func (r *Reconciler) usersOfGrant(ctx context.Context, object client.Object) []reconcile.Request {
	grant, ok := object.(*v1alpha1.Grant)
	if !ok {
		return nil
	}
	users, err := reach.Subjects(ctx, r.Client, grant)
	return reach.Requests(ctx, users, err)
}

// directoryDiffers lets through what may change what people are called, and whether anybody vouches for them.
func directoryDiffers(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.Directory)
	after, also := e.ObjectNew.(*v1alpha1.Directory)
	return ok && also && (before.Generation != after.Generation || before.UsernamePrefix() != after.UsernamePrefix())
}

// nameDiffers lets through what may settle who has a username: the username itself, and whether its bearer may act.
func nameDiffers(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.User)
	after, also := e.ObjectNew.(*v1alpha1.User)
	return ok && also && (before.Status.Username != after.Status.Username || reach.Active(before) != reach.Active(after))
}
