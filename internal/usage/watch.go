// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"slices"
	"time"
)

// Watch is what is known of the events of one API server.
type Watch struct {
	// Address of the API server, as host:port.
	Address string
	// Listed is since when it is known that there is one, and Left when it was found gone; zero while it is there.
	Listed, Left time.Time
	// Since is the time of the first sample that is confirmed, and Until that of the last one; zero while none is.
	Since, Until time.Time
	// Started and Errors are those of the last one.
	Started time.Time
	Errors  int64
}

// Equal says whether the same is known.
func (w Watch) Equal(other Watch) bool {
	return w.Address == other.Address && w.Errors == other.Errors && w.Listed.Equal(other.Listed) && w.Left.Equal(other.Left) &&
		w.Since.Equal(other.Since) && w.Until.Equal(other.Until) && w.Started.Equal(other.Started)
}

// Sample is what an API server said of itself at one time. It is confirmed once the heartbeat has arrived with its other events.
type Sample struct {
	At time.Time
	// Started is when its process began, by its own clock.
	Started time.Time
	// Errors counts the events that it could not deliver, since then.
	Errors int64
	// Heartbeat is the audit id of a request that was made then.
	Heartbeat string
}

// Waiting is a sample whose heartbeat has not arrived.
type Waiting struct {
	Sample

	// After and Before are the times of the samples around it that are confirmed; zero while none after it is.
	After, Before time.Time
}

const (
	// Late is how much later than others an event may come, or be given up and counted: API servers try for up to 250 seconds. They do so
	// five times, with pauses of up to 100 seconds all in all. Each takes half a minute where nobody answers, and 20 seconds where they are
	// told to come again (503), which they do ten times, every two seconds.
	Late = 5 * time.Minute
	// drift is how much a process's start may differ from itself: Linux derives it from the clock, which is set now and then.
	drift = 2 * time.Second
	// young is a process that was not there when the others were looked at last: what it counted is about all that it did.
	young = 2 * time.Minute

	// recent is for how long every sample waits; of older ones, which say little more than their neighbours, one each sparse does; and none
	// for longer than long.
	recent, sparse, long = 15 * time.Minute, 10 * time.Minute, 48 * time.Hour
)

// List takes in which API servers there are now.
func List(watches []Watch, addresses []string, now time.Time) []Watch {
	next, known := slices.Clone(watches), map[string]bool{}
	for i := range next {
		if w := &next[i]; w.Left.IsZero() {
			known[w.Address] = true
			if !slices.Contains(addresses, w.Address) {
				w.Left = now
			}
		}
	}
	for _, address := range addresses {
		if known[address] {
			continue
		}
		known[address] = true
		if before := lastOf(next, address); before != nil && now.Sub(before.Left) < long {
			before.Left = time.Time{} // It is there again. If it is the same process, its counters tell what happened in between.
			continue
		}
		next = append(next, Watch{Address: address, Listed: now})
	}
	return next
}

// lastOf is the newest watch of an address; nil where there is none.
func lastOf(watches []Watch, address string) (last *Watch) {
	for i := range watches {
		if w := &watches[i]; w.Address == address && (last == nil || w.Left.After(last.Left)) {
			last = w
		}
	}
	return last
}

// Heard is what follows from heartbeats.
type Heard struct {
	Watch   Watch
	Waiting []Waiting
	Gaps    []Gap
}

// Hear takes in which heartbeats of an API server have arrived, of those that were waited for, which come by their times. What is late
// (Late, but for tests) is not waited for once something newer has arrived.
func Hear(watch Watch, waiting []Waiting, arrived map[string]bool, now time.Time, late time.Duration) Heard {
	heard := Heard{Watch: watch}
	for _, w := range waiting {
		if arrived[w.Heartbeat] {
			heard.confirm(w.Sample, late)
		} else {
			heard.Waiting = append(heard.Waiting, w)
		}
	}
	heard.giveUp(now, late)
	heard.Waiting = thinned(heard.Waiting, now)
	return heard
}

// confirm goes on to a sample.
func (h *Heard) confirm(s Sample, late time.Duration) {
	before := h.Watch
	if !s.At.After(before.Until) {
		return // It came after a newer one, which said it all.
	}
	next, gaps := before.confirm(s, late)
	h.Watch, h.Gaps = next, append(h.Gaps, gaps...)
	if before.Until.IsZero() || len(gaps) > 0 { // What is missing lies in what is not covered anyway.
		h.Waiting = slices.DeleteFunc(h.Waiting, func(w Waiting) bool { return w.Before.IsZero() })
	}
	for i := range h.Waiting {
		if w := &h.Waiting[i]; w.Before.IsZero() {
			w.After, w.Before = before.Until, s.At
		}
	}
}

// giveUp makes gaps of what something newer has overtaken, and that is late: the API server did not count it, and still it did not arrive.
// Whoever lost a file, and fed the next one, does not notice.
func (h *Heard) giveUp(now time.Time, late time.Duration) {
	h.Waiting = slices.DeleteFunc(h.Waiting, func(w Waiting) bool {
		missing := !w.Before.IsZero() && now.Sub(w.At) > late
		if missing {
			missed := gap(h.Watch.Address, GapNotReceived, w.After, w.Before)
			if len(h.Gaps) == 0 || h.Gaps[len(h.Gaps)-1] != missed {
				h.Gaps = append(h.Gaps, missed)
			}
		}
		return missing
	})
}

// confirm is the watch with a newer sample, and what that says of the time between. What was lost may have happened before the last
// sample, and been given up since.
func (w Watch) confirm(s Sample, late time.Duration) (next Watch, gaps []Gap) {
	next = w
	next.Until, next.Started, next.Errors = s.At, s.Started, s.Errors
	same := w.Started.Sub(s.Started).Abs() <= drift && s.Errors >= w.Errors
	switch {
	case w.Until.IsZero():
		next.Since = s.At
		return next, w.unwatched(s)
	case same && s.Errors == w.Errors:
		return next, nil
	case same:
		lost := gap(w.Address, GapEventsLost, w.Until.Add(-late), s.At)
		lost.Lost = s.Errors - w.Errors
		return next, []Gap{lost}
	default:
		restarted := gap(w.Address, GapRestarted, w.Until.Add(-late), s.At)
		switch {
		case s.Started.Before(w.Until.Add(-young)): // Another one, which had lost its own before.
		case s.Errors > 0:
			restarted.Lost = s.Errors
		case s.Started.After(w.Until) && s.Started.Before(s.At):
			restarted.Until.Time = s.Started // It speaks for all that its process did.
		}
		return next, []Gap{restarted}
	}
}

// unwatched is the time before the first sample of an API server that is confirmed. Of a process that is not young nobody knows what it
// did before, and whether it was there.
func (w Watch) unwatched(s Sample) []Gap {
	before := gap(w.Address, GapNotWatched, earlier(w.Listed, s.Started), s.At)
	switch {
	case s.At.Sub(s.Started) > young:
	case s.Errors > 0:
		before.Reason, before.Lost = GapEventsLost, s.Errors
	default:
		before.Until.Time = earlier(s.Started, s.At)
	}
	if !before.Since.Time.Before(before.Until.Time) {
		return nil
	}
	return []Gap{before}
}

// thinned bounds how many are waited for.
func thinned(waiting []Waiting, now time.Time) []Waiting {
	kept := waiting[:0]
	for _, w := range waiting {
		age := now.Sub(w.At)
		crowded := age > recent && len(kept) > 0 && w.At.Sub(kept[len(kept)-1].At) < sparse
		if age <= long && !crowded {
			kept = append(kept, w)
		}
	}
	return kept
}
