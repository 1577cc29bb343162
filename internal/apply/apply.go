// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package apply is the only writer of RBAC: it reads what bindings a Grant or an AccessRequest has and executes a plan.
package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/departure"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/rbacplan"
)

// BindableRole is the ClusterRole that names which roles the operator may bind: the installation's setting.
const BindableRole = "rollcall-bindable-roles"

// writers is how many writes are under way at once.
const writers = 8

// Applier writes bindings.
type Applier struct {
	// Client reads bindings from the cache.
	Client client.Client
	// Live reads them from the API server.
	Live client.Reader
	// FieldOwner is the field manager of every binding.
	FieldOwner client.FieldOwner
	// Metrics count what is written; nil where nobody asks.
	Metrics *Metrics
	// Departures are told who is not named any more; nil where nobody asks.
	Departures *departure.Watch
}

// Result says what became of a plan.
type Result struct {
	// Done are the changes that were made.
	Done []rbacplan.Change
	// Problem is the first change that could not be made; the rest of the plan was executed all the same.
	Problem *outcome.Problem
}

// Existing reads the bindings that carry a holder's label.
func (a *Applier) Existing(ctx context.Context, holder rbacplan.Holder) ([]rbacplan.Binding, error) {
	roleBindings, err := index.RoleBindingsOf(ctx, a.Client, holder)
	if err != nil {
		return nil, fmt.Errorf("list RoleBindings of %s %s: %w", holder.Kind, holder.Name, err)
	}
	clusterRoleBindings, err := index.ClusterRoleBindingsOf(ctx, a.Client, holder)
	if err != nil {
		return nil, fmt.Errorf("list ClusterRoleBindings of %s %s: %w", holder.Kind, holder.Name, err)
	}
	bindings := make([]rbacplan.Binding, 0, len(roleBindings)+len(clusterRoleBindings))
	for i := range roleBindings {
		b := &roleBindings[i]
		bindings = append(bindings, read(b, b.RoleRef, b.Subjects))
	}
	for i := range clusterRoleBindings {
		b := &clusterRoleBindings[i]
		bindings = append(bindings, read(b, b.RoleRef, b.Subjects))
	}
	return bindings, nil
}

// Withdraw deletes the bindings of a holder that is gone or going, without waiting for the garbage collector.
func (a *Applier) Withdraw(ctx context.Context, holder rbacplan.Holder) *outcome.Problem {
	existing, err := a.Existing(ctx, holder)
	if err != nil {
		return outcome.Of(err, v1alpha1.ReasonFailed)
	}
	return a.Execute(ctx, rbacplan.Withdraw(holder, existing)).Problem
}

func read(object client.Object, roleRef rbacv1.RoleRef, subjects []rbacv1.Subject) rbacplan.Binding {
	b := rbacplan.Binding{
		Namespace: object.GetNamespace(),
		Name:      object.GetName(),
		Template: rbacplan.Template{
			Holder: holder(object), RoleRef: roleRef,
			Labels: known(object.GetLabels(), v1alpha1.LabelManagedBy, v1alpha1.LabelGrant, v1alpha1.LabelRequest),
			Annotations: known(object.GetAnnotations(), v1alpha1.AnnotationGrantUID, v1alpha1.AnnotationGrantGeneration,
				v1alpha1.AnnotationRequestUID, v1alpha1.AnnotationApprovers),
		},
	}
	for _, subject := range subjects {
		switch subject.Kind {
		case rbacv1.UserKind:
			b.Usernames = append(b.Usernames, subject.Name)
		case rbacv1.GroupKind:
			b.Groups = append(b.Groups, subject.Name)
		default:
			b.Foreign = true
		}
	}
	slices.Sort(b.Usernames)
	slices.Sort(b.Groups)
	return b
}

// known are the values of ours among labels or annotations: others may add theirs.
func known(values map[string]string, keys ...string) map[string]string {
	ours := make(map[string]string, len(keys))
	for _, key := range keys {
		if value, found := values[key]; found {
			ours[key] = value
		}
	}
	return ours
}

// Execute makes every change that can be made: deletions first, then updates, then creations, many of each at once.
func (a *Applier) Execute(ctx context.Context, changes []rbacplan.Change) Result {
	var result Result
	for _, verb := range []rbacplan.Verb{rbacplan.Delete, rbacplan.Update, rbacplan.Create} {
		a.executeAll(ctx, verb, changes, &result)
	}
	return result
}

// Try says whether a binding could be made, without making it.
func (a *Applier) Try(ctx context.Context, b rbacplan.Binding) *outcome.Problem {
	err := a.Client.Create(ctx, object(&b), a.FieldOwner, client.DryRunAll)
	if err == nil || apierrors.IsAlreadyExists(err) {
		return nil
	}
	return problemOf(err, &b)
}

