// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package feed writes entries for a SIEM: to stdout, or to a file that others may rotate. It keeps nobody waiting, and nothing waits for
// it: what cannot be written is counted, and it is the ledger that is strict.
package feed

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/internal/meter"
	"github.com/rollcall-iam/rollcall/internal/ocsf"
)

const (
	// mostWaiting is how many bytes may wait for being written: for as long as a disk or whoever reads stdout is slow.
	mostWaiting = 16 << 20
	// complainEvery is how often it is logged that events are lost.
	complainEvery = time.Minute
	// farewell is how long the last events may take.
	farewell = 5 * time.Second
)

// Feed writes events one after the other. The zero value of what is not exported is right, but for New.
type Feed struct {
	to      io.Writer
	product ocsf.Product
	clock   clock.PassiveClock
	lost    *prometheus.CounterVec

	mu      sync.Mutex
	waiting [][]byte
	size    int
	// complained is when it was logged last that events are lost.
	complained time.Time
	// wake says that something waits.
	wake chan struct{}
}

// New writes lines to a writer, each with one call or with others.
func New(to io.Writer, product ocsf.Product, clock clock.PassiveClock, metrics prometheus.Registerer) *Feed {
	return &Feed{to: to, product: product, clock: clock, wake: make(chan struct{}, 1), lost: NewCounter(metrics)}
}

// NewCounter registers the metric.
func NewCounter(to prometheus.Registerer) *prometheus.CounterVec {
	return meter.Counter(to, meter.Metric{
		Name: "rollcall_ocsf_failures_total", Teller: meter.FeedLeader,
		Help:  "Events that were not written for the SIEM (--ocsf). What they are about was done all the same.",
		Watch: "Any: `RollcallSIEMEventsLost`.",
	})
}

// Tell takes entries in that order, and returns at once.
func (f *Feed) Tell(ctx context.Context, entries []*ledger.Entry) {
	for _, e := range entries {
		lines, err := ocsf.Of(e, f.product)
		if err != nil {
			f.lose(ctx, 1, err)
		}
		f.put(ctx, lines)
	}
}

func (f *Feed) put(ctx context.Context, lines [][]byte) {
	f.mu.Lock()
	left := 0
	for _, line := range lines {
		if f.size+len(line)+1 > mostWaiting {
			left++
			continue
		}
		f.waiting = append(f.waiting, append(line, '\n'))
		f.size += len(line) + 1
	}
	f.mu.Unlock()
	if left > 0 {
		f.lose(ctx, left, fmt.Errorf("%d bytes wait for being written already", mostWaiting))
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// take is what waits.
func (f *Feed) take() [][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	lines := f.waiting
	f.waiting, f.size = nil, 0
	return lines
}

// Start implements manager.Runnable.
func (f *Feed) Start(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			f.write(ctx, f.take())
			select {
			case <-f.wake:
			case <-ctx.Done():
				f.write(ctx, f.take())
				return
			}
		}
	}()
	<-ctx.Done()
	select {
	case <-done:
	case <-time.After(farewell): // Nobody reads.
	}
	return nil
}

// NeedLeaderElection is false: each replica tells of the certificates that it issues.
func (f *Feed) NeedLeaderElection() bool { return false }

// atOnce is how many bytes are written with one call, about.
const atOnce = 64 << 10

func (f *Feed) write(ctx context.Context, lines [][]byte) {
	for len(lines) > 0 {
		var chunk []byte
		count := 0
		for count < len(lines) && (count == 0 || len(chunk)+len(lines[count]) <= atOnce) {
			chunk = append(chunk, lines[count]...)
			count++
		}
		if n, err := f.to.Write(chunk); err != nil {
			f.lose(ctx, whole(lines[:count], n), err)
		}
		lines = lines[count:]
	}
}

// whole is how many of the lines are not in the first n bytes of them.
func whole(lines [][]byte, n int) int {
	for i, line := range lines {
		if n -= len(line); n < 0 {
			return len(lines) - i
		}
	}
	return 0
}

// lose counts events, and says so once in a while.
func (f *Feed) lose(ctx context.Context, events int, why error) {
	f.lost.WithLabelValues().Add(float64(events))
	f.mu.Lock()
	now := f.clock.Now()
	again := !f.complained.IsZero() && now.Sub(f.complained) < complainEvery
	if !again {
		f.complained = now
	}
	f.mu.Unlock()
	if !again {
		log.FromContext(ctx).WithName("ocsf").Error(why, "events for the SIEM are lost; they are counted: rollcall_ocsf_failures_total")
	}
}
