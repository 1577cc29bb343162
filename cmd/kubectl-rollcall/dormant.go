// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/person"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

// The states of somebody who was not seen: where it is not known that audit logs would have told, it is not known either whether they were
// there.
const (
	stateDormant = "Dormant"
	stateUnknown = "Unknown"
)

// quiet are people who may act and were not seen.
type quiet struct {
	// Since is when the time began in which they were not.
	Since metav1.Time `json:"since"`
	// Coverage of that time; absent where it could not be asked for.
	Coverage *usage.Coverage `json:"coverage,omitempty"`
	// Items by how long it is, the longest first.
	Items []quietUser `json:"items"`
}

type quietUser struct {
	// User is the name of the object.
	User     string `json:"user"`
	Username string `json:"username"`
	// LastSeenTime is absent of those who were never seen.
	LastSeenTime *metav1.Time `json:"lastSeenTime,omitempty"`
	Created      metav1.Time  `json:"created"`
	Grants       []string     `json:"grants,omitempty"`
	Directory    string       `json:"directory,omitempty"`
	State        string       `json:"state"`
}

func (t *tool) newDormantCommand() *cobra.Command {
	const quarter = 90
	days := quarter
	command := &cobra.Command{
		Use:   "dormant",
		Short: "List who may act and was not seen for long",
		Long: `List who may act and was not seen for long: those who were seen least recently first, or never since their User was made.

Who was seen is what the API servers' audit logs tell. Where it is not known that all of that arrived, nobody is called dormant: the
state is Unknown, and what is missing is told beside the output.

The operator itself says so on Users, in the condition Dormant, after what it is told by --dormant-after.`,
		Example: `  kubectl rollcall dormant
  kubectl rollcall dormant --days 30 -o wide

  # Keep somebody out until they ask
  kubectl patch user alice --type merge -p '{"spec":{"state":"Suspended"}}'`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error { return t.dormant(command.Context(), days) },
	}
	daysFlag(command, &days, "for how many days they were not seen")
	return command
}

func (t *tool) dormant(ctx context.Context, days int) error {
	if err := checkDays(days); err != nil {
		return err
	}
	c, err := t.client()
	if err != nil {
		return err
	}
	users := &v1alpha1.UserList{}
	if err := c.List(ctx, users); err != nil {
		return err
	}
	now := time.Now()
	found := quietOnes(users.Items, now.AddDate(0, 0, -days))
	found.Coverage = t.coverageOf(ctx, days)
	found.judge()
	t.warnOfCoverage(found)
	if len(found.Items) == 0 && !t.structured() {
		t.warnf("Everybody who may act was seen in the last %d days, or is new.", days)
		return nil
	}
	return t.print(found, func(w *tableWriter) { quietRows(w, found, t.output == outputWide, now) })
}

// coverageOf asks how much is known; nil where nobody answers that.
func (t *tool) coverageOf(ctx context.Context, days int) *usage.Coverage {
	a, err := t.auditor(ctx)
	if err == nil {
		var coverage *usage.Coverage
		if coverage, err = a.coverage(ctx, days); err == nil {
			return coverage
		}
	}
	t.warnf("How much of that time is known could not be found out: %v", err)
	return nil
}

// quietOnes are those who may act and were not seen since.
func quietOnes(users []v1alpha1.User, since time.Time) *quiet {
	found := &quiet{Since: metav1.NewTime(since.UTC().Truncate(time.Second)), Items: []quietUser{}}
	for i := range users {
		u := &users[i]
		if !person.MayAct(u) || person.QuietSince(u).After(since) {
			continue
		}
		one := quietUser{
			User: u.Name, Username: u.Status.Username, LastSeenTime: u.Status.LastSeenTime, Created: u.CreationTimestamp, Grants: u.Status.Grants,
		}
		if u.Spec.DirectoryRef != nil {
			one.Directory = u.Spec.DirectoryRef.Name
		}
		found.Items = append(found.Items, one)
	}
	slices.SortFunc(found.Items, func(a, b quietUser) int { return cmp.Or(a.since().Compare(b.since()), cmp.Compare(a.User, b.User)) })
	return found
}

func (u *quietUser) since() time.Time {
	if u.LastSeenTime != nil {
		return u.LastSeenTime.Time
	}
	return u.Created.Time
}

// known says whether enough of the time is covered to say that somebody was not there.
func (q *quiet) known() bool { return q.Coverage != nil && q.Coverage.Share >= usage.Covered }

func (q *quiet) judge() {
	state := stateUnknown
	if q.known() {
		state = stateDormant
	}
	for i := range q.Items {
		q.Items[i].State = state
	}
}

func (t *tool) warnOfCoverage(q *quiet) {
	switch {
	case q.known():
		return
	case q.Coverage == nil:
		t.warnf("Nobody is called dormant without coverage: whoever is listed may have been there.")
	default:
		t.warnf("Nobody is called dormant without coverage, and of the time since %s only %s is known: whoever is listed may have been there.",
			stamp(q.Coverage.Since.Time), usage.Percent(q.Coverage.Share))
		t.warnOfGaps(q.Coverage.Gaps)
	}
}

func quietRows(w *tableWriter, q *quiet, wide bool, now time.Time) {
	header := []string{"user", "username", "last-seen", "grants", "directory", "state"}
	if wide {
		header = append(header, "last-seen-at", "age", "grant-names")
	}
	w.Row(header...)
	for i := range q.Items {
		u := &q.Items[i]
		last, at := "never", orNone("")
		if u.LastSeenTime != nil {
			last, at = duration.HumanDuration(now.Sub(u.LastSeenTime.Time))+" ago", stamp(u.LastSeenTime.Time)
		}
		row := []string{u.User, u.Username, last, strconv.Itoa(len(u.Grants)), orNone(u.Directory), u.State}
		if wide {
			row = append(row, at, duration.HumanDuration(now.Sub(u.Created.Time)), orNone(strings.Join(u.Grants, ",")))
		}
		w.Row(row...)
	}
}
