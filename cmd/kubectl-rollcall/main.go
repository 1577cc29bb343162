// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Command kubectl-rollcall is the kubectl plugin: kubectl rollcall.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/rollcall-iam/rollcall/internal/plain"
)

// version is set by the build.
var version = "dev"

// completer is the name by which kubectl looks for a plugin's completions; it is a link to this program.
const completer = "kubectl_complete-rollcall"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	root := newRoot(streams)
	root.SetArgs(arguments(os.Args))
	err := root.ExecuteContext(ctx)
	stop()
	if err != nil {
		if !errors.Is(err, errInterrupted) {
			complain(streams, err)
		}
		os.Exit(exitCode(err))
	}
}

func arguments(args []string) []string {
	if filepath.Base(args[0]) == completer {
		return append([]string{cobra.ShellCompRequestCmd}, args[1:]...)
	}
	return args[1:]
}

// complain tells an error, in which objects may be quoted.
func complain(streams genericiooptions.IOStreams, err error) {
	_, _ = fmt.Fprintln(streams.ErrOut, "Error: "+plain.Lines(explain(err)))
}

func exitCode(err error) int {
	if errors.Is(err, errInterrupted) {
		return 130 // as a shell reports it
	}
	return 1
}
