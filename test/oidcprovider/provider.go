// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package oidcprovider runs an OpenID provider on 127.0.0.1 over TLS for tests: a real one (package op of zitadel/oidc) with a few
// people in memory. It has the code flow with PKCE for a native client, refresh tokens, the device flow, and pages for browsers.
package oidcprovider

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/rollcall-iam/rollcall/test/internal/certs"
)

const (
	// ClientID is the client where Options name none.
	ClientID = "rollcall"
	// OtherClientID is a second client, like the first one: tokens for it are not for Rollcall.
	OtherClientID = "another-application"
	// CallbackPath is the path of the redirect URI http://127.0.0.1/callback, on any port (RFC 8252, section 7.3).
	CallbackPath = "/callback"

	deviceLifetime = 5 * time.Minute
	headerTimeout  = 5 * time.Second
	browserTimeout = 10 * time.Second
)

// Person is somebody who can log in.
type Person struct {
	// Name is what they type, and the claim preferred_username where Claims hold none.
	Name     string
	Password string
	// Subject is the claim sub. Default: "subject-" and the name.
	Subject string
	// Email and EmailVerified are claims of the scope email.
	Email         string
	EmailVerified bool
	// AMR and ACR say how they log in. Default of AMR: pwd.
	AMR []string
	ACR string
	// Claims are put into every ID token besides. With preferred_username, even if nil, it is not taken from Name.
	Claims map[string]any
}

// Options say who can log in, and for whom. The zero value has nobody.
type Options struct {
	People []Person
	// ClientID is the public client. Default: ClientID.
	ClientID string
	// ClientSecret is what that client must show in the device flow. Default: none.
	ClientSecret string
	// PollInterval is how long clients must wait between two questions in the device flow, in whole seconds. Default: one.
	PollInterval time.Duration
}

// Provider is a provider that runs, until Stop.
type Provider struct {
	storage *storage
	ca      *certs.CA
	tls     *tls.Config
	address string
	handler http.Handler
	server  *http.Server
}

// Start runs a provider on a free port.
func Start(options Options) (*Provider, error) {
	if options.ClientID == "" {
		options.ClientID = ClientID
	}
	options.PollInterval = max(options.PollInterval, time.Second)
	storage, err := newStorage(options)
	if err != nil {
		return nil, err
	}
	p := &Provider{storage: storage, address: "127.0.0.1:0"}
	if err := p.certify(); err != nil {
		return nil, err
	}
	listener, err := p.listen()
	if err != nil {
		return nil, err
	}
	if err := p.assemble(options); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	p.serve(listener)
	return p, nil
}

// certify makes the certificate that the provider shows.
func (p *Provider) certify() error {
	ca, err := certs.NewCA("OpenID provider of a test")
	if err != nil {
		return err
	}
	pair, err := ca.Issue(pkix.Name{CommonName: "127.0.0.1"}, "127.0.0.1")
	if err != nil {
		return err
	}
	certificate, err := pair.TLS()
	if err != nil {
		return fmt.Errorf("read the provider's certificate: %w", err)
	}
	p.ca = ca
	p.tls = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	return nil
}

// listen takes the provider's port, which is chosen the first time.
func (p *Provider) listen() (net.Listener, error) {
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", p.address, err)
	}
	p.address = listener.Addr().String()
	return listener, nil
}

// assemble puts the protocol and the pages for people together.
func (p *Provider) assemble(options Options) error {
	config := &op.Config{
		CodeMethodS256:        true,
		GrantTypeRefreshToken: true,
		DeviceAuthorization: op.DeviceAuthorizationConfig{
			Lifetime: deviceLifetime, PollInterval: options.PollInterval, UserFormPath: devicePath, UserCode: op.UserCodeBase20,
		},
	}
	if _, err := rand.Read(config.CryptoKey[:]); err != nil {
		return fmt.Errorf("make the provider's key: %w", err)
	}
	provider, err := op.NewProvider(config, p.storage, op.StaticIssuer(p.URL()))
	if err != nil {
		return fmt.Errorf("make the provider: %w", err)
	}
	mux := http.NewServeMux()
	pages := &pages{storage: p.storage, callback: op.AuthCallbackURL(provider)}
	mux.Handle(loginPath, op.NewIssuerInterceptor(provider.IssuerFromRequest).HandlerFunc(pages.login))
	mux.HandleFunc(devicePath, pages.device)
	mux.Handle("/", provider)
	p.handler = mux
	return nil
}

func (p *Provider) serve(listener net.Listener) {
	p.server = &http.Server{Handler: p.handler, TLSConfig: p.tls, ReadHeaderTimeout: headerTimeout}
	go func(server *http.Server) { _ = server.ServeTLS(listener, "", "") }(p.server) // until Stop
}

// Stop ends the provider at once. What it knows, it still knows after Resume.
func (p *Provider) Stop() error {
	if p.server == nil {
		return nil
	}
	defer func() { p.server = nil }()
	if err := p.server.Close(); err != nil {
		return fmt.Errorf("stop the provider: %w", err)
	}
	return nil
}

// Resume runs a provider again that was stopped, on its port.
func (p *Provider) Resume() error {
	listener, err := p.listen()
	if err != nil {
		return err
	}
	p.serve(listener)
	return nil
}

// URL is the provider's issuer identifier.
func (p *Provider) URL() string { return "https://" + p.address }

// CACert is the authority of the provider's certificate, PEM encoded.
func (p *Provider) CACert() []byte { return p.ca.Cert }

// HTTPClient is one that trusts the provider.
func (p *Provider) HTTPClient() *http.Client {
	trust := &tls.Config{RootCAs: p.ca.Pool(), MinVersion: tls.VersionTLS12}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: trust, DisableKeepAlives: true}, Timeout: browserTimeout}
}

// Disable keeps somebody out from now on: no login, no refresh.
func (p *Provider) Disable(name string) error { return p.storage.setDisabled(name, true) }

// Enable lets them in again.
func (p *Provider) Enable(name string) error { return p.storage.setDisabled(name, false) }

// RotateKeys signs with a new key from now on, and forgets the old one.
func (p *Provider) RotateKeys() error { return p.storage.rotate() }

// ExpireDevices lets every device code that is waited for expire.
func (p *Provider) ExpireDevices() { p.storage.expireDevices() }

// Sign makes a token with the provider's own key, for claims that it would not make up itself.
func (p *Provider) Sign(claims map[string]any) (string, error) {
	key, err := p.storage.SigningKey(context.Background())
	if err != nil {
		return "", err
	}
	signer, err := op.SignerFromKey(key)
	if err != nil {
		return "", fmt.Errorf("sign with the provider's key: %w", err)
	}
	return sign(signer, claims)
}

func sign(signer jose.Signer, claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("write claims: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign claims: %w", err)
	}
	return signed.CompactSerialize()
}
