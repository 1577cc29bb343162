// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Bad are the items of a list that are no events. There may be millions in one that means harm, hence not each is told.
type Bad struct {
	Items int
	// First says what is wrong with the first one, and which it is; nil if there is none.
	First error
}

// usual is how many events an API server sends at once.
const usual = 400

// ReadList reads an EventList. Items that are no events are told beside; the others count nevertheless. The lines keep the body.
func ReadList(body []byte) (lines []Line, bad Bad, err error) {
	l := list{body: body, decoder: json.NewDecoder(bytes.NewReader(body)), lines: make([]Line, 0, usual)}
	if err := l.read(); err != nil {
		return nil, Bad{}, fmt.Errorf("%w: no EventList in JSON: %w", ErrNotEvents, err)
	}
	if l.kind != kindEventList || l.apiVersion != version {
		return nil, Bad{}, fmt.Errorf("%w: an EventList is wanted, and this is of kind %.64q, apiVersion %.64q",
			ErrNotEvents, l.kind, l.apiVersion)
	}
	return l.lines, l.bad, nil
}

// list is an EventList that is read item by item: what its items take besides the body is what the events in it take.
type list struct {
	body             []byte
	decoder          *json.Decoder
	kind, apiVersion string
	lines            []Line
	bad              Bad
}

func (l *list) read() error {
	if err := l.expect(json.Delim('{')); err != nil {
		return err
	}
	for l.decoder.More() {
		if err := l.field(); err != nil {
			return err
		}
	}
	if err := l.expect(json.Delim('}')); err != nil {
		return err
	}
	if len(bytes.TrimSpace(l.body[l.decoder.InputOffset():])) > 0 {
		return errors.New("something follows it")
	}
	return nil
}

func (l *list) field() error {
	name, err := l.decoder.Token()
	if err != nil {
		return err
	}
	switch name {
	case "kind":
		return l.decoder.Decode(&l.kind)
	case "apiVersion":
		return l.decoder.Decode(&l.apiVersion)
	case "items":
		return l.items()
	default:
		return l.decoder.Decode(&json.RawMessage{})
	}
}

func (l *list) items() error {
	if err := l.expect(json.Delim('[')); err != nil {
		return err
	}
	for i := 0; l.decoder.More(); i++ {
		if err := l.item(i); err != nil {
			return err
		}
	}
	return l.expect(json.Delim(']'))
}

// item reads one. At what is no JSON the decoder stands still, the second time at the latest: an error. What is JSON and no event is none.
func (l *list) item(i int) error {
	var line Line
	before := l.decoder.InputOffset()
	err := l.decoder.Decode(&line.Event)
	after := l.decoder.InputOffset()
	if before == after {
		return err
	}
	if err == nil {
		line.Raw = bytes.TrimLeft(l.body[before:after], ", \t\r\n")
		err = line.complete()
	}
	if err == nil {
		l.lines = append(l.lines, line)
		return nil
	}
	l.bad.Items++
	if l.bad.First == nil {
		l.bad.First = fmt.Errorf("items[%d]: %w", i, err)
	}
	return nil
}

func (l *list) expect(wanted json.Delim) error {
	found, err := l.decoder.Token()
	if err == nil && found != wanted {
		err = fmt.Errorf("%v where %v should be", found, wanted)
	}
	return err
}
