// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package report makes one page for whoever reviews access: who has what, what they did with it, and what to look at first. It is pure:
// what was read of a cluster and told by its audit service goes in; a page comes out, as a model, which -o json prints, and as HTML that
// needs nothing but itself.
package report

import (
	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// Input is everything that a page is made of.
type Input struct {
	// Cluster as the kubeconfig calls it, and By whom the page is made, as the API server calls them. Empty: not known.
	Cluster, By string
	// Days are how far back is looked.
	Days int

	answers.Snapshot

	Sessions    []v1alpha1.Session
	Approvals   []v1alpha1.Approval
	Directories []v1alpha1.Directory

	// Usage and Activity are what the audit service says. Nil: it was not asked, or did not answer, and Missing says why.
	Usage    *wire.Usage
	Activity *wire.Days
	// Missing is what could not be read.
	Missing []Missing
}

// The parts of a page of which something may be missing.
const (
	AboutUsage       = "usage"
	AboutActivity    = "activity"
	AboutRequests    = "requests"
	AboutApprovals   = "approvals"
	AboutSessions    = "sessions"
	AboutLocks       = "locks"
	AboutDirectories = "directories"
	AboutRoles       = "roles"
	AboutBindings    = "bindings"
)

// Missing says what is not on the page, and why.
type Missing struct {
	// About is a part of the page.
	About string `json:"about"`
	// What is missing, as the beginning of a sentence, and Why.
	What string `json:"what"`
	Why  string `json:"why"`
}
