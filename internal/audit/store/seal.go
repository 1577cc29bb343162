// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
)

// Batch is what came together.
type Batch struct {
	ID     int64
	Server string
	Events int64
	// Digest of its lines: audit.Root.
	Digest []byte
}

// Unsealed are the oldest batches that no entry of the ledger is about, so many at most.
func (s *Store) Unsealed(ctx context.Context, most int) ([]Batch, error) {
	var all []Batch
	err := each(ctx, s.db, "SELECT id, server, events, digest FROM batches WHERE entry IS NULL ORDER BY id LIMIT $1", []any{most},
		func(rows *sql.Rows) error {
			var b Batch
			err := rows.Scan(&b.ID, &b.Server, &b.Events, &b.Digest)
			all = append(all, b)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("look into the audit store: %w", err)
	}
	return all, nil
}

// Seal notes which entries of the ledger are about batches.
func (s *Store) Seal(ctx context.Context, batches []Batch, entries []uint64) error {
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for i := range batches {
			number := int64(entries[i]) //nolint:gosec // There are not as many entries.
			_, err := tx.ExecContext(ctx, "UPDATE batches SET entry = $1 WHERE id = $2", number, batches[i].ID)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write to the audit store: %w", err)
	}
	return nil
}
