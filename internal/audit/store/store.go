// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package store keeps what was told by API servers, and what the objects were like at that time: in SQLite, or in PostgreSQL.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // The driver pgx.
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	_ "modernc.org/sqlite" // The driver sqlite.
)

const (
	schemeSQLite   = "sqlite"
	schemePostgres = "postgres"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is an open database. Its methods may be called at once.
type Store struct {
	db      *sql.DB
	dialect goose.Dialect
	// held keeps a second process from the file of SQLite.
	held *flock.Flock
	// writing lets one transaction write at a time: SQLite knows no other way, and waits better in here than in there.
	writing sync.Mutex
	single  bool
	codec   *codec
}

// Where says what a location is good for, without opening it: sqlite:PATH, or a URL of PostgreSQL, whose password does not belong in it.
func Where(location string) (scheme string, err error) {
	parsed, err := url.Parse(location)
	switch {
	case err != nil:
		return "", errors.New("is no URL") // The error quotes it, and with it a password.
	case parsed.Scheme == schemeSQLite && path(parsed) != "":
		return schemeSQLite, nil
	case parsed.Scheme == schemeSQLite:
		return "", errors.New("names no file: sqlite:/var/lib/rollcall/audit.db")
	case parsed.Scheme != schemePostgres && parsed.Scheme != "postgresql":
		return "", fmt.Errorf("begins with %q: it must be sqlite:PATH or postgres://USER@HOST/DATABASE", parsed.Scheme)
	}
	if _, secret := parsed.User.Password(); secret || parsed.Query().Has("password") || parsed.Query().Has("sslpassword") {
		return "", errors.New("has a password in it, which everybody sees who sees the process: set the environment variable PGPASSWORD")
	}
	return schemePostgres, nil
}

func path(parsed *url.URL) string { return parsed.Opaque + parsed.Path }

// Open opens a store, and brings its tables up to date. What cannot be reached is an error; it may be tried again.
func Open(ctx context.Context, location string) (*Store, error) {
	scheme, err := Where(location)
	if err != nil {
		return nil, fmt.Errorf("the audit store %w", err)
	}
	s := &Store{}
	if err := s.open(ctx, scheme, location); err != nil {
		return nil, errors.Join(fmt.Errorf("open the audit store: %w", err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, scheme, location string) (err error) {
	if s.codec, err = newCodec(); err != nil {
		return err
	}
	if scheme == schemeSQLite {
		err = s.openSQLite(location)
	} else {
		err = s.openPostgres(location)
	}
	if err != nil {
		return err
	}
	return s.migrate(ctx)
}

func (s *Store) openSQLite(location string) (err error) {
	parsed, err := url.Parse(location)
	if err != nil {
		return err
	}
	file := path(parsed)
	s.held, s.dialect, s.single = flock.New(file+".lock"), goose.DialectSQLite3, true
	held, err := s.held.TryLock()
	if err != nil {
		return fmt.Errorf("lock %s: %w", file, err)
	}
	if !held {
		return fmt.Errorf("another process has %s: one replica alone can use SQLite; with several, use PostgreSQL", file)
	}
	// Nobody else reads it; SQLite gives what it puts beside it the same mode.
	created, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // The path is the installation's own setting.
	if err != nil {
		return err
	}
	if err := created.Close(); err != nil {
		return err
	}
	// With WAL, readers and the writer do not wait for each other. FULL: what is committed is on the disk.
	settings := url.Values{"_pragma": {
		"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(10000)", "foreign_keys(1)", "journal_size_limit(67108864)",
	}, "_txlock": {"immediate"}}
	s.db, err = sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?"+settings.Encode())
	return err
}

// postgresConnections bounds what one replica takes of a server that others use, too.
const postgresConnections = 8

func (s *Store) openPostgres(location string) (err error) {
	s.dialect = goose.DialectPostgres
	if s.db, err = sql.Open("pgx", location); err == nil {
		s.db.SetMaxOpenConns(postgresConnections)
		s.db.SetConnMaxIdleTime(time.Minute)
	}
	return err
}

// migrate brings the tables up to date. Of several replicas one does, and the others wait.
func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if !s.single {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(s.dialect, s.db, files, options...)
	if err != nil {
		return err
	}
	current, target, err := provider.GetVersions(ctx)
	if err == nil && current > target {
		return fmt.Errorf("its tables are of version %d, and this program knows %d: it was used by a newer one", current, target)
	}
	if err == nil {
		_, err = provider.Up(ctx)
	}
	return err
}

// Close closes the store. What was acknowledged is in it.
func (s *Store) Close() error {
	var failed []error
	if s.db != nil {
		failed = append(failed, s.db.Close())
	}
	if s.held != nil {
		failed = append(failed, s.held.Unlock())
	}
	return errors.Join(failed...)
}

// attempts is how often a transaction is tried that another one got in the way of.
const attempts = 5

// write does something in a transaction, again where another replica's got in its way.
func (s *Store) write(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	if s.single {
		s.writing.Lock()
		defer s.writing.Unlock()
	}
	var err error
	for range attempts {
		if err = s.attempt(ctx, do); err == nil || !collided(err) {
			break
		}
	}
	return err
}

func (s *Store) attempt(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(ctx, tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// collided says whether another transaction got in the way of one: it wrote the same first, or each waited for the other.
func collided(err error) bool {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Code {
	case "23505", "40001", "40P01": // unique_violation, serialization_failure, deadlock_detected
		return true
	default:
		return false
	}
}

// moment is a time as it is kept.
func moment(t time.Time) int64 { return t.UnixMicro() }

// with completes a statement by so many rows of parameters: nothing else is ever put into one. SQLite takes $1 for a name, and looks
// through all names for each, so that many take long; ? is a number to it.
func (s *Store) with(statement string, count, columns int) string {
	var text strings.Builder
	_, _ = text.WriteString(statement)
	for i := range count * columns {
		switch {
		case i == 0:
			_, _ = text.WriteString("(")
		case i%columns == 0:
			_, _ = text.WriteString("), (")
		default:
			_, _ = text.WriteString(", ")
		}
		if s.single {
			_, _ = text.WriteString("?")
		} else {
			_, _ = text.WriteString("$" + strconv.Itoa(i+1))
		}
	}
	_, _ = text.WriteString(")")
	return text.String()
}

// maxName is as much of a name as goes into a column: nobody's name is longer, and indexes bound it.
const maxName = 512

// column is a name as it goes into a column, which takes no NUL.
func column(name string) string {
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName], "")
	}
	return strings.ReplaceAll(name, "\x00", "")
}
