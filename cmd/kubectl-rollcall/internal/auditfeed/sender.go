// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package auditfeed

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	// requestTimeout bounds one request: whoever receives writes to a disk before the answer.
	requestTimeout = time.Minute
	// maxAnswer is enough for a reason.
	maxAnswer = 4 << 10
	// maxToken is more than any.
	maxToken = 64 << 10
	path     = "audit/v1/events"
)

// Receiver says where events go.
type Receiver struct {
	// URL of the receiver.
	URL string
	// Name of the API server whose events they are.
	Name string
	// TokenFile is read for each request, as tokens are replaced.
	TokenFile string
	// CA are the PEM certificates that the receiver's chains to; the system's if empty.
	CA []byte
	// UserAgent says who sends.
	UserAgent string
}

// sender sends requests to a receiver.
type sender struct {
	to   Receiver
	url  string
	http *http.Client
}

func newSender(to Receiver) (*sender, error) {
	address, err := addressOf(to.URL, to.Name)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(to.CA) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(to.CA) {
			return nil, errors.New("there is no certificate in --ca-file: it must be PEM")
		}
	}
	return &sender{to: to, url: address, http: &http.Client{
		Timeout: requestTimeout,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, TLSHandshakeTimeout: requestTimeout, ForceAttemptHTTP2: true,
		},
		// The token is for this receiver, and not for whom it may point at.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// addressOf is where the events of an API server are sent to.
func addressOf(receiver, name string) (string, error) {
	if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
		return "", fmt.Errorf("--name %q cannot be the name of an API server: write lowercase letters, digits and '-', at most 63", name)
	}
	parsed, err := url.Parse(receiver)
	switch {
	case err != nil || parsed.Host == "":
		return "", fmt.Errorf("--to %q is not the address of a receiver: write for instance https://rollcall.example.com", receiver)
	case parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "":
		return "", errors.New("--to must be without user, query and fragment")
	case parsed.Scheme == "http" && !loopback(parsed.Hostname()):
		return "", fmt.Errorf("--to %q sends token and log in plain text: it must begin with https://, but for this machine", receiver)
	case parsed.Scheme != "http" && parsed.Scheme != "https":
		return "", fmt.Errorf("--to %q must begin with https://", receiver)
	}
	return parsed.JoinPath(path, name).String(), nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// token is what the file says now.
func (s *sender) token() (string, error) {
	file, err := os.Open(s.to.TokenFile)
	if err != nil {
		return "", fmt.Errorf("read --token-file: %w", err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxToken))
	if err != nil {
		return "", fmt.Errorf("read --token-file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("there is no token in %s: a token is one word", s.to.TokenFile)
	}
	return token, nil
}

// send sends a body once. An error is one that no other try changes.
func (s *sender) send(ctx context.Context, body []byte) (answer, error) {
	token, err := s.token()
	if err != nil {
		return answer{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", s.to.UserAgent)
	response, err := s.http.Do(request)
	if err != nil {
		return answer{unreachable: advice(err)}, ctx.Err()
	}
	defer func() { _ = response.Body.Close() }()
	// What is not read of it costs a connection, and nothing else: the status says it all.
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if response.StatusCode == http.StatusUnauthorized {
		return answer{}, fmt.Errorf("the receiver at %s does not take the token in %s for API server %s (401): "+
			"it must be the one that the receiver was given for that name", s.to.URL, s.to.TokenFile, s.to.Name)
	}
	return answer{
		status: response.StatusCode, text: strings.TrimSpace(string(text)),
		retryAfter: retryAfter(response.Header.Get("Retry-After"), time.Now()),
	}, nil
}

// advice says what an error of a connection means.
func advice(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "its certificate is by an authority that is not known here: give the right one with --ca-file"
	}
	if name, ok := errors.AsType[x509.HostnameError](err); ok {
		return "its certificate is for another name (" + name.Error() + ")"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "what answers there does not speak TLS"
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "it does not answer in time"
	}
	if request, ok := errors.AsType[*url.Error](err); ok {
		return request.Err.Error() // which address that was is told already
	}
	return err.Error()
}
