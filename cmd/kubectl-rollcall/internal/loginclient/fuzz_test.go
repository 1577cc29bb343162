// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package loginclient

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/rollcall-iam/rollcall/internal/wire"
)

// spoken is a service that says one thing.
type spoken struct {
	status int
	after  string
	body   []byte
}

func (s spoken) RoundTrip(request *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: s.status, Status: http.StatusText(s.status), Header: http.Header{"Retry-After": {s.after}}, Request: request,
		Body: io.NopCloser(bytes.NewReader(s.body)),
	}, nil
}

// FuzzAnswer sees that nothing that answers in the login service's place breaks the plugin, or keeps it waiting for long.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"cluster":{"server":"https://api","ca":"Y2E="},"directories":[{"name":"corp","oidc":{"issuerURL":"https://idp","scopes":["a"]}}]}`,
		`{"challenge":"c","expireTime":"2026-01-01T00:00:00Z","time":"2026-01-01T00:00:00Z"}`,
		`{"session":"s","user":"alice","subject":{"commonName":"corp:alice","organizations":["rollcall:managed"]}}`,
		`{"certificate":"LS0t","notAfter":"2026-01-01T00:00:00Z","renewTime":"9999-12-31T23:59:59Z"}`,
		`{"transaction":"t","userCode":"c","verificationURI":"https://idp","intervalSeconds":-1}`,
		`{"code":"TooMany","message":"\u001b[2J"}`, `{"code":"Subject","subject":null}`, `{"code":1}`, "null", "[]", "<html>", "",
	} {
		f.Add(http.StatusOK, "7", []byte(seed))
		f.Add(http.StatusTooManyRequests, "99999999999999999999", []byte(seed))
		f.Add(http.StatusForbidden, "-1", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, after string, body []byte) {
		c := &Client{base: "https://login", http: &http.Client{Transport: spoken{status, after, body}}}
		ctx := context.Background()
		for _, ask := range []func() error{
			func() error { _, err := c.Settings(ctx); return err },
			func() error { _, err := c.Challenge(ctx); return err },
			func() error { _, err := c.Login(ctx, &wire.LoginRequest{}); return err },
			func() error { _, err := c.DeviceStart(ctx, &wire.DeviceStartRequest{}); return err },
			func() error { _, err := c.DevicePoll(ctx, &wire.DevicePollRequest{}); return err },
			func() error { _, err := c.Certificate(ctx, &wire.CertificateRequest{}); return err },
			func() error { return c.Logout(ctx, "s") },
		} {
			err := ask()
			if err == nil && status != http.StatusOK {
				t.Fatalf("%d was taken for an answer", status)
			}
			if err != nil && err.Error() == "" {
				t.Fatal("an error without words")
			}
			if r, ok := errors.AsType[*Refusal](err); ok && (r.RetryAfter < 0 || r.RetryAfter > time.Hour) {
				t.Fatalf("wait for %v", r.RetryAfter)
			}
		}
	})
}
