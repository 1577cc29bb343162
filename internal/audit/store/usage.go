// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

// Unweighed is what people did, of one batch.
type Unweighed struct {
	Batch int64
	Deeds []usage.Deed
}

// Day is what somebody did on one day.
type Day struct {
	// Day is its begin, in UTC.
	Day                 time.Time
	Username            string
	Requests, Forbidden int64
}

// queue keeps what people did until it is weighed. Nothing was done later than it is told: where a clock says so it is wrong, and a Grant
// would be in use until then.
func (s *Store) queue(ctx context.Context, tx *sql.Tx, batch int64, lines []audit.Line, now time.Time) error {
	deeds := usage.Collect(lines)
	if len(deeds) == 0 {
		return nil
	}
	for i := range deeds {
		for _, at := range []*time.Time{&deeds[i].First, &deeds[i].Last} {
			if at.After(now.Add(early)) {
				*at = now
			}
		}
	}
	document, err := json.Marshal(deeds)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO deeds (batch, document) VALUES ($1, $2)", batch, s.codec.compress(document))
	return err
}

// mostDeeds is of how many deeds no more batches are read: a batch may have tens of thousands, and all are in memory at once.
const mostDeeds = 20_000

// ahead is how far a batch's number is from now that was given by a clock which was wrong, once: nobody waits for that time to come.
const ahead = time.Hour

// Unweighed are the oldest batches received until a time that were not weighed yet, so many at most, and fewer where these are large.
func (s *Store) Unweighed(ctx context.Context, until time.Time, most int) ([]Unweighed, error) {
	var all []Unweighed
	deeds := 0
	err := each(ctx, s.db, `SELECT batch, document FROM deeds WHERE batch <= $1 OR batch > $2 ORDER BY batch LIMIT $3`,
		[]any{moment(until), moment(until.Add(ahead)), most},
		func(rows *sql.Rows) error {
			if deeds >= mostDeeds {
				return nil
			}
			var (
				u          Unweighed
				compressed []byte
			)
			if err := rows.Scan(&u.Batch, &compressed); err != nil {
				return err
			}
			document, err := s.codec.decompress(compressed)
			if err == nil {
				err = json.Unmarshal(document, &u.Deeds)
			}
			if err != nil {
				return fmt.Errorf("%w: what people did, of batch %d: %w", ErrChanged, u.Batch, err)
			}
			all, deeds = append(all, u), deeds+len(u.Deeds)
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("look into the audit store: %w", err)
	}
	return all, nil
}

// Backlog is when the oldest of what was not weighed yet was received; zero where all was.
func (s *Store) Backlog(ctx context.Context) (oldest time.Time, err error) {
	err = each(ctx, s.db, "SELECT MIN(batch) FROM deeds", nil, func(rows *sql.Rows) error {
		var batch sql.NullInt64
		err := rows.Scan(&batch)
		if batch.Valid {
			oldest = time.UnixMicro(batch.Int64)
		}
		return err
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("look into the audit store: %w", err)
	}
	return oldest, nil
}

// weighing is the name, to PostgreSQL, of the lock of whoever counts uses: any number that nobody else takes.
const weighing = 0x726f6c6c63616c6c

// ErrWeighed is returned where another one was faster.
var ErrWeighed = errors.New("some of it was weighed, or removed, by now")

// Weighed adds to what was done by Grants and on days what there is in batches, which are not Unweighed from then on: each counts once.
func (s *Store) Weighed(ctx context.Context, batches []int64, uses []usage.Use, days []Day) error {
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if !s.single { // A leader that is not one any more may be at it, too.
			if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", weighing); err != nil {
				return err
			}
		}
		ids := make([]any, len(batches))
		for i, id := range batches {
			ids[i] = id
		}
		result, err := tx.ExecContext(ctx, s.with("DELETE FROM deeds WHERE batch IN ", 1, len(ids)), ids...)
		if err != nil {
			return err
		}
		if gone, err := result.RowsAffected(); err != nil || gone != int64(len(batches)) {
			return errors.Join(err, ErrWeighed)
		}
		for i := range uses {
			if err := addUse(ctx, tx, uses[i]); err != nil {
				return err
			}
		}
		return addDays(ctx, tx, days)
	})
	if err != nil {
		return fmt.Errorf("write to the audit store: %w", err)
	}
	return nil
}

const selectUses = "SELECT grant_uid, username, action, names, unnamed, requests, first_use, last_use, needed FROM uses WHERE "

