// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/rollcall-iam/rollcall/controllers/access"
	"github.com/rollcall-iam/rollcall/controllers/directory"
	"github.com/rollcall-iam/rollcall/controllers/installation"
	"github.com/rollcall-iam/rollcall/internal/apply"
	"github.com/rollcall-iam/rollcall/internal/audit/coverage"
	"github.com/rollcall-iam/rollcall/internal/audit/receiver"
	"github.com/rollcall-iam/rollcall/internal/census"
	"github.com/rollcall-iam/rollcall/internal/departure"
	"github.com/rollcall-iam/rollcall/internal/issue"
	"github.com/rollcall-iam/rollcall/internal/ledger/keeper"
	"github.com/rollcall-iam/rollcall/internal/login"
	"github.com/rollcall-iam/rollcall/internal/meter"
	"github.com/rollcall-iam/rollcall/internal/ocsf/feed"
	"github.com/rollcall-iam/rollcall/internal/revocation"
	"github.com/rollcall-iam/rollcall/internal/signer/csr"
)

// Metrics are all of the operator's own, whatever it serves and whoever leads: docs/metrics.md is made of them.
func Metrics() []meter.Entry {
	book, c := meter.NewBook(), clock.RealClock{}
	tellBuild(book, "")
	census.NewMetrics(book)
	directory.NewMetrics(book, c)
	departure.NewWatch(book, c)
	apply.NewMetrics(book)
	access.NewMetrics(book)
	issue.NewMetrics(book, csr.Name)
	installation.NewMetrics(book)
	login.NewMetrics(book)
	revocation.NewMetrics(book)
	revocation.NewDetector(nil, nil, book, c)
	receiver.NewMetrics(book)
	coverage.NewMetrics(book)
	keeper.NewMetrics(book)
	feed.NewCounter(book)
	return book.Entries
}

// tellBuild tells which version this is.
func tellBuild(to prometheus.Registerer, version string) {
	meter.Gauge(to, meter.Metric{
		Name: "rollcall_build_info", Teller: meter.Everyone,
		Help: "1, with the version of the operator and of Go as labels.",
		Labels: []meter.Label{
			{Name: "version", Of: "version of the operator"}, {Name: "go_version", Of: "version of Go that it was built with"},
		},
		Watch: "Two versions at once for longer than an upgrade takes.",
	}).WithLabelValues(version, runtime.Version()).Set(1)
}
