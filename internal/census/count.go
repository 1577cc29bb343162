// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package census

import (
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// count keeps a gauge of how many objects there are of each combination of labels, as they come and go. Nothing is told before all have
// been seen once.
type count struct {
	gauge *prometheus.GaugeVec

	mutex  sync.Mutex
	labels map[string][]string
	told   bool
}

func newCount(gauge *prometheus.GaugeVec) *count {
	return &count{gauge: gauge, labels: map[string][]string{}}
}

// put says how an object of that name counts now. Nil: not at all.
func (c *count) put(name string, labels []string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	before, counted := c.labels[name]
	if counted == (labels != nil) && slices.Equal(before, labels) {
		return
	}
	if labels == nil {
		delete(c.labels, name)
	} else {
		c.labels[name] = labels
	}
	if !c.told {
		return
	}
	if counted {
		c.gauge.WithLabelValues(before...).Dec()
	}
	if labels != nil {
		c.gauge.WithLabelValues(labels...).Inc()
	}
}

// tell begins to tell, from zero for these.
func (c *count) tell(zero [][]string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, labels := range zero {
		c.gauge.WithLabelValues(labels...).Set(0)
	}
	for _, labels := range c.labels {
		c.gauge.WithLabelValues(labels...).Inc()
	}
	c.told = true
}
