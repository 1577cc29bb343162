// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package group keeps count of who is in each Group.
package group

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/reach"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// Reconciler keeps the status of Groups, but for what the directory says there.
type Reconciler struct {
	Client   client.Client
	Reporter status.Reporter
	Clock    clock.PassiveClock
}

// scope is what one run learns of a Group.
type scope struct {
	group     *v1alpha1.Group
	directory *v1alpha1.Directory
	members   int32
	missing   []string
	now       time.Time
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	s := scope{group: &v1alpha1.Group{}, now: r.Clock.Now()}
	if err := r.Client.Get(ctx, request.NamespacedName, s.group); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !s.group.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	if wait := s.awaited(); wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, nil
	}
	for _, phase := range []func(context.Context, *scope) error{r.findDirectory, r.countMembers, r.report} {
		if err := phase(ctx, &s); err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{}, nil
}

// soon is how long the Directory controller may take until it says more of a Group that it has made.
const soon = time.Minute

// awaited is how long to leave a Group alone that the Directory controller has just made: its next write says more. Zero for all others.
func (s *scope) awaited() time.Duration {
	ref, known := s.group.Spec.DirectoryRef, s.group.Status
	if ref != nil && ref.Name == s.group.Labels[v1alpha1.LabelDirectory] && known.State == "" && len(known.Conditions) == 0 {
		return status.Awaited(s.group.CreationTimestamp, soon, s.now)
	}
	return 0
}

func (r *Reconciler) findDirectory(ctx context.Context, s *scope) (err error) {
	s.directory, err = reach.Directory(ctx, r.Client, s.group.Spec.DirectoryRef)
	return err
}

func (r *Reconciler) countMembers(ctx context.Context, s *scope) error {
	users, err := reach.OfGroup(ctx, r.Client, s.group)
	if err != nil {
		return fmt.Errorf("list members: %w", err)
	}
	found := make(map[string]bool, len(users))
	for i := range users {
		found[users[i].Name] = true
	}
	s.members = int32(len(found)) //nolint:gosec // A count of objects in memory is far from the limit.
	for _, name := range s.group.Spec.Members {
		if !found[name] {
			s.missing = append(s.missing, name)
		}
	}
	slices.Sort(s.missing)
	return nil
}

// name is what Kubernetes calls the group. The last known one stays while its Directory is gone.
func (s *scope) name() string {
	switch {
	case s.group.Spec.DirectoryRef == nil:
		return s.group.Spec.GroupName
	case s.directory == nil:
		return s.group.Status.GroupName
	default:
		return s.directory.GroupPrefix() + s.group.Spec.GroupName
	}
}

func (r *Reconciler) report(ctx context.Context, s *scope) error {
	before := &s.group.Status
	conditions := status.Merge(before.Conditions, s.summary(), s.group.Generation, s.now)
	name := s.name()
	if status.Same(before.Conditions, conditions, status.Summary()...) &&
		before.GroupName == name && ptr.Equal(before.Members, &s.members) &&
		ptr.Deref(before.ObservedGeneration, -1) == s.group.Generation {
		return nil
	}
	applied := iamac.GroupStatus().WithConditions(status.Apply(conditions)...).WithObservedGeneration(s.group.Generation).
		WithMembers(s.members)
	if name != "" {
		applied.WithGroupName(name)
	}
	err := r.Reporter.Report(ctx, s.group, iamac.Group(s.group.Name).WithUID(s.group.UID).WithStatus(applied),
		before.Conditions, conditions)
	return client.IgnoreNotFound(err)
}

func (s *scope) summary() []metav1.Condition {
	if s.group.Spec.DirectoryRef != nil {
		return s.directorySummary(s.group.Spec.DirectoryRef.Name)
	}
	if len(s.missing) > 0 {
		return status.NotReady(outcome.Transientf(v1alpha1.ReasonMemberNotFound,
			"no User is called %s", strings.Join(s.missing, ", ")))
	}
	return status.Ready(v1alpha1.ReasonReconciled, "local group")
}

func (s *scope) directorySummary(directory string) []metav1.Condition {
	name := s.group.Spec.GroupName
	switch {
	case s.directory == nil:
		return status.NotReady(outcome.Transientf(v1alpha1.ReasonDirectoryUnknown, "Directory %q does not exist", directory))
	case s.group.Status.State == "":
		return status.NotReady(outcome.Transientf(v1alpha1.ReasonDirectoryPending,
			"Directory %q has not been read since this Group was created", directory))
	case s.group.Status.State == v1alpha1.IdentityReplaced:
		return status.NotReady(outcome.Terminalf(v1alpha1.ReasonIdentityReplaced,
			"the name %q in Directory %q no longer belongs to this group's entry; delete this Group", name, directory))
	case s.group.Status.State == v1alpha1.IdentityMissing:
		return status.NotReady(outcome.Terminalf(v1alpha1.ReasonDirectoryMissing,
			"no entry for %q in Directory %q; nobody is in this Group", name, directory))
	}
	return status.Ready(v1alpha1.ReasonReconciled, fmt.Sprintf("present in Directory %q", directory))
}
