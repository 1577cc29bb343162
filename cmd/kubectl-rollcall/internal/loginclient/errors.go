// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package loginclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/rollcall-iam/rollcall/internal/wire"
)

// Refusal is what the login service says instead of an answer.
type Refusal struct {
	Code    wire.Code
	Message string
	// Subject is set with wire.CodeSubject.
	Subject *wire.Subject
	// RetryAfter is set with wire.CodeTooMany.
	RetryAfter time.Duration
}

// Error implements error.
func (r *Refusal) Error() string {
	switch {
	case r.Code == wire.CodeRefused:
		return strings.TrimSuffix("the login service refused: "+r.Message, ": ") // Its message says what to do.
	case r.Code == wire.CodeTooMany && r.RetryAfter > 0:
		return fmt.Sprintf("too many tries: wait %s and try again", r.RetryAfter)
	case r.Message == "":
		return fmt.Sprintf("the login service answered %s", r.Code)
	default:
		return r.Message
	}
}

// CodeOf is the code of a Refusal, else empty.
func CodeOf(err error) wire.Code {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal.Code
	}
	return ""
}

// Unreachable says that there was no answer, and why.
type Unreachable struct {
	URL string
	// Advice says what may be wrong.
	Advice string
	Err    error
}

// Error implements error.
func (u *Unreachable) Error() string {
	return fmt.Sprintf("the login service at %s cannot be reached: %s", u.URL, u.Advice)
}

// Unwrap implements errors.Unwrap.
func (u *Unreachable) Unwrap() error { return u.Err }

func (c *Client) unreachable(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return &Unreachable{URL: c.base, Advice: advice(err), Err: err}
}

// advice says what an error of a connection means.
func advice(err error) string {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "its certificate is not valid now (" + invalid.Error() + "): is this machine's clock right?"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "its certificate is by an authority that is not known here: give the right one with --login-ca-file"
	}
	if name, ok := errors.AsType[x509.HostnameError](err); ok {
		return "its certificate is for another name (" + name.Error() + ")"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "what answers there does not speak TLS"
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return "it does not take this connection (" + alert.Error() + ")"
	}
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		return "its name is not known (" + lookup.Error() + ")"
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "it does not answer in time"
	}
	if request, ok := errors.AsType[*url.Error](err); ok {
		return request.Err.Error() // which address that was is told already
	}
	return err.Error()
}

// Passing says whether an error may be gone in a moment: the service, or something behind it, is not there now.
func Passing(err error) bool {
	if _, ok := errors.AsType[*Unreachable](err); ok {
		return true
	}
	switch CodeOf(err) {
	case wire.CodeUnavailable, wire.CodeTooMany:
		return true
	default:
		return false
	}
}
