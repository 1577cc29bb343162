// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rollcall-iam/rollcall/internal/picture"
)

func (t *tool) newGraphCommand() *cobra.Command {
	format := ""
	command := &cobra.Command{
		Use:   "graph [user/NAME|group/NAME|grant/NAME]...",
		Short: "Draw who gets what through what",
		Long: "Draw who gets what through what: people, groups, grants, and roles with where they hold. Without arguments, all of it.\n\n" +
			"svg is a picture for any browser; dot is for Graphviz; mermaid is for Markdown pages.",
		Example: `  kubectl rollcall graph -o svg > access.svg
  kubectl rollcall graph user/alice -o mermaid
  kubectl rollcall graph grant/payments-edit group/oncall -o dot | dot -Tpng > access.png`,
		ValidArgsFunction: t.complete(peopleGroupsAndGrants),
		RunE:              func(command *cobra.Command, args []string) error { return t.graph(command.Context(), args, format) },
	}
	command.Flags().StringVarP(&format, "output", "o", outputSVG, "svg, dot or mermaid")
	return command
}

// The values of --output that pictures have.
const (
	outputDOT     = "dot"
	outputMermaid = "mermaid"
	outputSVG     = "svg"
)

func (t *tool) graph(ctx context.Context, args []string, format string) error {
	if format != outputDOT && format != outputMermaid && format != outputSVG {
		return fmt.Errorf("there is no picture %q: use svg, dot or mermaid", format)
	}
	world, err := t.world(ctx)
	if err != nil {
		return err
	}
	targets := make([]picture.Target, len(args))
	for i, arg := range args {
		parsed, err := parseTarget(arg)
		if err != nil {
			return err
		}
		if targets[i], err = find(world, parsed); err != nil {
			return err
		}
	}
	graph := world.Draw(targets)
	if graph.Empty() {
		t.warnf("There is nothing to draw: no grants, or none that you may see.")
	}
	switch format {
	case outputDOT:
		return t.write(graph.DOT())
	case outputMermaid:
		return t.write(graph.Mermaid())
	default:
		return t.write(graph.SVG())
	}
}
