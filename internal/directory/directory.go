// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package directory says what a directory is to the rest of the operator: something that can be read whole.
package directory

import "context"

// Source is an external directory.
type Source interface {
	// Read returns everything that the source holds, or an error (an *outcome.Problem where its reason is known).
	// There is no such thing as a partial snapshot: a read that did not finish is an error.
	Read(ctx context.Context) (*Snapshot, error)
}

// Snapshot is the whole of a directory at one time, as the directory says it: nothing is checked yet.
type Snapshot struct {
	// People in no particular order.
	People []Person
	// Groups in no particular order.
	Groups []Group
}

// Person is an entry that stands for a human or a robot.
type Person struct {
	// ID never changes and is never given to another entry. Empty where the entry has none.
	ID string
	// UserName is the login name. Empty where the entry has none.
	UserName string
	// DisplayName is for people to read.
	DisplayName string
	// Email is the mail address.
	Email string
	// Disabled says that the directory keeps this person out.
	Disabled bool
	// Refs are what groups call this person in their member lists.
	Refs []string
}

// Group is an entry that stands for a set of people and groups.
type Group struct {
	// ID never changes and is never given to another entry. Empty where the entry has none.
	ID string
	// Name is empty where the entry has none.
	Name string
	// Ref is what other groups call this group in their member lists.
	Ref string
	// Members are the Refs of people and groups; some may lead nowhere.
	Members []string
}
