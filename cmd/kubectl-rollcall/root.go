// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// The groups of commands in the help.
const (
	groupLogin  = "login"
	groupAsk    = "ask"
	groupDecide = "decide"
	groupLook   = "look"
	groupAudit  = "audit"
	groupUse    = "use"
	groupRun    = "run"
)

// usageTemplate leaves the flags of every command to the root's help, so that a command's own are seen.
const usageTemplate = `Usage:{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} [command]{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$cmds := .Commands}}{{range $group := .Groups}}

{{.Title}}{{range $cmds}}{{if (and (eq .GroupID $group.ID) .IsAvailableCommand)}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{if not .AllChildCommandsHaveGroup}}

Other Commands:{{range $cmds}}{{if (and (eq .GroupID "") (or .IsAvailableCommand (eq .Name "help")))}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

All commands take --output, --context, --kubeconfig, --as and so on: see kubectl rollcall --help.{{end}}{{if .HasAvailableSubCommands}}

Use "{{.CommandPath}} [command] --help" for more information about a command.{{end}}
`

func newRoot(streams genericiooptions.IOStreams) *cobra.Command {
	t := &tool{flags: genericclioptions.NewConfigFlags(true), streams: streams}
	root := &cobra.Command{
		Use:   "kubectl-rollcall",
		Short: "Log in, ask for access, decide about it, and see who has and did what",
		Long: "Log in, ask for access, decide about it, and see who has and did what, in a cluster whose people Rollcall keeps.\n\n" +
			"Whatever you do here, you do as whom your kubeconfig says you are, with the rights that you have.",
		Example:           rootExamples,
		Annotations:       map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl rollcall"},
		Version:           version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return t.checkOutput() },
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	root.SetUsageTemplate(usageTemplate)
	t.flags.AddFlags(root.PersistentFlags())
	root.PersistentFlags().StringVarP(&t.output, "output", "o", outputTable, "table, wide, json or yaml")
	root.AddGroup(
		&cobra.Group{ID: groupLogin, Title: "Log in:"},
		&cobra.Group{ID: groupAsk, Title: "Ask for access:"},
		&cobra.Group{ID: groupDecide, Title: "Decide who gets in:"},
		&cobra.Group{ID: groupLook, Title: "See who has what:"},
		&cobra.Group{ID: groupAudit, Title: "See who did what:"},
		&cobra.Group{ID: groupUse, Title: "See what is used:"},
		&cobra.Group{ID: groupRun, Title: "Run it:"},
	)
	t.addCommands(root)
	return root
}

const rootExamples = `  # Log in, and see who you are
  kubectl rollcall login https://login.example.com
  kubectl rollcall whoami

  # Ask for what the grant payments-admin gives, for an hour
  kubectl rollcall request payments-admin --for 1h --reason "INC-7: payments are stuck"

  # Who waits for you, and let them
  kubectl rollcall requests --pending
  kubectl rollcall approve payments-admin-7wq2m

  # Who is logged in; end one session, and keep somebody out at once
  kubectl rollcall sessions
  kubectl rollcall terminate mallory-7wq2mxk4c5tdz3ab --reason "INC-9"
  kubectl rollcall lock user/mallory --reason "laptop stolen"

  # What somebody can do, who can do something, and why somebody can or cannot
  kubectl rollcall access alice
  kubectl rollcall who-can delete pods -n pay
  kubectl rollcall why alice get secrets -n pay

  # Who gets what through what
  kubectl rollcall tree user/alice
  kubectl rollcall graph -o svg > access.svg

  # What somebody did, and who is behind a line of the audit log
  kubectl rollcall activity alice
  kubectl rollcall explain 5a2f0b8e-2f0c-4f0e-9d5b-0d4a3b1c2d3e

  # Which grants nobody uses, who has gone quiet, roles as wide as what somebody uses, and all of it on a page
  kubectl rollcall unused
  kubectl rollcall dormant
  kubectl rollcall recommend alice
  kubectl rollcall report --to access.html

  # Whether everything works, and what to do where it does not
  kubectl rollcall doctor`

func (t *tool) addCommands(root *cobra.Command) {
	add := func(group string, commands ...*cobra.Command) {
		for _, command := range commands {
			command.GroupID = group
			root.AddCommand(command)
		}
	}
	add(groupLogin, t.newLoginCommand(), t.newLogoutCommand(), t.newWhoAmICommand(), t.newCredentialCommand())
	add(groupAsk, t.newRequestCommand(), t.newRequestsCommand())
	add(groupDecide, t.newApproveCommand(), t.newDenyCommand(), t.newLockCommand(), t.newUnlockCommand(), t.newTerminateCommand())
	add(groupLook, t.newSessionsCommand(), t.newAccessCommand(), t.newWhoCanCommand(), t.newWhyCommand(), t.newTreeCommand(),
		t.newGraphCommand())
	add(groupAudit, t.newExplainCommand(), t.newActivityCommand(), t.newEvidenceCommand(), t.newLedgerCommand(), t.newFeedCommand())
	add(groupUse, t.newUsageCommand(), t.newUnusedCommand(), t.newDormantCommand(), t.newRecommendCommand(), t.newReportCommand())
	add(groupRun, t.newDoctorCommand(), t.newSupportBundleCommand())
	root.AddCommand(t.newVersionCommand())
	explainCompletion(root)
}

func (t *tool) newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this plugin",
		Example: "  kubectl rollcall version\n  kubectl rollcall version -o json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			info := map[string]string{"version": version, "goVersion": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
			if t.structured() {
				return t.print(info, nil)
			}
			_, err := fmt.Fprintln(t.streams.Out, "kubectl rollcall "+version)
			return err
		},
	}
}

// explainCompletion says how kubectl itself finds the completions: it knows nothing of a plugin's script.
func explainCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, command := range root.Commands() {
		if command.Name() == "completion" {
			command.Short = "Print a completion script, and how to make kubectl complete this plugin"
			command.Long = completionHelp
		}
	}
}

const completionHelp = `Completion after "kubectl rollcall" is kubectl's own: it asks a program called ` + completer + ` on your PATH.
That is this plugin under another name:

  ln -s "$(command -v kubectl-rollcall)" "$(dirname "$(command -v kubectl-rollcall)")/` + completer + `"

With that, and with kubectl's completion set up (kubectl completion --help), there is nothing more to do.
The scripts below complete the plugin when it is called by its own name, kubectl-rollcall.`
