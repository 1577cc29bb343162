// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// userField is what Sessions can be selected by.
const userField = "spec.userRef.name"

// columns are those of the wide table.
const columns = 13

func (t *tool) newSessionsCommand() *cobra.Command {
	all := false
	command := &cobra.Command{
		Use:   "sessions [USER]",
		Short: "List who is logged in, since when and until when",
		Long: "List who is logged in, since when and until when.\n\n" +
			"A session is the time between a login and its end. Those that have ended stay for a while, as the record of whose a\n" +
			"certificate was: see them with --all.",
		Example: `  kubectl rollcall sessions
  kubectl rollcall sessions alice --all -o wide`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: t.complete(people),
		RunE: func(command *cobra.Command, args []string) error {
			user := ""
			if len(args) > 0 {
				user = args[0]
			}
			return t.sessions(command.Context(), user, all)
		},
	}
	command.Flags().BoolVar(&all, "all", false, "those too that have ended")
	return command
}

func (t *tool) sessions(ctx context.Context, user string, all bool) error {
	c, err := t.client()
	if err != nil {
		return err
	}
	list, err := sessionsOf(ctx, c, user)
	if err != nil {
		return err
	}
	if !all {
		list.Items = slices.DeleteFunc(list.Items, func(s v1alpha1.Session) bool { return over(&s) })
	}
	slices.SortStableFunc(list.Items, func(a, b v1alpha1.Session) int {
		return cmp.Or(cmp.Compare(a.Spec.UserRef.Name, b.Spec.UserRef.Name), a.CreationTimestamp.Compare(b.CreationTimestamp.Time))
	})
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("SessionList"))
	for i := range list.Items {
		list.Items[i].SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Session"))
	}
	if len(list.Items) == 0 && !t.structured() {
		t.warnf("No sessions found.")
	}
	return t.print(list, func(w *tableWriter) { sessionRows(w, list, t.output == outputWide, time.Now()) })
}

func sessionsOf(ctx context.Context, c client.Client, user string) (*v1alpha1.SessionList, error) {
	list := &v1alpha1.SessionList{}
	if user == "" {
		return list, c.List(ctx, list)
	}
	return list, c.List(ctx, list, client.MatchingFields{userField: user})
}

func sessionRows(w *tableWriter, list *v1alpha1.SessionList, wide bool, now time.Time) {
	if len(list.Items) == 0 {
		return
	}
	header := []string{"name", "user", "device", "method", "state", "cert-expires", "last-seen", "age"}
	if wide {
		header = append(header, "username", "custody", "issued", "ended-by", "message")
	}
	w.Row(header...)
	for i := range list.Items {
		w.Row(sessionRow(&list.Items[i], wide, now)...)
	}
}

func sessionRow(s *v1alpha1.Session, wide bool, now time.Time) []string {
	cells := make([]string, 0, columns)
	cells = append(cells,
		s.Name, s.Spec.UserRef.Name, orNone(s.Spec.Device), string(s.Spec.Authentication.Method), sessionState(s),
		expires(s.ValidUntil(), now), lastSeen(s, now), duration.HumanDuration(now.Sub(s.CreationTimestamp.Time)),
	)
	if !wide {
		return cells
	}
	message := ""
	if condition := sessionActive(s); condition != nil {
		message = condition.Message
	}
	return append(cells, s.Spec.Username, string(s.Spec.Custody), strconv.Itoa(int(ptr.Deref(s.Status.Issued, 0))),
		orNone(s.Status.EndedBy), message)
}

func sessionActive(s *v1alpha1.Session) *metav1.Condition {
	return meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionActive)
}

// over says whether a Session has ended, or was told to.
func over(s *v1alpha1.Session) bool {
	condition := sessionActive(s)
	return s.Status.EndTime != nil || s.Spec.Termination != nil || condition != nil && condition.Status == metav1.ConditionFalse
}

// sessionState is a Session's state in a word.
func sessionState(s *v1alpha1.Session) string {
	condition := sessionActive(s)
	switch {
	case s.Status.EndReason != "":
		return s.Status.EndReason
	case s.Spec.Termination != nil:
		return "Ending"
	case condition != nil:
		return condition.Reason
	default:
		return "New"
	}
}

func expires(at, now time.Time) string {
	switch {
	case at.IsZero():
		return "<none>"
	case !now.Before(at):
		return "expired"
	default:
		return "in " + duration.HumanDuration(at.Sub(now))
	}
}

func lastSeen(s *v1alpha1.Session, now time.Time) string {
	if s.Status.LastSeenTime == nil {
		return "<unknown>"
	}
	return duration.HumanDuration(now.Sub(s.Status.LastSeenTime.Time)) + " ago"
}

func orNone(text string) string {
	if text == "" {
		return "<none>"
	}
	return text
}

// people are the names of Users.
func people(ctx context.Context, c client.Client) []string {
	var users v1alpha1.UserList
	_ = c.List(ctx, &users)
	names := make([]string, len(users.Items))
	for i := range users.Items {
		names[i] = users.Items[i].Name
	}
	return names
}

// activeSessions are the names of Sessions that have not ended.
func activeSessions(ctx context.Context, c client.Client) []string {
	var list v1alpha1.SessionList
	_ = c.List(ctx, &list)
	var names []string
	for i := range list.Items {
		if !over(&list.Items[i]) {
			names = append(names, list.Items[i].Name)
		}
	}
	return names
}
