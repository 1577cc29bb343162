// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rollcall-iam/rollcall/internal/audit"
)

// Record is an event that is kept.
type Record struct {
	audit.Line

	// Server is the API server that told it.
	Server string
	// Batch and Number say where it is kept: which line of what came together, which is told by when it was received.
	Batch  int64
	Number int
	// Entry of the ledger that has the digest of what came together; nil where there is none.
	Entry *uint64
}

// Received is when it came.
func (r Record) Received() time.Time { return time.UnixMicro(r.Batch) }

// place is where an event is.
type place struct {
	batch int64
	line  int
}

// MostEvents is how many events of one audit id are told.
const MostEvents = 256

// Event is the one of a key; nil where it is not kept.
func (s *Store) Event(ctx context.Context, key audit.Key) (*Record, error) {
	found, err := s.records(ctx, "SELECT batch, line FROM events WHERE id = $1", key[:])
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// Events are the newest of an audit id, by time, MostEvents and one more at most. There may be several: of one request, and of clients that
// choose their audit ids.
func (s *Store) Events(ctx context.Context, auditID string) ([]Record, error) {
	first, last := audit.Range(auditID)
	found, err := s.records(ctx, "SELECT batch, line FROM events WHERE id >= $1 AND id <= $2 ORDER BY at DESC, id LIMIT $3",
		first[:], last[:], MostEvents+1)
	slices.Reverse(found)
	kept := found[:0]
	for _, record := range found {
		if string(record.Event.AuditID) == auditID {
			kept = append(kept, record)
		}
	}
	return kept, err
}

// Activity is what was done in some name, by whoever it is or as whoever was impersonated: the newest first, so many at most.
func (s *Store) Activity(ctx context.Context, username string, since, until time.Time, most int) ([]Record, error) {
	return s.records(ctx, `SELECT batch, line FROM (
		SELECT batch, line, at, id FROM events WHERE username = $1 AND at >= $2 AND at < $3
		UNION SELECT batch, line, at, id FROM events WHERE impersonated = $1 AND impersonated <> '' AND at >= $2 AND at < $3
		) AS both_of_them ORDER BY at DESC, id LIMIT $4`, column(username), moment(since), moment(until), most)
}

// Include shows that an event is among those that it is kept with.
func (s *Store) Include(ctx context.Context, r *Record) (audit.Inclusion, error) {
	kept, err := s.batch(ctx, r.Batch)
	if err != nil {
		return audit.Inclusion{}, err
	}
	return audit.Include(kept.lines, uint64(r.Number)) //nolint:gosec // The number of a line.
}

func (s *Store) records(ctx context.Context, query string, args ...any) ([]Record, error) {
	var places []place
	err := each(ctx, s.db, query, args, func(rows *sql.Rows) error {
		var p place
		err := rows.Scan(&p.batch, &p.line)
		places = append(places, p)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look into the audit store: %w", err)
	}
	records := make([]Record, 0, len(places))
	batches := map[int64]batch{}
	for _, p := range places {
		opened, known := batches[p.batch]
		if !known {
			if opened, err = s.batch(ctx, p.batch); errors.Is(err, sql.ErrNoRows) {
				continue // It was old, and went a moment ago.
			} else if err != nil {
				return nil, err
			}
			clear(batches) // One at a time: they are large, and neighbours are mostly of one.
			batches[p.batch] = opened
		}
		record, err := opened.record(p)
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	return records, nil
}

// batch is what came together.
type batch struct {
	server string
	lines  []byte
	entry  *uint64
}

// ErrChanged is returned where what is kept is not what was written.
var ErrChanged = errors.New("the audit store was changed")

func (s *Store) batch(ctx context.Context, id int64) (b batch, err error) {
	var (
		digest, compressed []byte
		entry              sql.Null[int64]
	)
	row := s.db.QueryRowContext(ctx, "SELECT server, digest, lines, entry FROM batches WHERE id = $1", id)
	if err := row.Scan(&b.server, &digest, &compressed, &entry); err != nil {
		return b, fmt.Errorf("look into the audit store: %w", err)
	}
	if entry.Valid {
		b.entry = new(uint64(entry.V)) //nolint:gosec // A number of an entry.
	}
	if b.lines, err = s.codec.decompress(compressed); err != nil {
		return b, fmt.Errorf("%w: batch %d: %w", ErrChanged, id, err)
	}
	if audit.Root(b.lines) != [sha256.Size]byte(digest) {
		return b, fmt.Errorf("%w: batch %d has not the digest that was kept with it", ErrChanged, id)
	}
	return b, nil
}

func (b batch) record(p place) (Record, error) {
	raw, err := lineOf(b.lines, p.line)
	if err != nil {
		return Record{}, err
	}
	line, err := audit.ReadLine(bytes.Clone(raw)) // The others of the batch are not kept in memory with it.
	if err != nil {
		return Record{}, fmt.Errorf("%w: line %d of batch %d: %w", ErrChanged, p.line, p.batch, err)
	}
	return Record{Line: line, Server: b.server, Batch: p.batch, Number: p.line, Entry: b.entry}, nil
}
