// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

func (t *tool) newUsageCommand() *cobra.Command {
	days := wire.DefaultDays
	command := &cobra.Command{
		Use:   "usage GRANT",
		Short: "Show who uses a grant, and for what",
		Long: `Show who uses a Grant, and for what, by the audit logs of the API servers.

A request is a use of each Grant that would have allowed it, and not only of the one that RBAC found first. A Grant is
  Used       if it alone allowed something,
  Redundant  if whatever was done by it, another Grant or binding allowed as well,
  Unused     if nothing was, and audit events cover 99 % of the time at least,
  Unknown    if nothing is known to have been, and they do not; or the Grant has not been there for that long.

What workloads and components of Kubernetes do is not looked at, and what somebody does as somebody else (impersonation) is a use of the
right to do so.`,
		Example: `  kubectl rollcall usage payments-admin
  kubectl rollcall usage payments-admin --days 90 -o json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: t.complete(grants),
		RunE: func(command *cobra.Command, args []string) error {
			return t.usage(command.Context(), args[0], days)
		},
	}
	daysFlag(command, &days, "how many days to look back")
	return command
}

func (t *tool) newUnusedCommand() *cobra.Command {
	days, all := wire.DefaultDays, false
	command := &cobra.Command{
		Use:   "unused",
		Short: "List grants that nobody uses, or that something else makes needless",
		Long: `List Grants that nobody uses, and those of which whatever is done by them something else allows as well.
See kubectl rollcall usage --help for what these words mean.

Nothing is called unused without evidence that the events of that time have arrived: such Grants are Unknown, and listed last.`,
		Example: `  kubectl rollcall unused
  kubectl rollcall unused --days 90
  kubectl rollcall unused --all`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(command *cobra.Command, _ []string) error {
			return t.unused(command.Context(), days, all)
		},
	}
	daysFlag(command, &days, "how many days to look back")
	command.Flags().BoolVar(&all, "all", all, "those that are used, too")
	return command
}

func (t *tool) usage(ctx context.Context, grant string, days int) error {
	if err := checkDays(days); err != nil {
		return err
	}
	a, err := t.auditor(ctx)
	if err != nil {
		return err
	}
	found, err := a.usage(ctx, days, grant)
	if err != nil {
		return err
	}
	if len(found.Items) != 1 {
		return fmt.Errorf("the audit service answers about %d Grants, and not one", len(found.Items))
	}
	if t.structured() {
		return t.print(found, nil)
	}
	one := &found.Items[0]
	t.sayf("Grant %s: %s, %s.", one.Name, one.Usage, one.Message)
	if len(one.Uses) > 0 {
		if err := t.print(found, func(w *tableWriter) { useRows(w, one.Uses) }); err != nil {
			return err
		}
	}
	if idle := without(one.Subjects, one.Uses); len(idle) > 0 {
		t.sayf("%d of %d whom it reaches did not use it: %s", len(idle), len(one.Subjects), some(idle))
	}
	t.sayCoverage(&found.Coverage)
	return nil
}

func useRows(w *tableWriter, uses []usage.Use) {
	w.Row("user", "action", "objects", "requests", "first", "last", "needed")
	for i := range uses {
		u := &uses[i]
		needed := "no"
		if u.Needed != nil {
			needed = "yes"
		}
		w.Row(u.Username, u.Action.String(), objects(u), strconv.FormatInt(u.Requests, 10), stamp(u.First.Time), stamp(u.Last.Time), needed)
	}
}

// objects are the names of what was acted on.
func objects(u *usage.Use) string {
	if len(u.Names) == 0 {
		return "-"
	}
	text := strings.Join(u.Names, ",")
	if u.Unnamed {
		text += ",..."
	}
	return text
}

// without are the usernames that did nothing.
func without(usernames []string, uses []usage.Use) []string {
	var idle []string
	for _, name := range usernames {
		if !slices.ContainsFunc(uses, func(u usage.Use) bool { return u.Username == name }) {
			idle = append(idle, name)
		}
	}
	return idle
}

// some are names, as many as a line takes.
func some(names []string) string {
	const most = 8
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

func (t *tool) unused(ctx context.Context, days int, all bool) error {
	if err := checkDays(days); err != nil {
		return err
	}
	a, err := t.auditor(ctx)
	if err != nil {
		return err
	}
	found, err := a.usage(ctx, days, "")
	if err != nil {
		return err
	}
	found.Items = slices.DeleteFunc(found.Items, func(g wire.GrantUsage) bool { return !all && g.Usage == v1alpha1.GrantUsed })
	slices.SortStableFunc(found.Items, func(a, b wire.GrantUsage) int { return cmp.Compare(urgency(a.Usage), urgency(b.Usage)) })
	if len(found.Items) == 0 && !t.structured() {
		t.warnf("Every Grant was needed within the last %d days.", days)
		return nil
	}
	if err := t.print(found, func(w *tableWriter) { unusedRows(w, found.Items) }); err != nil {
		return err
	}
	t.sayCoverage(&found.Coverage)
	return nil
}

// urgency sorts what somebody should look at first.
func urgency(u v1alpha1.GrantUsage) int {
	order := []v1alpha1.GrantUsage{v1alpha1.GrantUnused, v1alpha1.GrantRedundant, v1alpha1.GrantUnknown, v1alpha1.GrantUsed}
	return slices.Index(order, u)
}

func unusedRows(w *tableWriter, items []wire.GrantUsage) {
	w.Row("grant", "usage", "last-used", "people", "requests", "why")
	for i := range items {
		g := &items[i]
		w.Row(g.Name, string(g.Usage), ever(g.Last), strconv.Itoa(g.People), strconv.FormatInt(g.Requests, 10), g.Message)
	}
}

func ever(t *metav1.Time) string {
	if t == nil {
		return "never"
	}
	return stamp(t.Time)
}

// sayCoverage warns where not enough of a time is covered by audit events.
func (t *tool) sayCoverage(c *usage.Coverage) {
	if c.Share >= usage.Covered {
		return
	}
	t.warnf("Of the time since %s only %s is known:", stamp(c.Since.Time), usage.Percent(c.Share))
	t.warnOfGaps(c.Gaps)
}
