// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package reach

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/session"
)

// OfSession gathers what decides whether a Session goes on. The User in it is the cache's own: read it only.
func OfSession(ctx context.Context, c client.Reader, s *v1alpha1.Session, now time.Time) (session.Facts, error) {
	facts := session.Facts{Session: s}
	user := &v1alpha1.User{}
	err := c.Get(ctx, client.ObjectKey{Name: s.Spec.UserRef.Name}, user, client.UnsafeDisableDeepCopy)
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
	for _, target := range []v1alpha1.LockTarget{
		{Kind: v1alpha1.LockSession, Name: s.Name}, {Kind: v1alpha1.LockDevice, Name: s.Spec.Device},
	} {
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

// Bound says whether a generated binding names a username. It looks at all of them, and so is for when somebody has lost access.
func Bound(ctx context.Context, c client.Reader, username string) (bool, error) {
	names := func(subjects []rbacv1.Subject) bool {
		return slices.ContainsFunc(subjects, func(s rbacv1.Subject) bool { return s.Kind == rbacv1.UserKind && s.Name == username })
	}
	var roleBindings rbacv1.RoleBindingList
	if err := c.List(ctx, &roleBindings, client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("list RoleBindings: %w", err)
	}
	if slices.ContainsFunc(roleBindings.Items, func(b rbacv1.RoleBinding) bool { return names(b.Subjects) }) {
		return true, nil
	}
	var clusterRoleBindings rbacv1.ClusterRoleBindingList
	if err := c.List(ctx, &clusterRoleBindings, client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("list ClusterRoleBindings: %w", err)
	}
	return slices.ContainsFunc(clusterRoleBindings.Items, func(b rbacv1.ClusterRoleBinding) bool { return names(b.Subjects) }), nil
}

// SessionsOfLock lists the Sessions that a Lock ends, given the Users of OfTarget, and those that it has ended, whatever became of its
// target since; sorted by name.
func SessionsOfLock(ctx context.Context, c client.Reader, lock *v1alpha1.Lock, users []v1alpha1.User) ([]v1alpha1.Session, error) {
	sessions, err := index.SessionsEndedBy(ctx, c, session.EndedByLock(lock.Name))
	if err != nil {
		return nil, fmt.Errorf("list Sessions that Lock %s ended: %w", lock.Name, err)
	}
	more, err := sessionsOnTarget(ctx, c, lock.Spec.Target, users)
	if err != nil {
		return nil, fmt.Errorf("list Sessions of %s %s: %w", lock.Spec.Target.Kind, lock.Spec.Target.Name, err)
	}
	sessions = slices.Concat(sessions, more)
	slices.SortFunc(sessions, func(a, b v1alpha1.Session) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(sessions, func(a, b v1alpha1.Session) bool { return a.Name == b.Name }), nil
}

func sessionsOnTarget(ctx context.Context, c client.Reader, target v1alpha1.LockTarget, users []v1alpha1.User) ([]v1alpha1.Session, error) {
	switch target.Kind {
	case v1alpha1.LockSession:
		s := v1alpha1.Session{}
		if err := c.Get(ctx, client.ObjectKey{Name: target.Name}, &s, client.UnsafeDisableDeepCopy); err != nil {
			return nil, client.IgnoreNotFound(err)
		}
		return []v1alpha1.Session{s}, nil
	case v1alpha1.LockDevice:
		return index.SessionsOnDevice(ctx, c, target.Name)
	default:
		return sessionsOfUsers(ctx, c, users)
	}
}

// sessionsOfUsers are theirs, and not those of others who had their names before.
func sessionsOfUsers(ctx context.Context, c client.Reader, users []v1alpha1.User) ([]v1alpha1.Session, error) {
	var sessions []v1alpha1.Session
	for i := range users {
		of, err := index.SessionsOfUser(ctx, c, users[i].Name)
		if err != nil {
			return nil, err
		}
		for j := range of {
			if of[j].Spec.UserRef.UID == string(users[i].UID) {
				sessions = append(sessions, of[j])
			}
		}
	}
	return sessions, nil
}
