// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package census

import (
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// count is of how many objects the same is said. It does not remember which: whoever sees an object change has seen it before.
type count struct {
	gauge *prometheus.GaugeVec

	mutex sync.Mutex
	// numbers by labels, joined.
	numbers map[string]*number
	// told says that everything was seen once. Before that the gauge would tell of a part.
	told bool
}

// number is of how many objects these labels are said.
type number struct {
	labels []string
	value  float64
}

func newCount(gauge *prometheus.GaugeVec) *count {
	return &count{gauge: gauge, numbers: map[string]*number{}}
}

// move notes that what is said of an object has changed; nil is nothing: that it did not count before, or does not any more.
func (c *count) move(before, after []string) {
	if slices.Equal(before, after) && (before == nil) == (after == nil) {
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.add(before, -1)
	c.add(after, 1)
}

func (c *count) add(labels []string, n float64) {
	if labels == nil {
		return
	}
	key := strings.Join(labels, "\x00")
	if c.numbers[key] == nil {
		c.numbers[key] = &number{labels: labels}
	}
	c.numbers[key].value += n
	if c.told {
		c.gauge.WithLabelValues(labels...).Set(c.numbers[key].value)
	}
}

// tell begins to tell, with zeros for what is to be told in any case.
func (c *count) tell(zero [][]string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, labels := range zero {
		c.add(labels, 0)
	}
	for _, n := range c.numbers {
		c.gauge.WithLabelValues(n.labels...).Set(n.value)
	}
	c.told = true
}
