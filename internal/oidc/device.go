// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	goidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

	// defaultInterval is the protocol's (RFC 8628, section 3.2), maxInterval and maxLifetime are ours.
	defaultInterval = 5 * time.Second
	maxInterval     = time.Minute
	maxLifetime     = 30 * time.Minute
	maxDeviceText   = 2048
)

// Authorization is a device flow that waits for the person (RFC 8628, section 3.2).
type Authorization struct {
	// DeviceCode is a secret between the login service and the provider.
	DeviceCode string
	// UserCode is what the person types at VerificationURI. With VerificationURIComplete, which may be empty, they need not.
	UserCode, VerificationURI, VerificationURIComplete string
	// Interval is how long to wait between two questions.
	Interval time.Duration
	// Expire is when the codes are good no more.
	Expire time.Time
}

// StartDevice begins a device flow. Errors are *outcome.Problem.
func (p *Provider) StartDevice(ctx context.Context) (Authorization, error) {
	if p.oauth.Endpoint.DeviceAuthURL == "" {
		return Authorization{}, misconfigured("the identity provider %s has no device flow (RFC 8628)", p.issuer)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var options []oauth2.AuthCodeOption
	if p.oauth.ClientSecret != "" && p.oauth.Endpoint.AuthStyle == oauth2.AuthStyleInParams {
		options = append(options, oauth2.SetAuthURLParam("client_secret", p.oauth.ClientSecret))
	}
	response, err := p.oauth.DeviceAuth(p.deviceContext(ctx), options...)
	if err != nil {
		return Authorization{}, p.deviceProblem(err)
	}
	return p.authorization(response)
}

// deviceContext carries a client that does two things that the library leaves out of the first request of the device flow: it ends with
// ctx, and shows who the client is.
func (p *Provider) deviceContext(ctx context.Context) context.Context {
	bound := *p.http
	bound.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(ctx)
		if p.oauth.Endpoint.AuthStyle == oauth2.AuthStyleInHeader {
			r.SetBasicAuth(url.QueryEscape(p.oauth.ClientID), url.QueryEscape(p.oauth.ClientSecret))
		}
		return p.http.Transport.RoundTrip(r)
	})
	return goidc.ClientContext(ctx, &bound)
}

// authorization checks what the provider says, since it is shown to a person.
func (p *Provider) authorization(response *oauth2.DeviceAuthResponse) (Authorization, error) {
	a := Authorization{
		DeviceCode: response.DeviceCode, UserCode: response.UserCode,
		VerificationURI: response.VerificationURI, VerificationURIComplete: response.VerificationURIComplete,
		Interval: defaultInterval,
	}
	if a.DeviceCode == "" || a.UserCode == "" || a.VerificationURI == "" || response.Expiry.IsZero() {
		return Authorization{}, unreachable(p.issuer, errors.New("it began a device flow without a code, an address or an end"))
	}
	for _, text := range []string{a.DeviceCode, a.UserCode, a.VerificationURI, a.VerificationURIComplete} {
		if len(text) > maxDeviceText || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return Authorization{}, unreachable(p.issuer, errors.New("it began a device flow with a code that nobody can read"))
		}
	}
	if !secure(a.VerificationURI) || !secure(a.VerificationURIComplete) {
		return Authorization{}, misconfigured("the identity provider %s sends people to an address that is not https", p.issuer)
	}
	if response.Interval > 0 {
		a.Interval = time.Duration(min(response.Interval, int64(maxInterval/time.Second))) * time.Second
	}
	a.Expire = p.clock.Now().Add(min(time.Until(response.Expiry), maxLifetime))
	return a, nil
}

// PollDevice asks once whether the person has decided. Errors are ErrPending, ErrSlowDown, ErrExpired, ErrRefused, or *outcome.Problem
// where the provider does not answer or does not take the client.
func (p *Provider) PollDevice(ctx context.Context, deviceCode string) (Claims, error) {
	// An exchange like that of an authorization code, but for its grant and the name of the code.
	token, err := p.oauth.Exchange(goidc.ClientContext(ctx, p.http), "",
		oauth2.SetAuthURLParam("grant_type", deviceGrant), oauth2.SetAuthURLParam("device_code", deviceCode))
	if err != nil {
		return Claims{}, p.pollProblem(err)
	}
	idToken, ok := token.Extra("id_token").(string)
	if !ok {
		return Claims{}, misconfigured("the identity provider %s gives no ID token in the device flow", p.issuer)
	}
	_, claims, err := p.read(ctx, idToken)
	return claims, err
}

// pollProblem reads the errors of RFC 8628, section 3.5.
func (p *Provider) pollProblem(err error) error {
	response, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return unreachable(p.issuer, err)
	}
	switch response.ErrorCode {
	case "authorization_pending":
		return ErrPending
	case "slow_down":
		return ErrSlowDown
	case "expired_token":
		return ErrExpired
	case "access_denied", "invalid_grant":
		return refused("%s: %s", response.ErrorCode, response.ErrorDescription)
	default:
		return p.deviceProblem(err)
	}
}

// deviceProblem reads the errors of RFC 6749, section 5.2, which are about the client, not about the person.
func (p *Provider) deviceProblem(err error) error {
	response, ok := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case !ok:
		return unreachable(p.issuer, err)
	case response.ErrorCode == "", response.ErrorCode == "server_error", response.ErrorCode == "temporarily_unavailable":
		return unreachable(p.issuer, errors.New(response.Response.Status))
	default:
		return misconfigured("the identity provider %s refuses the client of spec.login.oidc: %s", p.issuer,
			shorten(response.ErrorCode+": "+response.ErrorDescription))
	}
}
