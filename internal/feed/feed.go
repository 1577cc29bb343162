// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package feed keeps watching a directory: it connects again when a watch ends, goes on from where it left off, and holds what it
// heard until somebody asks.
package feed

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// The bounds of the time between two tries.
const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
	doubling   = 2
	jitter     = 0.2
)

// State says how well a directory is watched.
type State struct {
	// Connected says that changes are told as they happen.
	Connected bool
	// Reason is one of ChangesWatched.
	Reason string
	// Message is for a person.
	Message string
	// Cookies are where a later watch goes on.
	Cookies []string
	// LastEvent is when the directory last told that something happened, or began to. Zero: never.
	LastEvent time.Time
}

// Heard is what happened since it was last asked for.
type Heard struct {
	// Changes in their order.
	Changes []directory.Change
	// Position is the newest that was told of.
	Position directory.Position
	// Gap says that something may have happened that was not told.
	Gap bool
	// Since is when the first of it was told. Zero: nothing was.
	Since time.Time
}

// Feed watches one directory.
type Feed struct {
	// arrived holds a token while there is something to take, so that one may wait for it.
	arrived chan struct{}
	wake    func()
	clock   clock.PassiveClock

	mutex  sync.Mutex
	source directory.Source
	heard  Heard
	state  State
	// retry ends the wait for the next try; stop ends the feed, and ended is closed when it has.
	retry chan struct{}
	stop  context.CancelFunc
	ended chan struct{}
}

// New makes a feed that watches nothing yet. It calls wake, from any goroutine, when there is something to take or the state is another.
func New(c clock.PassiveClock, wake func()) *Feed {
	return &Feed{arrived: make(chan struct{}, 1), retry: make(chan struct{}, 1), wake: wake, clock: c}
}

// Follow watches a source from where the cookies left off, until Stop or until ctx ends. A feed that watches the same already takes
// the new credentials when it connects again, and tries that at once: who says so has just read the directory.
func (f *Feed) Follow(ctx context.Context, source directory.Source, cookies []string) {
	f.mutex.Lock()
	same := f.stop != nil && f.source.String() == source.String()
	f.source = source
	f.mutex.Unlock()
	if same {
		if !f.State().Connected {
			signal(f.retry)
		}
		return
	}
	f.Stop()
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.heard, f.source = Heard{}, source
	f.state = State{Reason: v1alpha1.ReasonConnecting, Message: "the watch for changes is being set up", Cookies: slices.Clone(cookies)}
	ctx, f.stop = context.WithCancel(ctx)
	f.ended = make(chan struct{})
	go f.run(ctx, f.ended)
}

// Stop ends the watch, and returns when it has ended.
func (f *Feed) Stop() {
	f.mutex.Lock()
	stop, ended := f.stop, f.ended
	f.stop, f.state = nil, State{}
	f.mutex.Unlock()
	if stop != nil {
		stop()
		<-ended
	}
}

// Arrived delivers when there is something to take.
func (f *Feed) Arrived() <-chan struct{} { return f.arrived }

// Take hands over what was heard.
func (f *Feed) Take() Heard {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	heard := f.heard
	f.heard = Heard{}
	return heard
}

// State says how well it goes.
func (f *Feed) State() State {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.state
}

func (f *Feed) run(ctx context.Context, ended chan<- struct{}) {
	defer close(ended)
	backoff := newBackoff()
	for ctx.Err() == nil {
		source, cookies := f.next()
		err := source.Watch(ctx, cookies, func(n directory.News) { f.tell(source, n) })
		if ctx.Err() != nil {
			return
		}
		if f.lost(err) {
			backoff = newBackoff()
		}
		if !f.rest(ctx, backoff) {
			return
		}
	}
}

func newBackoff() *wait.Backoff {
	return &wait.Backoff{Duration: firstRetry, Factor: doubling, Jitter: jitter, Steps: 1 << 30, Cap: lastRetry}
}

func (f *Feed) next() (directory.Source, []string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.source, f.state.Cookies
}

// tell takes what a watch says.
func (f *Feed) tell(source directory.Source, n directory.News) {
	f.mutex.Lock()
	f.heard.Changes = append(f.heard.Changes, n.Changes...)
	f.heard.Position = f.heard.Position.And(n.Position)
	f.heard.Gap = f.heard.Gap || n.Gap
	if n.Cookies != nil {
		f.state.Cookies = n.Cookies
	}
	changed := n.Connected != f.state.Connected
	if n.Connected {
		f.state.Connected, f.state.Reason, f.state.Message = true, source.Way(), "the server tells changes as they happen"
		if n.Note != "" {
			f.state.Message += "; " + n.Note
		}
	}
	news := len(n.Changes) > 0 || n.Gap || changed
	if news {
		f.state.LastEvent = f.clock.Now()
	}
	if f.heard.Since.IsZero() && (len(n.Changes) > 0 || n.Gap) {
		f.heard.Since = f.state.LastEvent
	}
	f.mutex.Unlock()
	if news {
		signal(f.arrived)
		f.wake()
	}
}

// lost says why a watch ended, and returns whether it had been a good one.
func (f *Feed) lost(err error) (connected bool) {
	f.mutex.Lock()
	connected = f.state.Connected
	f.state.Connected = false
	if errors.Is(err, directory.ErrStartOver) {
		f.state.Cookies, connected = nil, true
	}
	problem := outcome.Of(err, v1alpha1.ReasonDisconnected)
	f.state.Reason, f.state.Message = v1alpha1.ReasonDisconnected, problem.Message
	if problem.Because(v1alpha1.ReasonNotSupported) || problem.Because(v1alpha1.ReasonNotPermitted) {
		f.state.Reason = problem.Reason
	}
	f.state.Message += "; changes are found by full reads meanwhile"
	f.mutex.Unlock()
	f.wake()
	return connected
}

// rest waits until it makes sense to try again: after a while, or when the next full read says so.
func (f *Feed) rest(ctx context.Context, backoff *wait.Backoff) bool {
	var after <-chan time.Time
	if retried(f.State().Reason) {
		timer := time.NewTimer(backoff.Step())
		defer timer.Stop()
		after = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-after:
	case <-f.retry:
	}
	return true
}

// retried says whether a watch is tried again by itself.
func retried(reason string) bool {
	return reason != v1alpha1.ReasonNotSupported && reason != v1alpha1.ReasonNotPermitted
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
