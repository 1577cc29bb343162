// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/holder"
	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/idp"
	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/loginclient"
	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/store"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

const (
	// certificateTries is how often somebody who has just logged in asks for a certificate that cannot be had yet.
	certificateTries = 6
	certificatePause = time.Second
	maxDevice        = 63
)

// attempt is one try to log in.
type attempt struct {
	tool     *tool
	client   *loginclient.Client
	options  loginOptions
	settings *wire.Settings
	// directory is nil for people of none, who have device keys.
	directory *wire.Directory
	method    string
	key       *ecdsa.PrivateKey
	public    []byte
	challenge *wire.Challenge
	// skew is how far this machine's clock is ahead of the login service's.
	skew time.Duration
	// flow is set where a browser waits for how this ends.
	flow         *idp.Flow
	refreshToken string
}

// newAttempt knows how somebody is going to log in. What they did the last time counts where they say nothing.
func (t *tool) newAttempt(ctx context.Context, client *loginclient.Client, options *loginOptions, before *store.State) (*attempt, error) {
	a := &attempt{tool: t, client: client, options: *options}
	var err error
	if a.settings, err = client.Settings(ctx); err != nil {
		return nil, err
	}
	a.recall(before)
	if err := a.pick(ctx); err != nil {
		return nil, err
	}
	if a.key, err = pki.NewKey(); err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	a.public, err = x509.MarshalPKIXPublicKey(a.key.Public())
	return a, err
}

// recall takes from the last login what was not said this time.
func (a *attempt) recall(before *store.State) {
	o := &a.options
	if before == nil {
		return
	}
	if o.directory == "" && slices.ContainsFunc(a.settings.Directories, func(d wire.Directory) bool { return d.Name == before.Directory }) {
		o.directory = before.Directory
	}
	a.recallMethod(before)
}

// recallMethod takes how somebody logged in, where they say nothing of that.
func (a *attempt) recallMethod(before *store.State) {
	o := &a.options
	said := o.method != methodAuto || o.username != "" || o.passwordStdin || o.keyFile != "" || o.noBrowser
	if !said && (before.Method == methodKey || before.Method == methodPassword) {
		o.method = before.Method
	}
	if o.username == "" {
		o.username = before.UserName
	}
	if o.keyFile == "" && o.method == methodKey {
		o.keyFile = before.KeyFile
	}
}

// pick chooses the directory and the method.
func (a *attempt) pick(ctx context.Context) error {
	o := &a.options
	if o.method == methodAuto && o.keyFile != "" {
		o.method = methodKey
	}
	if o.method == methodKey {
		a.method = methodKey
		if o.keyFile == "" {
			return errors.New("with which key? Give --key, for instance --key ~/.ssh/id_ed25519")
		}
		return nil // An enrolled key says whose it is.
	}
	if err := a.pickDirectory(ctx); err != nil {
		return err
	}
	var err error
	a.method, err = pickMethod(a.directory, o, browserThere())
	return err
}

func (a *attempt) pickDirectory(ctx context.Context) error {
	directories := a.settings.Directories
	names := make([]string, len(directories))
	for i := range directories {
		names[i] = directories[i].Name
	}
	wanted := a.options.directory
	switch {
	case wanted != "":
	case len(names) == 0:
		return errors.New("people log in with device keys alone here: give --key")
	case len(names) == 1:
		wanted = names[0]
	default:
		var err error
		if wanted, err = a.tool.choose(ctx, "Which directory knows you?", names); errors.Is(err, errNoTerminal) {
			return fmt.Errorf("which directory knows you? Give --directory: %s", strings.Join(names, ", "))
		} else if err != nil {
			return err
		}
	}
	i := slices.Index(names, wanted)
	if i < 0 {
		return fmt.Errorf("there is no directory %q to log in with: there is %s", wanted, strings.Join(names, ", "))
	}
	a.directory = &directories[i]
	return nil
}

// pickMethod is how to log in: as asked for, else the way that asks least of a person.
func pickMethod(directory *wire.Directory, o *loginOptions, browser bool) (string, error) {
	method := o.method
	if method == methodAuto {
		method = leastTrouble(directory, o, browser)
	}
	switch {
	case method == "":
		return "", fmt.Errorf("the people of directory %s log in with device keys: give --key", directory.Name)
	case (method == methodOIDC || method == methodDevice) && directory.OIDC == nil:
		return "", fmt.Errorf("directory %s has no identity provider: --method %s", directory.Name, others(directory))
	case method == methodPassword && !directory.Password:
		return "", fmt.Errorf("the people of directory %s cannot log in with their password: --method %s", directory.Name, others(directory))
	}
	return method, nil
}

// leastTrouble is empty where a key is needed, which nobody has named.
func leastTrouble(directory *wire.Directory, o *loginOptions, browser bool) string {
	switch {
	case (o.passwordStdin || o.username != "") && directory.Password:
		return methodPassword
	case directory.OIDC != nil && browser && !o.noBrowser:
		return methodOIDC
	case directory.OIDC != nil:
		return methodDevice
	case directory.Password:
		return methodPassword
	default:
		return ""
	}
}

