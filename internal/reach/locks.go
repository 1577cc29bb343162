// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package reach

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
)

// Holds says whether a Lock keeps anybody out at a time.
func Holds(lock *v1alpha1.Lock, now time.Time) bool {
	expire := lock.Spec.ExpireTime
	return lock.DeletionTimestamp.IsZero() && (expire == nil || now.Before(expire.Time))
}

// Locks lists the Locks that keep a User out at a time, sorted by name: on the User, or on a Group that the User is in.
func Locks(ctx context.Context, c client.Reader, user *v1alpha1.User, now time.Time) ([]v1alpha1.Lock, error) {
	locks, err := index.LocksOf(ctx, c, v1alpha1.LockUser, user.Name)
	if err != nil {
		return nil, fmt.Errorf("list Locks of User %s: %w", user.Name, err)
	}
	locks = slices.Clone(locks)
	groups, err := Groups(ctx, c, user)
	if err != nil {
		return nil, fmt.Errorf("list Groups of User %s: %w", user.Name, err)
	}
	for i := range groups {
		more, err := index.LocksOf(ctx, c, v1alpha1.LockGroup, groups[i].Name)
		if err != nil {
			return nil, fmt.Errorf("list Locks of Group %s: %w", groups[i].Name, err)
		}
		locks = append(locks, more...)
	}
	locks = slices.DeleteFunc(locks, func(l v1alpha1.Lock) bool { return !Holds(&l, now) })
	slices.SortFunc(locks, func(a, b v1alpha1.Lock) int { return strings.Compare(a.Name, b.Name) })
	return locks, nil
}

// MayAct says whether a User may act, and no Lock keeps them out that their status does not show yet.
func MayAct(ctx context.Context, c client.Reader, user *v1alpha1.User, now time.Time) (bool, error) {
	if !Active(user) {
		return false, nil
	}
	locks, err := Locks(ctx, c, user, now)
	return len(locks) == 0, err
}

// OfTarget lists the Users whom a Lock is about; found says whether its target exists, and is in its directory where it is a directory's
// group: who was in one that is gone, nobody knows.
func OfTarget(ctx context.Context, c client.Reader, target v1alpha1.LockTarget) (users []v1alpha1.User, found bool, err error) {
	subject, about := target.Subject()
	if !about {
		return nil, false, nil
	}
	users, group, err := ofSubject(ctx, c, subject)
	return users, group != nil && there(group) || len(users) > 0, err
}

// lockout are the names of those whom Locks keep out, and when the first of these Locks ends (zero: never).
type lockout struct {
	users, groups map[string]bool
	next          time.Time
}

// lockedOut looks at the Locks, which are few, and not at the people's conditions, which follow one by one.
func lockedOut(ctx context.Context, c client.Reader, now time.Time) (lockout, error) {
	out := lockout{users: map[string]bool{}, groups: map[string]bool{}}
	locks, err := index.Locks(ctx, c)
	if err != nil {
		return out, fmt.Errorf("list Locks: %w", err)
	}
	for i := range locks {
		target := locks[i].Spec.Target
		if _, about := target.Subject(); !about || !Holds(&locks[i], now) {
			continue
		}
		if expire := locks[i].Spec.ExpireTime; expire != nil && (out.next.IsZero() || expire.Time.Before(out.next)) {
			out.next = expire.Time
		}
		users, _, err := OfTarget(ctx, c, target)
		if err != nil {
			return out, fmt.Errorf("resolve Lock %s: %w", locks[i].Name, err)
		}
		for j := range users {
			out.users[users[j].Name] = true
		}
		if target.Kind == v1alpha1.LockGroup {
			out.groups[target.Name] = true
		}
	}
	return out, nil
}
