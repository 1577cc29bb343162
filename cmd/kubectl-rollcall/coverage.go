// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// mostGaps is how many gaps are told of: the longest.
const mostGaps = 3

func checkDays(days int) error {
	if days < 1 || days > wire.MaxDays {
		return fmt.Errorf("--days must be 1 to %d", wire.MaxDays)
	}
	return nil
}

// percent of a share is never 100 of what is less.
func percent(share float64) string {
	const whole, tenth = 100, 10
	return strconv.FormatFloat(math.Floor(share*whole*tenth)/tenth, 'f', -1, 64) + " %"
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
