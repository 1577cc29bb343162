// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package loginclient asks the login service, as package wire says.
package loginclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-iam/rollcall/internal/wire"
)

const (
	// DefaultTimeout bounds one question: directories and identity providers are asked behind it.
	DefaultTimeout = 30 * time.Second
	// maxAnswer is more than the settings of many directories.
	maxAnswer = 1 << 20
)

// Options are what a Client needs to know.
type Options struct {
	// URL of the login service: https.
	URL string
	// CA are the PEM certificates that its certificate chains to; the system's if empty.
	CA []byte
	// Certificate is shown to it, where there is one: renewals and logouts need it.
	Certificate *tls.Certificate
	// Timeout bounds one question. Default DefaultTimeout.
	Timeout time.Duration
	// UserAgent says who asks.
	UserAgent string
}

// Client of a login service.
type Client struct {
	base      string
	http      *http.Client
	userAgent string
}

// New makes a Client. Close ends its connections.
func New(options Options) (*Client, error) {
	base, err := CheckURL(options.URL)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(options.CA) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(options.CA) {
			return nil, errors.New("there is no certificate in the login service's CA: it must be PEM")
		}
	}
	if options.Certificate != nil {
		config.Certificates = []tls.Certificate{*options.Certificate}
	}
	timeout := options.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	return &Client{base: base, userAgent: options.UserAgent, http: &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, TLSHandshakeTimeout: timeout, ForceAttemptHTTP2: true,
		},
		// What is sent here is for this service, and not for whom it may point at.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// CheckURL is the address of a login service as it is kept and compared: https, without anything that has no meaning there.
func CheckURL(address string) (string, error) {
	parsed, err := url.Parse(address)
	switch {
	case err != nil || parsed.Host == "":
		return "", fmt.Errorf("%q is not the address of a login service: write for instance https://login.example.com", address)
	case parsed.Scheme != "https":
		return "", fmt.Errorf("the login service's address %q must begin with https://", address)
	case parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "":
		return "", fmt.Errorf("the login service's address %q must be without user, query and fragment", address)
	}
	parsed.Host = strings.ToLower(parsed.Host)
	return strings.TrimRight(parsed.String(), "/"), nil
}

// Close ends the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Settings say how people can log in.
func (c *Client) Settings(ctx context.Context) (*wire.Settings, error) {
	answer := &wire.Settings{}
	return answer, c.ask(ctx, http.MethodGet, wire.PathSettings, nil, answer)
}

// Challenge begins a login.
func (c *Client) Challenge(ctx context.Context) (*wire.Challenge, error) {
	answer := &wire.Challenge{}
	return answer, c.ask(ctx, http.MethodPost, wire.PathChallenge, struct{}{}, answer)
}

// Login proves who somebody is.
func (c *Client) Login(ctx context.Context, request *wire.LoginRequest) (*wire.Login, error) {
	answer := &wire.Login{}
	return answer, c.ask(ctx, http.MethodPost, wire.PathLogin, request, answer)
}

// DeviceStart begins the device flow.
func (c *Client) DeviceStart(ctx context.Context, request *wire.DeviceStartRequest) (*wire.DeviceStart, error) {
	answer := &wire.DeviceStart{}
	return answer, c.ask(ctx, http.MethodPost, wire.PathDeviceStart, request, answer)
}

// DevicePoll asks whether the person is done.
func (c *Client) DevicePoll(ctx context.Context, request *wire.DevicePollRequest) (*wire.Login, error) {
	answer := &wire.Login{}
	return answer, c.ask(ctx, http.MethodPost, wire.PathDevicePoll, request, answer)
}

// Certificate asks for the first or the next certificate of a Session.
func (c *Client) Certificate(ctx context.Context, request *wire.CertificateRequest) (*wire.Credential, error) {
	answer := &wire.Credential{}
	return answer, c.ask(ctx, http.MethodPost, wire.PathCertificate, request, answer)
}

// Logout ends the Session of the certificate that is shown.
func (c *Client) Logout(ctx context.Context, session string) error {
	return c.ask(ctx, http.MethodPost, wire.PathLogout, wire.LogoutRequest{Session: session}, &struct{}{})
}

func (c *Client) ask(ctx context.Context, method, path string, question, answer any) error {
	request, err := c.request(ctx, method, path, question)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return c.unreachable(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return c.unreachable(ctx, err)
	case len(body) > maxAnswer:
		return c.strange("more than it ever has to say")
	case response.StatusCode != http.StatusOK:
		return c.refusal(response, body)
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return c.strange("something that is not JSON of its protocol")
	}
	return nil
}

func (c *Client) request(ctx context.Context, method, path string, question any) (*http.Request, error) {
	var body io.Reader = http.NoBody
	if question != nil {
		text, err := json.Marshal(question)
		if err != nil {
			return nil, err
		}
		if len(text) > wire.MaxBody {
			return nil, fmt.Errorf("the request is larger than the login service takes (%d bytes of %d)", len(text), wire.MaxBody)
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", c.userAgent)
	if question != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, nil
}

// refusal reads what the service said instead of an answer. Whatever stands in between may have said it.
func (c *Client) refusal(response *http.Response, body []byte) error {
	said := wire.Error{}
	if err := json.Unmarshal(body, &said); err != nil || said.Code == "" {
		return c.strange(response.Status)
	}
	refusal := &Refusal{Code: said.Code, Message: said.Message, Subject: said.Subject}
	if after, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && after > 0 {
		refusal.RetryAfter = time.Duration(min(after, int(time.Hour/time.Second))) * time.Second
	}
	return refusal
}

func (c *Client) strange(what string) error {
	return fmt.Errorf("%s answered with %s: is that the address of the login service?", c.base, what)
}
