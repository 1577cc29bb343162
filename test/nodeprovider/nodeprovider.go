// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package nodeprovider runs a second OpenID provider on 127.0.0.1 over TLS for tests: npm's oidc-provider. It is by other people, in
// another language than the one of package oidcprovider, and goes more by the book: it says in its answers who it is (RFC 9207), and
// gives refresh tokens only where the person was asked for consent (OpenID Connect Core, section 11).
package nodeprovider

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/rollcall-iam/rollcall/test/internal/certs"
	"github.com/rollcall-iam/rollcall/test/internal/checkout"
	"github.com/rollcall-iam/rollcall/test/internal/process"
)

const (
	// ClientID is the client, which is public and native.
	ClientID = "rollcall"

	callbackPath = "/callback"
	discovery    = "/.well-known/openid-configuration"
	askTimeout   = 5 * time.Second
	keyBits      = 2048
)

// Person is somebody who can log in. The name is the claim preferred_username.
type Person struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// Provider is a provider that runs, until Stop.
type Provider struct {
	ca      *certs.CA
	url     string
	process *process.Process
}

// Start runs a provider on a free port, and keeps its files in a folder that is there.
func Start(ctx context.Context, folder string, people ...Person) (*Provider, error) {
	ca, err := certs.NewCA("second OpenID provider of a test")
	if err != nil {
		return nil, err
	}
	pair, err := ca.Issue(pkix.Name{CommonName: "127.0.0.1"}, "127.0.0.1")
	if err != nil {
		return nil, err
	}
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, fmt.Errorf("make the provider's key: %w", err)
	}
	p := &Provider{ca: ca}
	p.process, err = process.StartOnFreePorts(1, func(ports []int) (*process.Process, error) {
		config, err := json.Marshal(map[string]any{
			"port": ports[0], "clientID": ClientID, "callbackPath": callbackPath, "people": people,
			"cert": string(pair.Cert), "key": string(pair.Key), "signingKey": jose.JSONWebKey{Key: key, Use: "sig"},
		})
		if err != nil {
			return nil, fmt.Errorf("write what the provider is to know: %w", err)
		}
		p.url = fmt.Sprintf("https://127.0.0.1:%d", ports[0])
		return p.run(ctx, folder, config)
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// run starts node, and waits until the provider tells what it can do.
func (p *Provider) run(ctx context.Context, folder string, config []byte) (*process.Process, error) {
	node, err := nodePath(ctx)
	if err != nil {
		return nil, err
	}
	root, err := checkout.Root()
	if err != nil {
		return nil, err
	}
	modules, err := modulesPath()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(folder, "provider.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, err
	}
	return process.Start(ctx, process.Command{
		Path: node, Args: []string{filepath.Join(root, "test", "nodeprovider", "provider.js"), modules, file},
		Log: filepath.Join(folder, "provider.log"), Ready: p.answers,
	})
}

// answers asks for the discovery document.
func (p *Provider) answers(ctx context.Context) error {
	trust := &tls.Config{RootCAs: p.ca.Pool(), MinVersion: tls.VersionTLS12}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trust, DisableKeepAlives: true}, Timeout: askTimeout}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+discovery, http.NoBody)
	if err != nil {
		return fmt.Errorf("ask the provider: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask the provider: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the provider answers %s", response.Status)
	}
	return nil
}

// Stop ends the provider.
func (p *Provider) Stop() error { return p.process.Stop() }

// URL is the provider's issuer identifier.
func (p *Provider) URL() string { return p.url }

// CACert is the authority of the provider's certificate, PEM encoded.
func (p *Provider) CACert() []byte { return p.ca.Cert }
