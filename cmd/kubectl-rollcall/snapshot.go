// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
)

// reading says how much of the cluster an answer needs.
type reading struct {
	// user by the name of the object or by username, if the answer is about one. Empty: all are read.
	user string
	// namespace whose Roles and RoleBindings are read. Empty: those of all namespaces.
	namespace string
	// clusterWide leaves out Roles and RoleBindings: what is asked is in no namespace.
	clusterWide bool
	// offers says that Grants are looked for, whose namespaces have to be known.
	offers bool
}

// lists are what is read.
type lists struct {
	users               v1alpha1.UserList
	groups              v1alpha1.GroupList
	grants              v1alpha1.GrantList
	requests            v1alpha1.AccessRequestList
	locks               v1alpha1.LockList
	clusterRoles        rbacv1.ClusterRoleList
	roles               rbacv1.RoleList
	clusterRoleBindings rbacv1.ClusterRoleBindingList
	roleBindings        rbacv1.RoleBindingList
	namespaces          corev1.NamespaceList
}

// snapshot reads what an answer is taken from, all kinds at once.
func (t *tool) snapshot(ctx context.Context, what reading) (answers.Snapshot, error) {
	c, err := t.client()
	if err != nil {
		return answers.Snapshot{}, err
	}
	l, r := &lists{}, &reader{Client: c}
	l.read(ctx, r, what)
	if err := r.wait(); err != nil {
		return answers.Snapshot{}, err
	}
	return l.snapshot(), nil
}

// read begins to read all kinds at once.
func (l *lists) read(ctx context.Context, r *reader, what reading) {
	r.read(ctx, "users.iam.rollcall.dev", func(ctx context.Context) error { return users(ctx, r, what.user, &l.users) })
	r.list(ctx, "groups.iam.rollcall.dev", &l.groups)
	r.list(ctx, "grants.iam.rollcall.dev", &l.grants)
	r.list(ctx, "accessrequests.iam.rollcall.dev", &l.requests)
	r.list(ctx, "locks.iam.rollcall.dev", &l.locks)
	r.list(ctx, "clusterroles.rbac.authorization.k8s.io", &l.clusterRoles)
	r.list(ctx, "clusterrolebindings.rbac.authorization.k8s.io", &l.clusterRoleBindings)
	if !what.clusterWide {
		r.list(ctx, "roles.rbac.authorization.k8s.io", &l.roles, client.InNamespace(what.namespace))
		r.list(ctx, "rolebindings.rbac.authorization.k8s.io", &l.roleBindings, client.InNamespace(what.namespace))
	}
	if what.offers {
		r.list(ctx, "namespaces", &l.namespaces)
	}
}

func (l *lists) snapshot() answers.Snapshot {
	return answers.Snapshot{
		Users: l.users.Items, Groups: l.groups.Items, Grants: l.grants.Items, AccessRequests: l.requests.Items, Locks: l.locks.Items,
		ClusterRoles: l.clusterRoles.Items, Roles: l.roles.Items, Namespaces: l.namespaces.Items,
		ClusterRoleBindings: l.clusterRoleBindings.Items, RoleBindings: l.roleBindings.Items,
	}
}

// users reads the one who is called so. Only where no object has that name are all of them looked through for the username.
func users(ctx context.Context, c client.Reader, called string, into *v1alpha1.UserList) error {
	if called != "" && !strings.Contains(called, "/") {
		var user v1alpha1.User
		err := c.Get(ctx, client.ObjectKey{Name: called}, &user)
		if err == nil {
			into.Items = []v1alpha1.User{user}
		}
		if !apierrors.IsNotFound(err) {
			return err
		}
	}
	return c.List(ctx, into)
}

// reader reads several kinds at once, and says of all that may not be read that it may not.
type reader struct {
	client.Client
	running   errgroup.Group
	mutex     sync.Mutex
	forbidden []string
}

func (r *reader) list(ctx context.Context, resource string, list client.ObjectList, options ...client.ListOption) {
	r.read(ctx, resource, func(ctx context.Context) error { return r.List(ctx, list, options...) })
}

func (r *reader) read(ctx context.Context, resource string, how func(context.Context) error) {
	r.running.Go(func() error {
		err := how(ctx)
		switch {
		case apierrors.IsForbidden(err):
			r.mutex.Lock()
			defer r.mutex.Unlock()
			r.forbidden = append(r.forbidden, resource)
			return nil
		case meta.IsNoMatchError(err):
			return fmt.Errorf("the cluster does not know %s: is Rollcall installed there, and in a version that fits this plugin", resource)
		case err != nil:
			return fmt.Errorf("read %s: %w", resource, err)
		default:
			return nil
		}
	})
}

func (r *reader) wait() error {
	if err := r.running.Wait(); err != nil {
		return err
	}
	if len(r.forbidden) == 0 {
		return nil
	}
	slices.Sort(r.forbidden)
	return fmt.Errorf("you may not read %s; the answer needs get and list of users.iam.rollcall.dev and list of the others: "+
		"be bound to the ClusterRole rollcall-viewer, and to one that reads RBAC", strings.Join(r.forbidden, ", "))
}
