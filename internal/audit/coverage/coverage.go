// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package coverage watches whether what API servers log arrives. From each it asks for something that is logged, and looks whether that
// comes, and how many events the API server says that it could not deliver: whatever is not known to have arrived is a gap.
package coverage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

const (
	// every is how often API servers are asked, and look how often it is looked what has arrived, give or take lookSpread of it.
	every, look = time.Minute, 10 * time.Second
	lookSpread  = 0.2
	// opening is how soon to look again for the store at first.
	opening = 100 * time.Millisecond
	// lossTold is for how long a loss is told.
	lossTold = time.Hour
)

// Watcher is what the leader does.
type Watcher struct {
	// Live reads EndpointSlices past the cache: one every minute is not worth a watch.
	Live client.Reader
	// API is how the operator reaches the API server, and who it is there.
	API *rest.Config
	// Store is the open store, or an error.
	Store   func() (*store.Store, error)
	Metrics *Metrics
	Clock   clock.PassiveClock
	// Every is how often API servers are asked, Look how often it is looked what has arrived, and Late when something should have.
	// Default: a minute, ten seconds, usage.Late.
	Every, Look, Late time.Duration

	// http asks all API servers as whoever the operator is.
	http *http.Client
	// waiting is what has not arrived, and troubles why an API server could not be asked, by its address.
	waiting  map[place][]usage.Waiting
	troubles map[string]string
	// listing is why it is not known which API servers there are, and listed until when that was known.
	listing string
	listed  time.Time
	// asked is when API servers were last asked.
	asked time.Time

	telling sync.Mutex
	told    Findings
}

// place is which watch.
type place struct {
	address string
	listed  int64
}

func placeOf(w *usage.Watch) place { return place{w.Address, w.Listed.UnixMicro()} }

// Start implements manager.Runnable.
func (w *Watcher) Start(ctx context.Context) error {
	if err := w.begin(); err != nil {
		return err
	}
	logger := log.FromContext(ctx).WithName("audit")
	// The store is opened at the same time. For a moment that says nothing to anybody.
	_ = wait.PollUntilContextTimeout(ctx, opening, w.Look, true, func(context.Context) (bool, error) {
		_, err := w.Store()
		return err == nil, nil // Why it is not, Pass tells.
	})
	wait.JitterUntilWithContext(ctx, func(ctx context.Context) {
		if err := w.Pass(ctx); err != nil && ctx.Err() == nil {
			logger.V(1).Info("it is not known whether audit events arrive", "why", err.Error())
		}
	}, w.Look, lookSpread, true)
	return nil
}

// begin forgets what an earlier leader knew of: what arrived later than it looked, the next heartbeat stands for.
func (w *Watcher) begin() (err error) {
	if w.Every == 0 {
		w.Every, w.Look, w.Late = every, look, usage.Late
	}
	w.waiting, w.troubles, w.asked = map[place][]usage.Waiting{}, map[string]string{}, time.Time{}
	w.listing, w.listed = "", time.Time{}
	w.http, err = clientFor(w.API)
	return err
}

// Pass looks what has arrived, and asks API servers where it is time.
func (w *Watcher) Pass(ctx context.Context) error {
	if w.http == nil {
		if err := w.begin(); err != nil {
			return err
		}
	}
	kept, err := w.Store()
	if err != nil {
		w.tell(Findings{Failure: err.Error()})
		return err
	}
	before, err := kept.Watches(ctx)
	if err != nil {
		return err
	}
	now := w.now()
	watches, err := w.ask(ctx, before, now)
	if err := errors.Join(err, w.hear(ctx, kept, before, watches)); err != nil {
		return err
	}
	return ctx.Err()
}

// now is as exact as what is kept.
func (w *Watcher) now() time.Time { return w.Clock.Now().Truncate(time.Microsecond) }

