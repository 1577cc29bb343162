// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package holder holds a Session's certificate: it gets the first one, and replaces it in time. Of many processes that ask at once, one
// does, and the others use what that got.
package holder

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"k8s.io/client-go/util/keyutil"

	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/idp"
	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/loginclient"
	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/store"
	"github.com/rollcall-iam/rollcall/internal/pki"
)

const (
	// margin is how long before its end a certificate counts as over: for what takes a while, and for clocks.
	margin = time.Minute
	// patience is how long somebody waits for another process while their certificate is good, and loginPatience while it is not: the
	// other may be waiting for a person.
	patience      = 10 * time.Second
	loginPatience = 6 * time.Minute
	// quiet is for how long nobody tells that they wait.
	quiet = 2 * time.Second
)

// Holder holds the certificate of one profile.
type Holder struct {
	Store     *store.Store
	Profile   string
	UserAgent string
	// Now is the time.
	Now func() time.Time
	// Warn tells a person something.
	Warn func(format string, args ...any)
}

// Credential is what to show the API server.
type Credential struct {
	Certificate, Key []byte
	// Expire is when to ask for another one.
	Expire time.Time
}

// NeedLogin says that a person must log in.
type NeedLogin struct {
	Why string
	// Meanwhile is what still works, if anything does, and Until says until when.
	Meanwhile *Credential
	Until     time.Time
}

// Error implements error.
func (n *NeedLogin) Error() string { return n.Why }

// Current is the credential to use now. The error is a *NeedLogin where a person must log in.
func (h *Holder) Current(ctx context.Context) (*Credential, error) {
	held, err := h.load()
	if err == nil && !held.due(h.Now()) {
		h.checkClock(held.state)
		return held.credential(), nil
	}
	usable := err == nil && held.usable(h.Now())
	unlock, err := h.Lock(ctx, usable)
	switch {
	case errors.Is(err, store.ErrBusy) && usable:
		return held.credential(), nil
	case err != nil:
		return nil, err
	}
	defer unlock()
	return h.CurrentLocked(ctx)
}

// CurrentLocked is Current for whoever holds the lock.
func (h *Holder) CurrentLocked(ctx context.Context) (*Credential, error) {
	held, err := h.load()
	switch {
	case errors.Is(err, store.ErrNone):
		return nil, &NeedLogin{Why: "you have not logged in"}
	case errors.Is(err, fs.ErrNotExist):
		return nil, &NeedLogin{Why: "the private key of your login is gone"}
	case err != nil:
		return nil, err
	}
	now := h.Now()
	state := held.state
	switch {
	case state.Ended != "":
		return nil, &NeedLogin{Why: "your session has ended (" + state.Ended + ")"}
	case !state.EndTime.IsZero() && !now.Before(state.EndTime):
		return nil, &NeedLogin{Why: "your session ended at " + clock(state.EndTime)}
	case !held.due(now):
		return held.credential(), nil
	}
	return h.renew(ctx, held)
}

// Lock keeps others out of the profile, and tells when that takes a while.
func (h *Holder) Lock(ctx context.Context, usable bool) (func(), error) {
	wait := loginPatience
	if usable {
		wait = patience
	}
	notice := time.AfterFunc(quiet, func() { h.Warn("Waiting for another kubectl rollcall that is logging in or renewing.") })
	defer notice.Stop()
	bounded, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	unlock, err := h.Store.Lock(bounded, h.Profile)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return unlock, err
}

// held is what is kept of a login.
type held struct {
	state *store.State
	key   []byte
}

func (h *Holder) load() (*held, error) {
	state, err := h.Store.Load(h.Profile)
	if err != nil {
		return nil, err
	}
	key, err := h.Store.Get(state.Key)
	if err != nil {
		return nil, err
	}
	return &held{state, key}, nil
}

// due says whether to do anything before the credential is used.
func (h *held) due(now time.Time) bool {
	state := h.state
	if state.Ended != "" || !h.usable(now) {
		return true
	}
	return !now.Before(state.RenewTime) && !now.Before(state.RetryTime)
}

// usable says whether the certificate is good for a while.
func (h *held) usable(now time.Time) bool {
	over := !h.state.EndTime.IsZero() && !now.Before(h.state.EndTime)
	return h.state.Ended == "" && !over && now.Before(h.expire())
}

// expire is when the certificate counts as over. One that lives for less than minutes gets a smaller margin.
func (h *held) expire() time.Time {
	return h.state.NotAfter.Add(-max(0, min(margin, h.state.NotAfter.Sub(h.state.RenewTime)/2)))
}

// checkClock tells of a clock by which a certificate that the login service has given is not valid: nothing else would say why the
// cluster does not take it, or why each kubectl asks for another.
func (h *Holder) checkClock(state *store.State) {
	const format = "2006-01-02 15:04:05"
	leaf, err := pki.ParseCertificate(state.Certificate)
	if err != nil {
		return // Whoever uses it is told.
	}
	now := h.Now()
	var wrong string
	switch {
	case now.Before(leaf.NotBefore):
		wrong = "behind"
	case !now.Before(leaf.NotAfter):
		wrong = "ahead"
	default:
		return
	}
	h.Warn("This machine's clock is %s: it says that it is %s, and your certificate is valid from %s to %s. Set it right.",
		wrong, now.Local().Format(format), leaf.NotBefore.Local().Format(format), leaf.NotAfter.Local().Format(format))
}

func (h *held) credential() *Credential {
	return &Credential{Certificate: h.state.Certificate, Key: h.key, Expire: h.expire()}
}

func clock(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

// Dial makes a client that shows the certificate of a login.
func Dial(state *store.State, key []byte, timeout time.Duration, userAgent string) (*loginclient.Client, error) {
	pair, err := tls.X509KeyPair(state.Certificate, key)
	if err != nil {
		return nil, fmt.Errorf("the certificate and the key of this login do not fit: log in again: %w", err)
	}
	return loginclient.New(loginclient.Options{
		URL: state.LoginServer, CA: state.LoginCA, Certificate: &pair, Timeout: timeout, UserAgent: userAgent,
	})
}

func parseKey(key []byte) (*ecdsa.PrivateKey, error) {
	parsed, err := keyutil.ParsePrivateKeyPEM(key)
	if err != nil {
		return nil, fmt.Errorf("the private key of this login cannot be read: %w", err)
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("the private key of this login is not an ECDSA key")
	}
	return private, nil
}

// fresh is a new ID token of the provider that renewals ask for, if one can be had.
func (h *Holder) fresh(ctx context.Context, state *store.State) (string, error) {
	if state.Provider == nil || state.RefreshToken == nil {
		return "", idp.ErrAgain
	}
	token, err := h.Store.Get(state.RefreshToken)
	if err != nil {
		return "", err
	}
	tokens, err := idp.Refresh(ctx, *state.Provider, string(token))
	if err != nil {
		return "", err
	}
	if tokens.Refresh == "" || tokens.Refresh == string(token) {
		return tokens.ID, nil
	}
	// The old one may be used up: keep the new one before anything else can go wrong.
	return tokens.ID, h.keepToken(state, tokens.Refresh)
}

func (h *Holder) keepToken(state *store.State, token string) error {
	place, err := h.Store.Put(h.Profile, store.KindRefreshToken, []byte(token))
	if err != nil {
		return err
	}
	old := state.RefreshToken
	state.RefreshToken = place
	if err := h.Store.Save(h.Profile, state); err != nil {
		return err
	}
	return h.Store.Forget(old)
}
