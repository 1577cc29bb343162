// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"math"

	"github.com/spf13/cobra"
)

// shownPeople is how many people of a group a tree lists.
const shownPeople = 10

func (t *tool) newTreeCommand() *cobra.Command {
	everybody := false
	command := &cobra.Command{
		Use:   "tree USER|GROUP|GRANT",
		Short: "Show what a person, a group or a grant has to do with others",
		Long: "Show what a person, a group or a grant has to do with others, as a tree:\n" +
			"a person's groups, their grants and the bindings that name the person; a group's members and grants; " +
			"whom a grant gives a role.\n\n" +
			"What is in the way is marked: locked, inactive, closed.",
		Example: `  kubectl rollcall tree alice
  kubectl rollcall tree group/payments --all
  kubectl rollcall tree grant/payments-edit`,
		Args:              exactly("what to show: user/NAME, group/NAME or grant/NAME"),
		ValidArgsFunction: t.complete(peopleGroupsAndGrants),
		RunE: func(command *cobra.Command, args []string) error {
			limit := shownPeople
			if everybody {
				limit = math.MaxInt - 1
			}
			return t.tree(command.Context(), args[0], limit)
		},
	}
	command.Flags().BoolVar(&everybody, "all", false, "list everybody in a group, however many they are")
	return command
}

func (t *tool) tree(ctx context.Context, what string, limit int) error {
	parsed, err := parseTarget(what)
	if err != nil {
		return err
	}
	world, err := t.world(ctx)
	if err != nil {
		return err
	}
	found, err := find(world, parsed)
	if err != nil {
		return err
	}
	tree := world.Of(found.Kind, found.Name, limit)
	if t.structured() {
		return t.print(tree, nil)
	}
	return t.write(tree.Render(t.paint))
}
