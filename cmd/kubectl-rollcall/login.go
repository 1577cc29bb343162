// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/loginclient"
	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/store"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// The values of --method.
const (
	methodAuto     = "auto"
	methodOIDC     = "oidc"
	methodDevice   = "device"
	methodPassword = "password"
	methodKey      = "key"
)

const (
	// clockWarning is how wrong a clock may be before somebody is told.
	clockWarning = time.Minute
	// farewell bounds what is done for a session that another one replaces.
	farewell = 3 * time.Second
)

// loginOptions are the flags of the command login.
type loginOptions struct {
	loginFlags

	caFile, directory, method, username, keyFile, device, out string
	passwordStdin, noBrowser, force                           bool
}

func (t *tool) newLoginCommand() *cobra.Command {
	var options loginOptions
	command := &cobra.Command{
		Use:   "login [URL]",
		Short: "Log in to a cluster, so that kubectl can use it",
		Long: "Log in to a cluster, so that kubectl can use it.\n\n" +
			"This makes a private key, which never leaves this machine, proves who you are to the login service at URL, and gets a\n" +
			"client certificate for minutes, which kubectl rollcall credential then replaces for as long as your session lasts.\n" +
			"Without URL it is the login service that the kubeconfig's context names.",
		Example: `  # Use a browser, and add the cluster to your kubeconfig
  kubectl rollcall login https://login.example.com

  # On a machine without a browser: a code to type in elsewhere
  kubectl rollcall login https://login.example.com --method device

  # With the key that this machine is enrolled with, by itself or in ssh-agent
  kubectl rollcall login https://login.example.com --method key --key ~/.ssh/id_ed25519
  kubectl rollcall login https://login.example.com --method key --key ~/.ssh/id_ed25519_sk.pub

  # With the directory's password
  kubectl rollcall login https://login.example.com --method password --username alice

  # Write a kubeconfig that others can log in with as themselves
  kubectl rollcall login https://login.example.com --kubeconfig-out cluster.kubeconfig`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(command *cobra.Command, args []string) error {
			return t.login(command.Context(), args, &options)
		},
	}
	flags := command.Flags()
	options.add(flags)
	flags.StringVar(&options.caFile, "login-ca-file", "", "PEM file of the authorities of the login service's certificate; default: "+
		"those of the last time, else the system's")
	flags.StringVar(&options.directory, "directory", "", "which Directory knows you, where there are several")
	flags.StringVar(&options.method, "method", methodAuto, "how to prove who you are: auto, oidc (a browser here), device (a browser "+
		"elsewhere), password or key")
	flags.StringVar(&options.username, "username", "", "your name in the directory, with method password")
	flags.BoolVar(&options.passwordStdin, "password-stdin", false, "read the password from standard input instead of asking for it")
	flags.StringVar(&options.keyFile, "key", "", "private key as OpenSSH writes it, or a .pub file whose key ssh-agent has, with method key")
	flags.StringVar(&options.device, "device", "", "what to call this machine; default: its host name")
	flags.BoolVar(&options.noBrowser, "no-browser", false, "do not open a browser: method oidc prints where to go, auto takes device")
	flags.StringVar(&options.out, "kubeconfig-out", "", "write a kubeconfig for this cluster into that file; "+
		"the one that kubectl uses stays as it is")
	flags.BoolVar(&options.force, "force", false, "let --kubeconfig-out replace a file that this command did not write")
	_ = command.RegisterFlagCompletionFunc("method", cobra.FixedCompletions(
		[]string{methodAuto, methodOIDC, methodDevice, methodPassword, methodKey}, cobra.ShellCompDirectiveNoFileComp))
	return command
}

