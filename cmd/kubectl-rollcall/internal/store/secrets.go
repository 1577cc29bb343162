// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/zalando/go-keyring"
)

// The kinds of secrets.
const (
	KindKey          = "key"
	KindRefreshToken = "refresh-token"
)

const (
	// service is what secrets are filed under in a keyring.
	service = "kubectl-rollcall"
	// keyringPatience is how long a person gets to unlock their keyring, before it counts as absent.
	keyringPatience = 30 * time.Second
	inKeyring       = "keyring"
	inFile          = "file"
)

// Place is where a secret is.
type Place struct {
	// In is keyring or file.
	In string `json:"in"`
	// Name of the file, or of the item in the keyring.
	Name string `json:"name"`
}

// errSlow says that a keyring did not answer, as one does that waits for a person.
var errSlow = errors.New("it does not answer")

// Put keeps a secret of a profile under a name of its own, so that what was there stays until somebody forgets it: a process that ends
// in between leaves a key and a certificate that fit.
func (s *Store) Put(profile, kind string, secret []byte) (*Place, error) {
	if err := CheckName(profile); err != nil {
		return nil, err
	}
	name := profile + "." + rand.Text() + "." + kind
	if s.keyring && keyringThere() {
		err := patiently(func() error { return keyring.Set(service, name, string(secret)) })
		if err == nil {
			return &Place{In: inKeyring, Name: name}, nil
		}
		s.warn("The keyring cannot be used (%v): the %s is kept in a file that only you can read.", err, kind)
	}
	return &Place{In: inFile, Name: name}, write(s.path(name), secret)
}

// Get reads a secret. fs.ErrNotExist where it is gone.
func (s *Store) Get(place *Place) ([]byte, error) {
	if place.In == inFile {
		if filepath.Base(place.Name) != place.Name {
			return nil, fmt.Errorf("%q is no file of a login", place.Name)
		}
		return read(s.path(place.Name))
	}
	var secret string
	err := patiently(func() (err error) {
		secret, err = keyring.Get(service, place.Name)
		return err
	})
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		return nil, fmt.Errorf("there is nothing of this login in the keyring: %w", fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("the keyring cannot be read: %w; unlock it, or log in again with ROLLCALL_KEYRING=off", err)
	}
	return []byte(secret), nil
}

// Forget deletes a secret. One that is gone is no error, and neither is none.
func (s *Store) Forget(place *Place) error {
	switch {
	case place == nil:
		return nil
	case place.In == inFile:
		if filepath.Base(place.Name) != place.Name {
			return nil
		}
		return remove(s.path(place.Name))
	}
	err := patiently(func() error { return keyring.Delete(service, place.Name) })
	if err != nil && !errors.Is(err, keyring.ErrNotFound) {
		return fmt.Errorf("delete %s from the keyring: %w", place.Name, err)
	}
	return nil
}

// sweep deletes the files with secrets of a profile that its login does not name, and those that nobody is writing any more: a process
// that ended halfway left them.
func (s *Store) sweep(profile string, state *State) {
	entries, _ := os.ReadDir(s.folder) // What is not swept now is swept later.
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), unfinished) && abandoned(entry) {
			_ = remove(s.path(entry.Name()))
		}
		middle, found := strings.CutPrefix(entry.Name(), profile+".")
		random, kind, isSecret := strings.Cut(middle, ".")
		if found && isSecret && len(random) == len(rand.Text()) && (kind == KindKey || kind == KindRefreshToken) && !state.names(entry.Name()) {
			_ = remove(s.path(entry.Name()))
		}
	}
}

// abandoned says whether a file is older than any write takes.
func abandoned(entry os.DirEntry) bool {
	const longest = 10 * time.Minute
	info, err := entry.Info()
	return err == nil && time.Since(info.ModTime()) > longest
}

// names says whether a secret is one of this login.
func (s *State) names(secret string) bool {
	return s.Key != nil && s.Key.Name == secret || s.RefreshToken != nil && s.RefreshToken.Name == secret
}

// keyringThere says whether to try: without a session bus, asking for one would start a program that waits.
func keyringThere() bool {
	switch runtime.GOOS {
	case "darwin", "windows":
		return true
	}
	if os.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" {
		return true
	}
	folder := os.Getenv("XDG_RUNTIME_DIR")
	_, err := os.Stat(filepath.Join(folder, "bus")) //nolint:gosec // The person's own environment, and nothing is read.
	return folder != "" && err == nil
}

// patiently does what may wait for a person, and not for ever.
func patiently(do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-time.After(keyringPatience):
		return errSlow
	}
}
