// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-iam/rollcall/internal/meter"
)

// Metrics are what the webhook tells of its answers.
type Metrics struct {
	reviews  *prometheus.CounterVec
	refusals *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// NewMetrics registers the metrics, or finds those that are registered.
func NewMetrics(to prometheus.Registerer) *Metrics {
	const firstBucket, factor, buckets = 0.00001, 3, 12 // 10 us to 1.8 s.
	decisions := []string{noOpinion, ended, deleted, mismatch, unknown, unlooked, preflight}
	codes := []string{
		strconv.Itoa(http.StatusBadRequest), strconv.Itoa(http.StatusUnauthorized), strconv.Itoa(http.StatusServiceUnavailable),
	}
	m := &Metrics{
		reviews: meter.Counter(to, meter.Metric{
			Name: "rollcall_authorization_reviews_total", Teller: meter.Authorization,
			Help:   "Answers to API servers that asked about a certificate, by decision: no_opinion, or why it was denied.",
			Labels: []meter.Label{{Name: "decision", Values: decisions}},
			Watch: "Everything but `no_opinion` and `preflight` was denied. `" + unknown + "` and `" + mismatch + "` are alarms. None at all: " +
				"API servers do not ask.",
		}),
		refusals: meter.Counter(to, meter.Metric{
			Name: "rollcall_authorization_refusals_total", Teller: meter.Authorization,
			Help:   "Requests to the authorization webhook that were not answered with a decision, by HTTP status.",
			Labels: []meter.Label{{Name: "code", Values: codes}},
			Watch:  "401 and 503: `RollcallAuthorizationFails`.",
		}),
		duration: meter.Histogram(to, meter.Metric{
			Name: "rollcall_authorization_review_duration_seconds", Teller: meter.Authorization,
			Help:    "How long answers take.",
			Buckets: prometheus.ExponentialBuckets(firstBucket, factor, buckets),
			Watch:   "Every request of a managed person waits for that: it should be far below a millisecond.",
		}),
	}
	for _, decision := range decisions {
		m.reviews.WithLabelValues(decision) // From zero, so that the first is an increase.
	}
	for _, code := range codes {
		m.refusals.WithLabelValues(code)
	}
	return m
}

func (m *Metrics) answered(decision string, after time.Duration) {
	m.reviews.WithLabelValues(decision).Inc()
	m.duration.WithLabelValues().Observe(after.Seconds())
}

func (m *Metrics) refused(status int) { m.refusals.WithLabelValues(strconv.Itoa(status)).Inc() }
