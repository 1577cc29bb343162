// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	goidc "github.com/coreos/go-oidc/v3/oidc"
)

const (
	maxToken = 32 << 10
	// maxAge is how old an ID token may be: it is made for this login.
	maxAge = 10 * time.Minute
	// maxSkew is how much the provider's clock may be ahead.
	maxSkew = time.Minute
)

// What is said of a token or of a device code. Whatever is wrapped with them is for the log.
var (
	// ErrRefused is that the provider, or what it signed, does not vouch for the person.
	ErrRefused = errors.New("the identity provider does not vouch for this login")
	// ErrPending is that the person has not decided yet.
	ErrPending = errors.New("the person has not answered the identity provider yet")
	// ErrSlowDown is as ErrPending, and asks for five seconds more between two questions from now on (RFC 8628, section 3.5).
	ErrSlowDown = errors.New("the identity provider is asked too often")
	// ErrExpired is that the person took too long.
	ErrExpired = errors.New("the device code has expired")
)

// Claims are what the provider says of a person.
type Claims struct {
	// Issuer and Subject are who said it, and of whom.
	Issuer, Subject string
	// UserName is the claim that userNameClaim names.
	UserName string
	// ACR and AMR say how the person logged in. Either may be empty.
	ACR string
	AMR []string
	// AuthTime is when they did, if the provider says so; IssuedAt is when it said it.
	AuthTime, IssuedAt time.Time
}

// Verify reads an ID token that was made for this nonce. Errors are ErrRefused, or *outcome.Problem where the provider does not answer.
func (p *Provider) Verify(ctx context.Context, idToken, nonce string) (Claims, error) {
	if nonce == "" {
		return Claims{}, refused("there is no nonce to compare with")
	}
	token, claims, err := p.read(ctx, idToken)
	if err != nil {
		return Claims{}, err
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(nonce)) != 1 {
		return Claims{}, refused("the ID token's nonce is another: it was not made for this login")
	}
	return claims, nil
}

// VerifyFresh reads an ID token that vouches again for somebody who is known by their subject.
func (p *Provider) VerifyFresh(ctx context.Context, idToken, subject string) (Claims, error) {
	_, claims, err := p.read(ctx, idToken)
	if err != nil {
		return Claims{}, err
	}
	if claims.Subject != subject {
		return Claims{}, refused("the ID token is about somebody else")
	}
	return claims, nil
}

// read does what OpenID Connect Core, section 3.1.3.7, says, but for the nonce.
func (p *Provider) read(ctx context.Context, idToken string) (*goidc.IDToken, Claims, error) {
	if len(idToken) > maxToken {
		return nil, Claims{}, refused("the ID token has more than %d bytes", maxToken)
	}
	keys := &keySet{KeySet: p.keys}
	verifier := goidc.NewVerifier(p.issuer, keys, &goidc.Config{
		ClientID: p.clientID, SupportedSigningAlgs: p.algorithms, Now: p.clock.Now,
	})
	token, err := verifier.Verify(ctx, idToken)
	if keys.err != nil {
		p.silent.Store(true)
		return nil, Claims{}, unreachable(p.issuer, keys.err)
	}
	if err != nil {
		return nil, Claims{}, refused("%v", err)
	}
	if err := p.checkTime(token.IssuedAt); err != nil {
		return nil, Claims{}, err
	}
	claims, err := p.claims(token)
	return token, claims, err
}

func (p *Provider) checkTime(issued time.Time) error {
	now := p.clock.Now()
	switch {
	case issued.Before(now.Add(-maxAge)):
		return refused("the ID token is older than %s, or does not say how old it is", maxAge)
	case issued.After(now.Add(maxSkew)):
		return refused("the ID token is from the future: the provider's clock is more than %s ahead", maxSkew)
	default:
		return nil
	}
}

// checkParty says whether the token was made for this client, where it is good for several or names the one that asked for it.
func (p *Provider) checkParty(audience []string, party string) error {
	if party != p.clientID && (party != "" || slices.ContainsFunc(audience, func(a string) bool { return a != p.clientID })) {
		return refused("the ID token was made for another client")
	}
	return nil
}

// keySet remembers that keys could not be fetched, which is no word on the token.
type keySet struct {
	goidc.KeySet

	err error
}

// VerifySignature implements goidc.KeySet.
func (k *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, token)
	// The key set wraps why keys could not be fetched; that none of them fits has no cause.
	if errors.Unwrap(err) != nil {
		k.err = err
	}
	return payload, err
}

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, shorten(fmt.Sprintf(format, args...)))
}
