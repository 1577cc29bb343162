// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Issued is which entry of a ledger says that a certificate was issued.
type Issued struct {
	// Fingerprint is the SHA-256 of its DER, in lowercase hex.
	Fingerprint string
	Number      uint64
	NotAfter    time.Time
}

// Followed is how many entries of a ledger, from its first, were told to Follow.
func (s *Store) Followed(ctx context.Context, ledger string) (next uint64, err error) {
	err = each(ctx, s.db, "SELECT next FROM ledgers WHERE name = $1", []any{ledger}, func(rows *sql.Rows) error {
		var kept int64
		err := rows.Scan(&kept)
		next = uint64(kept) //nolint:gosec // It was one.
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("look into the audit store: %w", err)
	}
	return next, nil
}

// Follow keeps what there was of certificates among the entries of a ledger, up to next. The first entry about one counts. It may be told
// again.
func (s *Store) Follow(ctx context.Context, ledger string, next uint64, issued []Issued) error {
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, i := range issued {
			_, err := tx.ExecContext(ctx, `INSERT INTO entries (ledger, fingerprint, number, not_after) VALUES ($1, $2, $3, $4)
				ON CONFLICT (ledger, fingerprint) DO NOTHING`,
				ledger, column(i.Fingerprint), int64(i.Number), moment(i.NotAfter)) //nolint:gosec // There are not as many entries.
			if err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO ledgers (name, next) VALUES ($1, $2)
			ON CONFLICT (name) DO UPDATE SET next = excluded.next WHERE excluded.next > ledgers.next`,
			ledger, int64(next)) //nolint:gosec // There are not as many entries.
		return err
	})
	if err != nil {
		return fmt.Errorf("write to the audit store: %w", err)
	}
	return nil
}

// Issuance is the entry of a ledger that says that a certificate was issued, if one is known.
func (s *Store) Issuance(ctx context.Context, ledger, fingerprint string) (number uint64, known bool, err error) {
	err = each(ctx, s.db, "SELECT number FROM entries WHERE ledger = $1 AND fingerprint = $2", []any{ledger, column(fingerprint)},
		func(rows *sql.Rows) error {
			var kept int64
			err := rows.Scan(&kept)
			number, known = uint64(kept), true //nolint:gosec // It was one.
			return err
		})
	if err != nil {
		return 0, false, fmt.Errorf("look into the audit store: %w", err)
	}
	return number, known, nil
}
