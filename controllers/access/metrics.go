// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-iam/rollcall/internal/access"
	"github.com/rollcall-iam/rollcall/internal/meter"
)

// Metrics tell how long people wait. Nil Metrics tell nothing.
type Metrics struct{ waited *prometheus.HistogramVec }

// NewMetrics registers the metrics, or finds those that are registered.
func NewMetrics(to prometheus.Registerer) *Metrics {
	const firstBucket, factor, buckets = 15, 2, 14 // 15 s to 34 hours.
	outcomes := []access.Outcome{access.WaitApproved, access.WaitDenied, access.WaitUndecided}
	names := make([]string, len(outcomes))
	for i, outcome := range outcomes {
		names[i] = string(outcome)
	}
	m := &Metrics{waited: meter.Histogram(to, meter.Metric{
		Name: "rollcall_access_request_wait_duration_seconds", Teller: meter.Leader,
		Help: "How long AccessRequests waited for approval, from when they were made until the decision that counted, or until they ended " +
			"without one, by outcome: approved, denied, undecided.",
		Labels:  []meter.Label{{Name: "outcome", Values: names}},
		Buckets: prometheus.ExponentialBuckets(firstBucket, factor, buckets),
		Watch:   "`undecided`: nobody looked in time. How long the slowest tenth waits is how long an incident waits.",
	})}
	for _, name := range names {
		m.waited.WithLabelValues(name) // From zero, so that the first is an increase.
	}
	return m
}

func (m *Metrics) wait(outcome access.Outcome, took time.Duration) {
	if m != nil && outcome != "" {
		m.waited.WithLabelValues(string(outcome)).Observe(took.Seconds())
	}
}
