// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/report"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// outputHTML is the other value of --output that a report has, besides json.
const outputHTML = "html"

// reportFlags are those of the command report.
type reportFlags struct {
	format, to string
	days       int
}

func (t *tool) newReportCommand() *cobra.Command {
	var flags reportFlags
	command := &cobra.Command{
		Use:   "report",
		Short: "Make a page for whoever reviews access: who has what, who uses it, and what is odd",
		Long: `Make a page for whoever reviews access: what to look at first, who has what, who uses it, requests, sessions, pictures. It
is one file that needs no network, for any browser and for paper. It holds names, and what people did: give it to whom that concerns.

What is in it is what you may read. Without the audit service, or the right to ask it, the page says so, and is made without what
people did.`,
		Example: `  kubectl rollcall report --to access.html
  kubectl rollcall report --days 90 > access.html

  # The same for a program
  kubectl rollcall report -o json | jq '.findings[] | {kind, items: [.items[].name]}'`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(command *cobra.Command, _ []string) error { return t.report(command.Context(), flags) },
	}
	command.Flags().StringVarP(&flags.format, "output", "o", outputHTML, "html or json")
	command.Flags().StringVar(&flags.to, "to", "", "file to write, anew if it is there already (default: standard output)")
	flags.days = wire.DefaultDays
	daysFlag(command, &flags.days, "how many days to look back")
	return command
}

func (t *tool) report(ctx context.Context, flags reportFlags) error {
	if err := flags.check(t.onTerminal()); err != nil {
		return err
	}
	in, err := t.gather(ctx, flags.days)
	if err != nil {
		return err
	}
	for _, missing := range in.Missing {
		t.warnf("%s: %s", missing.What, missing.Why)
	}
	text, err := written(report.Build(in, time.Now()), flags.format)
	if err != nil {
		return err
	}
	if flags.to == "" {
		return t.write(text)
	}
	if err := putFile(flags.to, []byte(text)); err != nil {
		return err
	}
	t.warnf("The report is in %s.", flags.to)
	return nil
}

// check says what is wrong with the flags; terminal says that standard output is one.
func (f *reportFlags) check(terminal bool) error {
	switch {
	case f.format != outputHTML && f.format != outputJSON:
		return fmt.Errorf("there is no report in %q: use html or json", f.format)
	case f.format == outputHTML && f.to == "" && terminal:
		return errors.New("the report is a page for a browser, and would fill this terminal: name a file, as in --to access.html")
	default:
		return checkDays(f.days)
	}
}

func written(page report.Page, format string) (string, error) {
	if format == outputJSON {
		text, err := json.MarshalIndent(page, "", "  ")
		return visible(text, jsonEscape) + "\n", err
	}
	var text bytes.Buffer
	err := report.Render(&text, page)
	return text.String(), err
}

// gather reads all that a report is made of. Without people, groups and grants there is none; what else may not be read is missing.
func (t *tool) gather(ctx context.Context, days int) (report.Input, error) {
	c, err := t.client()
	if err != nil {
		return report.Input{}, err
	}
	var (
		l           = &lists{}
		r           = &reader{Client: c}
		sessions    v1alpha1.SessionList
		approvals   v1alpha1.ApprovalList
		directories v1alpha1.DirectoryList
	)
	l.read(ctx, r, reading{})
	r.list(ctx, "sessions.iam.rollcall.dev", &sessions)
	r.list(ctx, "approvals.iam.rollcall.dev", &approvals)
	r.list(ctx, "directories.iam.rollcall.dev", &directories)
	if err := r.running.Wait(); err != nil {
		return report.Input{}, err
	}
	slices.Sort(r.forbidden)
	missing, err := unread(r.forbidden)
	if err != nil {
		return report.Input{}, err
	}
	name, _, err := t.cluster()
	if err != nil {
		return report.Input{}, err
	}
	in := report.Input{
		Cluster: name, Days: days, Snapshot: l.snapshot(),
		Sessions: sessions.Items, Approvals: approvals.Items, Directories: directories.Items, Missing: missing,
	}
	if in.By, err = caller(ctx, c); err != nil {
		t.warnf("%v", err) // The page does without.
	}
	t.askAuditor(ctx, &in)
	return in, nil
}

// unread says what is not on the page because the caller may not read it. Without what all of it is about there is an error.
func unread(forbidden []string) ([]report.Missing, error) {
	parts := map[string]report.Missing{
		"accessrequests.iam.rollcall.dev":               {About: report.AboutRequests, What: "Requests for access"},
		"approvals.iam.rollcall.dev":                    {About: report.AboutApprovals, What: "Decisions that did not count"},
		"sessions.iam.rollcall.dev":                     {About: report.AboutSessions, What: "Sessions"},
		"locks.iam.rollcall.dev":                        {About: report.AboutLocks, What: "Locks"},
		"directories.iam.rollcall.dev":                  {About: report.AboutDirectories, What: "Directories"},
		"clusterroles.rbac.authorization.k8s.io":        {About: report.AboutRoles, What: "Which ClusterRoles are powerful"},
		"roles.rbac.authorization.k8s.io":               {About: report.AboutRoles, What: "Which Roles are powerful"},
		"clusterrolebindings.rbac.authorization.k8s.io": {About: report.AboutBindings, What: "What people have by ClusterRoleBindings"},
		"rolebindings.rbac.authorization.k8s.io":        {About: report.AboutBindings, What: "What people have by RoleBindings"},
	}
	var missing []report.Missing
	for _, resource := range forbidden {
		part, optional := parts[resource]
		if !optional {
			return nil, fmt.Errorf("you may not read %s, which all of the report is about: be bound to the ClusterRole rollcall-viewer", resource)
		}
		part.Why = fmt.Sprintf("whoever made this page may not list %s", resource)
		missing = append(missing, part)
	}
	return missing, nil
}

// askAuditor adds what people did, or why that is missing.
func (t *tool) askAuditor(ctx context.Context, in *report.Input) {
	lack := func(about, what string, err error) {
		in.Missing = append(in.Missing, report.Missing{About: about, What: what, Why: lacking(err)})
	}
	const used, did = "Which Grants are used", "What people did"
	a, err := t.auditor(ctx)
	if err != nil {
		lack(report.AboutUsage, used, err)
		lack(report.AboutActivity, did, err)
		return
	}
	if in.Usage, err = a.usage(ctx, in.Days, ""); err != nil {
		lack(report.AboutUsage, used, err)
	}
	if in.Activity, err = a.days(ctx, in.Days); err != nil {
		lack(report.AboutActivity, did, err)
	}
}

// lacking is why the audit service said nothing.
func lacking(err error) string {
	switch {
	case errors.Is(err, errNotThere):
		return "the audit service does not tell: the operator is older than this plugin"
	case meta.IsNoMatchError(err), apierrors.IsNotFound(err):
		return "the cluster does not say where the audit service is: the operator has not run yet, or is older than this plugin"
	default:
		return err.Error()
	}
}
