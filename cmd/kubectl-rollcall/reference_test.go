// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/util/homedir"

	"github.com/rollcall-iam/rollcall/test/golden"
)

var _ = Describe("docs/cli.md", func() {
	It("says of each command what its help does", Label("generated"), func() {
		root := newRoot(genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &bytes.Buffer{}, ErrOut: &bytes.Buffer{}})
		root.InitDefaultHelpFlag()
		golden.ExpectPart(filepath.Join("..", "..", "docs", "cli.md"), "commands", cliPage(root))
	})
	It("is of commands that all say what they do, with an example", func() {
		root := newRoot(genericiooptions.IOStreams{})
		for _, group := range root.Groups() {
			for _, command := range inGroup(root, group.ID) {
				Expect(command.Short).NotTo(BeEmpty(), command.Name())
				if command.Runnable() {
					Expect(command.Example).NotTo(BeEmpty(), command.Name())
				}
			}
		}
	})
})

// cliPage is a list of all commands, as the help groups them, and then each.
func cliPage(root *cobra.Command) string {
	var list, all strings.Builder
	groups := root.Groups()
	for _, group := range groups {
		title := strings.TrimSuffix(group.Title, ":")
		fmt.Fprintf(&list, "\n**%s**\n\n| command | |\n|---|---|\n", title)
		fmt.Fprintf(&all, "## %s\n\n", title)
		documented(&list, &all, inGroup(root, group.ID))
	}
	list.WriteString("\n**Others**\n\n| command | |\n|---|---|\n")
	all.WriteString("## Others\n\n")
	documented(&list, &all, inGroup(root, ""))
	fmt.Fprintf(&all, "## Flags of every command\n\n%s", flagTable(root.PersistentFlags()))
	return list.String() + "\n" + all.String()
}

func documented(list, all *strings.Builder, commands []*cobra.Command) {
	for _, command := range commands {
		fmt.Fprintf(list, "| [`%s`](#%s) | %s |\n", command.CommandPath(), strings.ReplaceAll(command.CommandPath(), " ", "-"), command.Short)
		all.WriteString(commandSection(command))
		documented(list, all, inGroup(command, ""))
	}
}

// inGroup are the commands below one, by name, that a group has and the help shows. Completion scripts are cobra's own words.
func inGroup(parent *cobra.Command, group string) []*cobra.Command {
	var commands []*cobra.Command
	for _, command := range parent.Commands() {
		if command.GroupID == group && command.IsAvailableCommand() && command.Name() != "help" && parent.Name() != "completion" {
			commands = append(commands, command)
		}
	}
	return commands
}

func commandSection(command *cobra.Command) string {
	var b strings.Builder
	text := command.Long
	if text == "" {
		text = command.Short + "."
	}
	fmt.Fprintf(&b, "### %s\n\n```\n%s\n```\n\n", command.CommandPath(), command.UseLine())
	fmt.Fprintf(&b, "```text\n%s\n```\n\n", strings.TrimSpace(text))
	if command.Example != "" {
		fmt.Fprintf(&b, "Examples:\n\n```sh\n%s\n```\n\n", command.Example)
	}
	return b.String() + flagTable(command.LocalNonPersistentFlags())
}

// flagTable is empty where there are no flags. Defaults in a home directory are in nobody's in particular.
func flagTable(flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		value := strings.Replace(f.DefValue, homedir.HomeDir(), "~", 1)
		if value != "" && value != "[]" {
			value = "`" + value + "`"
		} else {
			value = ""
		}
		usage := strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ").Replace(f.Usage)
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, value, usage)
	})
	if b.Len() == 0 {
		return ""
	}
	return "| flag | default | what it does |\n|---|---|---|\n" + b.String() + "\n"
}
