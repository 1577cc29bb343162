// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	formats "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/tessera/api/layout"

	"github.com/rollcall-iam/rollcall/internal/ledger"
)

// examine finds, before anything is written, that the ledger in the folder is ours, and the one of which a checkpoint was published: not
// one that somebody cut short, restored from a backup, or wrote anew.
func (k *Keeper) examine(ctx context.Context, c *ledger.Copy) (published string, err error) {
	config, err := k.Store.Published(ctx, ledger.PublishedName)
	if err != nil {
		return "", err
	}
	published = config[ledger.CheckpointKey]
	_, err = os.Stat(filepath.Join(k.Dir, layout.CheckpointPath))
	if errors.Is(err, os.ErrNotExist) {
		if published != "" {
			return "", fmt.Errorf("%s has no ledger in it, and a checkpoint of one was published: %s", k.Dir, remedy())
		}
		return "", os.MkdirAll(k.Dir, 0o700)
	}
	if err != nil {
		return "", err
	}
	at, err := c.Checkpoint()
	if err == nil {
		err = k.examineState(ctx, c, at)
	}
	if err != nil {
		return "", fmt.Errorf("the ledger in %s: %w", k.Dir, err)
	}
	if published == "" {
		return "", nil
	}
	earlier, err := c.Parse([]byte(published))
	if err != nil {
		return "", fmt.Errorf("the checkpoint in ConfigMap %s: %w; %s", ledger.PublishedName, err, remedy())
	}
	if err := c.Extends(ctx, earlier, at); err != nil {
		return "", fmt.Errorf("the ledger in %s, compared with ConfigMap %s: %w; %s", k.Dir, ledger.PublishedName, err, remedy())
	}
	return published, nil
}

// examineState finds that what the writer notes for itself, and goes on from, has grown out of what was signed. It may be ahead by what was
// written last.
func (k *Keeper) examineState(ctx context.Context, c *ledger.Copy, at *ledger.Checkpoint) error {
	const path = ".state/treeState"
	raw, err := os.ReadFile(filepath.Join(k.Dir, path))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is missing: put the whole folder back; what kubectl rollcall ledger copy makes is for reading", path)
	}
	if err != nil {
		return err
	}
	var state struct {
		Size uint64
		Root []byte
	}
	if err := json.Unmarshal(raw, &state); err != nil {
		return fmt.Errorf("%s cannot be read: %w", path, err)
	}
	now := &ledger.Checkpoint{Checkpoint: formats.Checkpoint{Origin: at.Origin, Size: state.Size, Hash: state.Root}}
	if err := c.Extends(ctx, at, now); err != nil {
		return fmt.Errorf("%s, compared with the checkpoint beside it: %w", path, err)
	}
	return nil
}

func remedy() string {
	return "put the ledger back that it was of; or, to begin another with what is there, keep the checkpoint for whoever asks later, " +
		"and delete ConfigMap " + ledger.PublishedName
}
