// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/rollcall-iam/rollcall/internal/plain"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

const (
	callbackPath = "/callback"
	// pagePatience is how long the browser waits for how the login ended, and goodbye is how long the page then gets to be sent.
	pagePatience = time.Minute
	goodbye      = 2 * time.Second
	headerTime   = 10 * time.Second
)

// Flow is one login in a browser.
type Flow struct {
	provider *provider
	listener *callback
	server   *http.Server
	verifier string
	nonce    string
	url      string
	// refreshes says that renewals need a refresh token.
	refreshes bool
}

// Start reads the provider's discovery document, listens on the loopback interface and makes the URL that the browser goes to. Close
// ends the listening.
func Start(ctx context.Context, settings wire.OIDC, nonce string) (*Flow, error) {
	p, err := discover(ctx, settings)
	if err != nil {
		return nil, err
	}
	var listen net.ListenConfig
	socket, err := listen.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the browser: %w", err)
	}
	host := socket.Addr().String()
	p.config.RedirectURL = "http://" + host + callbackPath
	flow := &Flow{provider: p, nonce: nonce, listener: newCallback(host, ""), refreshes: settings.Recheck}
	if p.namesItself {
		flow.listener.issuer = settings.IssuerURL
	}
	flow.url = flow.ask()
	flow.server = &http.Server{Handler: flow.listener, ReadHeaderTimeout: headerTime}
	go func() { _ = flow.server.Serve(socket) }()
	return flow, nil
}

// URL is where the browser goes.
func (f *Flow) URL() string { return f.url }

// ask makes a question to the provider, whose answer is the one that is waited for from now on.
func (f *Flow) ask(more ...oauth2.AuthCodeOption) (address string) {
	f.verifier = oauth2.GenerateVerifier()
	state := rand.Text()
	f.listener.expect(state)
	return f.provider.config.AuthCodeURL(state, append(more, oidc.Nonce(f.nonce), oauth2.S256ChallengeOption(f.verifier))...)
}

// Wait waits for the browser to come back, and gets the tokens. A refresh token that renewals need may take the person's consent, by
// the book (OpenID Connect Core, section 11): where the provider gives none, the browser goes there once more, to be asked for that.
// It is not asked for before, since many providers give one without, and some then want an administrator.
func (f *Flow) Wait(ctx context.Context) (*Tokens, error) {
	tokens, err := f.answered(ctx)
	if err != nil || tokens.Refresh != "" || !f.refreshes || !f.listener.sendOn(ctx, f.ask(oauth2.SetAuthURLParam("prompt", "consent"))) {
		return tokens, err
	}
	more, err := f.answered(ctx)
	if _, refused := errors.AsType[*Refused](err); refused {
		return tokens, nil // They are logged in all the same.
	}
	return more, err
}

