// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync/atomic"
)

// work is alice at work: one request after the other, each with the kubeconfig that is in her Secret at that moment.
type work struct {
	cancel   context.CancelFunc
	done     chan struct{}
	requests atomic.Int64
	changed  atomic.Bool
	err      error
}

func (s *show) startWork(ctx context.Context) *work {
	inner, cancel := context.WithCancel(ctx)
	w := &work{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for inner.Err() == nil && w.err == nil {
			w.err = w.request(ctx, s)
		}
	}()
	return w
}

func (w *work) request(ctx context.Context, s *show) error {
	before, err := os.ReadFile(s.world.file("alice.kubeconfig"))
	if err != nil {
		return err
	}
	if err := s.fetchKubeconfig(ctx); err != nil {
		return fmt.Errorf("read alice's Secret: %w", err)
	}
	after, err := os.ReadFile(s.world.file("alice.kubeconfig"))
	if err != nil {
		return err
	}
	output, err := s.world.kubectl(ctx, s.world.file("alice.kubeconfig"), "get", "configmaps", "-n", "pay")
	if err != nil {
		return fmt.Errorf("a request of alice's failed while her certificate was rotated: %s", output)
	}
	w.requests.Add(1)
	if !bytes.Equal(before, after) {
		w.changed.Store(true)
	}
	return nil
}

// enough is how many requests of alice's make the point.
const enough = 10

// sawChange says whether alice has worked for a while, with another certificate than the first too.
func (w *work) sawChange() bool { return w.changed.Load() && w.requests.Load() >= enough }

func (w *work) stop() error {
	w.cancel()
	<-w.done
	return w.err
}
