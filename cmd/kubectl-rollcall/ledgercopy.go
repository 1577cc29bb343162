// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

func (t *tool) newLedgerCopyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "copy DIR",
		Short: "Copy the ledger out of the cluster, or what has come since the last copy",
		Long: `Copy the ledger out of the cluster, or what has come since the last copy, into a folder DIR. It is not verified by that. The
key goes into the file DIR.key, unless there is one: then it must be the same.`,
		Example: `  kubectl rollcall ledger copy ./ledger
  kubectl rollcall ledger verify ./ledger --key-file ./ledger.key`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error { return t.copyLedger(command.Context(), args[0]) },
	}
}

func (t *tool) copyLedger(ctx context.Context, dir string) error {
	a, err := t.auditor(ctx)
	if err != nil {
		return err
	}
	key, err := t.ledgerKey(ctx, a.namespace)
	if err != nil {
		return err
	}
	if err := keepKey(dir+".key", key); err != nil {
		return err
	}
	c, err := ledger.NewCopy(os.DirFS(dir), key)
	if err != nil {
		return err
	}
	raw, err := a.file(ctx, "checkpoint")
	if err != nil {
		return err
	}
	at, err := c.Parse(raw)
	if err != nil {
		return err
	}
	copied := 0
	for path, whole := range ledger.Paths(at.Size) {
		done, err := a.fetch(ctx, dir, path, whole)
		if err != nil {
			return err
		}
		copied += done
	}
	if err := grown(ctx, c, at); err != nil {
		return err
	}
	// Last, so that a copy that was broken off is the one from before.
	if err := putFile(filepath.Join(dir, "checkpoint"), at.Raw); err != nil {
		return err
	}
	t.sayf("%d entries, by key %s: %d files were copied to %s, and the key is in %s.key.", at.Size, at.Origin, copied, dir, dir)
	return nil
}

// grown finds that the ledger is the one that was copied before, and only has more: what somebody has kept is not replaced by less.
func grown(ctx context.Context, c *ledger.Copy, at *ledger.Checkpoint) error {
	before, err := c.Checkpoint()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = c.Extends(ctx, before, at)
	}
	if err != nil {
		return fmt.Errorf("the ledger in the cluster, compared with the copy: %w; the copy's checkpoint was left as it is: keep it", err)
	}
	return nil
}

// ledgerKey is what the operator publishes.
func (t *tool) ledgerKey(ctx context.Context, namespace string) (string, error) {
	c, err := t.client()
	if err != nil {
		return "", err
	}
	var config corev1.ConfigMap
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: ledger.PublishedName}, &config); err != nil {
		return "", fmt.Errorf("find the ledger's key: %w", err)
	}
	return config.Data[ledger.VerifierKey], nil
}

// keepKey writes a key down, or finds that it is the one that was written down.
func keepKey(path, key string) error {
	known, err := os.ReadFile(path) //nolint:gosec // Whoever runs this says where.
	if err == nil && string(known) != key {
		return fmt.Errorf("the ledger in the cluster has another key than the one in %s: this is another ledger, or somebody made it one", path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return putFile(path, []byte(key))
	}
	return err
}

// putFile writes a file whole, or not at all.
func putFile(path string, content []byte) error {
	const private = 0o700
	if err := os.MkdirAll(filepath.Dir(path), private); err != nil {
		return err
	}
	fresh := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.WriteFile(fresh, content, 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

// fetch copies a file, unless it is there: one that is whole does not change any more. It says how many it copied.
func (a *auditor) fetch(ctx context.Context, dir, path, whole string) (int, error) {
	for _, there := range []string{path, whole} {
		if _, err := os.Stat(filepath.Join(dir, there)); err == nil {
			return 0, nil
		}
	}
	content, err := a.file(ctx, path)
	if errors.Is(err, errNotThere) { // It was completed since the checkpoint.
		path = whole
		content, err = a.file(ctx, path)
	}
	if err != nil {
		return 0, err
	}
	return 1, putFile(filepath.Join(dir, path), content)
}

// file is one of the ledger's.
func (a *auditor) file(ctx context.Context, path string) ([]byte, error) {
	return a.get(ctx, wire.PathLedger+path)
}
