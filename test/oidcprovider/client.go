// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package oidcprovider

import (
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// idTokenLifetime is short, as it is with many providers.
const idTokenLifetime = 5 * time.Minute

// client is an application that people log in to: public in the code flow, with a secret in the device flow where it has one.
type client struct {
	id, secret string
}

// GetID implements op.Client.
func (c *client) GetID() string { return c.id }

// RedirectURIs implements op.Client.
func (c *client) RedirectURIs() []string { return []string{"http://127.0.0.1" + CallbackPath} }

// RedirectURIGlobs implements op.HasRedirectGlobs: for a client with a secret, to which the provider allows no port by itself.
func (c *client) RedirectURIGlobs() []string { return []string{"http://127.0.0.1:*" + CallbackPath} }

// PostLogoutRedirectURIs implements op.Client.
func (c *client) PostLogoutRedirectURIs() []string { return nil }

// PostLogoutRedirectURIGlobs implements op.HasRedirectGlobs.
func (c *client) PostLogoutRedirectURIGlobs() []string { return nil }

// ApplicationType implements op.Client: what the provider calls web must authenticate in the device flow.
func (c *client) ApplicationType() op.ApplicationType {
	if c.secret != "" {
		return op.ApplicationTypeWeb
	}
	return op.ApplicationTypeNative
}

// AuthMethod implements op.Client: PKCE instead of a secret in the code flow.
func (c *client) AuthMethod() oidc.AuthMethod { return oidc.AuthMethodNone }

// ResponseTypes implements op.Client.
func (c *client) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}

// GrantTypes implements op.Client.
func (c *client) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken, oidc.GrantTypeDeviceCode}
}

// LoginURL implements op.Client.
func (c *client) LoginURL(id string) string { return loginPath + "?" + requestField + "=" + id }

// AccessTokenType implements op.Client.
func (c *client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeBearer }

// IDTokenLifetime implements op.Client.
func (c *client) IDTokenLifetime() time.Duration { return idTokenLifetime }

// DevMode implements op.Client: what lets a client with a secret have a redirect URI on the loopback.
func (c *client) DevMode() bool { return c.secret != "" }

// RestrictAdditionalIdTokenScopes implements op.Client.
//
//nolint:revive // the interface's name
func (c *client) RestrictAdditionalIdTokenScopes() func([]string) []string { return all }

// RestrictAdditionalAccessTokenScopes implements op.Client.
func (c *client) RestrictAdditionalAccessTokenScopes() func([]string) []string { return all }

func all(scopes []string) []string { return scopes }

// IsScopeAllowed implements op.Client.
func (c *client) IsScopeAllowed(string) bool { return false }

// IDTokenUserinfoClaimsAssertion implements op.Client: claims of profile and email are in the ID token.
func (c *client) IDTokenUserinfoClaimsAssertion() bool { return true }

// ClockSkew implements op.Client.
func (c *client) ClockSkew() time.Duration { return 0 }
