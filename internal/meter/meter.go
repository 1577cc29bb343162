// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package meter registers metrics.
package meter

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Register registers a collector, or finds the one that an earlier call registered: an operator that is started again in one process goes
// on with the metrics that there are.
func Register[C prometheus.Collector](to prometheus.Registerer, collector C) C {
	if existing, ok := errors.AsType[prometheus.AlreadyRegisteredError](to.Register(collector)); ok {
		if same, ok := existing.ExistingCollector.(C); ok {
			return same
		}
	}
	return collector
}
