// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package auditfeed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rollcall-iam/rollcall/internal/audit/lines"
)

// positionVersion changes with what a position file means.
const positionVersion = 1

// Position is a file that remembers how far a log was sent.
type Position struct{ path, log string }

// kept is what is in the file.
type kept struct {
	Version int `json:"version"`
	// Log is the path of the log, so that the position in another one is not taken for that.
	Log   string      `json:"log"`
	Place lines.Place `json:"place"`
}

// NewPosition is the position in a log that a file keeps.
func NewPosition(path, log string) (*Position, error) {
	absolute, err := filepath.Abs(log)
	if err != nil {
		return nil, fmt.Errorf("where is %s: %w", log, err)
	}
	return &Position{path: path, log: absolute}, nil
}

// Load is where to go on; nil if nothing was sent yet.
func (p *Position) Load() (*lines.Place, error) {
	text, err := os.ReadFile(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read --position: %w", err)
	}
	var read kept
	if err := json.Unmarshal(text, &read); err != nil || read.Version != positionVersion || read.Place.Offset < 0 {
		return nil, fmt.Errorf("%s is no position that this version wrote: name another file with --position, or delete it, and everything "+
			"is sent again", p.path)
	}
	if read.Log != p.log {
		return nil, fmt.Errorf("%s is the position in %s, not in %s: each log needs a file of its own", p.path, read.Log, p.log)
	}
	return &read.Place, nil
}

// Save puts the file in place whole, or not at all.
func (p *Position) Save(place lines.Place) error {
	text, err := json.Marshal(kept{Version: positionVersion, Log: p.log, Place: place})
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(p.path), ".new-position-*") // 0600
	if err != nil {
		return fmt.Errorf("write --position: %w", err)
	}
	_, err = temporary.Write(append(text, '\n'))
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), p.path)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
		return fmt.Errorf("write --position: %w", err)
	}
	return nil
}