// executeAll makes the changes of one verb. What it reports does not depend on which was quicker.
func (a *Applier) executeAll(ctx context.Context, verb rbacplan.Verb, changes []rbacplan.Change, result *Result) {
	done, errs := make([]*rbacplan.Change, len(changes)), make([]error, len(changes))
	var group errgroup.Group
	group.SetLimit(writers)
	for i := range changes {
		if changes[i].Verb == verb {
			group.Go(func() error {
				done[i], errs[i] = a.execute(ctx, &changes[i])
				errs[i] = a.account(&changes[i], done[i], errs[i])
				return nil // One change that fails does not hold up the others.
			})
		}
	}
	_ = group.Wait()
	for i := range changes {
		if done[i] != nil {
			result.Done = append(result.Done, *done[i])
		}
		if errs[i] != nil && result.Problem == nil {
			result.Problem = problemOf(errs[i], &changes[i].Binding)
		}
	}
}

// errGone says that there was nothing to delete any more: the cache lags behind what was done, or somebody else was quicker.
var errGone = errors.New("the binding is gone already")

// account counts what was to be done and what was done, which may be another, and tells who is not named any more. It returns what went
// wrong.
func (a *Applier) account(wanted, done *rbacplan.Change, err error) error {
	if errors.Is(err, errGone) {
		return nil
	}
	a.Metrics.wrote(wanted, err == nil)
	if done == nil {
		return err
	}
	if err != nil {
		a.Metrics.wrote(done, true)
	}
	a.Departures.Dropped(done.Dropped)
	return err
}

// execute makes one change and returns what was done, which may be another: a binding of a role that may not be bound any more
// cannot be updated, not even to name fewer people, so it is deleted.
func (a *Applier) execute(ctx context.Context, change *rbacplan.Change) (done *rbacplan.Change, err error) {
	switch change.Verb {
	case rbacplan.Delete:
		if err = a.Client.Delete(ctx, object(&change.Binding)); apierrors.IsNotFound(err) {
			return change, errGone
		}
	case rbacplan.Create:
		err = a.create(ctx, &change.Binding)
	case rbacplan.Update:
		err = a.Client.Apply(ctx, configuration(&change.Binding), a.FieldOwner, client.ForceOwnership)
		if notBindable(err) {
			return a.deleteInstead(ctx, change, err)
		}
	}
	if err != nil {
		return nil, err
	}
	return change, nil
}

func (a *Applier) deleteInstead(ctx context.Context, change *rbacplan.Change, refusal error) (*rbacplan.Change, error) {
	if err := client.IgnoreNotFound(a.Client.Delete(ctx, object(&change.Binding))); err != nil {
		return nil, err
	}
	everybody := slices.Concat(change.Dropped, change.Binding.Usernames)
	slices.Sort(everybody)
	return &rbacplan.Change{Verb: rbacplan.Delete, Binding: change.Binding, Dropped: slices.Compact(everybody)}, refusal
}

// create makes a binding that is not there. One of that name which is ours, but was not in the cache (someone took its labels),
// is put right; one that is not ours is left alone.
func (a *Applier) create(ctx context.Context, b *rbacplan.Binding) error {
	err := a.Client.Create(ctx, object(b), a.FieldOwner)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	found := object(b)
	if err := a.Live.Get(ctx, client.ObjectKeyFromObject(found), found); err != nil {
		return err
	}
	if holder(found).UID != b.Holder.UID {
		return outcome.Terminalf(v1alpha1.ReasonBindingConflict,
			"%s exists and is not this %s's: delete or rename it", describe(b), b.Holder.Kind)
	}
	if roleRef(found) != b.RoleRef {
		uid := found.GetUID()
		if err := a.Client.Delete(ctx, found, client.Preconditions{UID: &uid}); err != nil {
			return err
		}
		return a.Client.Create(ctx, object(b), a.FieldOwner)
	}
	return a.Client.Apply(ctx, configuration(b), a.FieldOwner, client.ForceOwnership)
}

// notBindable says that the API server refuses to let the operator bind this role (k8s.io/kubernetes,
// pkg/registry/rbac/validation): other refusals are other people's rules.
func notBindable(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "attempting to grant RBAC permissions")
}

// problemOf says what a refusal means to whoever wrote the Grant.
func problemOf(err error, b *rbacplan.Binding) *outcome.Problem {
	if problem, ok := errors.AsType[*outcome.Problem](err); ok {
		return problem
	}
	if notBindable(err) {
		return outcome.Terminalf(v1alpha1.ReasonRoleNotBindable,
			"the operator may not bind %s %q: add the role's name to ClusterRole %q, if people are to be granted it",
			b.RoleRef.Kind, b.RoleRef.Name, BindableRole)
	}
	return outcome.Transientf(v1alpha1.ReasonFailed, "write %s: %v", describe(b), err)
}