func addUse(ctx context.Context, tx *sql.Tx, use usage.Use) error {
	use.Username = column(use.Username)
	action, err := json.Marshal(use.Action)
	if err != nil {
		return err
	}
	before, err := uses(ctx, tx, selectUses+"grant_uid = $1 AND username = $2 AND action = $3", use.Grant, use.Username, string(action))
	if err != nil {
		return err
	}
	for i := range before {
		use.Add(&before[i])
	}
	names, err := json.Marshal(use.Names)
	if err != nil {
		return err
	}
	unnamed, needed := 0, sql.NullInt64{}
	if use.Unnamed {
		unnamed = 1
	}
	if use.Needed != nil {
		needed = sql.NullInt64{Int64: moment(use.Needed.Time), Valid: true}
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO uses (grant_uid, username, action, names, unnamed, requests, first_use, last_use, needed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (grant_uid, username, action) DO UPDATE SET names = excluded.names, unnamed = excluded.unnamed,
		requests = excluded.requests, first_use = excluded.first_use, last_use = excluded.last_use, needed = excluded.needed`,
		use.Grant, use.Username, string(action), string(names), unnamed, use.Requests, moment(use.First.Time), moment(use.Last.Time), needed)
	return err
}

func addDays(ctx context.Context, tx *sql.Tx, days []Day) error {
	for _, d := range days {
		_, err := tx.ExecContext(ctx, `INSERT INTO days (day, username, requests, forbidden) VALUES ($1, $2, $3, $4)
			ON CONFLICT (day, username) DO UPDATE SET requests = days.requests + excluded.requests,
			forbidden = days.forbidden + excluded.forbidden`, dayOf(d.Day), column(d.Username), d.Requests, d.Forbidden)
		if err != nil {
			return err
		}
	}
	return nil
}

func uses(ctx context.Context, q querier, query string, args ...any) ([]usage.Use, error) {
	var all []usage.Use
	err := each(ctx, q, query, args, func(rows *sql.Rows) error {
		var (
			u                   usage.Use
			action, names       string
			unnamed, begun, end int64
			needed              sql.NullInt64
		)
		err := rows.Scan(&u.Grant, &u.Username, &action, &names, &unnamed, &u.Requests, &begun, &end, &needed)
		if err != nil {
			return err
		}
		u.Unnamed, u.First, u.Last, u.Needed = unnamed == 1, *when(begun), *when(end), whenever(needed)
		if err := errors.Join(json.Unmarshal([]byte(action), &u.Action), json.Unmarshal([]byte(names), &u.Names)); err != nil {
			return fmt.Errorf("%w: what was used: %w", ErrChanged, err)
		}
		all = append(all, u)
		return nil
	})
	return all, err
}

func when(micros int64) *metav1.Time { return &metav1.Time{Time: time.UnixMicro(micros).UTC()} }

func whenever(micros sql.NullInt64) *metav1.Time {
	if !micros.Valid {
		return nil
	}
	return when(micros.Int64)
}

// UsesOfGrant is what was done since a time with the access that a Grant gives, by username and action.
func (s *Store) UsesOfGrant(ctx context.Context, uid string, since time.Time) ([]usage.Use, error) {
	return s.uses(ctx, selectUses+"grant_uid = $1 AND last_use >= $2", uid, moment(since))
}

// UsesOf is what some people did since a time, by Grant, username and action.
func (s *Store) UsesOf(ctx context.Context, usernames []string, since time.Time) ([]usage.Use, error) {
	if len(usernames) == 0 {
		return nil, nil
	}
	args := make([]any, 0, len(usernames))
	for _, name := range usernames {
		args = append(args, column(name))
	}
	all, err := s.uses(ctx, s.with(selectUses+"username IN ", 1, len(args)), args...)
	recent := all[:0]
	for i := range all {
		if !all[i].Last.Time.Before(since) {
			recent = append(recent, all[i])
		}
	}
	return recent, err
}

func (s *Store) uses(ctx context.Context, query string, args ...any) ([]usage.Use, error) {
	all, err := uses(ctx, s.db, query, args...)
	if err != nil {
		return nil, fmt.Errorf("look into the audit store: %w", err)
	}
	usage.Sort(all)
	return all, nil
}

// Totals are what was done with the access of each Grant, by uid. Requests and people count where they did something since a time.
func (s *Store) Totals(ctx context.Context, since time.Time) (map[string]usage.Total, error) {
	all := map[string]usage.Total{}
	err := each(ctx, s.db, `SELECT grant_uid, SUM(CASE WHEN last_use >= $1 THEN requests ELSE 0 END),
		COUNT(DISTINCT CASE WHEN last_use >= $1 THEN username END), MAX(last_use), MAX(needed)
		FROM uses WHERE grant_uid <> '' GROUP BY grant_uid`, []any{moment(since)}, func(rows *sql.Rows) error {
		var (
			grant        string
			t            usage.Total
			last, needed sql.NullInt64
		)
		err := rows.Scan(&grant, &t.Requests, &t.People, &last, &needed)
		t.Last, t.Needed = whenever(last), whenever(needed)
		all[grant] = t
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look into the audit store: %w", err)
	}
	return all, nil
}

// Days are how much people did each day since a time, by day and username.
func (s *Store) Days(ctx context.Context, since time.Time) ([]Day, error) {
	var all []Day
	err := each(ctx, s.db, "SELECT day, username, requests, forbidden FROM days WHERE day >= $1 ORDER BY day, username",
		[]any{dayOf(since)}, func(rows *sql.Rows) error {
			var (
				d      Day
				number int64
			)
			err := rows.Scan(&number, &d.Username, &d.Requests, &d.Forbidden)
			d.Day = time.Unix(number*secondsADay, 0).UTC()
			all = append(all, d)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("look into the audit store: %w", err)
	}
	return all, nil
}

const secondsADay = 24 * 60 * 60

// dayOf counts days since 1970.
func dayOf(t time.Time) int64 { return t.Unix() / secondsADay }
