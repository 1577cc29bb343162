// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ldapacts

import (
	"context"
	"errors"
	"os"
)

// Backup ends the server, copies its database, and starts it again. An earlier copy is lost.
func (a *Acts) Backup(ctx context.Context) error {
	return a.whileHalted(ctx, func(data, backup string) error { return replace(backup, data) })
}

// Restore ends the server, makes its database what it was at the last Backup, and starts it again.
func (a *Acts) Restore(ctx context.Context) error {
	return a.whileHalted(ctx, func(data, backup string) error {
		if _, err := os.Stat(backup); err != nil {
			return err // Without a copy the database would be lost.
		}
		return replace(data, backup)
	})
}

func (a *Acts) whileHalted(ctx context.Context, do func(data, backup string) error) error {
	if err := a.config.Halt(); err != nil {
		return err
	}
	var failures []error
	for _, data := range a.config.Data {
		failures = append(failures, do(data, data+".backup"))
	}
	return errors.Join(append(failures, a.config.Restart(ctx))...)
}

func replace(dir, with string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.CopyFS(dir, os.DirFS(with))
}
