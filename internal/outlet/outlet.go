// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package outlet is where entries go: into the ledger, and then to whoever listens.
package outlet

import (
	"context"

	"github.com/rollcall-iam/rollcall/internal/ledger"
)

// Outlet passes entries on. Either may be nil.
type Outlet struct {
	// Ledger is strict: what is not in it is told to nobody.
	Ledger Ledger
	// Listener hears what happened, and has no say in it.
	Listener Listener
}

// Ledger is where entries are written durably.
type Ledger interface {
	// Open is nil while entries can be written, as far as is known.
	Open() error
	RecordAll(ctx context.Context, entries []*ledger.Entry) (numbers []uint64, err error)
}

// Listener takes what it is told, and keeps nobody waiting.
type Listener interface {
	Tell(ctx context.Context, entries []*ledger.Entry)
}

// Open is nil while entries are taken.
func (o *Outlet) Open() error {
	if o.Ledger == nil {
		return nil
	}
	return o.Ledger.Open()
}

// Record passes on an entry. Its number is the ledger's; without one it is 0, and means nothing.
func (o *Outlet) Record(ctx context.Context, e *ledger.Entry) (uint64, error) {
	numbers, err := o.RecordAll(ctx, []*ledger.Entry{e})
	if err != nil || len(numbers) == 0 {
		return 0, err
	}
	return numbers[0], nil
}

// RecordAll passes on entries, in that order. There are no numbers without a ledger.
func (o *Outlet) RecordAll(ctx context.Context, entries []*ledger.Entry) (numbers []uint64, err error) {
	if o.Ledger != nil {
		if numbers, err = o.Ledger.RecordAll(ctx, entries); err != nil {
			return nil, err
		}
	}
	if o.Listener != nil {
		o.Listener.Tell(ctx, entries)
	}
	return numbers, nil
}
