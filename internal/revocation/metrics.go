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

// metrics are what the webhook tells of its answers.
type metrics struct {
	reviews  *prometheus.CounterVec
	refusals *prometheus.CounterVec
	duration prometheus.Histogram
}

func newMetrics(to prometheus.Registerer) *metrics {
	const firstBucket, factor, buckets = 0.00001, 3, 12 // 10 us to 1.8 s.
	m := &metrics{
		reviews: meter.Register(to, prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "rollcall", Subsystem: "authorization", Name: "reviews_total",
			Help: "Answers to API servers that asked about a certificate, by decision: no_opinion, or why it was denied.",
		}, []string{"decision"})),
		refusals: meter.Register(to, prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "rollcall", Subsystem: "authorization", Name: "refusals_total",
			Help: "Requests to the authorization webhook that were not answered with a decision, by HTTP status.",
		}, []string{"code"})),
		duration: meter.Register(to, prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "rollcall", Subsystem: "authorization", Name: "review_duration_seconds",
			Help:    "How long answers take.",
			Buckets: prometheus.ExponentialBuckets(firstBucket, factor, buckets),
		})),
	}
	for _, decision := range []string{noOpinion, ended, deleted, mismatch, unknown, unlooked, preflight} {
		m.reviews.WithLabelValues(decision) // From zero, so that the first is an increase.
	}
	for _, code := range []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusServiceUnavailable} {
		m.refusals.WithLabelValues(strconv.Itoa(code))
	}
	return m
}

func (m *metrics) answered(decision string, after time.Duration) {
	m.reviews.WithLabelValues(decision).Inc()
	m.duration.Observe(after.Seconds())
}

func (m *metrics) refused(status int) { m.refusals.WithLabelValues(strconv.Itoa(status)).Inc() }
