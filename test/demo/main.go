// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Command demo shows Rollcall at work on a real control plane: as a walk through the main job, or as a playground that stays.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `Usage: demo [up | down]

  demo         walk through the main job, and end
  demo up      start the same as a playground in the background
  demo down    end the playground
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\n"+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	command := ""
	if len(args) > 0 {
		command = args[0]
	}
	switch command {
	case "":
		return walk(ctx)
	case "up":
		return up(ctx)
	case "down":
		return down(ctx)
	case "serve":
		return serve(ctx)
	case "-h", "--help", "help":
		fmt.Print(usage)
		return nil
	default:
		return fmt.Errorf("demo: unknown command %q\n%s", command, usage)
	}
}
