// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Coverage says of how much of a time it is known that what API servers logged arrived.
type Coverage struct {
	Since metav1.Time `json:"since"`
	Until metav1.Time `json:"until"`
	// Share of that time, 0 to 1, for which all API servers are known to have told everything.
	Share float64 `json:"share"`
	// Gaps are the rest of it, in order: MostGaps at most, the longest of them.
	Gaps []Gap `json:"gaps,omitempty"`
	// MoreGaps counts those that are left out; Share knows of them.
	MoreGaps int `json:"moreGaps,omitempty"`
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

// Reasons of gaps.
const (
	// GapNotWatched is a time before it was watched whether events arrive.
	GapNotWatched = "NotWatched"
	// GapEventsLost is a time in which the API server counted events that it could not deliver.
	GapEventsLost = "EventsLost"
	// GapRestarted is the time around a restart, of which the API server's counters say nothing.
	GapRestarted = "Restarted"
	// GapNotReceived is a time in which what the API server was asked to log did not arrive, or in which it could not be asked.
	GapNotReceived = "NotReceived"
	// GapPending is the last moment, of which nothing is wrong and nothing is known.
	GapPending = "Pending"
	// GapNotWeighed is a time whose events have arrived, and of which nobody has found out yet what they were uses of.
	GapNotWeighed = "NotWeighed"
	// GapLeft is the end of an API server that is not there any more.
	GapLeft = "Left"
)

// MostGaps is how many gaps are listed.
const MostGaps = 200

// Cover says how much of a time is covered: whatever is in no gap of any API server. Nothing is before the first of them was watched, and
// before what events mean was recorded (never, where that is zero).
func Cover(since, until time.Time, watches []Watch, gaps []Gap, recording time.Time) Coverage {
	covered := Coverage{Since: metav1.NewTime(since), Until: metav1.NewTime(until)}
	if !since.Before(until) {
		return covered
	}
	begin := clamp(begun(watches, recording, until), since, until)
	holes := within(slices.Concat(gaps, open(watches, until)), begin, until)
	holes = append(holes, within([]Gap{gap("", GapNotWatched, since, begin)}, since, until)...)
	covered.Share = 1 - float64(length(holes))/float64(until.Sub(since))
	covered.Gaps, covered.MoreGaps = longest(merged(holes))
	for i := range covered.Gaps {
		covered.Gaps[i].Message = explain(covered.Gaps[i].Reason, covered.Gaps[i].Lost)
	}
	return covered
}

// Backlog is the gap that is left by what was not weighed yet, where that is more than usual; oldest is when the first of it was received,
// and zero where there is none.
func Backlog(oldest, now time.Time) []Gap {
	if oldest.IsZero() || now.Sub(oldest) < Late {
		return nil
	}
	return []Gap{gap("", GapNotWeighed, oldest, now)}
}

func gap(server, reason string, since, until time.Time) Gap {
	return Gap{Since: metav1.NewTime(since), Until: metav1.NewTime(until), Server: server, Reason: reason}
}

// begun is from when on anything can be covered; never, where nothing is.
func begun(watches []Watch, recording, never time.Time) time.Time {
	first := never
	for i := range watches {
		if since := watches[i].Since; !since.IsZero() && since.Before(first) {
			first = since
		}
	}
	switch {
	case recording.IsZero():
		return never
	case recording.After(first):
		return recording
	default:
		return first
	}
}

// open are the gaps that the last heartbeats of API servers leave until now, or until they left.
func open(watches []Watch, now time.Time) []Gap {
	gaps := make([]Gap, 0, len(watches))
	for i := range watches {
		w := &watches[i]
		known, reason, end := w.Until, GapNotReceived, now
		switch {
		case known.IsZero():
			known = w.Listed
		case !w.Left.IsZero():
			reason, known = GapLeft, known.Add(-Late)
		case now.Sub(known) < Late:
			reason = GapPending
		default:
			known = known.Add(-Late) // What was lost then would have been counted since.
		}
		if !w.Left.IsZero() {
			end = w.Left
		}
		gaps = append(gaps, gap(w.Address, reason, known, end))
	}
	return gaps
}

// within are the parts of gaps that lie in a time.
func within(gaps []Gap, since, until time.Time) []Gap {
	var parts []Gap
	for _, g := range gaps {
		g.Since = metav1.NewTime(clamp(g.Since.Time, since, until))
		g.Until = metav1.NewTime(clamp(g.Until.Time, since, until))
		if g.Since.Time.Before(g.Until.Time) {
			parts = append(parts, g)
		}
	}
	return parts
}

func clamp(t, since, until time.Time) time.Time {
	switch {
	case t.Before(since):
		return since
	case t.After(until):
		return until
	default:
		return t
	}
}

// length is how long gaps are all in all, where they overlap once.
func length(gaps []Gap) (sum time.Duration) {
	var last time.Time
	for _, g := range slices.SortedFunc(slices.Values(gaps), func(a, b Gap) int { return a.Since.Compare(b.Since.Time) }) {
		since := g.Since.Time
		if since.Before(last) {
			since = last
		}
		if g.Until.After(since) {
			sum += g.Until.Sub(since)
			last = g.Until.Time
		}
	}
	return sum
}

// merged makes one gap of those that touch and say the same.
func merged(gaps []Gap) []Gap {
	slices.SortFunc(gaps, func(a, b Gap) int {
		return cmp.Or(strings.Compare(a.Server, b.Server), strings.Compare(a.Reason, b.Reason), a.Since.Compare(b.Since.Time))
	})
	all := gaps[:0]
	for _, g := range gaps {
		if len(all) > 0 {
			last := &all[len(all)-1]
			if last.Server == g.Server && last.Reason == g.Reason && !g.Since.After(last.Until.Time) {
				last.Until.Time = later(last.Until.Time, g.Until.Time)
				last.Lost += g.Lost
				continue
			}
		}
		all = append(all, g)
	}
	return all
}

// longest are the longest gaps, in order, and how many there are besides.
func longest(gaps []Gap) (some []Gap, more int) {
	if more = len(gaps) - MostGaps; more > 0 {
		slices.SortStableFunc(gaps, func(a, b Gap) int {
			return cmp.Compare(b.Until.Sub(b.Since.Time), a.Until.Sub(a.Since.Time))
		})
		return inOrder(gaps[:MostGaps]), more
	}
	return inOrder(gaps), 0
}

func inOrder(gaps []Gap) []Gap {
	slices.SortFunc(gaps, func(a, b Gap) int {
		return cmp.Or(a.Since.Compare(b.Since.Time), strings.Compare(a.Server, b.Server), strings.Compare(a.Reason, b.Reason))
	})
	return gaps
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// explain says in a sentence why a time is not covered.
func explain(reason string, lost int64) string {
	switch reason {
	case GapNotWatched:
		return "it was not watched yet whether what is logged arrives"
	case GapEventsLost:
		return fmt.Sprintf("the API server counted %d events that it could not deliver", lost)
	case GapRestarted:
		return "the API server was restarted, or another one answered at its address: what was not delivered by then nobody counts"
	case GapNotReceived:
		return "what the API server was asked to log did not arrive, or it could not be asked"
	case GapPending:
		return "the newest is on its way"
	case GapNotWeighed:
		return "what people did then is kept, and it was not found out yet what allowed it; the operator's log says what is in the way"
	case GapLeft:
		return "the API server is not there any more: whether its last events arrived is not known"
	default:
		return ""
	}
}
