// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-iam/rollcall/internal/meter"
)

// Metrics tell how the ledger is. The leader alone has open and size, once they are known.
type Metrics struct {
	entries, failed, unpublished *prometheus.CounterVec
	open, size                   *prometheus.GaugeVec
}

// NewMetrics registers them.
func NewMetrics(to prometheus.Registerer) *Metrics {
	return &Metrics{
		entries: meter.Counter(to, meter.Metric{
			Name: "rollcall_ledger_entries_total", Teller: meter.LedgerLeader,
			Help: "Entries that were written to the ledger.", Watch: "That it grows when people log in and access changes.",
		}),
		failed: meter.Counter(to, meter.Metric{
			Name: "rollcall_ledger_failures_total", Teller: meter.LedgerLeader,
			Help:  "Entries that could not be written to the ledger. What they are about was not done, or is tried again.",
			Watch: "Any: `RollcallLedgerFails`.",
		}),
		open: meter.Gauge(to, meter.Metric{
			Name: "rollcall_ledger_open", Teller: meter.LedgerLeader,
			Help:  "1 while the leader has the ledger open, else 0: no certificate is issued then.",
			Watch: "0: `RollcallLedgerFails`.",
		}),
		unpublished: meter.Counter(to, meter.Metric{
			Name: "rollcall_ledger_publish_failures_total", Teller: meter.LedgerLeader,
			Help: "Times that the ledger's checkpoint could not be published.", Watch: "Several: `RollcallLedgerNotPublished`.",
		}),
		size: meter.Gauge(to, meter.Metric{
			Name: "rollcall_ledger_published_size", Teller: meter.LedgerLeader,
			Help:  "How many entries the newest checkpoint is of that was published.",
			Watch: "It only ever grows. Less than before: another ledger was put in its place.",
		}),
	}
}
