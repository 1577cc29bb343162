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
	lost    *prometheus.CounterVec
}

// NewMetrics registers them.
func NewMetrics(to prometheus.Registerer) *Metrics {
	states := make([]string, 0, len(everyState()))
	for _, state := range everyState() {
		states = append(states, string(state))
	}
	return &Metrics{
		servers: meter.Gauge(to, meter.Metric{
			Name: "rollcall_audit_watched_servers", Teller: meter.AuditLeader,
			Help: "API servers, by how it is with their events: received; silent (what they were asked to log did not arrive); losing (they " +
				"counted events of the last hour that they could not deliver); unreachable (they cannot be asked); starting.",
			Labels: []meter.Label{{Name: "state", Values: states}},
			Watch:  "`silent` and `unreachable`: `RollcallAuditNotReceived`.",
		}),
		lost: meter.Counter(to, meter.Metric{
			Name: "rollcall_audit_lost_events_total", Teller: meter.Audit,
			Help:  "Events that API servers counted as not delivered, as far as the operator has learnt of it.",
			Watch: "Any: `RollcallAuditEventsLost`.",
		}),
	}
}

func (m *Metrics) watched(found Findings) {
	for _, state := range everyState() {
		m.servers.WithLabelValues(string(state)).Set(float64(len(found.of(state))))
	}
}

func (m *Metrics) lose(gaps []usage.Gap) {
	for i := range gaps {
		m.lost.WithLabelValues().Add(float64(gaps[i].Lost))
	}
}

func everyState() []State { return []State{Silent, Losing, Unreachable, Starting, Received} }
