// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// ErrClosed is returned for a store that is not open yet, or that cannot be opened: its log says why.
var ErrClosed = errors.New("the audit store is not open; the operator's log says why, and tries again")

const (
	firstAttempt, lastAttempt = time.Second, time.Minute
	// pruneEvery is how often what is old goes.
	pruneEvery = 10 * time.Minute
)

// Keeper opens a store, whenever that can be done, and keeps it small. Everything else the operator does goes on meanwhile.
type Keeper struct {
	// Location of the store, as for Open.
	Location string
	// Age is how long events are kept, and Size how many bytes there may be, about; 0 for any number.
	Age   time.Duration
	Size  int64
	Clock clock.PassiveClock

	open atomic.Pointer[Store]
}

// Store is the open store, or ErrClosed.
func (k *Keeper) Store() (*Store, error) {
	if s := k.open.Load(); s != nil {
		return s, nil
	}
	return nil, ErrClosed
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: every replica receives events.
func (*Keeper) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (k *Keeper) Start(ctx context.Context) error {
	logger := log.FromContext(ctx).WithName("audit")
	for pause := firstAttempt; ; pause = min(2*pause, lastAttempt) {
		s, err := Open(ctx, k.Location)
		if err == nil {
			k.open.Store(s)
			logger.Info("the audit store is open")
			break
		}
		logger.Error(err, "the audit store cannot be opened: nothing is received; tried again", "in", pause.String())
		if !sleep(ctx, pause) {
			return nil
		}
	}
	for sleep(ctx, pruneEvery) {
		s := k.open.Load()
		events, err := s.Prune(ctx, Retention{Since: k.Clock.Now().Add(-k.Age), Size: k.Size})
		if err != nil && ctx.Err() == nil {
			logger.Error(err, "old events stay, for now")
		} else if events > 0 {
			logger.Info("old events were removed from the audit store", "events", events)
		}
	}
	return k.open.Swap(nil).Close()
}

// sleep waits about so long, and says whether there is time left.
func sleep(ctx context.Context, pause time.Duration) bool {
	const spread = 0.2                                                                        // Replicas do not move in step.
	timer := time.NewTimer(time.Duration(float64(pause) * (1 + spread*(2*rand.Float64()-1)))) //nolint:gosec // No secret depends on it.
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
