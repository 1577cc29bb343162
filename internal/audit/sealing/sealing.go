// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sealing writes the digests of stored events into the ledger: from then on nobody changes them unnoticed.
package sealing

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/ledger"
)

const (
	// look is how often it is looked for batches, and so about how long one is without an entry; what fails waits for longer.
	look  = time.Second
	pause = 15 * time.Second
	// together is how many are sealed at once.
	together = 256
)

// Ledger is where entries are written.
type Ledger interface {
	RecordAll(ctx context.Context, entries []*ledger.Entry) (numbers []uint64, err error)
}

// Sealer is what the leader does.
type Sealer struct {
	// Store is the open store, or an error.
	Store  func() (*store.Store, error)
	Ledger Ledger
	Clock  clock.PassiveClock

	// written is what the ledger has, and the store does not know of yet.
	written struct {
		batches []store.Batch
		entries []uint64
	}
}

// Start implements manager.Runnable. A crash between both writes has a digest written twice, which harms nothing.
func (s *Sealer) Start(ctx context.Context) error {
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		for ctx.Err() == nil {
			sealed, err := s.seal(ctx)
			if err != nil && ctx.Err() == nil {
				log.FromContext(ctx).WithName("audit").Error(err, "stored events are not sealed yet; tried again")
			}
			if err != nil {
				sleep(ctx, pause)
			}
			if err != nil || sealed < together {
				return
			}
		}
	}, look)
	return nil
}

// digest is what an entry says of a batch.
type digest struct {
	// Batch is when it was received, in microseconds since 1970: its name.
	Batch  int64  `json:"batch"`
	Server string `json:"server"`
	Events int64  `json:"events"`
	// Root of the Merkle tree (RFC 6962) whose leaves the lines are, in lowercase hex.
	Root string `json:"root"`
}

func (s *Sealer) seal(ctx context.Context) (int, error) {
	kept, err := s.Store()
	if err != nil {
		return 0, err
	}
	if len(s.written.batches) > 0 { // Not into the ledger again, however often the store cannot take it.
		return s.note(ctx, kept)
	}
	batches, err := kept.Unsealed(ctx, together)
	if err != nil || len(batches) == 0 {
		return 0, err
	}
	entries := make([]*ledger.Entry, len(batches))
	for i, b := range batches {
		after, err := json.Marshal(digest{Batch: b.ID, Server: b.Server, Events: b.Events, Root: hex.EncodeToString(b.Digest)})
		if err != nil {
			return 0, fmt.Errorf("write a ledger's entry: %w", err)
		}
		entries[i] = &ledger.Entry{Time: s.Clock.Now().UTC(), Kind: ledger.AuditBatch, After: after}
	}
	numbers, err := s.Ledger.RecordAll(ctx, entries)
	if err != nil {
		return 0, err
	}
	s.written.batches, s.written.entries = batches, numbers
	return s.note(ctx, kept)
}

// note has the store know which entries are about its batches.
func (s *Sealer) note(ctx context.Context, kept *store.Store) (int, error) {
	noted := len(s.written.batches)
	if err := kept.Seal(ctx, s.written.batches, s.written.entries); err != nil {
		return 0, err
	}
	s.written.batches, s.written.entries = nil, nil
	return noted, nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
