// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"

	goidc "github.com/coreos/go-oidc/v3/oidc"
)

const (
	claimEmail         = "email"
	claimEmailVerified = "email_verified"

	// As long as a Session's authentication may be, and the name of a User.
	maxIssuer   = 512
	maxSubject  = 256
	maxACR      = 256
	maxAMR      = 64
	maxMethods  = 16
	maxUserName = 253

	// maxTime keeps numbers in tokens within what a time can be (the year 9999).
	maxTime = 253402300799
)

// rawClaims are the claims of a token by name.
type rawClaims map[string]json.RawMessage

// claims reads what is of interest. What is malformed or too long is refused: it would not be what the provider meant.
func (p *Provider) claims(token *goidc.IDToken) (Claims, error) {
	var raw rawClaims
	if err := token.Claims(&raw); err != nil {
		return Claims{}, refused("the ID token's claims are no object")
	}
	party, err := raw.text("azp", maxSubject)
	if err != nil {
		return Claims{}, err
	}
	if err := p.checkParty(token.Audience, party); err != nil {
		return Claims{}, err
	}
	if token.Subject == "" || len(token.Subject) > maxSubject || len(token.Issuer) > maxIssuer {
		return Claims{}, refused("the ID token's claim sub or iss is empty, or too long")
	}
	claims := Claims{Issuer: token.Issuer, Subject: token.Subject, IssuedAt: token.IssuedAt}
	if claims.UserName, err = raw.userName(p.userNameClaim); err != nil {
		return Claims{}, err
	}
	if claims.ACR, err = raw.text("acr", maxACR); err != nil {
		return Claims{}, err
	}
	if claims.AMR, err = raw.methods(); err != nil {
		return Claims{}, err
	}
	if claims.AuthTime, err = raw.time("auth_time", p.clock.Now().Add(maxSkew)); err != nil {
		return Claims{}, err
	}
	return claims, nil
}

// absent says that a claim is not there; null is the same.
func (c rawClaims) absent(name string) bool {
	value, ok := c[name]
	return !ok || string(value) == "null"
}

func (c rawClaims) text(name string, limit int) (string, error) {
	if c.absent(name) {
		return "", nil
	}
	var text string
	if err := json.Unmarshal(c[name], &text); err != nil {
		return "", refused("the ID token's claim %s is no string", name)
	}
	if len(text) > limit {
		return "", refused("the ID token's claim %s has more than %d bytes", name, limit)
	}
	return text, nil
}

// userName is what the person is found by, so it must be there, and must be theirs.
func (c rawClaims) userName(claim string) (string, error) {
	name, err := c.text(claim, maxUserName)
	if err != nil {
		return "", err
	}
	if name == "" {
		return "", refused("the ID token has no claim %s: see spec.login.oidc.userNameClaim and scopes", claim)
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		return "", refused("the ID token's claim %s has control characters", claim)
	}
	if claim == claimEmail && !c.emailVerified() {
		return "", refused("the provider says that the mail address is not verified")
	}
	return name, nil
}

// emailVerified is true where the provider does not say otherwise. Some say it with a string.
func (c rawClaims) emailVerified() bool {
	if c.absent(claimEmailVerified) {
		return true
	}
	value := string(c[claimEmailVerified])
	return value == `true` || value == `"true"`
}

func (c rawClaims) methods() ([]string, error) {
	if c.absent("amr") {
		return nil, nil
	}
	var methods []string
	if err := json.Unmarshal(c["amr"], &methods); err != nil {
		return nil, refused("the ID token's claim amr is no list of strings")
	}
	if len(methods) > maxMethods {
		return nil, refused("the ID token's claim amr has more than %d items", maxMethods)
	}
	for _, method := range methods {
		if method == "" || len(method) > maxAMR {
			return nil, refused("the ID token's claim amr has an item that is empty, or of more than %d bytes", maxAMR)
		}
	}
	return methods, nil
}

// time is a moment in seconds since 1970, before a latest one.
func (c rawClaims) time(name string, latest time.Time) (time.Time, error) {
	if c.absent(name) {
		return time.Time{}, nil
	}
	var seconds float64
	if err := json.Unmarshal(c[name], &seconds); err != nil || seconds < 0 || seconds > maxTime {
		return time.Time{}, refused("the ID token's claim %s is no time", name)
	}
	at := time.Unix(int64(seconds), 0)
	if at.After(latest) {
		return time.Time{}, refused("the ID token's claim %s is in the future", name)
	}
	return at, nil
}
