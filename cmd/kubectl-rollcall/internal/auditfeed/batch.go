// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package auditfeed

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/rollcall-iam/rollcall/internal/audit/lines"
)

// What goes into one request.
const (
	maxEvents = 400
	maxBytes  = 1 << 20
	// maxAge is how long an event waits for others.
	maxAge = 500 * time.Millisecond
)

// The body of a request is that of an API server's own webhook.
const (
	bodyBegin = `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[`
	bodyEnd   = "]}\n"
)

// event is a line that is to be sent, and where it was.
type event struct {
	text  []byte
	where string
}

// batch is what goes into one request.
type batch struct {
	events []event
	bytes  int
	// after is where to go on once the batch is delivered, if lines were taken.
	after lines.Place
	taken bool
	// began is when the first event came.
	began time.Time
}

// fits says whether another event of that size belongs into the same request. One that is larger than any goes alone.
func (b *batch) fits(size int) bool {
	return len(b.events) == 0 || len(b.events) < maxEvents && b.bytes+size <= maxBytes
}

// full says that no event fits any more.
func (b *batch) full() bool { return len(b.events) >= maxEvents || b.bytes >= maxBytes }

// wait is how long the batch may wait for other events.
func (b *batch) wait(now time.Time) time.Duration {
	if len(b.events) == 0 {
		return maxAge
	}
	return b.began.Add(maxAge).Sub(now)
}

func (b *batch) add(e event, now time.Time) {
	if len(b.events) == 0 {
		b.began = now
	}
	b.events = append(b.events, e)
	b.bytes += len(e.text)
}

// read notes that a line was taken, be there an event in it or not.
func (b *batch) read(after lines.Place) { b.after, b.taken = after, true }

// body is what is sent.
func body(events []event) []byte {
	size := len(bodyBegin) + len(bodyEnd)
	for _, e := range events {
		size += len(e.text) + 1
	}
	text := append(make([]byte, 0, size), bodyBegin...)
	for i, e := range events {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, e.text...)
	}
	return append(text, bodyEnd...)
}

// object says whether a line is a JSON object. What is in it is for the receiver to judge.
func object(text []byte) bool { return bytes.HasPrefix(text, []byte("{")) && json.Valid(text) }
