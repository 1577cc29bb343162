// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// Throw-away: the plugin's skeleton has its own.
func newRootCommand() *cobra.Command {
	t := &tool{
		flags:   genericclioptions.NewConfigFlags(true),
		streams: genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
	}
	root := &cobra.Command{Use: "kubectl-rollcall", Short: "Ask Rollcall", SilenceUsage: true}
	t.flags.AddFlags(root.PersistentFlags())
	root.PersistentFlags().StringVarP(&t.output, "output", "o", "table", "table, json or yaml")
	root.AddCommand(t.newAccessCommand(), t.newWhoCanCommand(), t.newWhyCommand())
	return root
}
