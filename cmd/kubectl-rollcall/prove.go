// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/devicekey"
	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/idp"
	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/loginclient"
	"github.com/rollcall-iam/rollcall/internal/proof"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

const (
	// browserPatience is how long a person gets in the browser.
	browserPatience = 5 * time.Minute
	// slowDown is by how much the polling gets slower when the provider asks for that (RFC 8628, section 3.5).
	slowDown        = 5 * time.Second
	defaultInterval = 5 * time.Second
	maxInterval     = time.Minute
)

// prove proves who somebody is.
func (a *attempt) prove(ctx context.Context) (*wire.Login, error) {
	switch a.method {
	case methodOIDC:
		return a.inBrowser(ctx)
	case methodDevice:
		return a.elsewhere(ctx)
	case methodPassword:
		return a.byPassword(ctx)
	default:
		return a.byKey(ctx)
	}
}

func (a *attempt) request() *wire.LoginRequest {
	return &wire.LoginRequest{Challenge: a.challenge.Challenge, PublicKey: a.public, Device: a.device()}
}

// inBrowser is the authorization code flow: the ID token has to be for this challenge and this key.
func (a *attempt) inBrowser(ctx context.Context) (*wire.Login, error) {
	flow, err := idp.Start(ctx, *a.directory.OIDC, proof.Binding(a.challenge.Challenge, a.public))
	if err != nil {
		return nil, err
	}
	a.flow = flow
	t := a.tool
	if a.options.noBrowser {
		t.notef("Go to this address in a browser on this machine:")
	} else if err := openBrowser(flow.URL()); err != nil {
		t.notef("Go to this address in a browser on this machine (%v):", err)
	} else {
		t.notef("Log in with the browser that opens. If none does, go to:")
	}
	t.notef("  %s", flow.URL())
	bounded, cancel := context.WithTimeout(ctx, browserPatience)
	defer cancel()
	tokens, err := flow.Wait(bounded)
	switch {
	case ctx.Err() != nil:
		return nil, errInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("nobody logged in with the browser for %d minutes: run it again, or with --method device",
			int(browserPatience/time.Minute))
	case err != nil:
		return nil, err
	}
	a.refreshToken = tokens.Refresh
	if a.refreshToken == "" && a.directory.OIDC.Recheck {
		t.warnf("The identity provider gave no refresh token: each time that the cluster asks it about you, you have to log in again.")
	}
	request := a.request()
	request.OIDC = &wire.IDToken{Directory: a.directory.Name, IDToken: tokens.ID}
	return a.client.Login(ctx, request)
}

// elsewhere is the device flow, which the login service runs.
func (a *attempt) elsewhere(ctx context.Context) (*wire.Login, error) {
	start, err := a.client.DeviceStart(ctx, &wire.DeviceStartRequest{
		Challenge: a.challenge.Challenge, Directory: a.directory.Name, PublicKey: a.public, Device: a.device(),
	})
	if err != nil {
		return nil, err
	}
	t := a.tool
	t.notef("Log in with a browser, on any machine: %s", start.VerificationURI)
	t.notef("The code is: %s", start.UserCode)
	if start.VerificationURIComplete != "" {
		t.notef("Or go to: %s", start.VerificationURIComplete)
	}
	t.notef("Type in no code that did not come from here: whoever sent it would be logged in as you.")
	return a.poll(ctx, start)
}

// poll asks until the person is done, or their time is over: by the service's clock.
func (a *attempt) poll(ctx context.Context, start *wire.DeviceStart) (*wire.Login, error) {
	interval := defaultInterval
	if start.IntervalSeconds > 0 {
		interval = min(time.Duration(start.IntervalSeconds)*time.Second, maxInterval)
	}
	expire := start.ExpireTime.Add(a.skew)
	for {
		a.tool.waitingf("Waiting for you to log in there, for %s more", time.Until(expire).Round(time.Second))
		if pause(ctx, interval) != nil {
			a.tool.waited()
			return nil, errInterrupted
		}
		login, err := a.client.DevicePoll(ctx, &wire.DevicePollRequest{
			Challenge: a.challenge.Challenge, Transaction: start.Transaction, PublicKey: a.public, Device: a.device(),
		})
		more, err := pollAgain(err, &interval)
		if more && !time.Now().Before(expire) {
			more, err = false, errors.New("nobody logged in with the code in time: run it again")
		}
		if !more {
			a.tool.waited()
			return login, err
		}
	}
}

// pollAgain says whether to go on, and how fast.
func pollAgain(err error, interval *time.Duration) (bool, error) {
	refusal, _ := errors.AsType[*loginclient.Refusal](err)
	switch {
	case err == nil:
		return false, nil
	case loginclient.CodeOf(err) == wire.CodePending:
		return true, nil
	case loginclient.CodeOf(err) == wire.CodeSlowDown:
		*interval = min(*interval+slowDown, maxInterval)
		return true, nil
	case loginclient.CodeOf(err) == wire.CodeTooMany:
		*interval = min(max(*interval+slowDown, refusal.RetryAfter), maxInterval)
		return true, nil
	default:
		return loginclient.Passing(err), err
	}
}

// byPassword sends what the directory checks.
func (a *attempt) byPassword(ctx context.Context) (*wire.Login, error) {
	var err error
	o := &a.options
	if o.username == "" && !o.passwordStdin {
		o.username, err = a.tool.ask(ctx, "Your name in directory "+a.directory.Name+": ")
		if err != nil && !errors.Is(err, errNoTerminal) {
			return nil, err
		}
	}
	if o.username == "" {
		return nil, errors.New("who are you? Give --username")
	}
	password, err := a.password(ctx)
	if err != nil {
		return nil, err
	}
	if password == "" {
		return nil, errors.New("the password is empty")
	}
	request := a.request()
	request.Password = &wire.Password{Directory: a.directory.Name, UserName: o.username, Password: password}
	return a.client.Login(ctx, request)
}

func (a *attempt) password(ctx context.Context) (string, error) {
	if a.options.passwordStdin {
		return answered(ctx, func() (string, error) { return readLine(a.tool.streams.In) })
	}
	password, err := a.tool.askSecret(ctx, "Password of "+a.options.username+": ")
	if errors.Is(err, errNoTerminal) {
		return "", errors.New("there is no terminal to ask for the password: give --password-stdin")
	}
	return password, err
}

// byKey signs with the key that this machine is enrolled with.
func (a *attempt) byKey(ctx context.Context) (*wire.Login, error) {
	signer, done, err := devicekey.Open(ctx, a.options.keyFile, a.tool.askSecret)
	defer done()
	if err != nil {
		return nil, err
	}
	if kind := signer.PublicKey().Type(); kind == ssh.KeyAlgoSKED25519 || kind == ssh.KeyAlgoSKECDSA256 {
		a.tool.notef("Touch your security key.")
	}
	signature, err := proof.SignSSH(signer, proof.Binding(a.challenge.Challenge, a.public))
	if err != nil {
		return nil, err
	}
	request := a.request()
	request.DeviceKey = &wire.DeviceKey{PublicKey: keyLine(signer.PublicKey()), Signature: signature}
	return a.client.Login(ctx, request)
}

func absolute(path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return path
}

// keyLine is a public key as OpenSSH writes it, without a comment.
func keyLine(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}
