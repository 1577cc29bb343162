// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-iam/rollcall/internal/meter"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

// Metrics tell whether events arrive. Whoever does not lead has none of the first, and counts nothing.
type Metrics struct {
	servers *prometheus.GaugeVec
	lost    prometheus.Counter
}

// NewMetrics registers them.
func NewMetrics(to prometheus.Registerer) *Metrics {
	return &Metrics{
		servers: meter.Register(to, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "rollcall", Subsystem: "audit", Name: "watched_servers",
			Help: "API servers, by how it is with their events: received; silent (what they were asked to log did not arrive); losing (they " +
				"counted events of the last hour that they could not deliver); unreachable (they cannot be asked); starting.",
		}, []string{"state"})),
		lost: meter.Register(to, prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "rollcall", Subsystem: "audit", Name: "lost_events_total",
			Help: "Events that API servers counted as not delivered, as far as the operator has learnt of it.",
		})),
	}
}

func (m *Metrics) watched(found Findings) {
	for _, state := range []State{Silent, Losing, Unreachable, Starting, Received} {
		m.servers.WithLabelValues(string(state)).Set(float64(len(found.of(state))))
	}
}

func (m *Metrics) lose(gaps []usage.Gap) {
	for i := range gaps {
		m.lost.Add(float64(gaps[i].Lost))
	}
}
