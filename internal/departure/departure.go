// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package departure measures how long it takes, from when a directory told that somebody is gone, until bindings do not name them any more.
package departure

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/utils/clock"

	"github.com/rollcall-iam/rollcall/internal/meter"
)

const (
	// kept is how many people are remembered. Of more at once the first are forgotten, and not measured.
	kept = 1 << 14
	// keptFor is how long: whoever is in a binding for longer is told of by the Grant's condition.
	keptFor = 24 * time.Hour
)

// Watch is a stopwatch for everybody who leaves. A nil Watch measures nothing.
type Watch struct {
	clock clock.PassiveClock
	since *cache.LRUExpireCache
	took  *prometheus.HistogramVec
}

// NewWatch registers its metric, or finds the one that is registered.
func NewWatch(to prometheus.Registerer, c clock.PassiveClock) *Watch {
	const firstBucket, factor, buckets = 0.05, 2, 16 // 50 ms to 27 minutes.
	return &Watch{
		clock: c, since: cache.NewLRUExpireCacheWithClock(kept, c),
		took: meter.Histogram(to, meter.Metric{
			Name: "rollcall_leaver_withdrawal_duration_seconds", Teller: meter.Leader,
			Help: "How long it took from when a directory told that somebody left or was disabled until a binding did not name them any more. " +
				"Each binding counts, once it does not name them: whoever is still named is not in here, " +
				"nor is the time for which the loss guard held them.",
			Buckets: prometheus.ExponentialBuckets(firstBucket, factor, buckets),
			Watch: "Its upper end: `RollcallLeaversKeepAccess`. Of what a full read finds it counts from when that began. " +
				"Who is still named, since writes fail or nothing writes: `RollcallBindingWritesFail`, `RollcallStalled`, `RollcallNobodyLeads`, " +
				"`RollcallLossGuardHolding`, and `workqueue_depth`.",
		}),
	}
}

// Left notes when it became known that somebody is gone. What was noted before stays.
func (w *Watch) Left(username string, at time.Time) {
	if w == nil || username == "" {
		return
	}
	if _, known := w.since.Get(username); !known {
		w.since.Add(username, at, keptFor)
	}
}

// Back forgets whoever is there again: what they lose after that has other reasons.
func (w *Watch) Back(username string) {
	if w != nil {
		w.since.Remove(username)
	}
}

// Dropped measures a binding that does not name these people any more.
func (w *Watch) Dropped(usernames []string) {
	if w == nil {
		return
	}
	for _, username := range usernames {
		noted, _ := w.since.Get(username)
		if since, known := noted.(time.Time); known {
			w.took.WithLabelValues().Observe(w.clock.Since(since).Seconds())
		}
	}
}
