// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-iam/rollcall/internal/audit"
)

const (
	// rowSQLite and rowPostgres are about what the rows of an event take, in bytes, with their indexes.
	rowSQLite, rowPostgres = 180, 260
	// chunk is how many rows go into one statement: SQLite takes 32,766 parameters, PostgreSQL 65,535.
	chunk = 1000
	// early is how far ahead of us a server's clock may be before its times are not believed.
	early = time.Minute
)

// Append keeps the events that it does not know yet, and returns how many there were. They are durable when it returns.
func (s *Store) Append(ctx context.Context, server string, lines []audit.Line, now time.Time) (fresh int, err error) {
	err = s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		unknown, err := s.unknown(ctx, tx, lines)
		if err != nil {
			return err
		}
		fresh = len(unknown)
		if fresh > 0 {
			if err := s.insert(ctx, tx, server, unknown, now); err != nil {
				return err
			}
		}
		return count(ctx, tx, server, unknown, len(lines)-fresh, now)
	})
	if err != nil {
		return 0, fmt.Errorf("write to the audit store: %w", err)
	}
	return fresh, nil
}

// unknown are the lines that are not kept yet, each once.
func (s *Store) unknown(ctx context.Context, tx *sql.Tx, lines []audit.Line) ([]audit.Line, error) {
	known := make(map[audit.Key]bool, len(lines))
	for part := range slices.Chunk(lines, chunk) {
		keys := make([]any, len(part))
		for i := range part {
			keys[i] = part[i].Key[:]
		}
		if err := each(ctx, tx, s.with("SELECT id FROM events WHERE id IN ", 1, len(keys)), keys, func(rows *sql.Rows) error {
			var id []byte
			err := rows.Scan(&id)
			known[audit.Key(id)] = true
			return err
		}); err != nil {
			return nil, err
		}
	}
	left := make([]audit.Line, 0, len(lines))
	for _, line := range lines {
		if !known[line.Key] {
			known[line.Key] = true
			left = append(left, line)
		}
	}
	return left, nil
}

func (s *Store) insert(ctx context.Context, tx *sql.Tx, server string, lines []audit.Line, now time.Time) error {
	plain := joined(lines)
	digest, compressed := audit.Root(plain), s.codec.compress(plain)
	id, err := next(ctx, tx, now)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO batches (id, server, events, size, digest, lines) VALUES ($1, $2, $3, $4, $5, $6)",
		id, server, len(lines), len(compressed)+len(lines)*s.rowSize(), digest[:], compressed)
	if err != nil {
		return err
	}
	const columns = 6
	at := 0
	for part := range slices.Chunk(lines, chunk) {
		values := make([]any, 0, len(part)*columns)
		for i := range part {
			e := &part[i].Event
			values = append(values, part[i].Key[:], id, at, moment(e.RequestReceivedTimestamp.Time),
				column(e.User.Username), column(audit.Impersonated(e)))
			at++
		}
		_, err := tx.ExecContext(ctx,
			s.with("INSERT INTO events (id, batch, line, at, username, impersonated) VALUES ", len(part), columns), values...)
		if err != nil {
			return err
		}
	}
	if err := s.queue(ctx, tx, id, lines, now); err != nil {
		return err
	}
	return note(ctx, tx, lines, now)
}

func (s *Store) rowSize() int {
	if s.single {
		return rowSQLite
	}
	return rowPostgres
}

// next is the id of a batch: the time, or else what follows the last one, since clocks go back. What people did is waiting longer than
// batches that are removed.
func next(ctx context.Context, tx *sql.Tx, now time.Time) (id int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(last), 0) FROM
		(SELECT MAX(id) AS last FROM batches UNION ALL SELECT MAX(batch) AS last FROM deeds) AS ids`).Scan(&id)
	return max(moment(now), id+1), err
}

// sighted is somebody with a credential.
type sighted struct{ username, credential string }

// note keeps who was seen when. In order, so that two transactions do not wait for each other.
func note(ctx context.Context, tx *sql.Tx, lines []audit.Line, now time.Time) error {
	latest := map[sighted]time.Time{}
	for i := range lines {
		e := &lines[i].Event
		if e.User.Username == "" || strings.HasPrefix(e.User.Username, "system:") {
			continue
		}
		who := sighted{column(e.User.Username), column(audit.Credential(e))}
		at := e.RequestReceivedTimestamp.Time
		if !at.Before(now.Add(early)) {
			at = now // That clock, or ours, is wrong.
		}
		if at.After(latest[who]) {
			latest[who] = at
		}
	}
	order := slices.SortedFunc(maps.Keys(latest), func(a, b sighted) int {
		return cmp.Or(strings.Compare(a.username, b.username), strings.Compare(a.credential, b.credential))
	})
	for _, who := range order {
		_, err := tx.ExecContext(ctx, `INSERT INTO sightings (username, credential, at, noted) VALUES ($1, $2, $3, $4)
			ON CONFLICT (username, credential) DO UPDATE SET at = excluded.at, noted = excluded.noted WHERE excluded.at > sightings.at`,
			who.username, who.credential, moment(latest[who]), moment(now))
		if err != nil {
			return err
		}
	}
	return nil
}

// count keeps what a server has told.
func count(ctx context.Context, tx *sql.Tx, server string, lines []audit.Line, duplicates int, now time.Time) error {
	first, last := moment(now), int64(0)
	for i := range lines {
		at := min(moment(lines[i].Event.StageTimestamp.Time), moment(now))
		first, last = min(first, at), max(last, at)
	}
	if len(lines) == 0 {
		last = first
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO servers (name, events, duplicates, first_time, last_time) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (name) DO UPDATE SET events = servers.events + excluded.events, duplicates = servers.duplicates + excluded.duplicates,
		first_time = CASE WHEN excluded.first_time < servers.first_time THEN excluded.first_time ELSE servers.first_time END,
		last_time = CASE WHEN excluded.last_time > servers.last_time THEN excluded.last_time ELSE servers.last_time END`,
		server, len(lines), duplicates, first, last)
	return err
}

// querier is a database, or a transaction in it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// each calls a function for each row.
func each(ctx context.Context, q querier, query string, args []any, row func(*sql.Rows) error) (err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() {
		if closing := rows.Close(); err == nil {
			err = closing
		}
	}()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
