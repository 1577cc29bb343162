// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/meter"
	"github.com/rollcall-iam/rollcall/internal/mirror"
)

const labelDirectory = "directory"

// Metrics are what the controller tells of every Directory.
type Metrics struct {
	clock                                                           clock.PassiveClock
	readDuration                                                    *prometheus.HistogramVec
	changes                                                         *prometheus.CounterVec
	entries, lastRead, interval, connected, lastEvent, guardPending *prometheus.GaugeVec
}

// NewMetrics registers the metrics, or finds those that an earlier call registered.
func NewMetrics(to prometheus.Registerer, c clock.PassiveClock) *Metrics {
	kind := meter.Label{Name: "kind", Values: []string{"User", "Group"}}
	return &Metrics{
		clock:        c,
		readDuration: readDuration(to),
		changes: meter.Counter(to, about("rollcall_directory_changes_total",
			"Changes of Users and Groups that followed from the directory, by what happened there.",
			"Many of `left`, `disabled` or `replaced` at once: `RollcallManyPeopleLeft`.", kind, meter.Label{
				Name: "change",
				Values: []string{
					"joined", "appeared", "changed", "renamed", "missing", "disabled", "left", "gone", "replaced", "released",
				},
			})),
		entries: meter.Gauge(to, about("rollcall_directory_entries", "People and groups that are mirrored.",
			"0 people: `RollcallDirectoryEmpty`.", kind)),
		lastRead: meter.Gauge(to, about("rollcall_directory_last_read_timestamp_seconds", "When the last complete read began.",
			"Its age, against the interval: `RollcallDirectoryNotRead`.")),
		interval: meter.Gauge(to, about("rollcall_directory_sync_interval_seconds",
			"The time between two full reads: spec.syncIntervalSeconds.", "The measure of the age of the last read, and of how long one takes.")),
		connected: meter.Gauge(to, about("rollcall_directory_watch_connected",
			"Whether the directory tells its changes as they happen: 1 or 0. Absent with changes: Poll.", "0: `RollcallChangesNotWatched`.")),
		lastEvent: meter.Gauge(to, about("rollcall_directory_last_event_timestamp_seconds",
			"When the directory last told that something happened, or began to.", "A day of silence: `RollcallWatchSilent`.")),
		guardPending: meter.Gauge(to, about("rollcall_directory_guard_pending",
			"People who keep access until somebody accepts their loss. 0 while the guard holds nothing.",
			"Anything above 0: `RollcallLossGuardHolding`.")),
	}
}

func readDuration(to prometheus.Registerer) *prometheus.HistogramVec {
	const firstBucket, factor, buckets = 0.05, 2, 14 // 50 ms to 7 minutes.
	m := about("rollcall_directory_read_duration_seconds", "How long full reads take, by result: success or error.",
		"Errors alone: `RollcallDirectoryReadsFail`. More than half of the interval: `RollcallDirectoryReadSlow`.",
		meter.Label{Name: "result", Values: []string{"success", "error"}})
	m.Buckets = prometheus.ExponentialBuckets(firstBucket, factor, buckets)
	return meter.Histogram(to, m)
}

// about is a metric of each Directory.
func about(name, help, watch string, labels ...meter.Label) meter.Metric {
	return meter.Metric{
		Name: name, Help: help, Watch: watch, Teller: meter.Leader,
		Labels: append([]meter.Label{{Name: labelDirectory, Of: "name of the Directory"}}, labels...),
	}
}

// timeRead measures a full read from now until what it returns is called with its result.
func (m *Metrics) timeRead(directory string) func(err error) {
	began := m.clock.Now()
	return func(err error) {
		result := "success"
		if err != nil {
			result = "error"
		}
		m.readDuration.WithLabelValues(directory, result).Observe(m.clock.Since(began).Seconds())
	}
}

// wrote counts what a plan came to.
func (m *Metrics) wrote(directory string, plan *mirror.Plan) {
	for kind, counts := range map[string]map[string]int{"User": mirror.Count(plan.Users), "Group": mirror.Count(plan.Groups)} {
		for change, count := range counts {
			m.changes.WithLabelValues(directory, kind, change).Add(float64(count))
		}
	}
}

// known tells what is known of a directory after a run.
func (m *Metrics) known(d *v1alpha1.Directory, of *memory) {
	state := of.feed.State()
	m.entries.WithLabelValues(d.Name, "User").Set(float64(of.last.UserCount))
	m.entries.WithLabelValues(d.Name, "Group").Set(float64(of.last.GroupCount))
	if last := d.Status.LastSyncTime; last != nil {
		m.lastRead.WithLabelValues(d.Name).Set(float64(last.Unix()))
	}
	m.interval.WithLabelValues(d.Name).Set(float64(d.Spec.SyncIntervalSeconds))
	pending := 0.0
	if held := of.held(); held != nil {
		pending = float64(*held.Pending.Withdraw)
	}
	m.guardPending.WithLabelValues(d.Name).Set(pending)
	switch {
	case state.Reason == "":
		m.connected.DeleteLabelValues(d.Name)
	case state.Connected:
		m.connected.WithLabelValues(d.Name).Set(1)
	default:
		m.connected.WithLabelValues(d.Name).Set(0)
	}
	if !state.LastEvent.IsZero() {
		m.lastEvent.WithLabelValues(d.Name).Set(float64(state.LastEvent.Unix()))
	}
}

// forget drops what was told of a Directory that is not read any more.
func (m *Metrics) forget(directory string) {
	labels := prometheus.Labels{labelDirectory: directory}
	m.readDuration.DeletePartialMatch(labels)
	m.changes.DeletePartialMatch(labels)
	for _, gauge := range []*prometheus.GaugeVec{m.entries, m.lastRead, m.interval, m.connected, m.lastEvent, m.guardPending} {
		gauge.DeletePartialMatch(labels)
	}
}