// others are the methods that there are.
func others(directory *wire.Directory) string {
	var methods []string
	if directory.OIDC != nil {
		methods = append(methods, methodOIDC, methodDevice)
	}
	if directory.Password {
		methods = append(methods, methodPassword)
	}
	if directory.DeviceKeys {
		methods = append(methods, methodKey)
	}
	if len(methods) == 0 {
		return "there is none"
	}
	return strings.Join(methods, ", ")
}

// run logs in, up to the certificate.
func (a *attempt) run(ctx context.Context, at *site) (*store.State, error) {
	var err error
	if a.challenge, err = a.client.Challenge(ctx); err != nil {
		return nil, err
	}
	a.checkClock(time.Now())
	login, err := a.prove(ctx)
	if err != nil {
		return nil, err
	}
	state := &store.State{
		LoginServer: at.LoginServer, LoginCA: at.LoginCAData, Server: at.server, Method: a.method, Device: cmp.Or(login.Device, a.device()),
		UserName: a.options.username, Session: login.Session, User: login.User, Subject: login.Subject, EndTime: login.EndTime,
	}
	if a.directory != nil {
		state.Directory = a.directory.Name
		if (a.method == methodOIDC) && a.directory.OIDC.Recheck {
			state.Provider = a.directory.OIDC
		}
	}
	if a.method == methodKey {
		state.KeyFile = absolute(a.options.keyFile)
	}
	if err := a.certify(ctx, state); err != nil {
		return nil, err
	}
	return state, a.checkValid(ctx, state, time.Now())
}

// checkClock warns of a clock that is wrong: what is told of times here is wrong then too.
func (a *attempt) checkClock(now time.Time) {
	if a.challenge.Time.IsZero() {
		return
	}
	a.skew = now.Sub(a.challenge.Time)
	if a.skew.Abs() >= clockWarning {
		a.tool.warnf("This machine's clock is %s: set it right, or certificates may not work.", a.ahead())
	}
}

func (a *attempt) ahead() string {
	if a.skew < 0 {
		return a.skew.Abs().Round(time.Second).String() + " behind the login service's"
	}
	return a.skew.Round(time.Second).String() + " ahead of the login service's"
}

// checkValid refuses a certificate that this machine would never use, by its own clock.
func (a *attempt) checkValid(ctx context.Context, state *store.State, now time.Time) error {
	leaf, err := pki.ParseCertificate(state.Certificate)
	if err != nil {
		return err
	}
	if now.Before(leaf.NotBefore) || !now.Before(leaf.NotAfter) {
		if key, err := pki.EncodeKey(a.key); err == nil {
			bye(ctx, state, key)
		}
		return fmt.Errorf("the certificate is valid from %s to %s, and this machine says that it is %s: its clock is %s. Set it right and log "+
			"in again", leaf.NotBefore.Local().Format(clockFormat), leaf.NotAfter.Local().Format(clockFormat), now.Format(clockFormat), a.ahead())
	}
	return nil
}

// certify gets the first certificate. The Session is there by now, so a signer that is slow is worth waiting for.
func (a *attempt) certify(ctx context.Context, state *store.State) error {
	for try := 1; ; try++ {
		err := holder.Obtain(ctx, a.client, state, a.key, "")
		if err == nil || !loginclient.Passing(err) || try == certificateTries {
			return err
		}
		if try == 1 {
			a.tool.notef("Logged in; waiting for the certificate: %v", err)
		}
		if pause(ctx, time.Duration(try)*certificatePause) != nil {
			return errInterrupted
		}
	}
}

// bye ends a Session whose key is about to be forgotten, if that can be done at once.
func bye(ctx context.Context, state *store.State, key []byte) bool {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	client, err := holder.Dial(state, key, farewell, userAgent())
	if err != nil {
		return false
	}
	defer client.Close()
	return client.Logout(bounded, state.Session) == nil
}

// end shows the browser how it ended, if one waits for that.
func (a *attempt) end(ctx context.Context, state *store.State, err error) {
	if a.flow == nil {
		return
	}
	outcome := idp.Outcome{Title: "You are not logged in", Advice: "See the terminal, and run kubectl rollcall login again."}
	if err == nil {
		outcome = idp.Outcome{
			Success: true, Title: "You are logged in", Who: state.Username(), Cluster: state.Server, Advice: "You can close this window.",
		}
	} else {
		outcome.Detail = err.Error()
	}
	a.flow.Close(ctx, outcome)
}

// device is what this machine calls itself.
func (a *attempt) device() string {
	if a.options.device != "" {
		return a.options.device
	}
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return fitDevice(name)
}

// fitDevice makes a name one that a device may have.
func fitDevice(name string) string {
	fit := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		default:
			return '-'
		}
	}, name)
	fit = strings.TrimLeft(fit, "-_.")
	return strings.TrimRight(fit[:min(len(fit), maxDevice)], "-_.")
}
