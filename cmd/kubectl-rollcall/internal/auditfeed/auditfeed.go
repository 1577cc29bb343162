// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package auditfeed sends lines of an audit log to the operator's audit receiver, each at least once.
package auditfeed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/rollcall-iam/rollcall/internal/audit/lines"
)

const (
	// DefaultPatience is how long a receiver is waited for that does not take anything.
	DefaultPatience = 2 * time.Minute
	// maxRefused is how many events in a row a receiver may refuse: by then they are no audit log, or it is no receiver, and nothing may
	// be skipped for that.
	maxRefused = 100
	// saveInterval bounds how often the position is written: each time costs the disk a flush.
	saveInterval = 100 * time.Millisecond
)

// Options say what is sent where.
type Options struct {
	// From is where lines come from.
	From lines.Source
	// To is where they go.
	To Receiver
	// Position remembers what was sent, if it is set.
	Position *Position
	// Patience is how long to try again; 0 is for ever.
	Patience time.Duration
	// Warnf tells a person something, on one line.
	Warnf func(format string, args ...any)
}

// Feeder sends lines.
type Feeder struct {
	options Options
	sender  *sender
	// post is the sender's send.
	post   func(ctx context.Context, body []byte) (answer, error)
	batch  batch
	done   Summary
	report report
	// refused counts the events since the last one that the receiver took.
	refused int
	// unsaved is where to go on, if that is not written yet; saved is when it was written last.
	unsaved *lines.Place
	saved   time.Time
}

// New makes a Feeder.
func New(options Options) (*Feeder, error) {
	to, err := newSender(options.To)
	if err != nil {
		return nil, err
	}
	if _, err := to.token(); err != nil {
		return nil, err
	}
	return &Feeder{options: options, sender: to, post: to.send, report: report{warnf: options.Warnf, at: time.Now()}}, nil
}

// Run sends lines until there are no more, or ctx ends. The summary is right in either case, and with an error.
func (f *Feeder) Run(ctx context.Context) (Summary, error) {
	defer f.sender.http.CloseIdleConnections()
	err := f.run(ctx)
	if failed := f.save(); failed != nil && ctx.Err() != nil {
		return f.done, failed // That it was interrupted is known.
	} else if failed != nil {
		return f.done, errors.Join(err, failed)
	}
	return f.done, err
}

func (f *Feeder) run(ctx context.Context) error {
	for ctx.Err() == nil {
		f.report.progress(time.Now(), f.done, f.options.From.Lag)
		line, err := f.options.From.Next()
		switch {
		case err == nil:
			err = f.take(ctx, &line)
		case errors.Is(err, lines.ErrNone):
			err = f.idle(ctx)
		case errors.Is(err, io.EOF):
			return f.flush(ctx)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// take puts a line into the batch, which is sent before or after that if it is full.
func (f *Feeder) take(ctx context.Context, line *lines.Line) error {
	text := bytes.TrimSpace(line.Text)
	switch {
	case line.TooLong:
		f.done.Skipped.TooLong++
		f.report.skipped(line.Where(), fmt.Sprintf("it is longer than %d bytes", lines.MaxLine))
	case len(text) == 0: // nothing that could be missed
	case !object(text):
		f.done.Skipped.NotJSON++
		f.report.skipped(line.Where(), "it is no JSON object")
	default:
		if !f.batch.fits(len(text)) {
			if err := f.flush(ctx); err != nil {
				return err
			}
		}
		f.batch.add(event{text: bytes.Clone(text), where: line.Where()}, time.Now())
	}
	f.batch.read(line.After)
	if f.batch.full() || f.batch.wait(time.Now()) <= 0 {
		return f.flush(ctx)
	}
	return nil
}

// idle waits for more lines, or until the batch has waited long enough.
func (f *Feeder) idle(ctx context.Context) error {
	wait := f.batch.wait(time.Now())
	if wait <= 0 || len(f.batch.events) == 0 && f.batch.taken {
		return f.flush(ctx)
	}
	if err := f.save(); err != nil {
		return err
	}
	f.options.From.Wait(ctx, wait)
	return nil
}

// flush delivers the batch, and only then remembers that.
func (f *Feeder) flush(ctx context.Context) error {
	if len(f.batch.events) > 0 {
		if err := f.deliver(ctx, f.batch.events); err != nil {
			return err
		}
	}
	if f.batch.taken {
		place := f.batch.after
		f.unsaved = &place
	}
	f.batch = batch{events: f.batch.events[:0]}
	if time.Since(f.saved) < saveInterval {
		return nil
	}
	return f.save()
}

func (f *Feeder) save() error {
	if f.unsaved == nil || f.options.Position == nil {
		return nil
	}
	if err := f.options.Position.Save(*f.unsaved); err != nil {
		return err
	}
	f.unsaved, f.saved = nil, time.Now()
	return nil
}

// deliver sends events, in halves where that is the way to find those that the receiver does not take.
func (f *Feeder) deliver(ctx context.Context, events []event) error {
	judged, err := f.insist(ctx, body(events))
	switch {
	case err != nil:
		return err
	case judged.step == goOn:
		f.done.Sent += int64(len(events))
		f.done.Requests++
		f.refused = 0
		return nil
	case len(events) == 1:
		return f.skip(events[0], judged)
	}
	half := len(events) / 2
	if err := f.deliver(ctx, events[:half]); err != nil {
		return err
	}
	return f.deliver(ctx, events[half:])
}

// skip leaves an event out that the receiver does not take.
func (f *Feeder) skip(e event, why verdict) error {
	if why.tooLarge {
		f.done.Skipped.TooLarge++
		f.report.skipped(e.where, why.why)
		return nil
	}
	f.done.Skipped.Refused++
	f.report.skipped(e.where, why.why)
	f.refused++
	if f.refused >= maxRefused {
		return fmt.Errorf("the receiver refused %d events in a row, the last of them %s: %s. "+
			"Is this an audit log of audit.k8s.io/v1, and --to the audit receiver?", f.refused, e.where, why.why)
	}
	return nil
}

// insist sends a body until there is an answer to it that another try would not change.
func (f *Feeder) insist(ctx context.Context, text []byte) (verdict, error) {
	began := time.Now()
	for tries := 1; ; tries++ {
		got, err := f.post(ctx, text)
		if err != nil {
			return verdict{}, err
		}
		judged := judge(got)
		switch judged.step {
		case goOn, smaller:
			return judged, nil
		case again:
		default:
			return verdict{}, fmt.Errorf("the receiver at %s: %s", f.options.To.URL, judged.why)
		}
		wait := pause(tries, rand.Float64(), got.retryAfter) //nolint:gosec // It spreads tries, and nobody gains by guessing it.
		if f.options.Patience > 0 && time.Since(began)+wait > f.options.Patience {
			return verdict{}, fmt.Errorf("the receiver at %s did not take the events in %d tries: %s", f.options.To.URL, tries, judged.why)
		}
		f.done.Retries++
		f.options.Warnf("the receiver at %s: %s; trying again in %s", f.options.To.URL, judged.why, wait.Round(100*time.Millisecond))
		if err := sleep(ctx, wait); err != nil {
			return verdict{}, err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
