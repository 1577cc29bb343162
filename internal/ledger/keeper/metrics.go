// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-iam/rollcall/internal/meter"
)

// Metrics tell how the ledger is.
type Metrics struct {
	entries prometheus.Counter
	failed  prometheus.Counter
	// open and size are of the leader alone: without a label, so that nothing is told before it is known.
	open, size  *prometheus.GaugeVec
	unpublished prometheus.Counter
}

// NewMetrics registers them.
func NewMetrics(to prometheus.Registerer) *Metrics {
	return &Metrics{
		entries: meter.Register(to, prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "rollcall", Subsystem: "ledger", Name: "entries_total", Help: "Entries that were written to the ledger.",
		})),
		failed: meter.Register(to, prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "rollcall", Subsystem: "ledger", Name: "failures_total",
			Help: "Entries that could not be written to the ledger. What they are about was not done, or is tried again.",
		})),
		open: meter.Register(to, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "rollcall", Subsystem: "ledger", Name: "open",
			Help: "1 while the leader has the ledger open, else 0: no certificate is issued then.",
		}, nil)),
		unpublished: meter.Register(to, prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "rollcall", Subsystem: "ledger", Name: "publish_failures_total",
			Help: "Times that the ledger's checkpoint could not be published.",
		})),
		size: meter.Register(to, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "rollcall", Subsystem: "ledger", Name: "published_size",
			Help: "How many entries the newest checkpoint is of that was published.",
		}, nil)),
	}
}
