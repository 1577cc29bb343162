// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package sampledir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// locked is ppolicy's mark of an account that stays locked until somebody unlocks it.
const locked = "pwdAccountLockedTime: 000001010000Z"

var lockedLine = regexp.MustCompile(`(?mi)^pwdAccountLockedTime:.*\n?`)

// Disable locks a person's account, as an administrator of the directory would.
func (s *Server) Disable(uid string) error {
	return s.editPerson(uid, func(entry string) string {
		return strings.TrimRight(lockedLine.ReplaceAllString(entry, ""), "\n") + "\n" + locked
	})
}

// Enable unlocks a person's account.
func (s *Server) Enable(uid string) error {
	return s.editPerson(uid, func(entry string) string {
		return strings.TrimRight(lockedLine.ReplaceAllString(entry, ""), "\n")
	})
}

// Edit replaces the file's text in one step, so that no search sees half of it.
func (s *Server) Edit(change func(text string) (string, error)) error {
	path := s.File()
	before, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	after, err := change(string(before))
	if err != nil {
		return fmt.Errorf("edit %s: %w", path, err)
	}
	return replace(path, after)
}

func (s *Server) editPerson(uid string, change func(entry string) string) error {
	line := regexp.MustCompile(`(?mi)^uid: *` + regexp.QuoteMeta(uid) + `\s*$`)
	return s.Edit(func(text string) (string, error) {
		entries := strings.Split(text, "\n\n")
		for i, entry := range entries {
			if line.MatchString(entry) {
				entries[i] = change(entry)
				return strings.TrimRight(strings.Join(entries, "\n\n"), "\n") + "\n", nil
			}
		}
		return "", fmt.Errorf("there is no person with uid %q", uid)
	})
}

func replace(path, text string) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".corp-*.ldif")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }() // Nothing is left of it after the rename.
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
