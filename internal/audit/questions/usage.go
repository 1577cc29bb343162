// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package questions

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/audit/coverage"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/audit/weighing"
	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

func (s *Service) usage(ctx context.Context, kept *store.Store, r *http.Request) (*wire.Usage, error) {
	window, err := s.days(r)
	if err != nil {
		return nil, err
	}
	judged, err := weighing.Judge(ctx, kept, s.Cache, window)
	if err != nil {
		return nil, err
	}
	found := &wire.Usage{Coverage: judged.Coverage, Items: []wire.GrantUsage{}}
	only := r.URL.Query().Get("grant")
	for i := range judged.Grants {
		if only == "" || judged.Grants[i].Name == only {
			found.Items = append(found.Items, told(&judged.Grants[i]))
		}
	}
	if only == "" {
		return found, nil
	}
	if len(found.Items) == 0 {
		return nil, refuse(http.StatusNotFound, "there is no Grant %q", only)
	}
	one := &found.Items[0]
	if one.Uses, err = kept.UsesOfGrant(ctx, one.UID, window.Since); err != nil {
		return nil, err
	}
	one.Subjects, err = s.subjects(ctx, one.Name)
	return found, err
}

func told(g *weighing.Grant) wire.GrantUsage {
	return wire.GrantUsage{
		Name: g.Name, UID: string(g.UID), Created: g.Created, Usage: g.Verdict.Usage, Message: g.Verdict.Message, Total: g.Total,
	}
}

// subjects are the usernames whom bindings of a Grant name.
func (s *Service) subjects(ctx context.Context, grant string) ([]string, error) {
	made := client.MatchingLabels{v1alpha1.LabelGrant: grant}
	var inNamespaces rbacv1.RoleBindingList
	var everywhere rbacv1.ClusterRoleBindingList
	if err := s.Cache.List(ctx, &inNamespaces, made); err != nil {
		return nil, fmt.Errorf("list RoleBindings: %w", err)
	}
	if err := s.Cache.List(ctx, &everywhere, made); err != nil {
		return nil, fmt.Errorf("list ClusterRoleBindings: %w", err)
	}
	var names []string
	add := func(meta client.Object, subjects []rbacv1.Subject) {
		for _, subject := range subjects {
			if subject.Kind == rbacv1.UserKind && answers.Generated(meta.GetName()) {
				names = append(names, subject.Name)
			}
		}
	}
	for i := range inNamespaces.Items {
		add(&inNamespaces.Items[i], inNamespaces.Items[i].Subjects)
	}
	for i := range everywhere.Items {
		add(&everywhere.Items[i], everywhere.Items[i].Subjects)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (s *Service) uses(ctx context.Context, kept *store.Store, r *http.Request) (*wire.Uses, error) {
	window, err := s.days(r)
	if err != nil {
		return nil, err
	}
	usernames := r.URL.Query()["username"]
	if len(usernames) == 0 || len(usernames) > wire.MaxUsernames {
		return nil, refuse(http.StatusBadRequest, "username must be given, %d times at most", wire.MaxUsernames)
	}
	found := &wire.Uses{}
	if found.Coverage, err = coverage.Of(ctx, kept, window.Since, window.Until); err != nil {
		return nil, err
	}
	if found.Items, err = kept.UsesOf(ctx, usernames, window.Since); found.Items == nil {
		found.Items = []usage.Use{}
	}
	return found, err
}

func (s *Service) daily(ctx context.Context, kept *store.Store, r *http.Request) (*wire.Days, error) {
	window, err := s.days(r)
	if err != nil {
		return nil, err
	}
	days, err := kept.Days(ctx, window.Since)
	if err != nil {
		return nil, err
	}
	found := &wire.Days{Items: make([]wire.Day, len(days))}
	for i, d := range days {
		found.Items[i] = wire.Day{Day: d.Day.Format(time.DateOnly), Username: d.Username, Requests: d.Requests, Forbidden: d.Forbidden}
	}
	found.Coverage, err = coverage.Of(ctx, kept, window.Since, window.Until)
	return found, err
}
