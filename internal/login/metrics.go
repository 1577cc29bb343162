// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-iam/rollcall/internal/meter"
	"github.com/rollcall-iam/rollcall/internal/plain"
)

// Metrics count attempts. They have no label that names a person.
type Metrics struct {
	attempts *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// NewMetrics registers the metrics, or finds those that are registered.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	return &Metrics{
		attempts: meter.Register(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_login_requests_total",
			Help: "Requests to the login service, by path, method of authentication and result (ok or refused).",
		}, []string{"path", "method", "result"})),
		duration: meter.Register(registry, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rollcall_login_request_duration_seconds", Help: "How long requests to the login service took, by path.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 12),
		}, []string{"path"})),
	}
}

// tell counts an attempt, and writes one line for it, whatever came of it. Nothing that proves anything is in it. Of what was held back
// because it came too often some lines are written: others would let anybody fill the disk.
func (s *Service) tell(a *attempt, why string, heldBack bool) {
	result := "ok"
	if why != "" {
		result = "refused"
	}
	now := s.Clock.Now()
	s.Metrics.attempts.WithLabelValues(a.action, a.method, result).Inc()
	s.Metrics.duration.WithLabelValues(a.action).Observe(now.Sub(a.begun).Seconds())
	if a.method == "" && why == "" || heldBack && !s.limits.told.AllowN(now, 1) {
		return // Settings and challenges are no attempts.
	}
	s.Log.Info("login "+result, "path", a.action, "method", a.method, "remote", a.remote, "user", a.user, "session", brief(a.session),
		"device", brief(a.device), "why", brief(why), "took", now.Sub(a.begun).Round(time.Millisecond).String())
}

// brief is what somebody wrote, as far as it is worth a line.
func brief(text string) string {
	const most = 512
	return plain.Short(plain.Line(text), most)
}
