// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/rollcall-iam/rollcall/internal/answers"
)

func (t *tool) newWhyCommand() *cobra.Command {
	q := question{}
	command := &cobra.Command{
		Use:   "why USER VERB RESOURCE[/NAME] [-n NAMESPACE]",
		Short: "Explain why a person can do something, or what is missing",
		Long: `Explain why a person can do something: from the person through groups, Grants, requests and approvers to binding, role and rule.
Or why not: what keeps them out, which Grants would allow it, and how to get there.

` + targetHelp,
		Example: `  # Why can Alice delete pods in the namespace pay?
  kubectl rollcall why alice delete pods -n pay

  # Why can she not read the secret db?
  kubectl rollcall why corp:alice get secrets/db -n pay`,
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.verb, q.target, q.subresourceGiven = args[1], args[2], cmd.Flags().Changed("subresource")
			return t.why(cmd, args[0], q)
		},
	}
	command.Flags().StringVar(&q.subresource, "subresource", "", subresourceHelp)
	return command
}

func (t *tool) why(cmd *cobra.Command, user string, q question) error {
	action, err := t.action(q)
	if err != nil {
		return err
	}
	snapshot, err := t.snapshot(cmd.Context(), reading{user: user, offers: true})
	if err != nil {
		return err
	}
	answer, err := answers.Index(snapshot, time.Now()).Why(user, action)
	if err != nil {
		return err
	}
	return t.print(answer, func(w *tableWriter) { whyTable(w, answer) })
}

func whyTable(w *tableWriter, answer answers.Why) {
	verdict := "YES"
	if !answer.Allowed {
		verdict = "NO"
	}
	w.Row(fmt.Sprintf("Can %s %s? %s", who(answer.Person), answer.Action, verdict))
	remarkRows(w, "  ", answer.Remarks)
	for _, way := range answer.Ways {
		w.Row()
		chainRows(w, answer.Person, way)
	}
	for _, offer := range answer.Offers {
		w.Row()
		w.Row(fmt.Sprintf("Grant %s would allow it (%s, scope %s):", offer.Grant, role(offer.Role), offer.Scope))
		for i, step := range offer.Steps {
			w.Row(fmt.Sprintf("  %d. %s", i+1, step.Message))
		}
	}
}

// chainRows follow one way from the person to the rule.
func chainRows(w *tableWriter, p answers.Person, way answers.Way) {
	w.Row("User " + who(p))
	if groups := through(way); groups != "" && groups != "(direct)" {
		w.Row("  -> Group " + groups)
	}
	if way.Grant != "" {
		w.Row("  -> Grant " + way.Grant)
	}
	if way.Request != "" {
		w.Row("  -> AccessRequest " + way.Request)
	}
	managed := ""
	if way.Via == answers.ViaUnmanaged {
		managed = " (unmanaged)"
	}
	w.Row("  -> " + way.Binding.Kind + " " + strings.TrimPrefix(way.Binding.Namespace+"/"+way.Binding.Name, "/") + managed)
	w.Row("  -> " + way.Role.Kind + " " + way.Role.Name)
	w.Row("  -> " + rule(way.Rule))
	if way.Until != nil {
		w.Row("  until " + ends(way))
	}
	if reason := why(way); reason != "" {
		w.Row("  " + reason)
	}
}

// rule in the words of kubectl describe.
func rule(r *rbacv1.PolicyRule) string {
	if r == nil {
		return ""
	}
	parts := []string{"verbs [" + strings.Join(r.Verbs, " ") + "]"}
	for _, field := range []struct {
		name   string
		values []string
	}{
		{"apiGroups", r.APIGroups}, {"resources", r.Resources}, {"resourceNames", r.ResourceNames}, {"nonResourceURLs", r.NonResourceURLs},
	} {
		if len(field.values) > 0 {
			parts = append(parts, fmt.Sprintf("%s %q", field.name, field.values))
		}
	}
	return strings.Join(parts, ", ")
}
