// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package checkout finds the files of this repository.
package checkout

import (
	"errors"
	"os"
	"path/filepath"
)

// Root is the nearest folder upwards with a go.mod: go test runs in the package's folder.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("the current folder is not inside a checkout of this repository")
		}
		dir = parent
	}
}
