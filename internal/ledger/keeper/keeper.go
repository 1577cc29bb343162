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
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/internal/meter"
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

	open atomic.Pointer[book]
	// closed is why it could not be opened.
	closed atomic.Pointer[error]
}

// book is an open ledger.
type book struct {
	add  tessera.AddFn
	copy *ledger.Copy
	key  string
}

// Metrics tell how the ledger is.
type Metrics struct {
	entries prometheus.Counter
	failed  prometheus.Counter
	size    *prometheus.GaugeVec
}

// NewMetrics registers them.
func NewMetrics(to prometheus.Registerer) *Metrics {
	return &Metrics{
		entries: meter.Register(to, prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "rollcall", Subsystem: "ledger", Name: "entries_total", Help: "Entries that were written to the ledger.",
		})),
		failed: meter.Register(to, prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "rollcall", Subsystem: "ledger", Name: "failures_total",
			Help: "Entries that could not be written to the ledger. What they are about was not done, or is tried again.",
		})),
		size: meter.Register(to, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "rollcall", Subsystem: "ledger", Name: "published_size",
			Help: "How many entries the newest checkpoint is of that was published.",
		}, nil)),
	}
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
		k.Metrics.failed.Add(float64(len(entries)))
		return nil, fmt.Errorf("write to the ledger: %w", err)
	}
	k.Metrics.entries.Add(float64(len(entries)))
	return numbers, nil
}

func (k *Keeper) write(ctx context.Context, entries []*ledger.Entry) ([]uint64, error) {
	b := k.open.Load()
	if b == nil {
		return nil, k.why()
	}
	futures := make([]tessera.IndexFuture, len(entries))
	for i, e := range entries {
		data, err := e.Marshal()
		if err != nil {
			return nil, err
		}
		futures[i] = b.add(ctx, tessera.NewEntry(data))
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

// Ready is nil where the ledger is open: a healthz.Checker, so that people are sent to the leader, which alone can hand out certificates.
func (k *Keeper) Ready(*http.Request) error {
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
	if k.open.Load() == nil {
		return "", k.why()
	}
	return k.Dir, nil
}

// Start implements manager.Runnable, which the leader runs.
func (k *Keeper) Start(ctx context.Context) error {
	logger := log.FromContext(ctx).WithName("ledger")
	for pause := firstAttempt; ctx.Err() == nil; pause = min(2*pause, lastAttempt) {
		err := k.keep(ctx)
		if err == nil {
			return nil
		}
		k.closed.Store(&err)
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
	k.open.Store(&book{add: appender.Add, copy: c, key: key})
	log.FromContext(ctx).WithName("ledger").Info("the ledger is open", "key", key)
	published = k.publishing(ctx, c, key, published)
	k.open.Store(nil)
	bounded, end := context.WithTimeout(running, farewell)
	defer end()
	err = shutdown(bounded) // Once there is a checkpoint of the last entry.
	if _, failed := k.publish(bounded, c, key, published); failed != nil {
		err = errors.Join(err, failed)
	}
	if err != nil {
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

func remedy() string {
	return "put the ledger back that it was of; or, to begin another with what is there, keep the checkpoint for whoever asks later, " +
		"and delete ConfigMap " + ledger.PublishedName
}

// publishing publishes checkpoints until the context ends, and returns the last one.
func (k *Keeper) publishing(ctx context.Context, c *ledger.Copy, key, published string) string {
	for {
		now, err := k.publish(ctx, c, key, published)
		if err == nil {
			published = now
		} else if ctx.Err() == nil {
			log.FromContext(ctx).WithName("ledger").Error(err, "the ledger's checkpoint was not published; tried again")
		}
		select {
		case <-ctx.Done():
			return published
		case <-time.After(publishEvery):
		}
	}
}

func (k *Keeper) publish(ctx context.Context, c *ledger.Copy, key, published string) (string, error) {
	at, err := c.Checkpoint()
	if err != nil {
		return "", err
	}
	now := string(at.Raw)
	if now == published {
		return published, nil
	}
	if err := k.append(at.Raw); err != nil {
		return "", err
	}
	if err := k.Store.Publish(ctx, ledger.PublishedName, map[string]string{ledger.CheckpointKey: now, ledger.VerifierKey: key}); err != nil {
		return "", err
	}
	k.Metrics.size.WithLabelValues().Set(float64(at.Size))
	return now, nil
}

// append adds a checkpoint to the file that they are kept in.
func (k *Keeper) append(checkpoint []byte) (err error) {
	if k.Checkpoints == "" {
		return nil
	}
	file, err := os.OpenFile(k.Checkpoints, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keep checkpoints: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = file.Write(append(checkpoint, '\n'))
	return err
}
