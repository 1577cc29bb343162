// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/mirror"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

const (
	// writers is how many writes are under way at once.
	writers = 16
	// large is how many changes make a plan worth a word about its progress.
	large = 500
	// progressInterval is how often that word is given.
	progressInterval = 2 * time.Second
)

// execute writes the plan. What takes access away comes first; one failed write does not hold up the others.
func (r *Reconciler) execute(ctx context.Context, s *scope) error {
	total := len(s.plan.Users) + len(s.plan.Groups)
	if total == 0 {
		return nil
	}
	var done atomic.Int64
	if total >= large {
		stop := r.showProgress(ctx, s, &done, total)
		defer stop()
	}
	users, groups := mirror.Cut(s.plan.Users), mirror.Cut(s.plan.Groups)
	errs := slices.Concat(
		inParallel(ctx, users.Withdraw, &done, r.writeUser), inParallel(ctx, groups.Withdraw, &done, r.writeGroup),
		inParallel(ctx, users.Give, &done, r.writeUser), inParallel(ctx, groups.Give, &done, r.writeGroup),
	)
	if len(errs) == 0 {
		// What is cleaned up has a successor, which must be there first.
		errs = slices.Concat(inParallel(ctx, users.CleanUp, &done, r.writeUser), inParallel(ctx, groups.CleanUp, &done, r.writeGroup))
	}
	log.FromContext(ctx).Info("mirrored", "users", mirror.Count(s.plan.Users), "groups", mirror.Count(s.plan.Groups))
	return problemOf(errs)
}

// problemOf makes one problem of the writes that failed. A name that turns out to be taken is one that the cache does not show yet,
// which the next try knows. Of all else the first is told, with the number of them, so that the same failure reads the same.
func problemOf(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	told := slices.DeleteFunc(slices.Clone(errs), apierrors.IsAlreadyExists)
	if len(told) == 0 {
		return outcome.Waitingf(settle, v1alpha1.ReasonFailed, "%v", errs[0])
	}
	return outcome.Transientf(v1alpha1.ReasonFailed, "%d writes failed, the first with: %v", len(told), told[0])
}

// inParallel writes changes whose order does not matter, and returns the errors in the order of the changes.
func inParallel[Object, Facts any](
	ctx context.Context, changes []mirror.Change[Object, Facts], done *atomic.Int64,
	write func(context.Context, *mirror.Change[Object, Facts]) error,
) []error {
	errs := make([]error, len(changes))
	var group errgroup.Group
	group.SetLimit(writers)
	for i := range changes {
		group.Go(func() error {
			defer done.Add(1)
			errs[i] = write(ctx, &changes[i])
			return nil // One write that fails does not hold up the others.
		})
	}
	_ = group.Wait()
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

func (r *Reconciler) writeUser(ctx context.Context, change *mirror.Change[v1alpha1.User, v1alpha1.Identity]) error {
	if change.Verb == mirror.Delete {
		return r.remove(ctx, change.Object)
	}
	if change.Verb == mirror.Create {
		if err := r.Client.Create(ctx, change.Object, r.Reporter.FieldOwner); err != nil {
			return fmt.Errorf("create User %s: %w", change.Object.Name, err)
		}
	}
	return r.observe(ctx, change.Object, func(version string) runtime.ApplyConfiguration {
		return iamac.User(change.Object.Name).WithResourceVersion(version).
			WithStatus(iamac.UserStatus().WithIdentity(identity(&change.Facts)))
	})
}

func identity(facts *v1alpha1.Identity) *iamac.IdentityApplyConfiguration {
	applied := iamac.Identity().WithState(facts.State).WithGroups(facts.Groups...)
	applied.ID, applied.UserName = set(facts.ID), set(facts.UserName)
	applied.DisplayName, applied.Email = set(facts.DisplayName), set(facts.Email)
	applied.MissingTime = facts.MissingTime
	return applied
}

// set leaves a field out where there is nothing to say.
func set(value string) *string {
	if value == "" {
		return nil
	}
	return &value
}

func (r *Reconciler) writeGroup(ctx context.Context, change *mirror.Change[v1alpha1.Group, mirror.GroupFacts]) error {
	if change.Verb == mirror.Delete {
		return r.remove(ctx, change.Object)
	}
	if change.Verb == mirror.Create {
		if err := r.Client.Create(ctx, change.Object, r.Reporter.FieldOwner); err != nil {
			return fmt.Errorf("create Group %s: %w", change.Object.Name, err)
		}
	}
	return r.observe(ctx, change.Object, func(version string) runtime.ApplyConfiguration {
		applied := iamac.GroupStatus().WithState(change.Facts.State)
		applied.ID, applied.MissingTime = set(change.Facts.ID), change.Facts.MissingTime
		return iamac.Group(change.Object.Name).WithResourceVersion(version).WithStatus(applied)
	})
}
