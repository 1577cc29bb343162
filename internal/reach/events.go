// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package reach

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// HoldsDiffers lets through what changes whom a Group holds: its spec, whether its entry is there, and what Kubernetes calls it.
func HoldsDiffers(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.Group)
	after, also := e.ObjectNew.(*v1alpha1.Group)
	return ok && also && (before.Generation != after.Generation || before.Status.State != after.Status.State ||
		before.Status.GroupName != after.Status.GroupName)
}

// GivesDiffers lets through what changes whom a Grant gives something: its spec, and whether it has bindings.
func GivesDiffers(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.Grant)
	after, also := e.ObjectNew.(*v1alpha1.Grant)
	return ok && also && (before.Generation != after.Generation || Gives(before) != Gives(after))
}

// Gives says whether a Grant has bindings now.
func Gives(grant *v1alpha1.Grant) bool {
	return grant.Status.Bindings != nil && *grant.Status.Bindings > 0
}

// Granted says whether an AccessRequest gives its access now.
func Granted(request *v1alpha1.AccessRequest) bool {
	return meta.IsStatusConditionTrue(request.Status.Conditions, v1alpha1.ConditionActive) && request.DeletionTimestamp.IsZero()
}

// Asked says whether it was this User who made an AccessRequest, and not another of that name.
func Asked(request *v1alpha1.AccessRequest, user *v1alpha1.User) bool {
	asked := request.Status.User
	return asked != nil && asked.UID == string(user.UID)
}

// GrantedDiffers lets through what changes whether an AccessRequest gives its access.
func GrantedDiffers(e event.UpdateEvent) bool {
	before, ok := e.ObjectOld.(*v1alpha1.AccessRequest)
	after, also := e.ObjectNew.(*v1alpha1.AccessRequest)
	return ok && also && Granted(before) != Granted(after)
}

// DirectoryGroups are the directory's names of the groups that a User is in.
func DirectoryGroups(user *v1alpha1.User) []string {
	if user.Status.Identity == nil {
		return nil
	}
	return user.Status.Identity.Groups
}

// Gains says whether bindings may have to name a User where they did not before.
func Gains(before, after *v1alpha1.User) bool { return Loses(after, before) }

// Loses says whether bindings may have to cease to name a User.
func Loses(before, after *v1alpha1.User) bool {
	if !Active(before) {
		return false
	}
	if !Active(after) || before.Status.Username != after.Status.Username {
		return true
	}
	kept := DirectoryGroups(after)
	return slices.ContainsFunc(DirectoryGroups(before), func(group string) bool { return !slices.Contains(kept, group) })
}

// Requests turns what an event concerns into requests. Where the list failed, which a cache that is running does not, it says so.
func Requests[T any, P interface {
	*T
	client.Object
}](ctx context.Context, objects []T, err error) []reconcile.Request {
	if err != nil {
		log.FromContext(ctx).Error(err, "list what an event concerns")
	}
	requests := make([]reconcile.Request, len(objects))
	for i := range objects {
		requests[i].NamespacedName = types.NamespacedName{Name: P(&objects[i]).GetName()}
	}
	return requests
}

// News lets everything through but what is there when the operator starts: a controller then looks at all that it looks after anyway,
// once it knows everything.
func News() predicate.Predicate {
	return predicate.Funcs{CreateFunc: func(e event.CreateEvent) bool { return !e.IsInInitialList }}
}

// Deletion lets through that a namespace is on its way out: namespaces have no generation that would tell.
func Deletion() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetDeletionTimestamp().IsZero() && !e.ObjectNew.GetDeletionTimestamp().IsZero()
	}}
}
