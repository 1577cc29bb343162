// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

// Watches are what is known of the API servers that are there, and of those that left, by address and time.
func (s *Store) Watches(ctx context.Context) ([]usage.Watch, error) {
	var all []usage.Watch
	err := each(ctx, s.db, "SELECT address, listed, gone, since, until, started, errors FROM watches ORDER BY address, listed", nil,
		func(rows *sql.Rows) error {
			var (
				w                                   usage.Watch
				listed                              int64
				gone, since, until, started, errors sql.Null[int64]
			)
			err := rows.Scan(&w.Address, &listed, &gone, &since, &until, &started, &errors)
			w.Listed, w.Left, w.Errors = time.UnixMicro(listed), timeOf(gone), errors.V
			w.Since, w.Until, w.Started = timeOf(since), timeOf(until), timeOf(started)
			all = append(all, w)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("look into the audit store: %w", err)
	}
	return all, nil
}

// Gaps are those of a time: what began before and went on is among them.
func (s *Store) Gaps(ctx context.Context, since, until time.Time) ([]usage.Gap, error) {
	var all []usage.Gap
	err := each(ctx, s.db, `SELECT address, reason, since, until, lost FROM gaps WHERE until > $1 AND since < $2
		ORDER BY since, address, reason, until`, []any{moment(since), moment(until)}, func(rows *sql.Rows) error {
		var (
			g          usage.Gap
			begin, end int64
		)
		err := rows.Scan(&g.Server, &g.Reason, &begin, &end, &g.Lost)
		g.Since, g.Until = metav1.NewTime(time.UnixMicro(begin)), metav1.NewTime(time.UnixMicro(end))
		all = append(all, g)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look into the audit store: %w", err)
	}
	return all, nil
}

// Watch keeps what is known of API servers, and gaps. It may be told again, and what is older than what is kept changes nothing. Since is
// kept as it was told first, or as Prune left it.
func (s *Store) Watch(ctx context.Context, watches []usage.Watch, gaps []usage.Gap) error {
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for i := range watches {
			w := &watches[i]
			started, errors := momentOf(w.Started), sql.Null[int64]{V: w.Errors, Valid: !w.Until.IsZero()}
			_, err := tx.ExecContext(ctx, `INSERT INTO watches (address, listed, gone, since, until, started, errors)
				VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (address, listed) DO UPDATE SET gone = excluded.gone,
				since = COALESCE(watches.since, excluded.since), until = excluded.until, started = excluded.started,
				errors = excluded.errors WHERE watches.until IS NULL OR excluded.until >= watches.until`,
				column(w.Address), moment(w.Listed), momentOf(w.Left), momentOf(w.Since), momentOf(w.Until), started, errors)
			if err != nil {
				return err
			}
		}
		for i := range gaps {
			g := &gaps[i]
			_, err := tx.ExecContext(ctx, `INSERT INTO gaps (address, reason, since, until, lost) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (address, reason, since, until) DO NOTHING`,
				column(g.Server), column(g.Reason), moment(g.Since.Time), moment(g.Until.Time), g.Lost)
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

// Arrived says whether there is any event of an audit id. Unlike Events it reads none.
func (s *Store) Arrived(ctx context.Context, auditID string) (found bool, err error) {
	first, last := audit.Range(auditID)
	err = each(ctx, s.db, "SELECT 1 FROM events WHERE id >= $1 AND id <= $2 LIMIT 1", []any{first[:], last[:]},
		func(*sql.Rows) error {
			found = true
			return nil
		})
	if err != nil {
		return false, fmt.Errorf("look into the audit store: %w", err)
	}
	return found, nil
}

// momentOf is a time as it is kept where there may be none.
func momentOf(t time.Time) sql.Null[int64] {
	if t.IsZero() {
		return sql.Null[int64]{}
	}
	return sql.Null[int64]{V: moment(t), Valid: true}
}

func timeOf(kept sql.Null[int64]) time.Time {
	if !kept.Valid {
		return time.Time{}
	}
	return time.UnixMicro(kept.V)
}
