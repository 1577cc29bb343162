// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package store keeps what a login brought on the person's machine: a file for each profile, and beside it, or in the keyring of the
// operating system, the private key and the refresh token.
package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/rollcall-iam/rollcall/internal/wire"
)

// ErrNone says that nobody has logged in with a profile.
var ErrNone = errors.New("nobody has logged in")

// ErrBusy says that another process held a profile for longer than somebody would wait.
var ErrBusy = errors.New("another kubectl rollcall is at it")

const (
	version   = 1
	suffix    = ".json"
	lockDelay = 25 * time.Millisecond
	// nameSize is how much of a digest is in a profile's name: 64 bits.
	nameSize = 8
)

// State is what is known of a login.
type State struct {
	Version int `json:"version"`
	// LoginServer and LoginCA are the login service; Server is the API server that the certificates are for.
	LoginServer string `json:"loginServer"`
	LoginCA     []byte `json:"loginCA,omitempty"`
	Server      string `json:"server"`
	// Directory and Method are how the person logged in.
	Directory string `json:"directory,omitempty"`
	Method    string `json:"method"`
	// UserName and KeyFile are what the person gave, for the next time.
	UserName string `json:"userName,omitempty"`
	KeyFile  string `json:"keyFile,omitempty"`
	// Provider is set where renewals take fresh ID tokens.
	Provider *wire.OIDC `json:"provider,omitempty"`

	Session string       `json:"session"`
	User    string       `json:"user"`
	Subject wire.Subject `json:"subject"`
	Device  string       `json:"device,omitempty"`
	// Certificate is PEM, the leaf first.
	Certificate []byte    `json:"certificate"`
	NotAfter    time.Time `json:"notAfter"`
	RenewTime   time.Time `json:"renewTime"`
	EndTime     time.Time `json:"endTime,omitzero"`

	// RetryTime is set after a renewal that failed: until then nobody tries again while the certificate is good.
	RetryTime time.Time `json:"retryTime,omitzero"`
	// Ended is what the login service said when it refused to renew for good.
	Ended string `json:"ended,omitempty"`

	// Key and RefreshToken say where the secrets are.
	Key          *Place `json:"key"`
	RefreshToken *Place `json:"refreshToken,omitempty"`
}

// Username is what Kubernetes calls the person.
func (s *State) Username() string { return s.Subject.CommonName }

// Store is a folder, and a keyring where there is one.
type Store struct {
	folder  string
	keyring bool
	// warn tells a person that something is not as they might think.
	warn func(format string, args ...any)
}

// Open uses a folder, which it makes if need be.
func Open(folder string, useKeyring bool, warn func(format string, args ...any)) (*Store, error) {
	if err := os.MkdirAll(folder, folderMode); err != nil {
		return nil, fmt.Errorf("make the folder for logins: %w", err)
	}
	if err := checkFolder(folder); err != nil {
		return nil, err
	}
	return &Store{folder: folder, keyring: useKeyring, warn: warn}, nil
}

// ProfileName is the name of the profile for a login service and an API server.
func ProfileName(loginServer, server string) string {
	sum := sha256.Sum256([]byte(loginServer + "\n" + strings.TrimRight(server, "/")))
	return hex.EncodeToString(sum[:nameSize])
}

// CheckName is nil for names that a profile may have: they become files.
func CheckName(name string) error {
	if !regexp.MustCompile(`^[a-zA-Z0-9]([-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$`).MatchString(name) {
		return fmt.Errorf("%q cannot be a profile: write up to 63 letters, digits, '-', '_' and '.'", name)
	}
	return nil
}

// Profiles are the names of those that somebody has logged in with, sorted.
func (s *Store) Profiles() ([]string, error) {
	entries, err := os.ReadDir(s.folder)
	if err != nil {
		return nil, fmt.Errorf("list logins: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if name, found := strings.CutSuffix(entry.Name(), suffix); found && CheckName(name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Load reads a profile; ErrNone where there is none.
func (s *Store) Load(profile string) (*State, error) {
	if err := CheckName(profile); err != nil {
		return nil, err
	}
	text, err := read(s.path(profile + suffix))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNone
	case err != nil:
		return nil, err
	}
	state := &State{}
	if err := json.Unmarshal(text, state); err != nil || state.Version != version || state.Key == nil {
		return nil, fmt.Errorf("%s cannot be understood: delete it and log in again", s.path(profile+suffix))
	}
	return state, nil
}

// Save writes what is not secret of a profile. Whoever saves holds its lock.
func (s *Store) Save(profile string, state *State) error {
	if err := CheckName(profile); err != nil {
		return err
	}
	state.Version = version
	text, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return err
	}
	if err := write(s.path(profile+suffix), append(text, '\n')); err != nil {
		return err
	}
	s.sweep(profile, state)
	return nil
}

// Delete removes a profile with its secrets, the file last, so that what could not be deleted is still known. Whoever deletes holds the
// lock.
func (s *Store) Delete(profile string, state *State) error {
	for _, place := range []*Place{state.Key, state.RefreshToken} {
		if err := s.Forget(place); err != nil {
			return err
		}
	}
	s.sweep(profile, &State{})
	if err := os.Remove(s.path(profile + suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete the login: %w", err)
	}
	return nil
}

// Lock keeps other processes out of a profile until unlock is called, or the process ends: the file that stays behind is no lock.
func (s *Store) Lock(ctx context.Context, profile string) (unlock func(), err error) {
	if err := CheckName(profile); err != nil {
		return nil, err
	}
	lock := flock.New(s.path(profile+".lock"), flock.SetPermissions(fileMode))
	locked, err := lock.TryLockContext(ctx, lockDelay)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, ErrBusy
	case err != nil:
		return nil, fmt.Errorf("lock profile %s: %w", profile, err)
	case !locked:
		return nil, ErrBusy
	}
	return func() { _ = lock.Unlock() }, nil
}

func (s *Store) path(name string) string { return filepath.Join(s.folder, name) }