func (t *tool) login(ctx context.Context, args []string, options *loginOptions) error {
	if err := options.check(); err != nil {
		return err
	}
	kept, err := t.openStore(&options.loginFlags)
	if err != nil {
		return err
	}
	at, err := t.where(args, options, kept)
	if err != nil {
		return err
	}
	if at.server == "" {
		if at.server, err = serverOf(ctx, at); err != nil {
			return err
		}
	}
	err = t.withLock(ctx, kept, at.profile(), func() error {
		done, err := t.loginAt(ctx, at, kept, options)
		if err != nil {
			return err
		}
		return t.writeKubeconfig(at, done, options)
	})
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

func (o *loginOptions) check() error {
	switch o.method {
	case methodAuto, methodOIDC, methodDevice, methodPassword, methodKey:
	default:
		return fmt.Errorf("there is no --method %q: write auto, oidc, device, password or key", o.method)
	}
	if o.profile != "" {
		if err := store.CheckName(o.profile); err != nil {
			return err
		}
	}
	if o.device != "" && fitDevice(o.device) != o.device {
		return fmt.Errorf("%q cannot be a device: write up to 63 letters, digits, '-', '_' and '.'", o.device)
	}
	if o.out == "" || o.force {
		return nil
	}
	return replaceable(o.out) // before anybody logs in for nothing
}

// where is the place to log in: the one that is given, else the one that is known.
func (t *tool) where(args []string, options *loginOptions, kept *store.Store) (*site, error) {
	at, err := t.knownSite(options.profile, kept)
	if err != nil {
		return nil, err
	}
	if len(args) > 0 {
		address, err := loginclient.CheckURL(args[0])
		if err != nil {
			return nil, err
		}
		if at == nil || at.LoginServer != address {
			at = &site{extension: extension{LoginServer: address, LoginCAData: keptCA(kept, address)}}
		}
	}
	if at == nil {
		return nil, errors.New("where? kubectl rollcall login https://LOGIN-SERVICE: whoever runs the cluster knows the address")
	}
	if options.profile != "" {
		at.Profile = options.profile
	}
	if options.caFile != "" {
		if at.LoginCAData, err = os.ReadFile(options.caFile); err != nil {
			return nil, fmt.Errorf("read --login-ca-file: %w", err)
		}
	}
	return at, nil
}

// knownSite is the place of a profile, else that of the kubeconfig's context; nil where neither says anything.
func (t *tool) knownSite(profile string, kept *store.Store) (*site, error) {
	if profile != "" {
		if at := known(kept, profile); at != nil {
			return at, nil
		}
	}
	at, err := t.here()
	if errors.Is(err, errElsewhere) {
		return nil, nil // Nobody has said where, and somebody may yet.
	}
	return at, err
}

// known is the place that a profile is for; nil where it is not known.
func known(kept *store.Store, profile string) *site {
	state, err := kept.Load(profile)
	if err != nil {
		return nil
	}
	return &site{extension: extension{LoginServer: state.LoginServer, LoginCAData: state.LoginCA}, server: state.Server}
}

// keptCA is the authority that a login service had at another login.
func keptCA(kept *store.Store, address string) []byte {
	names, _ := kept.Profiles()
	for _, name := range names {
		if at := known(kept, name); at != nil && at.LoginServer == address {
			return at.LoginCAData
		}
	}
	return nil
}

// serverOf asks which API server a login service is for.
func serverOf(ctx context.Context, at *site) (string, error) {
	client, err := dial(at)
	if err != nil {
		return "", err
	}
	defer client.Close()
	settings, err := client.Settings(ctx)
	if err != nil {
		return "", err
	}
	return settings.Cluster.Server, nil
}

func dial(at *site) (*loginclient.Client, error) {
	return loginclient.New(loginclient.Options{URL: at.LoginServer, CA: at.LoginCAData, UserAgent: userAgent()})
}

// loggedIn is a login that is done.
type loggedIn struct {
	state *store.State
	// cluster is how people reach the API server.
	cluster wire.Cluster
}

// loginAt logs in and keeps what that brings. Whoever calls it holds the profile's lock.
func (t *tool) loginAt(ctx context.Context, at *site, kept *store.Store, options *loginOptions) (*loggedIn, error) {
	client, err := dial(at)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	before, err := kept.Load(at.profile())
	if err != nil && !errors.Is(err, store.ErrNone) {
		t.warnf("What is kept of the login before this one is of no use: %v", err)
	}
	try, err := t.newAttempt(ctx, client, options, before)
	if err != nil {
		return nil, err
	}
	state, err := try.run(ctx, at)
	if err == nil {
		err = try.keep(ctx, kept, at.profile(), state, before)
	}
	try.end(ctx, state, err)
	if err != nil {
		return nil, err
	}
	t.tellLogin(state, time.Now())
	return &loggedIn{state, try.settings.Cluster}, nil
}

// tellLogin tells who somebody is now, and for how long. Beside the output: kubectl reads that where this happens on its way.
func (t *tool) tellLogin(state *store.State, now time.Time) {
	t.notef("You are %s (user %s).", state.Username(), state.User)
	if state.EndTime.IsZero() {
		t.notef("Session %s goes on until somebody ends it: kubectl rollcall logout", state.Session)
	} else {
		t.notef("Session %s ends at the latest %s.", state.Session, until(state.EndTime, now))
	}
}

// keep writes a login down, secrets first, and then lets go of the one before.
func (a *attempt) keep(ctx context.Context, kept *store.Store, profile string, state, before *store.State) error {
	key, err := pki.EncodeKey(a.key)
	if err != nil {
		return err
	}
	if state.Key, err = kept.Put(profile, store.KindKey, key); err != nil {
		return err
	}
	if a.refreshToken != "" && state.Provider != nil {
		if state.RefreshToken, err = kept.Put(profile, store.KindRefreshToken, []byte(a.refreshToken)); err != nil {
			return err
		}
	}
	if before == nil {
		return kept.Save(profile, state)
	}
	old, _ := kept.Get(before.Key)
	if err := kept.Save(profile, state); err != nil {
		return err
	}
	if old != nil && before.Ended == "" && time.Now().Before(before.NotAfter) && bye(ctx, before, old) {
		a.tool.notef("Session %s, from before, is ended.", before.Session)
	}
	return errors.Join(kept.Forget(before.Key), kept.Forget(before.RefreshToken))
}
