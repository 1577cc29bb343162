// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// requestFlags are those of the command request.
type requestFlags struct {
	duration, reason, ticket, start string
	watch                           bool
}

func (t *tool) newRequestCommand() *cobra.Command {
	var flags requestFlags
	command := &cobra.Command{
		Use:   "request GRANT --for DURATION --reason TEXT",
		Short: "Ask for what a grant gives on request",
		Long: "Ask for what a grant gives on request, for some time.\n\n" +
			"On a terminal this shows how the request fares until it is active or has ended. Ctrl-C stops that, and leaves the request.",
		Example: `  # For an hour, from when somebody approves it
  kubectl rollcall request payments-admin --for 1h --reason "INC-7: payments are stuck"

  # With a ticket, from 18:00 on, without waiting for the approval
  kubectl rollcall request payments-admin --for 30m --start 18:00 --ticket CHG-1234 --reason "planned change" --watch=false`,
		Args:              exactly("GRANT: which grant do you ask for? See kubectl get grants"),
		ValidArgsFunction: t.complete(grantsOnRequest),
		RunE: func(command *cobra.Command, args []string) error {
			if !command.Flags().Changed("watch") {
				flags.watch = t.onTerminal()
			}
			return t.request(command.Context(), args[0], flags)
		},
	}
	command.Flags().StringVar(&flags.duration, "for", "", "for how long, for instance 30m, 1h30m or 2d (required)")
	command.Flags().StringVar(&flags.reason, "reason", "", "why, for those who approve and for whoever reviews this later (required)")
	command.Flags().StringVar(&flags.ticket, "ticket", "", "the ticket that this is about, where the grant wants one")
	command.Flags().StringVar(&flags.start, "start", "",
		"when it is to begin, for instance 15:04 or 2006-01-02T15:04:05Z; once it is approved if not given")
	command.Flags().BoolVarP(&flags.watch, "watch", "w", false,
		"show how the request fares; on a terminal that is so unless you say --watch=false")
	return command
}

func (t *tool) request(ctx context.Context, grantName string, flags requestFlags) error {
	request, err := flags.request(grantName, time.Now())
	if err != nil {
		return err
	}
	c, err := t.client()
	if err != nil {
		return err
	}
	grant, err := readableGrant(ctx, c, grantName)
	if err != nil {
		return err
	}
	if grant != nil {
		if why := impossible(request, grant, time.Now()); why != "" {
			return errors.New(why)
		}
	}
	if request.Spec.UserName, err = caller(ctx, c); err != nil {
		return err
	}
	if err := c.Create(ctx, request); err != nil {
		return fmt.Errorf("ask for grant %q: %w", grantName, err)
	}
	t.sayf("request %s created", request.Name)
	if flags.watch {
		err = t.watchRequest(ctx, c, request, grant)
	}
	if t.structured() {
		request.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("AccessRequest"))
		return errors.Join(t.print(request, nil), err)
	}
	return err
}

// request is what the flags ask for.
func (f *requestFlags) request(grant string, now time.Time) (*v1alpha1.AccessRequest, error) {
	if f.reason == "" {
		return nil, errors.New("say why, with --reason: it is what those who approve go by")
	}
	if f.duration == "" {
		return nil, errors.New("say for how long, with --for, for instance --for 1h")
	}
	length, err := parseDuration(f.duration)
	if err != nil {
		return nil, fmt.Errorf("--for: %w", err)
	}
	if length > maxSeconds*time.Second {
		return nil, errors.New("--for: a week is the most that can be asked for")
	}
	request := &v1alpha1.AccessRequest{
		ObjectMeta: metav1.ObjectMeta{GenerateName: nameStem(grant)},
		Spec: v1alpha1.AccessRequestSpec{
			GrantRef: v1alpha1.NameReference{Name: grant}, DurationSeconds: int32(length / time.Second), //nolint:gosec // At most a week.
			Reason: f.reason, Ticket: f.ticket,
		},
	}
	if f.start == "" {
		return request, nil
	}
	start, err := parseTime(f.start, now)
	if err != nil {
		return nil, fmt.Errorf("--start: %w", err)
	}
	if !now.Before(start.Add(length)) {
		return nil, errors.New("--start: that would be over already")
	}
	request.Spec.StartTime = new(metav1.NewTime(start))
	return request, nil
}

// readableGrant is nil for whoever may not read it.
func readableGrant(ctx context.Context, c client.Client, name string) (*v1alpha1.Grant, error) {
	var grant v1alpha1.Grant
	err := c.Get(ctx, client.ObjectKey{Name: name}, &grant)
	switch {
	case apierrors.IsForbidden(err):
		return nil, nil
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("there is no grant %q: see kubectl get grants", name)
	case err != nil:
		return nil, err
	}
	return &grant, nil
}

// watchRequest tells a request's progress until it is active or has ended. An end is an error: what was asked for was not given.
func (t *tool) watchRequest(ctx context.Context, c client.WithWatch, request *v1alpha1.AccessRequest, grant *v1alpha1.Grant) error {
	told := ""
	err := follow(ctx, c, request, &v1alpha1.AccessRequestList{}, func() bool {
		if news := progress(request, grant, time.Now()); news != told {
			t.sayf("%s", news)
			told = news
		}
		condition := active(request)
		return ended(request) || condition != nil && condition.Status == metav1.ConditionTrue
	})
	switch {
	case ctx.Err() != nil:
		t.warnf("request %s stays; see kubectl rollcall requests --mine", request.Name)
		return errInterrupted
	case apierrors.IsForbidden(err):
		t.warnf("you may not read request %s, so there is nothing more to show; it stays", request.Name)
		return nil
	case err != nil:
		return fmt.Errorf("request %s: %w", request.Name, err)
	case ended(request):
		return fmt.Errorf("request %s has ended: %s", request.Name, because(stateOf(request), active(request)))
	}
	return nil
}

// exactly is for commands that take one argument, and says which.
func exactly(missing string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return errors.New("missing " + missing)
		case 1:
			return nil
		default:
			return fmt.Errorf("one argument is enough, and %q is another: put text with spaces into quotes", args[1])
		}
	}
}