// ask asks each API server that is there, where it is time, and returns what is watched from now on.
func (w *Watcher) ask(ctx context.Context, watches []usage.Watch, now time.Time) ([]usage.Watch, error) {
	if since := now.Sub(w.asked); since >= 0 && since < w.Every-w.Look/2 {
		return watches, nil
	}
	targets, err := w.targets(ctx)
	if err != nil {
		w.listing = listingTrouble(err)
		targets = standing(watches) // Those that were there are not gone because of that.
	} else {
		w.listing, w.listed = "", now
		watches = usage.List(watches, addressesOf(targets), now)
	}
	answers := w.askAll(ctx, targets)
	if ctx.Err() != nil {
		return watches, ctx.Err() // What was cut short says nothing.
	}
	w.asked, w.troubles = now, map[string]string{}
	var failed []error
	for i := range watches {
		watch := &watches[i]
		answer, asked := answers[watch.Address]
		switch {
		case !asked || !watch.Left.IsZero():
		case answer.err != nil:
			w.troubles[watch.Address] = askingTrouble(answer.err)
			failed = append(failed, fmt.Errorf("API server %s: %w", watch.Address, answer.err))
		default:
			w.waiting[placeOf(watch)] = append(w.waiting[placeOf(watch)], usage.Waiting{Sample: answer.sample})
		}
	}
	if why := errors.Join(append(failed, err)...); why != nil {
		log.FromContext(ctx).WithName("audit").V(1).Info("not every API server could be asked", "why", why.Error())
	}
	return watches, nil
}

// answer is what came of asking an API server.
type answer struct {
	sample usage.Sample
	err    error
}

func (w *Watcher) askAll(ctx context.Context, targets []target) map[string]answer {
	var (
		answers = map[string]answer{}
		mutex   sync.Mutex
		running sync.WaitGroup
	)
	for _, t := range targets {
		running.Go(func() {
			at := w.now()
			sample, err := ask(ctx, w.http, t)
			sample.At = at
			mutex.Lock()
			defer mutex.Unlock()
			answers[t.address] = answer{sample, err}
		})
	}
	running.Wait()
	return answers
}

// hear looks what has arrived, keeps what follows, and tells of it. What could not be kept is looked for again.
func (w *Watcher) hear(ctx context.Context, kept *store.Store, before, watches []usage.Watch) error {
	now, waiting := w.now(), map[place][]usage.Waiting{}
	var (
		changed []usage.Watch
		gaps    []usage.Gap
	)
	for i := range watches {
		at := placeOf(&watches[i])
		arrived, err := heartbeats(ctx, kept, w.waiting[at])
		if err != nil {
			return err
		}
		heard := usage.Hear(watches[i], slices.Clone(w.waiting[at]), arrived, now, w.Late)
		if i >= len(before) || !heard.Watch.Equal(before[i]) {
			changed = append(changed, heard.Watch)
		}
		gaps = append(gaps, heard.Gaps...)
		if watches[i] = heard.Watch; len(heard.Waiting) > 0 {
			waiting[at] = heard.Waiting
		}
	}
	if len(changed)+len(gaps) > 0 {
		if err := kept.Watch(ctx, changed, gaps); err != nil {
			return err
		}
		w.Metrics.lose(gaps)
	}
	w.waiting = waiting
	lately, err := kept.Gaps(ctx, now.Add(-lossTold), now)
	if err != nil {
		return err
	}
	w.tell(w.find(watches, lately, now))
	return nil
}

// heartbeats are those of samples that have arrived. The newest is looked for first: what is found then, and what is older is not found
// after that, did not come before.
func heartbeats(ctx context.Context, kept *store.Store, waiting []usage.Waiting) (map[string]bool, error) {
	arrived := map[string]bool{}
	for _, sample := range slices.Backward(waiting) {
		found, err := kept.Arrived(ctx, sample.Heartbeat)
		if err != nil {
			return nil, err
		}
		if found {
			arrived[sample.Heartbeat] = true
		}
	}
	return arrived, nil
}

// Of says how much of a time is covered.
func Of(ctx context.Context, kept *store.Store, since, until time.Time) (usage.Coverage, error) {
	watches, err := kept.Watches(ctx)
	if err != nil {
		return usage.Coverage{}, err
	}
	gaps, err := kept.Gaps(ctx, since, until)
	if err != nil {
		return usage.Coverage{}, err
	}
	recording, err := kept.RecordingSince(ctx)
	if err != nil {
		return usage.Coverage{}, err
	}
	oldest, err := kept.Backlog(ctx)
	if err != nil {
		return usage.Coverage{}, err
	}
	return usage.Cover(since, until, watches, append(gaps, usage.Backlog(oldest, until)...), recording), nil
}
