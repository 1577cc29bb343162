// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// User may do everything.
	User = "rollcall"
	// Database is there from the beginning, and empty.
	Database = "rollcall"
	// maintenance is the database that initdb makes for connections that need some database.
	maintenance = "postgres"
)

// URL says how to connect to Database, but for the password.
func (s *Server) URL() string { return s.url(Database) }

// Password is User's.
func (s *Server) Password() string { return s.password }

// Open connects as User where a URL of the server says, on first use. The caller closes what it gets.
func (s *Server) Open(databaseURL string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return nil, err
	}
	config.Password = s.password
	return stdlib.OpenDB(*config), nil
}

// NewDatabase makes an empty database, and says how to connect to it, but for the password.
func (s *Server) NewDatabase(ctx context.Context) (databaseURL string, err error) {
	name := "spec_" + strings.ToLower(rand.Text())
	return s.url(name), s.createDatabase(ctx, name)
}

func (s *Server) createDatabase(ctx context.Context, name string) error {
	return s.maintain(func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
		return err
	})
}

// answers tells a server that takes connections from one that starts, or recovers.
func (s *Server) answers(ctx context.Context) error {
	return s.maintain(func(db *sql.DB) error { return db.PingContext(ctx) })
}

func (s *Server) maintain(do func(*sql.DB) error) error {
	db, err := s.Open(s.url(maintenance))
	if err != nil {
		return err
	}
	return errors.Join(do(db), db.Close())
}

func (s *Server) url(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User(User), Host: s.address, Path: database, RawQuery: "sslmode=disable"}
	return u.String()
}
