// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package keeper writes the ledger: on the leader alone, durably, and into one history.
package keeper

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/internal/stored"
)

const (
	// SecretName is the Secret, in the operator's namespace, with the key that signs checkpoints.
	SecretName = "rollcall-ledger"

	signerKey = "signer"

	// together is how many entries are written at once, and together what they wait for others: writing costs some calls of fsync.
	together = 256
	patience = 10 * time.Millisecond
	// checkpointEvery is how soon there is a checkpoint of what was written, and publishEvery how soon it is published.
	checkpointEvery = time.Second
	publishEvery    = 15 * time.Second
	// farewell is how long the last entries may take.
	farewell = 10 * time.Second
	// firstAttempt and lastAttempt are how soon a ledger that cannot be opened is tried again.
	firstAttempt, lastAttempt = time.Second, 30 * time.Second
)

// ErrClosed is returned where the ledger is not open: by replicas that do not lead, and while it cannot be opened.
var ErrClosed = errors.New("the ledger is not open here")

// Keeper keeps the ledger. The zero value of what is not exported is right.
type Keeper struct {
	// Dir is where its files are.
	Dir string
	// Checkpoints is a file that gets each checkpoint that is published, one after the other; empty for none.
	Checkpoints string
	// Store has the key, and gets what is published.
	Store   stored.Store
	Metrics *Metrics

	open atomic.Pointer[opened]
	// closed is why it could not be opened, and leads whether it is to be opened here.
	closed atomic.Pointer[error]
	leads  atomic.Bool
}

// opened is a ledger that is open.
type opened struct {
	add  tessera.AddFn
	copy *ledger.Copy
}

// Record writes an entry, and returns its number once it is durable.
func (k *Keeper) Record(ctx context.Context, e *ledger.Entry) (uint64, error) {
	numbers, err := k.RecordAll(ctx, []*ledger.Entry{e})
	if err != nil {
		return 0, err
	}
	return numbers[0], nil
}

// RecordAll writes entries, in that order, and returns their numbers once all are durable.
func (k *Keeper) RecordAll(ctx context.Context, entries []*ledger.Entry) ([]uint64, error) {
	numbers, err := k.write(ctx, entries)
	if err != nil {
		if k.leads.Load() {
			k.Metrics.failed.WithLabelValues().Add(float64(len(entries)))
		}
		return nil, fmt.Errorf("write to the ledger: %w", err)
	}
	k.Metrics.entries.WithLabelValues().Add(float64(len(entries)))
	return numbers, nil
}

func (k *Keeper) write(ctx context.Context, entries []*ledger.Entry) ([]uint64, error) {
	now := k.open.Load()
	if now == nil {
		return nil, k.why()
	}
	futures := make([]tessera.IndexFuture, len(entries))
	for i, e := range entries {
		data, err := e.Marshal()
		if err != nil {
			return nil, err
		}
		futures[i] = now.add(ctx, tessera.NewEntry(data))
	}
	numbers := make([]uint64, len(entries))
	var failed []error
	for i, future := range futures {
		index, err := future()
		numbers[i] = index.Index
		failed = append(failed, err)
	}
	return numbers, errors.Join(failed...)
}

// Ready is nil where the operator leads: a healthz.Checker, so that people are sent to whoever alone can hand out certificates. A ledger
// that does not open there is told by what needs it: everything else goes on.
func (k *Keeper) Ready(*http.Request) error {
	if !k.leads.Load() {
		return fmt.Errorf("%w: another replica leads", ErrClosed)
	}
	return nil
}

// Open is nil while entries can be written.
func (k *Keeper) Open() error {
	if k.open.Load() == nil {
		return k.why()
	}
	return nil
}

func (k *Keeper) why() error {
	if why := k.closed.Load(); why != nil {
		return fmt.Errorf("%w: %w", ErrClosed, *why)
	}
	return ErrClosed
}

// Files is the folder, for whoever serves it; ErrClosed where the ledger is not open.
func (k *Keeper) Files() (string, error) {
	return k.Dir, k.Open()
}

// Copy is the ledger, for whoever reads it; ErrClosed where it is not open.
func (k *Keeper) Copy() (*ledger.Copy, error) {
	if now := k.open.Load(); now != nil {
		return now.copy, nil
	}
	return nil, k.why()
}

// Start implements manager.Runnable, which the leader runs.
func (k *Keeper) Start(ctx context.Context) error {
	logger := log.FromContext(ctx).WithName("ledger")
	k.leads.Store(true)
	defer k.leads.Store(false)
	for pause := firstAttempt; ctx.Err() == nil; pause = min(2*pause, lastAttempt) {
		err := k.keep(ctx)
		if err == nil {
			return nil
		}
		k.closed.Store(&err)
		k.Metrics.open.WithLabelValues().Set(0)
		logger.Error(err, "the ledger cannot be opened: no certificate is issued; tried again", "in", pause.String())
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return nil
}

// keep opens the ledger and publishes its checkpoints until the context ends.
func (k *Keeper) keep(ctx context.Context) error {
	signer, key, err := k.keys(ctx)
	if err != nil {
		return err
	}
	c, err := ledger.NewCopy(os.DirFS(k.Dir), key)
	if err != nil {
		return err
	}
	published, err := k.examine(ctx, c)
	if err != nil {
		return err
	}
	driver, err := posix.New(ctx, posix.Config{Path: k.Dir})
	if err != nil {
		return err
	}
	// It has to outlive ctx by what is under way.
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	appender, shutdown, _, err := tessera.NewAppender(running, driver, tessera.NewAppendOptions().WithCheckpointSigner(signer).
		WithBatching(together, patience).WithCheckpointInterval(checkpointEvery).WithShutdownTimeout(farewell))
	if err != nil {
		return err
	}
	k.open.Store(&opened{add: appender.Add, copy: c})
	k.Metrics.open.WithLabelValues().Set(1)
	log.FromContext(ctx).WithName("ledger").Info("the ledger is open", "key", key)
	p := &publisher{Keeper: k, copy: c, key: key, published: published}
	broken := p.run(ctx)
	k.open.Store(nil)
	bounded, end := context.WithTimeout(running, farewell)
	defer end()
	err = shutdown(bounded) // Once there is a checkpoint of the last entry.
	if broken != nil {
		return broken
	}
	if err := errors.Join(err, p.publish(bounded)); err != nil {
		log.FromContext(ctx).WithName("ledger").Error(err, "the ledger was closed, and its last checkpoint was not published")
	}
	return nil
}

// keys are read out of the Secret, which is made where there is none.
func (k *Keeper) keys(ctx context.Context) (note.Signer, string, error) {
	secret, err := k.Store.Ensure(ctx, SecretName, corev1.SecretTypeOpaque, func() (map[string][]byte, error) {
		const lettersOfName = 8
		signer, key, err := note.GenerateKey(rand.Reader, "rollcall.dev/ledger/"+rand.Text()[:lettersOfName])
		return map[string][]byte{signerKey: []byte(signer), ledger.VerifierKey: []byte(key)}, err
	})
	if err != nil {
		return nil, "", err
	}
	signer, err := note.NewSigner(string(secret.Data[signerKey]))
	if err != nil {
		return nil, "", fmt.Errorf("the Secret %s has no key to sign checkpoints with: restore it; without it this ledger cannot go on",
			SecretName)
	}
	return signer, string(secret.Data[ledger.VerifierKey]), nil
}
