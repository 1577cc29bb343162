// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Coverage says of how much of a time it is known that what API servers logged arrived.
type Coverage struct {
	Since metav1.Time `json:"since"`
	Until metav1.Time `json:"until"`
	// Share of that time, 0 to 1, for which all API servers are known to have told everything.
	Share float64 `json:"share"`
	// Gaps are the rest of it, in order.
	Gaps []Gap `json:"gaps,omitempty"`
}

// Gap is a time of which it is not known that all was told.
type Gap struct {
	Since metav1.Time `json:"since"`
	Until metav1.Time `json:"until"`
	// Server is the address of the API server; empty where it is about all.
	Server string `json:"server,omitempty"`
	// Reason in a word, and Message in a sentence.
	Reason  string `json:"reason"`
	Message string `json:"message"`
	// Lost counts the events that the API server says it could not deliver.
	Lost int64 `json:"lost,omitempty"`
}
