// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	goidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"k8s.io/utils/clock"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

const (
	defaultUserNameClaim = "preferred_username"
	defaultScope         = "profile"
	methodBasic          = "client_secret_basic"
	methodPost           = "client_secret_post"
)

// Provider is an identity provider that said how it is to be asked.
type Provider struct {
	issuer        string
	clientID      string
	userNameClaim string
	clock         clock.PassiveClock
	http          *http.Client
	keys          goidc.KeySet
	algorithms    []string
	oauth         oauth2.Config
	// silent is set when the keys could not be had: they may have moved.
	silent atomic.Bool
}

// metadata is what is read of a discovery document besides the endpoints.
type metadata struct {
	KeysURL     string   `json:"jwks_uri"`
	Algorithms  []string `json:"id_token_signing_alg_values_supported"`
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
}

// connect reads the provider's discovery document.
func connect(ctx context.Context, login *v1alpha1.OIDCLogin, clk clock.PassiveClock, ca []byte, secret string) (*Provider, error) {
	httpClient, err := newClient(ca)
	if err != nil {
		return nil, misconfigured("the Secret of spec.login.oidc.caSecretRef holds no PEM certificate in %s", keyCA)
	}
	discovered, err := goidc.NewProvider(goidc.ClientContext(ctx, httpClient), login.IssuerURL)
	if mismatch, ok := errors.AsType[*goidc.IssuerMismatchError](err); ok {
		return nil, misconfigured("the provider at spec.login.oidc.issuerURL %s calls itself %q: write the issuer as it does",
			login.IssuerURL, shorten(mismatch.Discovered))
	}
	if err != nil {
		return nil, unreachable(login.IssuerURL, err)
	}
	var found metadata
	if err := discovered.Claims(&found); err != nil {
		return nil, unreachable(login.IssuerURL, err)
	}
	endpoint := discovered.Endpoint()
	for _, address := range []string{found.KeysURL, endpoint.TokenURL, endpoint.DeviceAuthURL} {
		if !secure(address) {
			return nil, misconfigured("the identity provider %s has an endpoint that is not https: %q", login.IssuerURL, shorten(address))
		}
	}
	endpoint.AuthStyle = authStyle(secret, found.AuthMethods)
	p := &Provider{
		issuer: login.IssuerURL, clientID: login.ClientID, userNameClaim: login.UserNameClaim, clock: clk, http: httpClient,
		keys:       goidc.NewRemoteKeySet(goidc.ClientContext(context.WithoutCancel(ctx), httpClient), found.KeysURL),
		algorithms: asymmetric(found.Algorithms),
		oauth:      oauth2.Config{ClientID: login.ClientID, ClientSecret: secret, Endpoint: endpoint, Scopes: scopes(login)},
	}
	if p.userNameClaim == "" {
		p.userNameClaim = defaultUserNameClaim
	}
	return p, nil
}

// secure says that an endpoint is https, or that there is none.
func secure(address string) bool {
	parsed, err := url.Parse(address)
	return address == "" || (err == nil && parsed.Scheme == "https" && parsed.Host != "")
}

// authStyle is how the client authenticates: with HTTP Basic, the default (OpenID Connect Core, section 9), if the provider does not ask
// for another way. It is never found out by trying: a device code that is asked for twice is asked for too often.
func authStyle(secret string, methods []string) oauth2.AuthStyle {
	if secret == "" || (slices.Contains(methods, methodPost) && !slices.Contains(methods, methodBasic)) {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

// asymmetric are those of the provider's algorithms whose keys are public. HMAC's would be the client secret, and none has none.
func asymmetric(offered []string) []string {
	good := []string{
		goidc.RS256, goidc.RS384, goidc.RS512, goidc.PS256, goidc.PS384, goidc.PS512,
		goidc.ES256, goidc.ES384, goidc.ES512, goidc.EdDSA,
	}
	good = slices.DeleteFunc(good, func(algorithm string) bool { return !slices.Contains(offered, algorithm) })
	if len(good) == 0 {
		return []string{goidc.RS256} // which every provider must have
	}
	return good
}

func scopes(login *v1alpha1.OIDCLogin) []string {
	if len(login.Scopes) == 0 {
		return []string{goidc.ScopeOpenID, defaultScope}
	}
	besides := slices.DeleteFunc(slices.Clone(login.Scopes), func(scope string) bool { return scope == goidc.ScopeOpenID })
	return append([]string{goidc.ScopeOpenID}, besides...)
}

func (p *Provider) wellKnown() string {
	return strings.TrimSuffix(p.issuer, "/") + "/.well-known/openid-configuration"
}
