// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// mostGaps is how many gaps are told of: the longest.
const mostGaps = 3

// daysFlag adds --days to a command, with its default.
func daysFlag(command *cobra.Command, days *int, what string) {
	command.Flags().IntVar(days, "days", *days, fmt.Sprintf("%s, 1 to %d", what, wire.MaxDays))
}

func checkDays(days int) error {
	if days < 1 || days > wire.MaxDays {
		return fmt.Errorf("--days must be 1 to %d", wire.MaxDays)
	}
	return nil
}

// largestGaps are in the order in which they were.
func largestGaps(gaps []usage.Gap) []usage.Gap {
	long := func(g usage.Gap) time.Duration { return g.Until.Sub(g.Since.Time) }
	largest := slices.SortedStableFunc(slices.Values(gaps), func(a, b usage.Gap) int { return cmp.Compare(long(b), long(a)) })
	largest = largest[:min(mostGaps, len(largest))]
	slices.SortStableFunc(largest, func(a, b usage.Gap) int { return a.Since.Compare(b.Since.Time) })
	return largest
}

// warnOfGaps tells the largest gaps, beside the output.
func (t *tool) warnOfGaps(gaps []usage.Gap) {
	largest := largestGaps(gaps)
	for _, gap := range largest {
		t.warnf("  %s", gapLine(gap))
	}
	if more := len(gaps) - len(largest); more > 0 {
		t.warnf("  and %d more, none longer", more)
	}
}

func gapLine(gap usage.Gap) string {
	line := fmt.Sprintf("%s to %s (%s)", stamp(gap.Since.Time), stamp(gap.Until.Time), duration.HumanDuration(gap.Until.Sub(gap.Since.Time)))
	if gap.Server != "" {
		line += ", API server " + gap.Server
	}
	line += ": " + cmp.Or(gap.Message, gap.Reason)
	if gap.Lost > 0 {
		line += fmt.Sprintf(" (%d events lost)", gap.Lost)
	}
	return line
}