// answered waits for the browser to bring an answer, and gets the tokens for it.
func (f *Flow) answered(ctx context.Context) (*Tokens, error) {
	var code string
	select {
	case came := <-f.listener.came:
		if came.err != nil {
			return nil, came.err
		}
		code = came.code
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	client := oidc.ClientContext(ctx, f.provider.client)
	token, err := f.provider.config.Exchange(client, code, oauth2.VerifierOption(f.verifier))
	if err != nil {
		return nil, told("get the ID token", err)
	}
	id, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, errors.New("the identity provider gave no ID token: is scope openid allowed for this client?")
	}
	// The login service judges the token, times too. What is seen to here is that this answer is the one to this question.
	verified, err := f.provider.Verifier(&oidc.Config{ClientID: f.provider.config.ClientID, SkipExpiryCheck: true}).Verify(client, id)
	if err != nil {
		return nil, fmt.Errorf("the identity provider's ID token is not sound: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(f.nonce)) != 1 {
		return nil, errors.New("the identity provider's ID token is for another login (its nonce differs)")
	}
	return &Tokens{ID: id, Refresh: token.RefreshToken}, nil
}

// Close shows the browser how the login ended, and listens no more.
func (f *Flow) Close(ctx context.Context, outcome Outcome) {
	f.listener.end(outcome)
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	_ = f.server.Shutdown(bounded)
	_ = f.server.Close()
	f.provider.client.CloseIdleConnections()
}

// arrival is what the browser brought.
type arrival struct {
	code string
	err  error
}

// callback takes the browser's answer, once.
type callback struct {
	host string
	// issuer is set where the provider says in its answers who it is.
	issuer string
	came   chan arrival
	// onward is where the browser goes next, instead of being shown how the login ended.
	onward chan string

	mutex sync.Mutex
	// state is that of the answer that is waited for, and used says that it came.
	state   string
	used    bool
	once    sync.Once
	outcome Outcome
	over    chan struct{}
}

func newCallback(host, state string) *callback {
	return &callback{host: host, state: state, came: make(chan arrival, 1), onward: make(chan string), over: make(chan struct{})}
}

// expect makes ready for the answer to a question.
func (c *callback) expect(state string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.state, c.used = state, false
}

// sendOn sends the browser that waits elsewhere, if it still does.
func (c *callback) sendOn(ctx context.Context, address string) bool {
	select {
	case c.onward <- address:
		return true
	case <-time.After(goodbye):
		return false
	case <-ctx.Done():
		return false
	}
}

func (c *callback) end(outcome Outcome) {
	c.once.Do(func() {
		c.outcome = outcome
		close(c.over)
	})
}

// ServeHTTP implements http.Handler. What did not come from this login leaves no trace: the real answer may come yet.
func (c *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Host != c.host: // by a name that somebody made point here
		http.Error(w, "not here", http.StatusMisdirectedRequest)
		return
	case r.URL.Path != callbackPath:
		http.NotFound(w, r)
		return
	case r.Method != http.MethodGet:
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
		return
	}
	query := r.URL.Query()
	switch known, first := c.take(query.Get("state")); {
	case !known:
		show(w, http.StatusBadRequest, Outcome{
			Title: "This is not the login that is waiting", Detail: "Its state differs, so it was ignored.",
			Advice: "Go on in the window that kubectl rollcall login opened, or run it again.",
		})
		return
	case !first:
		show(w, http.StatusConflict, Outcome{
			Title: "This login was used already", Detail: "An answer counts once.",
			Advice: "You can close this window. If you are not logged in, run kubectl rollcall login again.",
		})
		return
	}
	c.came <- c.read(query.Get("code"), query.Get("iss"), query.Get("error"), query.Get("error_description"))
	c.finish(w, r)
}

// finish shows how the login ended, once it has, or sends the browser on.
func (c *callback) finish(w http.ResponseWriter, r *http.Request) {
	select {
	case address := <-c.onward:
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		http.Redirect(w, r, address, http.StatusSeeOther)
	case <-c.over:
		status := http.StatusOK
		if !c.outcome.Success {
			status = http.StatusForbidden
		}
		show(w, status, c.outcome)
	case <-time.After(pagePatience):
		show(w, http.StatusGatewayTimeout, Outcome{Title: "This takes a while", Advice: "See in the terminal how it ends."})
	case <-r.Context().Done():
	}
}

// take says whether a state is the one that is waited for, and whether it comes for the first time.
func (c *callback) take(state string) (known, first bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if subtle.ConstantTimeCompare([]byte(state), []byte(c.state)) != 1 {
		return false, false
	}
	first = !c.used
	c.used = true
	return true, first
}

func (c *callback) read(code, issuer, failure, description string) arrival {
	switch {
	case c.issuer != "" && issuer != c.issuer: // RFC 9207
		return arrival{err: errors.New("the answer in the browser is not from the identity provider that was asked")}
	case failure != "":
		return arrival{err: &Refused{Code: plain.Short(plain.Line(failure), 64), Description: plain.Short(plain.Line(description), 300)}}
	case code == "":
		return arrival{err: errors.New("the identity provider answered with neither a code nor an error")}
	}
	return arrival{code: code}
}
