// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"cmp"
	"context"
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/attribution"
	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

// World is what RBAC was for some time.
type World struct {
	*answers.World

	// Since and Until bound that time.
	Since, Until time.Time
	// open says that nothing is known to have changed after Until.
	open bool
}

// Held says whether it was so at a time, give or take some.
func (w *World) Held(at time.Time, slack time.Duration) bool {
	return !at.Before(w.Since.Add(-slack)) && at.Before(w.Until.Add(slack))
}

// Refresh finds out for how long it held, where all that happened is recorded up to a time.
func (w *World) Refresh(ctx context.Context, s *store.Store, recorded time.Time) error {
	if !w.open || !recorded.After(w.Until) {
		return nil
	}
	next, err := s.Next(ctx, rbac(), w.Since)
	if err != nil {
		return err
	}
	if w.Until = recorded; !next.IsZero() {
		w.Until, w.open = next, false
	}
	return nil
}

func rbac() []string {
	return []string{kindRole, kindClusterRole, kindRoleBinding, kindClusterRoleBinding}
}

// WorldAt is what RBAC was at a time, as far as it is recorded: roles and bindings. All that happened must be recorded up to a later time.
func WorldAt(ctx context.Context, s *store.Store, at, recorded time.Time) (*World, error) {
	held, err := s.At(ctx, rbac(), at)
	if err != nil {
		return nil, err
	}
	var there answers.Snapshot
	for i := range held.Versions {
		if err := add(&there, &held.Versions[i]); err != nil {
			return nil, err
		}
	}
	w := &World{World: answers.Index(there, at), Since: held.Since, Until: held.Until}
	if held.Until.IsZero() {
		w.Until, w.open = recorded, true
	}
	return w, nil
}

func add(there *answers.Snapshot, v *store.Version) error {
	switch v.Kind {
	case kindRole:
		return more(&there.Roles, v)
	case kindClusterRole:
		return more(&there.ClusterRoles, v)
	case kindRoleBinding:
		return more(&there.RoleBindings, v)
	default:
		return more(&there.ClusterRoleBindings, v)
	}
}

func more[T any](list *[]T, v *store.Version) error {
	var object T
	err := decode(v.Document, &object)
	*list = append(*list, object)
	return err
}

// GrantBehind is the Grant that a binding is known to have been made for that RBAC named, at about that time or at any other; nil where
// there is none.
func GrantBehind(ctx context.Context, s *store.Store, allow *audit.Allow, at time.Time) (*usage.Grant, error) {
	versions, err := s.Named(ctx, allow.Kind, allow.Namespace, allow.Name, time.Unix(0, 0), at.AddDate(1, 0, 0))
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(versions, func(a, b store.Version) int { return cmp.Compare(distance(&a, at), distance(&b, at)) })
	for i := range versions {
		var document rbacv1.RoleBinding // Both kinds have the same fields.
		if err := decode(versions[i].Document, &document); err != nil {
			return nil, err
		}
		version := attribution.BindingVersion{Meta: document.ObjectMeta}
		if made := version.MadeFor(); made.Grant != "" {
			return &usage.Grant{UID: made.GrantUID, Name: made.Grant}, nil
		}
	}
	return nil, nil
}
