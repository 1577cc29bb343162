// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package keeper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/internal/ledger"
)

// publisher publishes checkpoints: each has grown out of the one before, or the ledger is not gone on with.
type publisher struct {
	*Keeper

	copy *ledger.Copy
	key  string
	// published is what the ConfigMap has, and kept what the file got last.
	published, kept string
}

// run goes on until the context ends, or what is in the folder is another ledger than what was published.
func (p *publisher) run(ctx context.Context) error {
	for {
		err := p.publish(ctx)
		if errors.Is(err, ledger.ErrTruncated) || errors.Is(err, ledger.ErrTwoHistories) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			p.Metrics.unpublished.WithLabelValues().Inc()
			log.FromContext(ctx).WithName("ledger").Error(err, "the ledger's checkpoint was not published; tried again")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(publishEvery):
		}
	}
}

func (p *publisher) publish(ctx context.Context) error {
	at, err := p.copy.Checkpoint()
	if err != nil {
		return err
	}
	if p.published != "" {
		before, err := p.copy.Parse([]byte(p.published))
		if err != nil {
			return err
		}
		if err := p.copy.Extends(ctx, before, at); err != nil {
			return fmt.Errorf("the ledger in %s, compared with what was published: %w; %s", p.Dir, err, remedy())
		}
	}
	p.Metrics.size.WithLabelValues().Set(float64(at.Size))
	return errors.Join(p.announce(ctx, string(at.Raw)), p.keep(at.Raw))
}

// announce puts a checkpoint into the ConfigMap.
func (p *publisher) announce(ctx context.Context, now string) error {
	if now == p.published {
		return nil
	}
	err := p.Store.Publish(ctx, ledger.PublishedName, map[string]string{ledger.CheckpointKey: now, ledger.VerifierKey: p.key})
	if err == nil {
		p.published = now
	}
	return err
}

// keep adds a checkpoint to the file that they are kept in.
func (p *publisher) keep(checkpoint []byte) (err error) {
	if p.Checkpoints == "" || string(checkpoint) == p.kept {
		return nil
	}
	file, err := os.OpenFile(p.Checkpoints, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keep checkpoints: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(append(checkpoint, '\n')); err != nil {
		return fmt.Errorf("keep checkpoints: %w", err)
	}
	p.kept = string(checkpoint)
	return file.Sync()
}
