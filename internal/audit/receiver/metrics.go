// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package receiver

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-iam/rollcall/internal/meter"
)

// Metrics tell what came and what became of it.
type Metrics struct {
	events   *prometheus.CounterVec
	refusals *prometheus.CounterVec
	duration prometheus.Histogram
	last     *prometheus.GaugeVec
}

// Values of the label result.
const (
	resultStored    = "stored"
	resultDuplicate = "duplicate"
	resultInvalid   = "invalid"
)

// NewMetrics registers them.
func NewMetrics(to prometheus.Registerer) *Metrics {
	const firstBucket, factor, buckets = 0.001, 3, 10 // 1 ms to 20 s.
	m := &Metrics{
		events: meter.Register(to, prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "rollcall", Subsystem: "audit", Name: "events_total",
			Help: "Events that API servers sent, by API server and by what became of them: stored, duplicate (known already)," +
				" invalid (no events).",
		}, []string{"server", "result"})),
		refusals: meter.Register(to, prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "rollcall", Subsystem: "audit", Name: "refusals_total",
			Help: "Requests with events that were not taken, by HTTP status. API servers send those again for a minute or so.",
		}, []string{"code"})),
		duration: meter.Register(to, prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "rollcall", Subsystem: "audit", Name: "store_duration_seconds",
			Help:    "How long it takes to store the events of one request.",
			Buckets: prometheus.ExponentialBuckets(firstBucket, factor, buckets),
		})),
		last: meter.Register(to, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "rollcall", Subsystem: "audit", Name: "last_received_timestamp_seconds",
			Help: "When events of an API server were last stored, in seconds since 1970.",
		}, []string{"server"})),
	}
	for _, code := range []int{http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		m.refusals.WithLabelValues(strconv.Itoa(code)) // From zero, so that the first is an increase.
	}
	return m
}

func (m *Metrics) received(server string, fresh, duplicates, invalid int, took time.Duration) {
	m.events.WithLabelValues(server, resultStored).Add(float64(fresh))
	m.events.WithLabelValues(server, resultDuplicate).Add(float64(duplicates))
	m.events.WithLabelValues(server, resultInvalid).Add(float64(invalid))
	m.last.WithLabelValues(server).SetToCurrentTime()
	m.duration.Observe(took.Seconds())
}

func (m *Metrics) refused(status int) { m.refusals.WithLabelValues(strconv.Itoa(status)).Inc() }
