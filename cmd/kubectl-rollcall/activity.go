// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rollcall-iam/rollcall/internal/attribution"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

func (t *tool) newActivityCommand() *cobra.Command {
	since, limit := 24*time.Hour, 100
	command := &cobra.Command{
		Use:   "activity USER",
		Short: "List what somebody did, and by which grant and session",
		Long: `List what somebody did, the newest first: by the name of the User, or by username, which need not be a person's. What others did
as them (impersonation) is in the list, too.

The operator must run with --audit-bind-address, and the API servers send it the events of their audit logs.`,
		Example: `  kubectl rollcall activity alice
  kubectl rollcall activity corp:alice --since 168h --limit 1000 -o wide`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: t.complete(people),
		RunE: func(command *cobra.Command, args []string) error {
			return t.activity(command.Context(), args[0], since, limit)
		},
	}
	command.Flags().DurationVar(&since, "since", since, "how far back")
	command.Flags().IntVar(&limit, "limit", limit, fmt.Sprintf("how many, 1 to %d", wire.MaxActivity))
	return command
}

func (t *tool) activity(ctx context.Context, user string, since time.Duration, limit int) error {
	if since <= 0 || limit < 1 || limit > wire.MaxActivity {
		return fmt.Errorf("--since must be more than nothing, and --limit 1 to %d", wire.MaxActivity)
	}
	a, err := t.auditor(ctx)
	if err != nil {
		return err
	}
	found, err := a.activity(ctx, url.Values{
		"user": {user}, "limit": {strconv.Itoa(limit)}, "since": {time.Now().Add(-since).UTC().Format(time.RFC3339)},
	})
	if err != nil {
		return err
	}
	if len(found.Items) == 0 && !t.structured() {
		t.warnf("Nothing that %s did in the last %s is kept.", user, since)
		return nil
	}
	if err := t.print(found, func(w *tableWriter) { activityRows(w, found, t.output == outputWide) }); err != nil {
		return err
	}
	if found.More {
		t.warnf("There is more: see --limit and --since.")
	}
	return nil
}

func activityRows(w *tableWriter, found *wire.Explained, wide bool) {
	header := []string{"time", "action", "code", "by", "session", "from"}
	if wide {
		header = append(header, "user", "audit-id", "user-agent", "notes")
	}
	w.Row(header...)
	for i := range found.Items {
		x := &found.Items[i]
		row := []string{
			stamp(x.Event.Time.Time), x.Event.Action.String(), code(x), way(x.Authorization), inSession(x), strings.Join(x.Event.SourceIPs, ","),
		}
		if wide {
			row = append(row, whoAs(x), x.Event.AuditID, x.Event.UserAgent, notes(x))
		}
		w.Row(row...)
	}
}

func code(x *wire.ExplainedEvent) string {
	if x.Event.Code == 0 {
		return "-"
	}
	return strconv.Itoa(int(x.Event.Code))
}

// way is what allowed it, in a word or two.
func way(a attribution.Authorization) string {
	switch {
	case a.Request != nil:
		return "request " + a.Request.Name
	case a.Grant != nil:
		return "grant " + a.Grant.Name
	case a.Binding != nil:
		return "binding " + strings.TrimPrefix(a.Binding.Namespace+"/"+a.Binding.Name, "/")
	default:
		return cmp.Or(strings.ToLower(string(a.Verdict)), "-")
	}
}

func inSession(x *wire.ExplainedEvent) string {
	if x.Session == nil {
		return "-"
	}
	return x.Session.Name
}

func whoAs(x *wire.ExplainedEvent) string {
	if x.ActedAs == nil {
		return x.Actor.Username
	}
	return x.Actor.Username + " as " + x.ActedAs.Username
}

func notes(x *wire.ExplainedEvent) string {
	reasons := make([]string, len(x.Remarks))
	for i, r := range x.Remarks {
		reasons[i] = r.Reason
	}
	return cmp.Or(strings.Join(reasons, ","), "-")
}
