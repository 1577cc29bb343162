// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package idp lets a person log in at an identity provider: the authorization code flow with PKCE and a loopback redirect (RFC 6749,
// section 4.1; RFC 7636; RFC 8252).
package idp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/rollcall-iam/rollcall/internal/wire"
)

// timeout bounds one question to the provider.
const timeout = 15 * time.Second

// ErrAgain says that the provider gives nothing without the person.
var ErrAgain = errors.New("the identity provider wants you to log in again")

// Tokens are what the provider gave.
type Tokens struct {
	// ID is the ID token, which the login service takes.
	ID string
	// Refresh is the refresh token; empty where there is none.
	Refresh string
}

// provider is an identity provider whose discovery document was read.
type provider struct {
	*oidc.Provider
	config oauth2.Config
	client *http.Client
	// namesItself says that it tells in its answers who it is (RFC 9207).
	namesItself bool
}

func discover(ctx context.Context, settings wire.OIDC) (*provider, error) {
	if err := checkHTTPS("issuer", settings.IssuerURL); err != nil {
		return nil, err
	}
	client, err := httpClient(settings.CA)
	if err != nil {
		return nil, err
	}
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, client), settings.IssuerURL)
	if err != nil {
		return nil, fmt.Errorf("ask the identity provider %s how to log in: %w", settings.IssuerURL, err)
	}
	claims := struct {
		NamesItself bool `json:"authorization_response_iss_parameter_supported"`
	}{}
	if err := found.Claims(&claims); err != nil {
		return nil, fmt.Errorf("read what the identity provider %s says of itself: %w", settings.IssuerURL, err)
	}
	endpoint := found.Endpoint()
	// A browser is sent to one of them, and secrets are to the other.
	err = errors.Join(checkHTTPS("authorization endpoint", endpoint.AuthURL), checkHTTPS("token endpoint", endpoint.TokenURL))
	if err != nil {
		return nil, err
	}
	endpoint.AuthStyle = oauth2.AuthStyleInParams // The plugin is a public client.
	return &provider{Provider: found, client: client, namesItself: claims.NamesItself, config: oauth2.Config{
		ClientID: settings.ClientID, Endpoint: endpoint, Scopes: scopes(settings),
	}}, nil
}

// scopes are those of the settings, with openid, and what renewals need.
func scopes(settings wire.OIDC) []string {
	asked := slices.Clone(settings.Scopes)
	if !slices.Contains(asked, oidc.ScopeOpenID) {
		asked = append([]string{oidc.ScopeOpenID}, asked...)
	}
	if settings.Recheck && !slices.Contains(asked, oidc.ScopeOfflineAccess) {
		asked = append(asked, oidc.ScopeOfflineAccess)
	}
	return asked
}

func checkHTTPS(what, address string) error {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "https" || parsed.Host == "" {
		return fmt.Errorf("the identity provider's %s %q is not an https:// URL", what, address)
	}
	return nil
}

func httpClient(ca []byte) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(ca) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("the login service tells a CA of the identity provider that holds no certificate")
		}
	}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, TLSHandshakeTimeout: timeout, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(request *http.Request, _ []*http.Request) error {
			return checkHTTPS("redirect", request.URL.String())
		},
	}, nil
}

// Refresh gets a fresh ID token for a refresh token. ErrAgain where the provider wants the person for that.
func Refresh(ctx context.Context, settings wire.OIDC, refreshToken string) (*Tokens, error) {
	p, err := discover(ctx, settings)
	if err != nil {
		return nil, err
	}
	defer p.client.CloseIdleConnections()
	source := p.config.TokenSource(oidc.ClientContext(ctx, p.client), &oauth2.Token{RefreshToken: refreshToken})
	token, err := source.Token()
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.ErrorCode == "invalid_grant" {
		return nil, ErrAgain
	}
	if err != nil {
		return nil, told("renew", err)
	}
	id, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, ErrAgain // Not every provider gives one (OpenID Connect Core, section 12.2).
	}
	return &Tokens{ID: id, Refresh: token.RefreshToken}, nil
}

// told is what a provider said that refused tokens: its own words, and not its whole answer, which may hold anything.
func told(what string, err error) error {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		if refused.ErrorCode == "" {
			return fmt.Errorf("%s: the identity provider answered %s", what, refused.Response.Status)
		}
		return &Refused{Code: refused.ErrorCode, Description: refused.ErrorDescription}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Refused is what the provider says instead of logging somebody in.
type Refused struct{ Code, Description string }

// Error implements error.
func (r *Refused) Error() string {
	if r.Description == "" {
		return "the identity provider refused: " + r.Code
	}
	return "the identity provider refused: " + r.Description + " (" + r.Code + ")"
}
