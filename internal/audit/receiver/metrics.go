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
	duration *prometheus.HistogramVec
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
	server := meter.Label{Name: "server", Of: "API server, as the URL says that it sends events to"}
	codes := []string{
		strconv.Itoa(http.StatusUnauthorized), strconv.Itoa(http.StatusTooManyRequests), strconv.Itoa(http.StatusServiceUnavailable),
	}
	m := &Metrics{
		events: meter.Counter(to, meter.Metric{
			Name: "rollcall_audit_events_total", Teller: meter.Audit,
			Help: "Events that API servers sent, by API server and by what became of them: stored, duplicate (known already)," +
				" invalid (no events).",
			Labels: []meter.Label{server, {Name: "result", Values: []string{resultStored, resultDuplicate, resultInvalid}}},
			Watch:  "`invalid`: something else than an API server sends, or another version. `duplicate`: answers come too late.",
		}),
		refusals: meter.Counter(to, meter.Metric{
			Name: "rollcall_audit_refusals_total", Teller: meter.Audit,
			Help:   "Requests with events that were not taken, by HTTP status. API servers send those again for a minute or so.",
			Labels: []meter.Label{{Name: "code", Values: codes, Of: "other statuses of requests that are wrong in themselves"}},
			Watch:  "429 and 503: `RollcallAuditNotStored`. 401: an API server has another token.",
		}),
		duration: meter.Histogram(to, meter.Metric{
			Name: "rollcall_audit_store_duration_seconds", Teller: meter.Audit,
			Help:    "How long it takes to store the events of one request.",
			Buckets: prometheus.ExponentialBuckets(firstBucket, factor, buckets),
			Watch:   "Seconds: the disk or the database is slow, and API servers will lose events once their buffers are full.",
		}),
		last: meter.Gauge(to, meter.Metric{
			Name: "rollcall_audit_last_received_timestamp_seconds", Teller: meter.Audit,
			Help:   "When events of an API server were last stored, in seconds since 1970.",
			Labels: []meter.Label{server},
			Watch:  "The age of the newest over all replicas: each API server sends to any of them.",
		}),
	}
	for _, code := range codes {
		m.refusals.WithLabelValues(code) // From zero, so that the first is an increase.
	}
	return m
}

func (m *Metrics) received(server string, fresh, duplicates, invalid int, took time.Duration) {
	m.events.WithLabelValues(server, resultStored).Add(float64(fresh))
	m.events.WithLabelValues(server, resultDuplicate).Add(float64(duplicates))
	m.events.WithLabelValues(server, resultInvalid).Add(float64(invalid))
	m.last.WithLabelValues(server).SetToCurrentTime()
	m.duration.WithLabelValues().Observe(took.Seconds())
}

func (m *Metrics) refused(status int) { m.refusals.WithLabelValues(strconv.Itoa(status)).Inc() }
