// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Sighting is when somebody was seen last with a credential.
type Sighting struct {
	Username string
	// Credential as the API server calls it; empty where it called it nothing.
	Credential string
	At         time.Time
	// Noted is when that was learnt.
	Noted time.Time
}

// Sightings are those that were learnt at some time or later, by when that was.
func (s *Store) Sightings(ctx context.Context, noted time.Time) ([]Sighting, error) {
	var all []Sighting
	err := each(ctx, s.db, "SELECT username, credential, at, noted FROM sightings WHERE noted >= $1 ORDER BY noted, username, credential",
		[]any{moment(noted)}, func(rows *sql.Rows) error {
			var (
				sighting   Sighting
				at, learnt int64
			)
			err := rows.Scan(&sighting.Username, &sighting.Credential, &at, &learnt)
			sighting.At, sighting.Noted = time.UnixMicro(at), time.UnixMicro(learnt)
			all = append(all, sighting)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("look into the audit store: %w", err)
	}
	return all, nil
}

// Server is what an API server has told.
type Server struct {
	Name string
	// Events that were kept, and those that came again.
	Events, Duplicates int64
	// First and Last are the times of its first and its last event.
	First, Last time.Time
}

// Servers are those that told anything, by name.
func (s *Store) Servers(ctx context.Context) ([]Server, error) {
	var all []Server
	err := each(ctx, s.db, "SELECT name, events, duplicates, first_time, last_time FROM servers ORDER BY name", nil,
		func(rows *sql.Rows) error {
			var (
				server      Server
				first, last int64
			)
			err := rows.Scan(&server.Name, &server.Events, &server.Duplicates, &first, &last)
			server.First, server.Last = time.UnixMicro(first), time.UnixMicro(last)
			all = append(all, server)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("look into the audit store: %w", err)
	}
	return all, nil
}
