// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

const (
	// timeout is how long a provider may take to answer.
	timeout = 10 * time.Second
	// maxBody is how much of an answer is read.
	maxBody      = 1 << 20
	maxRedirects = 5
	idleTimeout  = 30 * time.Second
	// maxDetail is how much of somebody else's error text goes into ours.
	maxDetail = 300
)

var (
	errNotHTTPS      = errors.New("only https is spoken with identity providers")
	errRedirect      = errors.New("redirected too often, or away from a request with a body")
	errNoAnswer      = errors.New("no answer")
	errNoCertificate = errors.New("no PEM certificate")
)

// newClient speaks https only, with servers that these authorities vouch for (the system's, without any), and reads bounded answers.
func newClient(ca []byte) (*http.Client, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != nil {
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errNoCertificate
		}
	}
	base := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: trust, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: timeout, IdleConnTimeout: idleTimeout,
	}
	return &http.Client{Transport: bounded(base), CheckRedirect: checkRedirect, Timeout: timeout}, nil
}

// checkRedirect lets nobody have the body of a request, which may hold a secret, but the server that it was meant for.
func checkRedirect(_ *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects || via[0].Method != http.MethodGet {
		return errRedirect
	}
	return nil
}

// roundTripper is a function that is an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// bounded makes an error of what is no answer, so that it reads like a server that cannot be reached.
func bounded(base http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Scheme != "https" {
			return nil, errNotHTTPS
		}
		response, err := base.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		if noAnswer(r.Method, response.StatusCode) {
			return nil, errors.Join(fmt.Errorf("%w: %s", errNoAnswer, response.Status), response.Body.Close())
		}
		response.Body = http.MaxBytesReader(nil, response.Body, maxBody)
		return response, nil
	})
}

// noAnswer says that a status is about the server, not about what was asked: documents are there or the server is not in order.
func noAnswer(method string, status int) bool {
	switch {
	case status >= http.StatusInternalServerError, status == http.StatusTooManyRequests:
		return true
	case method != http.MethodGet:
		return false
	default:
		return status != http.StatusOK && (status < http.StatusMultipleChoices || status >= http.StatusBadRequest)
	}
}

// unreachable is that a provider does not answer, or not in a way that makes sense. It says nothing about the person.
func unreachable(issuer string, err error) *outcome.Problem {
	reason := v1alpha1.ReasonUnreachable
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		reason = v1alpha1.ReasonTLSFailed
	}
	return outcome.Transientf(reason, "the identity provider %s does not answer: %s", issuer, shorten(err.Error()))
}

func misconfigured(format string, args ...any) *outcome.Problem {
	return outcome.Terminalf(v1alpha1.ReasonInvalidConfig, format, args...)
}

func shorten(text string) string {
	if len(text) > maxDetail {
		return fmt.Sprintf("%.*s...", maxDetail, text)
	}
	return text
}

// Reachable says whether the provider answers now.
func (p *Provider) Reachable(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.wellKnown(), http.NoBody)
	if err != nil {
		return misconfigured("spec.login.oidc.issuerURL %s is no URL: %v", p.issuer, err)
	}
	response, err := p.http.Do(request)
	if err != nil {
		return unreachable(p.issuer, err)
	}
	defer func() { _ = response.Body.Close() }() // what it says is read elsewhere
	return nil
}
