// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package auditload sends audit events as API servers do, as many and as fast as one likes: real ones, recorded from an API server's log,
// of which others are made that differ where events differ.
package auditload

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

const (
	// people, and names of objects, differ by a number: of so many.
	people, names = 100, 5000
	// step is how long one event follows after another: 4,000 a second is what an API server sends at most.
	step = time.Second / 4000
	// micro is how API servers write times.
	micro = "2006-01-02T15:04:05.000000Z"
	// inLog is what each line of a log begins with. In lists, which have a kind themselves, it is left out.
	inLog = `"kind":"Event","apiVersion":"audit.k8s.io/v1",`
)

// template is an event that an API server wrote, cut where others differ from it: text, value, text, ..., text.
type template struct {
	text  [][]byte
	value []func(out []byte, n int) []byte
	// took is how long the request took.
	took time.Duration
}

// Events are as many distinct ones as one likes, each by its number: the same for the same number.
type Events struct {
	templates []template
	// began is when the first one was.
	began time.Time
	seed  uint64
}

// NewEvents makes events of the lines of an API server's log, in turn. Began is when the first request was received.
func NewEvents(log []byte, began time.Time, seed uint64) (*Events, error) {
	e := &Events{began: began.UTC(), seed: seed}
	for line := range bytes.Lines(log) {
		t, err := e.cut(bytes.Replace(bytes.TrimSuffix(line, []byte{'\n'}), []byte(inLog), nil, 1))
		if err != nil {
			return nil, fmt.Errorf("make events of %.200s: %w", line, err)
		}
		e.templates = append(e.templates, t)
	}
	if len(e.templates) == 0 {
		return nil, errors.New("make events of an empty log")
	}
	return e, nil
}

// Append appends an event to a text, as it is in a list.
func (e *Events) Append(out []byte, n int) []byte {
	t := &e.templates[n%len(e.templates)]
	for i, value := range t.value {
		out = value(append(out, t.text[i]...), n)
	}
	return append(out, t.text[len(t.text)-1]...)
}

// Event is one event, as it is in a list.
func (e *Events) Event(n int) []byte { return e.Append(nil, n) }

// place is where a value is in an event.
type place struct {
	begin, end int
	value      func(out []byte, n int) []byte
}

func (e *Events) cut(line []byte) (t template, err error) {
	var event auditv1.Event
	if err := json.Unmarshal(line, &event); err != nil {
		return t, err
	}
	t.took = event.StageTimestamp.Sub(event.RequestReceivedTimestamp.Time)
	at := func(delay time.Duration) func([]byte, int) []byte {
		return func(out []byte, n int) []byte {
			return e.began.Add(time.Duration(n)*step+delay).AppendFormat(out, micro)
		}
	}
	places := []place{
		find(line, `"auditID":"`, string(event.AuditID), e.auditID),
		find(line, `"user":{"username":"`, event.User.Username, person(event.User.Username)),
		find(line, `"requestReceivedTimestamp":"`, event.RequestReceivedTimestamp.UTC().Format(micro), at(0)),
		find(line, `"stageTimestamp":"`, event.StageTimestamp.UTC().Format(micro), at(t.took)),
	}
	for _, id := range event.User.Extra["authentication.kubernetes.io/credential-id"] {
		places = append(places, find(line, `"authentication.kubernetes.io/credential-id":["`, id, credential(id)))
	}
	if event.ObjectRef != nil && event.ObjectRef.Name != "" {
		name := event.ObjectRef.Name
		places = append(places, find(line, `"name":"`, name, object(name)))
		if uri := find(line, "/"+event.ObjectRef.Resource+"/", name, object(name)); uri.begin >= 0 {
			places = append(places, uri)
		}
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.begin, b.begin) })
	last := 0
	for _, p := range places {
		if p.begin < last {
			return t, errors.New("a value is not where it should be")
		}
		t.text, t.value, last = append(t.text, line[last:p.begin]), append(t.value, p.value), p.end
	}
	t.text = append(t.text, line[last:])
	return t, nil
}

// find is where a value is, after what comes before it; begin is negative where it is not.
func find(line []byte, before, value string, by func([]byte, int) []byte) place {
	at := bytes.Index(line, []byte(before+value))
	if at < 0 {
		return place{begin: -1}
	}
	begin := at + len(before)
	return place{begin: begin, end: begin + len(value), value: by}
}

// auditID is a random UUID, as API servers make them.
func (e *Events) auditID(out []byte, n int) []byte {
	random := rand.NewPCG(e.seed, uint64(n))
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], random.Uint64())
	binary.BigEndian.PutUint64(id[8:], random.Uint64())
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	for i, part := range [][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			out = append(out, '-')
		}
		out = hex.AppendEncode(out, part)
	}
	return out
}

func person(name string) func([]byte, int) []byte {
	return func(out []byte, n int) []byte {
		return strconv.AppendInt(append(append(out, name...), '-'), int64(n%people), 10)
	}
}

// credential is one for each person, of the same kind and length.
func credential(id string) func([]byte, int) []byte {
	const digits = 8
	begin := id[:max(0, len(id)-digits)]
	return func(out []byte, n int) []byte { return fmt.Appendf(append(out, begin...), "%0*x", digits, n%people) }
}

func object(name string) func([]byte, int) []byte {
	return func(out []byte, n int) []byte {
		return strconv.AppendInt(append(append(out, name...), '-'), int64(n%names), 10)
	}
}
