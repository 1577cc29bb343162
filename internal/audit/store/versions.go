// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

// Version is what an object was like for some time.
type Version struct {
	Kind, UID, Namespace, Name string
	// Alias is another name to find it by; empty for none.
	Alias string
	// Generation of the object; 0 for kinds that have none.
	Generation int64
	// Since and Until bound the time, as far as it is known here. Until is zero while it is so.
	Since, Until time.Time
	// Document is the object in JSON. Nil, in a change: the object is gone since then.
	Document []byte
}

// Digest tells versions apart.
func (v *Version) Digest() [sha256.Size]byte { return sha256.Sum256(v.Document) }

// Standing is the version of an object that holds as far as is known.
type Standing struct {
	Kind   string
	Digest [sha256.Size]byte
	Since  time.Time
}

// Standing are the versions that hold, by uid.
func (s *Store) Standing(ctx context.Context) (map[string]Standing, error) {
	all := map[string]Standing{}
	err := each(ctx, s.db, "SELECT kind, uid, digest, since FROM versions WHERE until IS NULL", nil, func(rows *sql.Rows) error {
		var (
			kind, uid string
			digest    []byte
			since     int64
		)
		err := rows.Scan(&kind, &uid, &digest, &since)
		if err == nil {
			all[uid] = Standing{Kind: kind, Digest: [sha256.Size]byte(digest), Since: time.UnixMicro(since)}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look into the audit store: %w", err)
	}
	return all, nil
}

// recording is the mark of when objects were first recorded.
const recording = "recording"

// BeginRecording notes that from now on it is recorded what objects are like, unless it was before.
func (s *Store) BeginRecording(ctx context.Context, now time.Time) error {
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO marks (name, at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", recording, moment(now))
		return err
	})
	if err != nil {
		return fmt.Errorf("write to the audit store: %w", err)
	}
	return nil
}

// RecordingSince is since when it is recorded what objects are like; zero where it is not yet.
func (s *Store) RecordingSince(ctx context.Context) (since time.Time, err error) {
	err = each(ctx, s.db, "SELECT at FROM marks WHERE name = $1", []any{recording}, func(rows *sql.Rows) error {
		var at int64
		err := rows.Scan(&at)
		since = time.UnixMicro(at)
		return err
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("look into the audit store: %w", err)
	}
	return since, nil
}

// Certificate is one that was issued in a Session.
type Certificate struct {
	// Fingerprint is the SHA-256 of its DER, in lowercase hex.
	Fingerprint string
	// Session is the uid of the Session.
	Session  string
	NotAfter time.Time
	// Document is what is known of it, in JSON.
	Document []byte
}

// Record keeps what objects have become, in the order given, and certificates. Each change ends the version before.
func (s *Store) Record(ctx context.Context, changes []Version, certificates []Certificate) error {
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for i := range changes {
			if err := s.change(ctx, tx, &changes[i]); err != nil {
				return err
			}
		}
		for _, c := range certificates {
			_, err := tx.ExecContext(ctx, `INSERT INTO certificates (fingerprint, session, not_after, document) VALUES ($1, $2, $3, $4)
				ON CONFLICT (fingerprint) DO NOTHING`, c.Fingerprint, c.Session, moment(c.NotAfter), s.codec.compress(c.Document))
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

func (s *Store) change(ctx context.Context, tx *sql.Tx, v *Version) error {
	_, err := tx.ExecContext(ctx, "UPDATE versions SET until = $1 WHERE kind = $2 AND uid = $3 AND until IS NULL",
		moment(v.Since), v.Kind, v.UID)
	if err != nil || v.Document == nil {
		return err
	}
	digest := v.Digest()
	// The same again is no error: what recorded it may have failed to hear that it was.
	_, err = tx.ExecContext(ctx, `INSERT INTO versions (kind, uid, since, namespace, name, alias, generation, digest, document)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (kind, uid, since) DO UPDATE SET until = NULL, digest = excluded.digest, document = excluded.document,
		generation = excluded.generation, alias = excluded.alias`,
		v.Kind, v.UID, moment(v.Since), v.Namespace, v.Name, column(v.Alias), v.Generation, digest[:], s.codec.compress(v.Document))
	return err
}

const selectVersions = "SELECT kind, uid, namespace, name, alias, generation, since, until, digest, document FROM versions WHERE "

// Named are the versions of a kind and name, of whatever objects had it, that held at any time between two, the newest first.
func (s *Store) Named(ctx context.Context, kind, namespace, name string, from, to time.Time) ([]Version, error) {
	return s.versions(ctx, `kind = $1 AND namespace = $2 AND name = $3 AND since <= $4 AND (until IS NULL OR until >= $5)`,
		kind, namespace, name, moment(to), moment(from))
}

// Called are the versions of a kind by their alias, that held at any time between two, the newest first.
func (s *Store) Called(ctx context.Context, kind, alias string, from, to time.Time) ([]Version, error) {
	return s.versions(ctx, `kind = $1 AND alias = $2 AND alias <> '' AND since <= $3 AND (until IS NULL OR until >= $4)`,
		kind, column(alias), moment(to), moment(from))
}

// Of are the versions of one object, the newest first.
func (s *Store) Of(ctx context.Context, kind, uid string) ([]Version, error) {
	return s.versions(ctx, "kind = $1 AND uid = $2", kind, uid)
}

// Latest is the version of an object that holds; nil where none does.
func (s *Store) Latest(ctx context.Context, kind, uid string) (*Version, error) {
	found, err := s.versions(ctx, "kind = $1 AND uid = $2 AND until IS NULL", kind, uid)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// Held are versions that held at a time, and the time around it for which that is so.
type Held struct {
	Versions []Version
	// Since and Until are when something last and next happened to any of the kinds; zero where it did not.
	Since, Until time.Time
}

// At are the versions of some kinds that held at a time.
func (s *Store) At(ctx context.Context, kinds []string, at time.Time) (Held, error) {
	var held Held
	for _, kind := range kinds {
		query := selectVersions + "kind = $1 AND since <= $2 AND (until IS NULL OR until > $2) ORDER BY namespace, name"
		err := each(ctx, s.db, query, []any{kind, moment(at)}, func(rows *sql.Rows) error {
			v, err := s.version(rows)
			held.Versions = append(held.Versions, v)
			return err
		})
		if err != nil {
			return Held{}, fmt.Errorf("look into the audit store: %w", err)
		}
		before, after, err := s.around(ctx, kind, at)
		if err != nil {
			return Held{}, err
		}
		if before.After(held.Since) {
			held.Since = before
		}
		held.Until = sooner(held.Until, after)
	}
	return held, nil
}

// sooner is the first of two times, of which one may be zero.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Next is when something first happened to some kinds after a time; zero where nothing has.
func (s *Store) Next(ctx context.Context, kinds []string, after time.Time) (next time.Time, err error) {
	for _, kind := range kinds {
		_, found, err := s.around(ctx, kind, after)
		if err != nil {
			return time.Time{}, err
		}
		next = sooner(next, found)
	}
	return next, nil
}

// around is when a kind last changed until a time, and next after it; zero where it did not.
func (s *Store) around(ctx context.Context, kind string, at time.Time) (before, after time.Time, err error) {
	err = each(ctx, s.db, `SELECT
		(SELECT MAX(since) FROM versions WHERE kind = $1 AND since <= $2), (SELECT MAX(until) FROM versions WHERE kind = $1 AND until <= $2),
		(SELECT MIN(since) FROM versions WHERE kind = $1 AND since > $2), (SELECT MIN(until) FROM versions WHERE kind = $1 AND until > $2)`,
		[]any{kind, moment(at)}, func(rows *sql.Rows) error {
			var begun, ended, begins, ends sql.NullInt64
			if err := rows.Scan(&begun, &ended, &begins, &ends); err != nil {
				return err
			}
			if latest := max(begun.Int64, ended.Int64); latest > 0 {
				before = time.UnixMicro(latest)
			}
			for _, next := range []sql.NullInt64{begins, ends} {
				if next.Valid {
					after = sooner(after, time.UnixMicro(next.Int64))
				}
			}
			return nil
		})
	if err != nil {
		return before, after, fmt.Errorf("look into the audit store: %w", err)
	}
	return before, after, nil
}

// mostVersions bounds an answer.
const mostVersions = 256

func (s *Store) versions(ctx context.Context, condition string, args ...any) ([]Version, error) {
	var all []Version
	query := fmt.Sprintf("%s%s ORDER BY since DESC LIMIT %d", selectVersions, condition, mostVersions)
	err := each(ctx, s.db, query, args, func(rows *sql.Rows) error {
		v, err := s.version(rows)
		all = append(all, v)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look into the audit store: %w", err)
	}
	return slices.Clip(all), nil
}

func (s *Store) version(rows *sql.Rows) (v Version, err error) {
	var (
		since              int64
		until              sql.NullInt64
		digest, compressed []byte
	)
	err = rows.Scan(&v.Kind, &v.UID, &v.Namespace, &v.Name, &v.Alias, &v.Generation, &since, &until, &digest, &compressed)
	if err != nil {
		return v, err
	}
	v.Since = time.UnixMicro(since)
	if until.Valid {
		v.Until = time.UnixMicro(until.Int64)
	}
	if v.Document, err = s.codec.decompress(compressed); err != nil {
		return v, fmt.Errorf("%w: a version of %s %s: %w", ErrChanged, v.Kind, v.Name, err)
	}
	if kept := v.Digest(); !bytes.Equal(kept[:], digest) {
		return v, fmt.Errorf("%w: a version of %s %s has not the digest that was kept with it", ErrChanged, v.Kind, v.Name)
	}
	return v, nil
}

// Certificate is the one of a fingerprint, if it is known.
func (s *Store) Certificate(ctx context.Context, fingerprint string) (found Certificate, known bool, err error) {
	var (
		notAfter   int64
		compressed []byte
	)
	found.Fingerprint = fingerprint
	err = each(ctx, s.db, "SELECT session, not_after, document FROM certificates WHERE fingerprint = $1", []any{column(fingerprint)},
		func(rows *sql.Rows) error {
			known = true
			return rows.Scan(&found.Session, &notAfter, &compressed)
		})
	if err == nil && known {
		found.NotAfter = time.UnixMicro(notAfter)
		if found.Document, err = s.codec.decompress(compressed); err != nil {
			err = fmt.Errorf("%w: certificate %s: %w", ErrChanged, fingerprint, err)
		}
	}
	if err != nil {
		return Certificate{}, false, fmt.Errorf("look into the audit store: %w", err)
	}
	return found, known, nil
}
