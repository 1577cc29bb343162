// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/holder"
	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/loginclient"
	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/store"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// logoutFlags are those of the command logout.
type logoutFlags struct {
	loginFlags

	all, local bool
}

func (t *tool) newLogoutCommand() *cobra.Command {
	var flags logoutFlags
	command := &cobra.Command{
		Use:   "logout",
		Short: "End your session, and forget its key",
		Long: "End your session, and forget its key.\n\n" +
			"The login service ends the session, for good; then the private key, the certificate and the refresh token are deleted here.\n" +
			"The kubeconfig stays as it is: it holds no secret.",
		Example: `  # At the cluster of the kubeconfig's context
  kubectl rollcall logout

  # Everywhere
  kubectl rollcall logout --all

  # Forget the key though the login service cannot be reached
  kubectl rollcall logout --local`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(command *cobra.Command, _ []string) error { return t.logout(command.Context(), &flags) },
	}
	flags.add(command.Flags())
	command.Flags().BoolVar(&flags.all, "all", false, "all logins on this machine")
	command.Flags().BoolVar(&flags.local, "local", false, "forget the key even if the session cannot be ended now")
	command.MarkFlagsMutuallyExclusive("all", "profile")
	return command
}

func (t *tool) logout(ctx context.Context, flags *logoutFlags) error {
	kept, err := t.openStore(&flags.loginFlags)
	if err != nil {
		return err
	}
	profiles, err := t.toLogOut(kept, flags)
	if err != nil {
		return err
	}
	if len(profiles) == 0 {
		t.notef("You are not logged in anywhere.")
	}
	var failures []error
	for _, profile := range profiles {
		failures = append(failures, t.withLock(ctx, kept, profile, func() error { return t.logoutOf(ctx, kept, profile, flags.local) }))
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	return errors.Join(failures...)
}

func (t *tool) toLogOut(kept *store.Store, flags *logoutFlags) ([]string, error) {
	if flags.all {
		return kept.Profiles()
	}
	profile, err := t.mine(kept, &flags.loginFlags)
	if errors.Is(err, store.ErrNone) {
		return nil, nil
	}
	return []string{profile}, err
}

// logoutOf ends one Session, and then forgets it. Whoever calls it holds the profile's lock.
func (t *tool) logoutOf(ctx context.Context, kept *store.Store, profile string, local bool) error {
	state, err := kept.Load(profile)
	switch {
	case errors.Is(err, store.ErrNone):
		t.notef("You are not logged in here.")
		return nil
	case err != nil:
		return err
	}
	end, err := endSession(ctx, kept, state, time.Now())
	if err != nil && !local {
		return fmt.Errorf("session %s goes on: %w. To forget its key all the same: kubectl rollcall logout --local", state.Session, err)
	}
	if err != nil {
		end = fmt.Sprintf("Session %s goes on, without its key: %v. Its certificate is valid until %s; to end the session: kubectl rollcall "+
			"terminate %s", state.Session, err, state.NotAfter.Local().Format(clockFormat), state.Session)
	}
	if err := kept.Delete(profile, state); err != nil {
		return err
	}
	t.notef("%s", end)
	t.notef("The key and the certificate of %s are deleted here.", state.Username())
	return nil
}

// endSession ends a Session at the login service, and says what became of it.
func endSession(ctx context.Context, kept *store.Store, state *store.State, now time.Time) (string, error) {
	if state.Ended != "" || !state.EndTime.IsZero() && !now.Before(state.EndTime) {
		return fmt.Sprintf("Session %s had ended.", state.Session), nil
	}
	key, err := kept.Get(state.Key)
	if err != nil {
		return "", err
	}
	client, err := holder.Dial(state, key, loginclient.DefaultTimeout, userAgent())
	if err != nil {
		return "", err
	}
	defer client.Close()
	err = client.Logout(ctx, state.Session)
	switch {
	case loginclient.CodeOf(err) == wire.CodeEnded:
		return fmt.Sprintf("Session %s had ended.", state.Session), nil
	case err != nil:
		return "", err
	}
	return fmt.Sprintf("Session %s is ended.", state.Session), nil
}
