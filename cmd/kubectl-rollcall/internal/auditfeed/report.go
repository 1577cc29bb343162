// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package auditfeed

import (
	"fmt"
	"strings"
	"time"
)

const (
	// reportInterval is the time between two lines of progress.
	reportInterval = 10 * time.Second
	// maxComplaints is how many lines are complained about in that time: a file of something else has nothing but such lines.
	maxComplaints = 20
)

// Summary is what was done.
type Summary struct {
	// Sent counts the events that the receiver has stored.
	Sent int64 `json:"sent"`
	// Requests counts those that it answered with 200, and Retries the tries that had to be made again.
	Requests int64   `json:"requests"`
	Retries  int64   `json:"retries"`
	Skipped  Skipped `json:"skipped"`
}

// Skipped counts lines that were not sent.
type Skipped struct {
	// NotJSON lines are no JSON objects.
	NotJSON int64 `json:"notJSON"`
	// TooLong lines are longer than lines.MaxLine.
	TooLong int64 `json:"tooLong"`
	// Refused events are none for the receiver, and TooLarge ones more than it takes.
	Refused  int64 `json:"refused"`
	TooLarge int64 `json:"tooLarge"`
}

// Total counts all of them.
func (s Skipped) Total() int64 { return s.NotJSON + s.TooLong + s.Refused + s.TooLarge }

// String is for a person.
func (s Summary) String() string {
	text := fmt.Sprintf("sent %d events in %d requests, skipped %d lines", s.Sent, s.Requests, s.Skipped.Total())
	var parts []string
	for _, part := range []struct {
		n    int64
		what string
	}{
		{s.Skipped.NotJSON, "no JSON object"},
		{s.Skipped.TooLong, "too long"},
		{s.Skipped.Refused, "refused"},
		{s.Skipped.TooLarge, "too large for the receiver"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	if len(parts) > 0 {
		text += " (" + strings.Join(parts, ", ") + ")"
	}
	return text
}

// report tells a person how it goes.
type report struct {
	warnf func(format string, args ...any)
	// told is what was told last, and when.
	told Summary
	at   time.Time
	// complaints are how many lines were complained about since.
	complaints int
}

// progress tells how it goes from time to time, while there is something to tell.
func (r *report) progress(now time.Time, done Summary, lag func() int64) {
	if now.Sub(r.at) < reportInterval {
		return
	}
	r.complaints = 0
	r.at = now
	if done == r.told {
		return
	}
	r.told = done
	r.warnf("%s; %d bytes behind", done, lag())
}

// skipped complains about a line.
func (r *report) skipped(where, why string) {
	r.complaints++
	switch {
	case r.complaints <= maxComplaints:
		r.warnf("skipped %s: %s", where, why)
	case r.complaints == maxComplaints+1:
		r.warnf("more lines are skipped, and only counted for the next seconds")
	}
}
