// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package oidcprovider

import (
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// authentication is that somebody logged in.
type authentication struct {
	person   *Person
	clientID string
	scopes   []string
	time     time.Time
}

// GetAMR implements op.IDTokenRequest.
func (a *authentication) GetAMR() []string {
	if a.person == nil {
		return nil
	}
	return a.person.AMR
}

// GetAudience implements op.IDTokenRequest.
func (a *authentication) GetAudience() []string { return []string{a.clientID} }

// GetAuthTime implements op.IDTokenRequest.
func (a *authentication) GetAuthTime() time.Time { return a.time }

// GetClientID implements op.IDTokenRequest.
func (a *authentication) GetClientID() string { return a.clientID }

// GetScopes implements op.IDTokenRequest.
func (a *authentication) GetScopes() []string { return a.scopes }

// GetSubject implements op.IDTokenRequest.
func (a *authentication) GetSubject() string {
	if a.person == nil {
		return ""
	}
	return a.person.Subject
}

// authorization is a code flow under way: what was asked for, and who logged in. It is replaced as a whole.
type authorization struct {
	authentication

	id    string
	asked *oidc.AuthRequest
}

// GetID implements op.AuthRequest.
func (a *authorization) GetID() string { return a.id }

// GetACR implements op.AuthRequest.
func (a *authorization) GetACR() string {
	if a.person == nil {
		return ""
	}
	return a.person.ACR
}

// GetCodeChallenge implements op.AuthRequest.
func (a *authorization) GetCodeChallenge() *oidc.CodeChallenge {
	if a.asked.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: a.asked.CodeChallenge, Method: a.asked.CodeChallengeMethod}
}

// GetNonce implements op.AuthRequest.
func (a *authorization) GetNonce() string { return a.asked.Nonce }

// GetRedirectURI implements op.AuthRequest.
func (a *authorization) GetRedirectURI() string { return a.asked.RedirectURI }

// GetResponseType implements op.AuthRequest.
func (a *authorization) GetResponseType() oidc.ResponseType { return a.asked.ResponseType }

// GetResponseMode implements op.AuthRequest.
func (a *authorization) GetResponseMode() oidc.ResponseMode { return a.asked.ResponseMode }

// GetState implements op.AuthRequest.
func (a *authorization) GetState() string { return a.asked.State }

// Done implements op.AuthRequest.
func (a *authorization) Done() bool { return a.person != nil }

// refresh is the use of a refresh token.
type refresh struct {
	authentication
}

// SetCurrentScopes implements op.RefreshTokenRequest.
func (r *refresh) SetCurrentScopes(scopes []string) { r.scopes = scopes }

// device is a device flow under way.
type device struct {
	state    op.DeviceAuthorizationState
	userCode string
	asked    time.Time
}

// signingKey is what the provider signs with.
type signingKey struct {
	id  string
	key any
}

// publicKey is the half of it that the provider publishes.
type publicKey struct {
	id  string
	key any
}
