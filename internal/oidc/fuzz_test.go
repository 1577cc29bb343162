// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/oidcprovider"
)

// FuzzVerify holds the reader of tokens to refusing what the provider did not sign, whatever it looks like.
func FuzzVerify(f *testing.F) {
	idp, err := oidcprovider.Start(oidcprovider.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = idp.Stop() })
	ctx := context.Background()
	login := &v1alpha1.OIDCLogin{IssuerURL: idp.URL(), ClientID: oidcprovider.ClientID}
	provider, err := connect(ctx, login, clock.RealClock{}, idp.CACert(), "")
	if err != nil {
		f.Fatal(err)
	}
	now := time.Now().Unix()
	good, err := idp.Sign(map[string]any{
		"iss": idp.URL(), "sub": "s", "aud": oidcprovider.ClientID, "iat": now, "exp": now + 3600, "nonce": "n", "preferred_username": "alice",
	})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := provider.Verify(ctx, good, "n"); err != nil {
		f.Fatalf("the good one: %v", err)
	}
	for _, seed := range []string{
		good, "", ".", "..", "a.b.c", good + ".", good[:len(good)-1], "eyJhbGciOiJub25lIn0.e30.", `{"payload":"e30","signatures":[]}`,
		"eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "eyJhbGciOiJSUzI1NiIsImNyaXQiOlsieCJdfQ.e30.AAAA", "\x00", "eyJhbGciOiJSUzI1NiJ9.bnVsbA.AAAA",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		claims, err := provider.Verify(ctx, token, "n")
		switch {
		case err == nil && claims.Subject == "s": // the good one, as it is or in another spelling of the same signature
		case err == nil:
			t.Fatalf("taken with the claims %+v", claims)
		case !errors.Is(err, ErrRefused):
			t.Fatalf("not refused: %v", err)
		}
	})
}
