// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package directory says what a directory is to the rest of the operator: something that can be read whole, and that may tell
// its changes as they happen.
package directory

import (
	"context"
	"errors"
	"time"
)

// Source is an external directory.
type Source interface {
	// Read returns everything that the source holds, or an error (an *outcome.Problem where its reason is known).
	// There is no such thing as a partial snapshot: a read that did not finish is an error.
	Read(ctx context.Context) (*Snapshot, error)

	// Way is the reason that the condition ChangesWatched has while a watch goes on.
	Way() string

	// Look says how the person with a login name and an id is in the directory now; nil where there is no such entry, by either. It asks
	// for that entry alone.
	Look(ctx context.Context, userName, id string) (*Person, error)

	// Authenticate is nil if the directory accepts a password for the person with a login name and an id, and ErrPassword if it does not,
	// or if there is no such entry: to find out which takes more than the time that it takes. Whether the directory keeps that person out
	// says Look.
	Authenticate(ctx context.Context, userName, id, password string) error

	// String tells what is read and as whom, without secrets: what one source told means nothing to another.
	String() string

	// Watch tells what happens in the directory, from where the cookies of an earlier watch left off, until ctx ends or the
	// directory does. It calls tell from one goroutine at a time, and returns why it ended: an *outcome.Problem, which says
	// whether another try makes sense, or ErrStartOver.
	Watch(ctx context.Context, from []string, tell func(News)) error
}

// ErrStartOver says that the directory does not know the cookies that a watch was to go on from, or not any more: the next begins
// without, and whatever happened meanwhile is found by a full read.
var ErrStartOver = errors.New("the directory cannot go on from where it was left")

// ErrPassword says that the directory does not accept a password: it is wrong, or nobody has it, or its owner is kept out.
var ErrPassword = errors.New("the directory does not accept this password")

// Snapshot is the whole of a directory at one time, as the directory says it: nothing is checked yet.
type Snapshot struct {
	// People in no particular order.
	People []Person
	// Groups in no particular order.
	Groups []Group
	// Position of the server when the read began. Empty where it cannot be told.
	Position Position
}

// Person is an entry that stands for a human or a robot.
type Person struct {
	// Key is what the directory's own account of its changes calls this entry. It lives and dies with the entry.
	Key string
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
	// ExpireTime is when the directory begins to keep this person out. Zero: never.
	ExpireTime time.Time
	// Refs are what groups call this person in their member lists.
	Refs []string
	// MemberOf are the Refs of groups that the person's own entry names, where their member lists do not.
	MemberOf []string
}

// Out says whether the directory keeps this person out at a time.
func (p *Person) Out(now time.Time) bool {
	return p.Disabled || !p.ExpireTime.IsZero() && !now.Before(p.ExpireTime)
}

// Group is an entry that stands for a set of people and groups.
type Group struct {
	// Key is what the directory's own account of its changes calls this entry. It lives and dies with the entry.
	Key string
	// ID never changes and is never given to another entry. Empty where the entry has none.
	ID string
	// Name is empty where the entry has none.
	Name string
	// Refs are what people and other groups call this group.
	Refs []string
	// Members are the Refs of people and groups; some may lead nowhere.
	Members []string
}

// News is what a watch tells.
type News struct {
	// Changes in their order.
	Changes []Change
	// Cookies to go on from after these changes; nil where they are as before.
	Cookies []string
	// Position of the server with these changes, as far as they tell.
	Position Position
	// Connected says that from here on changes are told as they happen.
	Connected bool
	// Note is what a person should know of this watch. Empty: nothing.
	Note string
	// Gap says that something may have happened that was not told: only a full read knows.
	Gap bool
}

// Change is one entry that came, changed or went: exactly one field is set.
type Change struct {
	// Person that came or changed, as it is now.
	Person *Person
	// Group that came or changed, as it is now.
	Group *Group
	// Gone is the Key of a person or group that is not there any more.
	Gone string
}
