// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package installation

import (
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/meter"
)

// Metrics are of the operator's own authority. The leader alone has them.
type Metrics struct{ current, expiry *prometheus.GaugeVec }

// NewMetrics registers the metrics, or finds those that are registered.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	return &Metrics{
		current: meter.Gauge(registry, meter.Metric{
			Name: "rollcall_authority_current", Teller: meter.AuthorityLeader,
			Help:  "1 while no rotation of the operator's own authority is due or under way, else 0: somebody may have to act.",
			Watch: "0 for days: `RollcallAuthorityNotRotated`.",
		}),
		expiry: meter.Gauge(registry, meter.Metric{
			Name: "rollcall_authority_expiry_timestamp_seconds", Teller: meter.AuthorityLeader,
			Help:  "When the authority that signs ceases to be valid, in seconds since 1970.",
			Watch: "How much time is left. A third of its life before that the rotation begins.",
		}),
	}
}

func (m *Metrics) tell(r *rotated) {
	current := 0.0
	if r.condition().Status == metav1.ConditionTrue {
		current = 1
	}
	m.current.WithLabelValues().Set(current)
	m.expiry.WithLabelValues().Set(float64(r.NotAfter.Unix()))
}
