// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-iam/rollcall/internal/meter"
	"github.com/rollcall-iam/rollcall/internal/rbacplan"
)

// Metrics count what is written. Nil Metrics count nothing.
type Metrics struct{ changes *prometheus.CounterVec }

// Values of the label result.
const (
	resultDone    = "done"
	resultRefused = "refused"
)

// NewMetrics registers the metrics, or finds those that are registered.
func NewMetrics(to prometheus.Registerer) *Metrics {
	m := &Metrics{changes: meter.Counter(to, meter.Metric{
		Name: "rollcall_binding_changes_total", Teller: meter.Leader,
		Help: "Bindings that were to be written, by whose they are, by what was to be done, and by what came of it.",
		Labels: []meter.Label{
			{Name: "holder", Values: []string{string(rbacplan.KindGrant), string(rbacplan.KindRequest)}},
			{Name: "change", Values: []string{string(rbacplan.Create), string(rbacplan.Update), string(rbacplan.Delete)}},
			{Name: "result", Values: []string{resultDone, resultRefused}},
		},
		Watch: "`refused` updates and deletes: `RollcallBindingWritesFail`. A refused `create` is told by the condition Ready of the Grant " +
			"or AccessRequest. Many updates without a change of people: somebody else writes the same bindings.",
	})}
	for _, holder := range []rbacplan.Kind{rbacplan.KindGrant, rbacplan.KindRequest} {
		for _, verb := range []rbacplan.Verb{rbacplan.Create, rbacplan.Update, rbacplan.Delete} {
			for _, result := range []string{resultDone, resultRefused} {
				m.changes.WithLabelValues(string(holder), string(verb), result) // From zero, so that the first is an increase.
			}
		}
	}
	return m
}

func (m *Metrics) wrote(change *rbacplan.Change, done bool) {
	if m == nil {
		return
	}
	result := resultRefused
	if done {
		result = resultDone
	}
	m.changes.WithLabelValues(string(change.Binding.Holder.Kind), string(change.Verb), result).Inc()
}
