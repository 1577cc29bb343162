// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package installation

import (
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/meter"
)

// Metrics are of the operator's own authority. The leader alone has them: they are vectors without a label, of which nothing is told before
// it is known.
type Metrics struct{ current, expiry *prometheus.GaugeVec }

// NewMetrics registers the metrics, or finds those that are registered.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	return &Metrics{
		current: gauge(registry, "rollcall_authority_current",
			"1 while no rotation of the operator's own authority is due or under way, else 0: somebody may have to act."),
		expiry: gauge(registry, "rollcall_authority_expiry_timestamp_seconds",
			"When the authority that signs ceases to be valid, in seconds since 1970."),
	}
}

func gauge(registry prometheus.Registerer, name, help string) *prometheus.GaugeVec {
	return meter.Register(registry, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, nil))
}

func (m *Metrics) tell(r *rotated) {
	current := 0.0
	if r.condition().Status == metav1.ConditionTrue {
		current = 1
	}
	m.current.WithLabelValues().Set(current)
	m.expiry.WithLabelValues().Set(float64(r.NotAfter.Unix()))
}
