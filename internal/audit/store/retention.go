// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Retention says what is kept.
type Retention struct {
	// Since is from when on everything is kept; what is older goes.
	Since time.Time
	// Size is how many bytes there may be, about; 0 for any number. The oldest events go first.
	Size int64
}

// dropped is how many batches go in one transaction: others wait for it.
const dropped = 64

// Prune removes what need not be kept, and returns how many events that were. It may be called at any time.
func (s *Store) Prune(ctx context.Context, keep Retention) (events int64, err error) {
	for {
		gone, more, err := s.drop(ctx, keep)
		events += gone
		if err != nil {
			return events, fmt.Errorf("remove old events from the audit store: %w", err)
		}
		if !more {
			break
		}
	}
	err = s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, statement := range []string{
			"DELETE FROM versions WHERE until IS NOT NULL AND until < $1",
			"DELETE FROM certificates WHERE not_after < $1",
			"DELETE FROM entries WHERE not_after < $1",
			"DELETE FROM sightings WHERE at < $1",
			"DELETE FROM uses WHERE last_use < $1",
			"DELETE FROM deeds WHERE batch < $1",
			"DELETE FROM gaps WHERE until < $1",
			"DELETE FROM watches WHERE gone < $1",
			"UPDATE watches SET since = $1 WHERE since < $1", // The gaps before are forgotten.
		} {
			if _, err := tx.ExecContext(ctx, statement, moment(keep.Since)); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM days WHERE day < $1", dayOf(keep.Since))
		return err
	})
	if err != nil {
		return events, fmt.Errorf("remove old versions from the audit store: %w", err)
	}
	return events, nil
}

// drop removes the oldest batches that need not be kept. More says that there may be others.
func (s *Store) drop(ctx context.Context, keep Retention) (events int64, more bool, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		excess := int64(0)
		if keep.Size > 0 {
			var total int64
			if err := tx.QueryRowContext(ctx, "SELECT COALESCE(SUM(size), 0) FROM batches").Scan(&total); err != nil {
				return err
			}
			excess = total - keep.Size
		}
		events = 0
		var old []any
		err := each(ctx, tx, "SELECT id, size FROM batches ORDER BY id LIMIT $1", []any{dropped}, func(rows *sql.Rows) error {
			var id, size int64
			err := rows.Scan(&id, &size)
			if id < moment(keep.Since) || excess > 0 {
				old = append(old, id)
				excess -= size
			}
			return err
		})
		if err != nil || len(old) == 0 {
			return err
		}
		more = len(old) == dropped
		result, err := tx.ExecContext(ctx, s.with("DELETE FROM events WHERE batch IN ", 1, len(old)), old...)
		if err != nil {
			return err
		}
		if events, err = result.RowsAffected(); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, s.with("DELETE FROM batches WHERE id IN ", 1, len(old)), old...)
		return err
	})
	return events, more, err
}
