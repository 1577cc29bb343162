// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// errGone says that the User is gone, or that another of that name has come: whatever was under way is not theirs.
var errGone = errors.New("the User is gone")

// errOvertaken says that nothing is left to say of a try: another replica has told of a certificate of this User, or none is asked for.
var errOvertaken = errors.New("another certificate of this User was told of meanwhile, or none is asked for any more")

// report writes the condition, if it differs. What was found of a spec is not said of another that has come meanwhile.
func (r *Reconciler) report(ctx context.Context, s *scope, wanted []metav1.Condition) error {
	generation := s.user.Generation
	return r.onConflict(ctx, s, func() error {
		if s.user.Generation != generation {
			return nil
		}
		conditions := status.Merge(s.user.Status.Conditions, wanted, s.user.Generation, s.now)
		if status.Same(s.user.Status.Conditions, conditions, v1alpha1.ConditionKubeconfig) {
			return nil
		}
		return r.write(ctx, s, s.user.Status.Certificate, conditionsWith(s.user, wanted, s.now))
	})
}

// writeRecord tells of a certificate that was published. Where the User has changed meanwhile, so that another may be wanted or none, it
// says no more than that: what changed has an event of its own, which comes next. Where another replica has told of one, it says nothing:
// that went by this one, which was on record and in the Secret.
func (r *Reconciler) writeRecord(ctx context.Context, s *scope, record *v1alpha1.Certificate) error {
	published := s.user
	err := r.onConflict(ctx, s, func() error {
		if toldFingerprint(s.user) != toldFingerprint(published) {
			return nil
		}
		conditions := s.user.Status.Conditions
		if s.user.Generation == published.Generation && stillWanted(s.user, published) {
			conditions = conditionsWith(s.user, fresh(), s.now)
		}
		return r.write(ctx, s, record, conditions)
	})
	if err != nil {
		return fmt.Errorf("record certificate %s: %w", record.Fingerprint, err)
	}
	return nil
}

// write says something else of a User, of exactly the state that was looked at: the API server does not compare the uid in a write of
// status, but it does compare the resource version.
func (r *Reconciler) write(ctx context.Context, s *scope, record *v1alpha1.Certificate, conditions []metav1.Condition) error {
	written := s.user.DeepCopy()
	written.Status.Certificate, written.Status.Conditions = record, slices.Clone(conditions)
	err := r.Reporter.Patch(ctx, s.user, written, s.user.Status.Conditions, conditions)
	if apierrors.IsNotFound(err) {
		return errGone
	}
	if err != nil {
		return err
	}
	s.user = written
	return nil
}

// onConflict tries again with a fresh look where others have written meanwhile.
func (r *Reconciler) onConflict(ctx context.Context, s *scope, write func() error) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		err := write()
		if !apierrors.IsConflict(err) {
			return err
		}
		if lookErr := r.refresh(ctx, s); lookErr != nil {
			return lookErr
		}
		return err
	})
}

// refresh looks at the User past the cache.
func (r *Reconciler) refresh(ctx context.Context, s *scope) error {
	fresh := &v1alpha1.User{}
	err := r.Live.Get(ctx, client.ObjectKeyFromObject(s.user), fresh)
	if apierrors.IsNotFound(err) || err == nil && (fresh.UID != s.user.UID || !fresh.DeletionTimestamp.IsZero()) {
		return errGone
	}
	if err != nil {
		return fmt.Errorf("get User %s: %w", s.user.Name, err)
	}
	s.user = fresh
	return nil
}
