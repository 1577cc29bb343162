// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lines reads whole lines from a file that is being written and rotated, or from a stream, and knows where to go on.
package lines

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// MaxLine is how long a line may be. The API server takes requests of 3 MiB, and may log a request and its response: that fits, and fits
// into one request to whoever takes them.
const MaxLine = 8 << 20

// pollInterval is how often a file is looked at that had nothing new. Plain polling: a notice of the kernel would save nothing, as
// rotation has to be looked at either way, and is not to be had on every file system and in every container. It costs two calls
// of stat and one small read.
const pollInterval = 250 * time.Millisecond

// ErrNone says that there is no whole line at this moment. There may be later.
var ErrNone = errors.New("no whole line yet")

// Line is a line, and where it was.
type Line struct {
	// Text is without the line's end. It is valid until the next call of Next.
	Text []byte
	// TooLong says that there is no text, as it would have been longer than MaxLine.
	TooLong bool
	// File and Offset say where the line begins, for a person.
	File   string
	Offset int64
	// After is where somebody goes on who is done with this line. It is zero for streams.
	After Place
}

// Where the line was, for a person.
func (l *Line) Where() string { return fmt.Sprintf("%s at byte %d", l.File, l.Offset) }

// Source hands over lines.
type Source interface {
	// Next is the next line; ErrNone if there is none now, io.EOF if there will be none any more.
	Next() (Line, error)
	// Wait returns when there may be another line, and at the latest after that time or when ctx ends.
	Wait(ctx context.Context, atMost time.Duration)
	// Lag is how many bytes are there that Next has not handed over, as far as that is known.
	Lag() int64
}

// doze waits for a time, or until ctx ends.
func doze(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
