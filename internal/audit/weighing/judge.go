// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package weighing

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/audit/coverage"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

// Judged says which Grants are used.
type Judged struct {
	Coverage usage.Coverage
	// Grants by name.
	Grants []Grant
}

// Grant is one of which that is said.
type Grant struct {
	Name    string
	UID     types.UID
	Created metav1.Time
	Total   usage.Total
	Verdict usage.Verdict
}

// Judge says of each Grant that there is whether it was used in a window of time.
func Judge(ctx context.Context, kept *store.Store, cache client.Reader, window usage.Window) (*Judged, error) {
	var grants v1alpha1.GrantList
	if err := cache.List(ctx, &grants); err != nil {
		return nil, fmt.Errorf("list Grants: %w", err)
	}
	totals, err := kept.Totals(ctx, window.Since)
	if err != nil {
		return nil, err
	}
	j := &Judged{Grants: make([]Grant, len(grants.Items))}
	if j.Coverage, err = coverage.Of(ctx, kept, window.Since, window.Until); err != nil {
		return nil, err
	}
	for i := range grants.Items {
		g := &grants.Items[i]
		total := totals[string(g.UID)]
		j.Grants[i] = Grant{
			Name: g.Name, UID: g.UID, Created: g.CreationTimestamp, Total: total,
			Verdict: usage.Judge(total, begun(g), window, j.Coverage),
		}
	}
	slices.SortFunc(j.Grants, func(a, b Grant) int { return strings.Compare(a.Name, b.Name) })
	return j, nil
}

// begun is since when a Grant can give anything.
func begun(g *v1alpha1.Grant) time.Time {
	if start := g.Spec.StartTime; start != nil && start.After(g.CreationTimestamp.Time) {
		return start.Time
	}
	return g.CreationTimestamp.Time
}
