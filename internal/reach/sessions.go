// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package reach

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/session"
)

// OfSession gathers what decides whether a Session goes on.
func OfSession(ctx context.Context, c client.Reader, s *v1alpha1.Session, now time.Time) (session.Facts, error) {
	facts := session.Facts{Session: s}
	user := &v1alpha1.User{}
	err := c.Get(ctx, client.ObjectKey{Name: s.Spec.UserRef.Name}, user)
	if err != nil && !apierrors.IsNotFound(err) {
		return facts, fmt.Errorf("get User %s: %w", s.Spec.UserRef.Name, err)
	}
	if err == nil && string(user.UID) == s.Spec.UserRef.UID && user.DeletionTimestamp.IsZero() {
		facts.User = user
		if facts.Locks, err = Locks(ctx, c, user, now); err != nil {
			return facts, err
		}
	}
	more, err := locksOnSession(ctx, c, s, now)
	if err != nil {
		return facts, err
	}
	facts.Locks = append(facts.Locks, more...)
	slices.SortFunc(facts.Locks, func(a, b v1alpha1.Lock) int { return strings.Compare(a.Name, b.Name) })
	return facts, nil
}

// locksOnSession are those on a Session itself, and on its device.
func locksOnSession(ctx context.Context, c client.Reader, s *v1alpha1.Session, now time.Time) ([]v1alpha1.Lock, error) {
	var holding []v1alpha1.Lock
	for _, target := range []v1alpha1.LockTarget{{Kind: v1alpha1.LockSession, Name: s.Name}, {Kind: v1alpha1.LockDevice, Name: s.Spec.Device}} {
		if target.Name == "" {
			continue
		}
		locks, err := index.LocksOf(ctx, c, target.Kind, target.Name)
		if err != nil {
			return nil, fmt.Errorf("list Locks of %s %s: %w", target.Kind, target.Name, err)
		}
		for i := range locks {
			if Holds(&locks[i], now) {
				holding = append(holding, locks[i])
			}
		}
	}
	return holding, nil
}
