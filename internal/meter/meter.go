// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package meter makes and registers metrics. What people are told of a metric stands next to it, and docs/metrics.md is made of that.
package meter

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Metric is what is told.
type Metric struct {
	// Name in full.
	Name string
	// Help is what a scrape says of it.
	Help string
	// Labels, of which none names a person.
	Labels []Label
	// Teller says who has it.
	Teller Teller
	// Watch says what to look at, in Markdown.
	Watch string
	// Buckets of a histogram.
	Buckets []float64
}

// Label of a metric.
type Label struct {
	Name string
	// Values are all that there are; empty where they are not known beforehand.
	Values []string
	// Of says what the values are.
	Of string
}

// Teller says which replicas have a metric.
type Teller string

// Those who tell.
const (
	Leader          Teller = "the leader"
	Everyone        Teller = "every replica"
	Login           Teller = "every replica that serves logins"
	Authorization   Teller = "every replica that serves the authorization webhook"
	Witnesses       Teller = "every replica that serves the authorization webhook or audit"
	Audit           Teller = "every replica that serves audit"
	AuthorityLeader Teller = "the leader, with `--signer=ca`"
	AuditLeader     Teller = "the leader, where audit is served"
	FeedLeader      Teller = "the leader, with `--ocsf`"
	LedgerLeader    Teller = "the leader, where there is a ledger"
)

// Type of a metric, as a scrape calls it.
type Type string

// The types.
const (
	TypeCounter   Type = "counter"
	TypeGauge     Type = "gauge"
	TypeHistogram Type = "histogram"
)

// Counter registers a counter, or finds the one that an earlier call registered. Without labels it is told from the start, as 0, so that
// the first is an increase.
func Counter(to prometheus.Registerer, m Metric) *prometheus.CounterVec {
	counter := register(to, TypeCounter, &m, prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, m.labels()))
	if len(m.Labels) == 0 {
		counter.WithLabelValues()
	}
	return counter
}

// Gauge registers a gauge, or finds the one that an earlier call registered. It is not told before it is set.
func Gauge(to prometheus.Registerer, m Metric) *prometheus.GaugeVec {
	return register(to, TypeGauge, &m, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help}, m.labels()))
}

// Histogram registers a histogram, or finds the one that an earlier call registered. Without labels it is told from the start.
func Histogram(to prometheus.Registerer, m Metric) *prometheus.HistogramVec {
	options := prometheus.HistogramOpts{Name: m.Name, Help: m.Help, Buckets: m.Buckets}
	histogram := register(to, TypeHistogram, &m, prometheus.NewHistogramVec(options, m.labels()))
	if len(m.Labels) == 0 {
		histogram.WithLabelValues()
	}
	return histogram
}

func (m *Metric) labels() []string {
	names := make([]string, len(m.Labels))
	for i := range m.Labels {
		names[i] = m.Labels[i].Name
	}
	return names
}

// register registers a collector, or finds the one that an earlier call registered: an operator that is started again in one process goes
// on with the metrics that there are.
func register[C prometheus.Collector](to prometheus.Registerer, kind Type, m *Metric, collector C) C {
	if book, ok := to.(*Book); ok {
		book.Entries = append(book.Entries, Entry{Metric: *m, Type: kind})
	}
	if existing, ok := errors.AsType[prometheus.AlreadyRegisteredError](to.Register(collector)); ok {
		if same, ok := existing.ExistingCollector.(C); ok {
			return same
		}
	}
	return collector
}

// Book is a registry that keeps what was said of each metric.
type Book struct {
	*prometheus.Registry

	Entries []Entry
}

// NewBook makes one.
func NewBook() *Book { return &Book{Registry: prometheus.NewRegistry()} }

// Entry is one metric.
type Entry struct {
	Metric

	Type Type
}
