// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rollcall-iam/rollcall/internal/answers"
)

func (t *tool) newWhoCanCommand() *cobra.Command {
	var anywhere bool
	q := question{}
	command := &cobra.Command{
		Use:   "who-can VERB RESOURCE[/NAME] [-n NAMESPACE | -A]",
		Short: "Show who can do something, and why",
		Long: `Show all people who can do something, members of groups by name, with the binding and the Grant behind each; and who else can:
service accounts, and users and groups that no User stands behind.

` + targetHelp,
		Example: `  # Who can read secrets in the namespace pay?
  kubectl rollcall who-can get secrets -n pay

  # Who can scale the deployment web?
  kubectl rollcall who-can patch deployments.apps/web/scale -n pay

  # Who can run commands in pods of any namespace?
  kubectl rollcall who-can create pods/exec -A

  # Who can read the API server's metrics?
  kubectl rollcall who-can get /metrics`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.verb, q.target, q.subresourceGiven = args[0], args[1], cmd.Flags().Changed("subresource")
			return t.whoCan(cmd, q, anywhere)
		},
	}
	command.Flags().BoolVarP(&anywhere, "all-namespaces", "A", false, "Whoever can in any namespace.")
	command.Flags().StringVar(&q.subresource, "subresource", "", subresourceHelp)
	return command
}

const (
	targetHelp = `RESOURCE is what kubectl understands: pods, po, deployments.apps. After a slash comes a name, or one of its subresources
(pods/log), or both (pods/web/log). A path such as /healthz stands for itself. Without a name, rules that are limited to names do not
count. Groups count as far as credentials may speak for them.`

	subresourceHelp = "Ask about this subresource; what follows the resource is then a name, even if it is called like a subresource."
)

func (t *tool) whoCan(cmd *cobra.Command, q question, anywhere bool) error {
	action, err := t.action(q)
	if err != nil {
		return err
	}
	anywhere = anywhere && action.Path == "" && action.Namespace != ""
	what := reading{namespace: action.Namespace, clusterWide: action.Namespace == ""}
	if anywhere {
		what.namespace = ""
	}
	snapshot, err := t.snapshot(cmd.Context(), what)
	if err != nil {
		return err
	}
	world := answers.Index(snapshot, time.Now())
	answer := world.WhoCan(action)
	if anywhere {
		answer = world.WhoCanAnywhere(action)
	}
	return t.print(answer, func(w *tableWriter) { whoCanTable(w, answer, anywhere) })
}

func whoCanTable(w *tableWriter, answer answers.WhoCan, anywhere bool) {
	where := ""
	if anywhere {
		where = " in any namespace"
	}
	if len(answer.Everyone)+len(answer.People)+len(answer.Others) == 0 {
		w.Row("Nobody can " + answer.Action.String() + where + ".")
		return
	}
	w.Row("Who can " + answer.Action.String() + where + ":")
	w.Row()
	w.Row("WHO", "NAMESPACE", "VIA", "BINDING", "ROLE", "THROUGH", "UNTIL", "REASON")
	for _, way := range answer.Everyone {
		wayRow(w, "everyone ("+way.Subject.Name+")", way)
	}
	for _, p := range answer.People {
		name := p.Person.Username
		if !p.Person.Active {
			name += " (may not act: " + p.Person.Reason + ")"
		}
		wayRows(w, name, p.Ways)
	}
	for _, o := range answer.Others {
		name := strings.TrimPrefix(o.Subject.Namespace+"/"+o.Subject.Name, "/")
		wayRows(w, o.Subject.Kind+" "+name+" (no User)", o.Ways)
	}
}

// wayRows names whom they are about once.
func wayRows(w *tableWriter, who string, ways []answers.Way) {
	for i, way := range ways {
		if i > 0 {
			who = ""
		}
		wayRow(w, who, way)
	}
}

func wayRow(w *tableWriter, who string, way answers.Way) {
	w.Row(who, place(way), via(way), way.Binding.Name, role(way.Role), through(way), ends(way), why(way))
}
