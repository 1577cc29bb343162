// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/picture"
)

// world reads all that a picture is made of. Without people, groups and grants there is none; the rest is left out, and said to be,
// for those who may not read it.
func (t *tool) world(ctx context.Context) (*picture.World, error) {
	c, err := t.client()
	if err != nil {
		return nil, err
	}
	var (
		users    v1alpha1.UserList
		groups   v1alpha1.GroupList
		grants   v1alpha1.GrantList
		locks    v1alpha1.LockList
		requests v1alpha1.AccessRequestList
		one      rbacv1.RoleBindingList
		all      rbacv1.ClusterRoleBindingList
	)
	for _, list := range []client.ObjectList{&users, &groups, &grants} {
		if err := c.List(ctx, list); err != nil {
			return nil, err
		}
	}
	managed := client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}
	_, errLocks := t.list(ctx, c, "locks", &locks)
	_, errRequests := t.list(ctx, c, "requests", &requests)
	someRead, errOne := t.list(ctx, c, "RoleBindings", &one, managed)
	allRead, errAll := t.list(ctx, c, "ClusterRoleBindings", &all, managed)
	for _, err := range []error{errLocks, errRequests, errOne, errAll} {
		if err != nil {
			return nil, err
		}
	}
	world := &picture.World{
		Users: users.Items, Groups: groups.Items, Grants: grants.Items, Locks: locks.Items, Requests: requests.Items,
		RoleBindings: one.Items, ClusterRoleBindings: all.Items, BindingsUnknown: !someRead || !allRead, Now: time.Now(),
	}
	world.Sort()
	return world, nil
}

// list says whether the caller may read that.
func (t *tool) list(ctx context.Context, c client.Client, what string, list client.ObjectList, o ...client.ListOption) (bool, error) {
	err := c.List(ctx, list, o...)
	if apierrors.IsForbidden(err) {
		t.warnf("you may not list %s: they are left out", what)
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("list %s: %w", what, err)
	}
	return true, nil
}

// find is the one object that a target stands for.
func find(w *picture.World, wanted target) (picture.Target, error) {
	kinds := w.Find(wanted.name)
	if wanted.kind != "" {
		for _, kind := range kinds {
			if kind == wanted.kind {
				return picture.Target{Kind: kind, Name: wanted.name}, nil
			}
		}
		return picture.Target{}, fmt.Errorf("there is no %s", wanted)
	}
	switch len(kinds) {
	case 1:
		return picture.Target{Kind: kinds[0], Name: wanted.name}, nil
	case 0:
		return picture.Target{}, fmt.Errorf("there is no user, group or grant %q", wanted.name)
	default:
		return picture.Target{}, fmt.Errorf("%q is several things: write %s or %s", wanted.name,
			target{kinds[0], wanted.name}, target{kinds[len(kinds)-1], wanted.name})
	}
}
