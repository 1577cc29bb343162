// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Command kubectl-rollcall is a kubectl plugin: kubectl rollcall.
package main

import (
	"context"
	"os"
	"os/signal"
)

// Throw-away: the plugin's skeleton has its own.
func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := newRootCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		os.Exit(1)
	}
}
