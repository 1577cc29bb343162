// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/meter"
	"github.com/rollcall-iam/rollcall/internal/plain"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// Metrics count attempts. They have no label that names a person.
type Metrics struct {
	attempts *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// NewMetrics registers the metrics, or finds those that are registered.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	path := meter.Label{Name: "path", Values: []string{
		wire.PathSettings, wire.PathChallenge, wire.PathLogin, wire.PathDeviceStart, wire.PathDevicePoll, wire.PathCertificate, wire.PathLogout,
	}}
	method := meter.Label{Name: "method", Values: []string{
		string(v1alpha1.MethodOIDC), string(v1alpha1.MethodLDAP), string(v1alpha1.MethodDeviceKey), "unknown", "",
	}}
	return &Metrics{
		attempts: meter.Counter(registry, meter.Metric{
			Name: "rollcall_login_requests_total", Teller: meter.Login,
			Help:   "Requests to the login service, by path, method of authentication and result (ok or refused).",
			Labels: []meter.Label{path, method, {Name: "result", Values: []string{resultOK, resultRefused}}},
			Watch: "The share of `refused` at `" + wire.PathLogin + "` and `" + wire.PathCertificate + "`: somebody guesses, a directory or an " +
				"identity provider is away, or a signer does not sign. Settings and challenges have no method.",
		}),
		duration: meter.Histogram(registry, meter.Metric{
			Name: "rollcall_login_request_duration_seconds", Teller: meter.Login,
			Help:   "How long requests to the login service took, by path.",
			Labels: []meter.Label{path}, Buckets: prometheus.ExponentialBuckets(0.005, 2, 12),
			Watch: "Seconds at `" + wire.PathLogin + "`: the directory, the identity provider or the signer is slow.",
		}),
	}
}

// Values of the label result.
const (
	resultOK      = "ok"
	resultRefused = "refused"
)

// tell counts an attempt, and writes one line for it, whatever came of it. Nothing that proves anything is in it. Of what was held back
// because it came too often some lines are written: others would let anybody fill the disk.
func (s *Service) tell(a *attempt, why string, heldBack bool) {
	result := resultOK
	if why != "" {
		result = resultRefused
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
