// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	err := errors.Join(
		inParallel(ctx, users.Withdraw, &done, r.writeUser), inParallel(ctx, groups.Withdraw, &done, r.writeGroup),
		inParallel(ctx, users.Give, &done, r.writeUser), inParallel(ctx, groups.Give, &done, r.writeGroup),
	)
	if err == nil {
		// What is cleaned up has a successor, which must be there first.
		err = errors.Join(inParallel(ctx, users.CleanUp, &done, r.writeUser), inParallel(ctx, groups.CleanUp, &done, r.writeGroup))
	}
	log.FromContext(ctx).Info("mirrored", "users", mirror.Count(s.plan.Users), "groups", mirror.Count(s.plan.Groups))
	return err
}

// inParallel writes changes whose order does not matter. Of many errors the first is told, with the number of all.
func inParallel[Object, Facts any](
	ctx context.Context, changes []mirror.Change[Object, Facts], done *atomic.Int64,
	write func(context.Context, *mirror.Change[Object, Facts]) error,
) error {
	var failures atomic.Int64
	var group errgroup.Group
	group.SetLimit(writers)
	for i := range changes {
		group.Go(func() error {
			defer done.Add(1)
			err := write(ctx, &changes[i])
			if err != nil {
				failures.Add(1)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return explain(err, int(failures.Load()))
	}
	return nil
}

func explain(err error, failures int) error {
	if apierrors.IsAlreadyExists(err) {
		return outcome.Waitingf(settle, v1alpha1.ReasonFailed, "%v", err)
	}
	return outcome.Transientf(v1alpha1.ReasonFailed, "%d writes failed, the first with: %v", failures, err)
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
	applied := iamac.User(change.Object.Name).WithUID(change.Object.UID).
		WithStatus(iamac.UserStatus().WithIdentity(identity(&change.Facts)))
	return r.observe(ctx, change.Object, applied)
}

func identity(facts *v1alpha1.Identity) *iamac.IdentityApplyConfiguration {
	applied := iamac.Identity().WithState(facts.State).WithGroups(facts.Groups...)
	for value, set := range map[*string]func(string) *iamac.IdentityApplyConfiguration{
		&facts.ID: applied.WithID, &facts.UserName: applied.WithUserName,
		&facts.DisplayName: applied.WithDisplayName, &facts.Email: applied.WithEmail,
	} {
		if *value != "" {
			set(*value)
		}
	}
	return applied
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
	applied := iamac.GroupStatus().WithState(change.Facts.State)
	if change.Facts.ID != "" {
		applied.WithID(change.Facts.ID)
	}
	return r.observe(ctx, change.Object, iamac.Group(change.Object.Name).WithUID(change.Object.UID).WithStatus(applied))
}
