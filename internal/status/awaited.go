// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Awaited is how long to leave an object alone that was just made, and of which whoever made it is about to say more: no longer than soon,
// since they may have died.
func Awaited(created metav1.Time, soon time.Duration, now time.Time) time.Duration {
	left := created.Add(soon).Sub(now)
	if left > soon+time.Second { // The API server's clock is ahead of ours, by who knows how much.
		return 0
	}
	return max(0, left)
}
