// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package weighing

import (
	"context"
	"slices"
	"time"

	"github.com/rollcall-iam/rollcall/internal/attribution"
	"github.com/rollcall-iam/rollcall/internal/audit/history"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

// most is how many worlds are kept: what comes is mostly of about the same time.
const most = 4

// worlds are what RBAC was like at some times, the last looked at first.
type worlds struct {
	kept []*history.World
	// recorded is until when all that happened is recorded.
	recorded time.Time
	// read counts those that were read from the store.
	read int
}

// refresh has them know of what was recorded since the last time.
func (w *worlds) refresh(ctx context.Context, kept *store.Store, recorded time.Time) error {
	w.recorded = recorded
	for _, world := range w.kept {
		if err := world.Refresh(ctx, kept, recorded); err != nil {
			return err
		}
	}
	return nil
}

// weigh finds what would have allowed a deed. A world that was so within attribution.Slack of then will do if what RBAC named is in it; a
// new one is read for each deed otherwise, up to where things change by the second.
func (w *worlds) weigh(ctx context.Context, kept *store.Store, d *usage.Deed) (usage.Weighed, error) {
	var weighed usage.Weighed
	for _, slack := range []time.Duration{0, attribution.Slack} {
		if slack > 0 && d.Allow == nil {
			break // Nothing would tell that another one does not do.
		}
		for i, world := range w.kept {
			if !world.Held(d.Last, slack) {
				continue
			}
			if weighed = usage.Weigh(d, world.World); weighed.Fits {
				w.first(i)
				return weighed, nil
			}
		}
	}
	for _, at := range []time.Time{d.Last, d.Last.Add(attribution.Slack), d.Last.Add(-attribution.Slack)} {
		world, err := w.at(ctx, kept, at)
		if err != nil {
			return usage.Weighed{}, err
		}
		if weighed = usage.Weigh(d, world.World); weighed.Fits {
			return weighed, nil
		}
	}
	return weighed, nil
}

// at is the world of a time; of what comes after all that is recorded, by whatever clock, the last one.
func (w *worlds) at(ctx context.Context, kept *store.Store, at time.Time) (*history.World, error) {
	if !at.Before(w.recorded) {
		at = w.recorded.Add(-time.Microsecond)
	}
	for i, world := range w.kept {
		if world.Held(at, 0) {
			w.first(i)
			return world, nil
		}
	}
	world, err := history.WorldAt(ctx, kept, at, w.recorded)
	if err != nil {
		return nil, err
	}
	w.read++
	w.kept = slices.Insert(w.kept, 0, world)
	w.kept = w.kept[:min(len(w.kept), most)]
	return world, nil
}

func (w *worlds) first(i int) {
	world := w.kept[i]
	w.kept = slices.Insert(slices.Delete(w.kept, i, i+1), 0, world)
}
