// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rollcall-iam/rollcall/internal/answers"
)

func (t *tool) newAccessCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "access USER",
		Short: "Show everything that a person can do, and where it comes from",
		Long: `Show every binding that gives something to a person: by which Grant or AccessRequest, through which group, where, until when
and why. Bindings that Rollcall does not manage are marked "unmanaged". USER is the name of a User, or what Kubernetes calls the person.

Groups count as far as the person's credential may speak for them. What the group system:masters may do is not shown: everything.`,
		Example: `  # What can Alice do?
  kubectl rollcall access alice

  # The same, by the username in the audit log, for a script
  kubectl rollcall access corp:alice -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			snapshot, err := t.snapshot(cmd.Context(), reading{user: args[0]})
			if err != nil {
				return err
			}
			answer, err := answers.Index(snapshot, time.Now()).Access(args[0])
			if err != nil {
				return err
			}
			return t.print(answer, func(w *tableWriter) { accessTable(w, answer) })
		},
	}
}

func accessTable(w *tableWriter, answer answers.Access) {
	personRows(w, answer.Person)
	remarkRows(w, "", answer.Remarks)
	w.Row()
	if len(answer.Ways) == 0 {
		w.Row("No binding gives them anything.")
		return
	}
	w.Row("VIA", "NAMESPACE", "BINDING", "ROLE", "THROUGH", "UNTIL", "REASON")
	for _, way := range answer.Ways {
		w.Row(via(way), place(way), way.Binding.Name, role(way.Role), through(way), ends(way), why(way))
	}
}

func personRows(w *tableWriter, p answers.Person) {
	state := "may act"
	if !p.Active {
		state = "may not act"
	}
	w.Row("User " + who(p) + ": " + state)
	if len(p.Groups) > 0 {
		w.Row("Groups: " + strings.Join(p.Groups, ", "))
	}
}

func who(p answers.Person) string {
	text := p.Name
	if p.Username != "" && p.Username != p.Name {
		text += " (" + p.Username + ")"
	}
	if p.DisplayName != "" {
		text += ", " + p.DisplayName
	}
	return text
}

func remarkRows(w *tableWriter, indent string, remarks []answers.Remark) {
	for _, r := range remarks {
		w.Row(indent + "! " + r.Reason + ": " + r.Message)
	}
}

func via(way answers.Way) string {
	switch way.Via {
	case answers.ViaGrant:
		return "Grant " + way.Grant
	case answers.ViaRequest:
		return "AccessRequest " + way.Request + " for Grant " + way.Grant
	default:
		return "unmanaged"
	}
}

func place(way answers.Way) string { return cmp.Or(way.Binding.Namespace, "(all)") }

func role(r answers.Role) string { return r.Kind + "/" + r.Name }

// through is by what a person comes to it: groups, or nothing in between.
func through(way answers.Way) string {
	var names []string
	for _, s := range way.Through {
		if s.Kind == "Group" {
			names = append(names, s.Name)
		} else {
			names = append(names, "(direct)")
		}
	}
	return strings.Join(names, ", ")
}

func ends(way answers.Way) string {
	if way.Until == nil {
		return ""
	}
	return way.Until.UTC().Format(time.RFC3339)
}

// why is the reason that was given, or else what is odd.
func why(way answers.Way) string {
	var parts []string
	for _, part := range []string{way.Ticket, way.Reason} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if len(way.Approvers) > 0 {
		parts = append(parts, "approved by "+strings.Join(way.Approvers, ", "))
	}
	for _, r := range way.Remarks {
		parts = append(parts, "! "+r.Message)
	}
	return strings.Join(parts, "; ")
}
