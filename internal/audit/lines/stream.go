// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package lines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Stream reads lines of what cannot be read twice, as they come. Its last line needs no end.
type Stream struct {
	name   string
	chunks <-chan []byte
	// ended is why there are no more chunks; it may be read once chunks is closed.
	ended  error
	closed bool
	split  splitter
	offset int64
}

var _ Source = &Stream{}

// NewStream begins to read, until the stream or ctx ends. The name is for a person. A read that waits for input cannot be called
// back: it ends with the program.
func NewStream(ctx context.Context, from io.Reader, name string) *Stream {
	chunks := make(chan []byte)
	s := &Stream{name: name, chunks: chunks, split: splitter{limit: MaxLine}}
	go func() {
		defer close(chunks)
		for s.ended == nil {
			text := make([]byte, chunk)
			n, err := from.Read(text)
			s.ended = err
			select {
			case chunks <- text[:n]:
			case <-ctx.Done():
				s.ended = ctx.Err()
			}
		}
	}()
	return s
}

// Next implements Source.
func (s *Stream) Next() (Line, error) {
	for {
		if piece, ok := s.split.next(); ok {
			line := Line{Text: piece.text, TooLong: piece.tooLong, File: s.name, Offset: s.offset}
			s.offset += piece.size
			return line, nil
		}
		if s.closed {
			if s.split.finish() {
				continue
			}
			return Line{}, s.end()
		}
		select {
		case text, open := <-s.chunks:
			s.take(text, open)
		default:
			return Line{}, ErrNone
		}
	}
}

func (s *Stream) end() error {
	if errors.Is(s.ended, io.EOF) {
		return io.EOF
	}
	return fmt.Errorf("read %s after byte %d: %w", s.name, s.offset, s.ended)
}

func (s *Stream) take(text []byte, open bool) {
	s.closed = !open
	s.split.took(copy(s.split.room(), text))
}

// Wait implements Source.
func (s *Stream) Wait(ctx context.Context, atMost time.Duration) {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case text, open := <-s.chunks:
		s.take(text, open)
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Lag implements Source: nobody knows what is still to come.
func (s *Stream) Lag() int64 { return s.split.held() }
