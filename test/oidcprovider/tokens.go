// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package oidcprovider

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// CreateAuthRequest implements op.Storage.
func (s *storage) CreateAuthRequest(_ context.Context, asked *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	if slices.Contains(asked.Prompt, oidc.PromptNone) {
		return nil, oidc.ErrLoginRequired() // nobody stays logged in here
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	request := &authorization{
		id: uuid.NewString(), asked: asked, authentication: authentication{clientID: asked.ClientID, scopes: asked.Scopes},
	}
	s.authorizations[request.id] = request
	return request, nil
}

// AuthRequestByID implements op.Storage.
func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if request, ok := s.authorizations[id]; ok {
		return request, nil
	}
	return nil, fmt.Errorf("authorization request: %w", errNotFound)
}

// AuthRequestByCode implements op.Storage.
func (s *storage) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if request, ok := s.authorizations[s.codes[code]]; ok {
		return request, nil
	}
	return nil, fmt.Errorf("code: %w", errNotFound)
}

// SaveAuthCode implements op.Storage.
func (s *storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[code] = id
	return nil
}

// DeleteAuthRequest implements op.Storage: a code is good for one use.
func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.authorizations, id)
	return nil
}

// CreateAccessToken implements op.Storage.
func (s *storage) CreateAccessToken(_ context.Context, request op.TokenRequest) (id string, expires time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accessToken(s.authenticationOf(request))
}

func (s *storage) accessToken(a authentication) (id string, expires time.Time, err error) {
	if _, err := s.bySubject(a.GetSubject()); err != nil {
		return "", time.Time{}, err
	}
	id = uuid.NewString()
	s.access[id] = a
	return id, time.Now().Add(accessLifetime), nil
}

// authenticationOf is what a token rests on. The lock is held.
func (s *storage) authenticationOf(request op.TokenRequest) authentication {
	switch request := request.(type) {
	case *authorization:
		return request.authentication
	case *refresh:
		return request.authentication
	case *op.DeviceAuthorizationState:
		person, err := s.bySubject(request.Subject)
		if err != nil {
			return authentication{}
		}
		return authentication{person: person, clientID: request.ClientID, scopes: request.Scopes, time: request.AuthTime}
	default:
		return authentication{}
	}
}

// CreateAccessAndRefreshTokens implements op.Storage: a refresh token is good for one use.
//
//nolint:revive // the interface's signature
func (s *storage) CreateAccessAndRefreshTokens(
	_ context.Context, request op.TokenRequest, current string,
) (accessTokenID, refreshToken string, expires time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.authenticationOf(request)
	if accessTokenID, expires, err = s.accessToken(a); err != nil {
		return "", "", time.Time{}, err
	}
	delete(s.refreshes, current)
	refreshToken = uuid.NewString()
	s.refreshes[refreshToken] = a
	return accessTokenID, refreshToken, expires, nil
}

// TokenRequestByRefreshToken implements op.Storage.
func (s *storage) TokenRequestByRefreshToken(_ context.Context, token string) (op.RefreshTokenRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.refreshes[token]
	if !ok || s.disabled[a.person.Name] {
		return nil, op.ErrInvalidRefreshToken
	}
	return &refresh{authentication: a}, nil
}

// TerminateSession implements op.Storage.
func (s *storage) TerminateSession(_ context.Context, subject, clientID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token, a := range s.refreshes {
		if a.GetSubject() == subject && a.clientID == clientID {
			delete(s.refreshes, token)
		}
	}
	return nil
}

// RevokeToken implements op.Storage.
func (s *storage) RevokeToken(_ context.Context, token, _, clientID string) *oidc.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, ok := s.refreshes[token]; ok && a.clientID != clientID {
		return oidc.ErrInvalidClient()
	}
	delete(s.refreshes, token)
	delete(s.access, token)
	return nil
}

// GetRefreshTokenInfo implements op.Storage.
func (s *storage) GetRefreshTokenInfo(_ context.Context, _, token string) (subject, id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.refreshes[token]
	if !ok {
		return "", "", op.ErrInvalidRefreshToken
	}
	return a.GetSubject(), token, nil
}

// GetClientByClientID implements op.Storage.
func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if client, ok := s.clients[id]; ok {
		return client, nil
	}
	return nil, fmt.Errorf("client: %w", errNotFound)
}

// AuthorizeClientIDSecret implements op.Storage.
func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if client, ok := s.clients[id]; ok && client.secret != "" && client.secret == secret {
		return nil
	}
	return fmt.Errorf("client with this secret: %w", errNotFound)
}

// SetUserinfoFromScopes implements op.Storage, for which SetUserinfoFromRequest does it.
func (*storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

// SetUserinfoFromToken implements op.Storage: what the userinfo endpoint says.
func (s *storage) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, tokenID, subject, _ string) error {
	s.mu.Lock()
	a, ok := s.access[tokenID]
	s.mu.Unlock()
	if !ok {
		return fmt.Errorf("access token: %w", errNotFound)
	}
	return s.describe(info, subject, a.scopes)
}

// SetIntrospectionFromToken implements op.Storage; nobody introspects here.
func (*storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errNotFound
}

// GetPrivateClaimsFromScopes implements op.Storage.
func (*storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return map[string]any{}, nil
}

// GetKeyByIDAndClientID implements op.Storage; no client has a key.
func (*storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errNotFound
}

// ValidateJWTProfileScopes implements op.Storage; no client has a key.
func (*storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errNotFound
}

// Health implements op.Storage.
func (*storage) Health(context.Context) error { return nil }
