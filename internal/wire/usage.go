// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

// Paths of the audit service by which it is asked what is used. Each takes ?days=, how far back to look: 1 to MaxDays, DefaultDays where it
// is left out.
const (
	// PathUsage answers Usage: of all Grants, or with ?grant= of the one of that name, with what was done by it.
	PathUsage = "/audit/v1/usage"
	// PathUses answers Uses: what people did, to a GET with one ?username= or more, MaxUsernames at most.
	PathUses = "/audit/v1/uses"
	// PathDays answers Days: how much people did each day.
	PathDays = "/audit/v1/days"
	// PathCoverage answers a usage.Coverage.
	PathCoverage = "/audit/v1/coverage"

	// DefaultDays and MaxDays bound how far back is looked.
	DefaultDays = 30
	MaxDays     = 3650
	// MaxUsernames bounds a question.
	MaxUsernames = 5000
)

// Usage says which Grants are used.
type Usage struct {
	Coverage usage.Coverage `json:"coverage"`
	// Items by name.
	Items []GrantUsage `json:"items"`
}

// GrantUsage says whether a Grant is used.
type GrantUsage struct {
	Name    string      `json:"name"`
	UID     string      `json:"uid"`
	Created metav1.Time `json:"created"`
	// Usage in the time that was asked about, and Message why that is said.
	Usage   v1alpha1.GrantUsage `json:"usage"`
	Message string              `json:"message"`
	usage.Total

	// Subjects are the usernames whom bindings of the Grant name now, with subjectMode Users; absent where all Grants are asked about.
	Subjects []string `json:"subjects,omitempty"`
	// Uses by username and action; absent where all Grants are asked about.
	Uses []usage.Use `json:"uses,omitempty"`
}

// Uses are what people did, whatever allowed it.
type Uses struct {
	Coverage usage.Coverage `json:"coverage"`
	// Items by username and action.
	Items []usage.Use `json:"items"`
}

// Days say how much people did.
type Days struct {
	Coverage usage.Coverage `json:"coverage"`
	// Items by day and username.
	Items []Day `json:"items"`
}

// Day is what somebody did on one day.
type Day struct {
	// Day in UTC, for instance 2026-11-27.
	Day      string `json:"day"`
	Username string `json:"username"`
	// Requests counts those of theirs, and Forbidden those of them that were refused.
	Requests  int64 `json:"requests"`
	Forbidden int64 `json:"forbidden"`
}
