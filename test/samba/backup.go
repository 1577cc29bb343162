// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package samba

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// Backup keeps a copy of the data as it is now. The server restarts.
func (s *Server) Backup(ctx context.Context) error {
	return s.putCopy(ctx, "backup", "data")
}

// Restore goes back to the data of the last Backup, update sequence numbers included, and may do so again. The server
// restarts.
func (s *Server) Restore(ctx context.Context) error {
	return s.putCopy(ctx, "data", "backup")
}

func (s *Server) putCopy(ctx context.Context, to, from string) error {
	if _, err := os.Stat(s.File(from)); err != nil {
		return err
	}
	if err := errors.Join(s.Halt(), os.RemoveAll(s.File(to))); err != nil {
		return err
	}
	// As cp does it: owners, modes and extended attributes matter to Samba.
	if out, err := exec.CommandContext(ctx, "cp", "-a", s.File(from), s.File(to)).CombinedOutput(); err != nil {
		return fmt.Errorf("copy the data: %w:\n%s", err, out)
	}
	return s.Restart(ctx)
}
