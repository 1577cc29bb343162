// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package preflight tries whether the signer is of use: it has a certificate signed that nothing is bound to, and shows it to the API
// server.
package preflight

import (
	"context"
	"fmt"
	"net/http"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/session"
	"github.com/rollcall-iam/rollcall/internal/signer"
)

const (
	// duration is what is asked for, and use for how long a certificate is shown again. One that expires sooner is not trusted any more,
	// and another takes its place at once: this does not depend on whose clock is ahead.
	duration, use = 10 * time.Minute, 8 * time.Minute
	// timeout is how long the API server may take to answer, tries how long it may go without an answer that says anything, and pause
	// how long until it is asked again. With the wait of a signer they stay below a minute.
	timeout, tries, pause = 5 * time.Second, 10 * time.Second, time.Second
)

// Preflight tries a signer. What was signed stays in memory alone. One Check runs at a time.
type Preflight struct {
	// Signer that is tried.
	Signer signer.Signer
	// API is how the API server is reached, without anything that tells it who asks.
	API *rest.Config
	// Clock tells the time.
	Clock clock.PassiveClock

	held *credential
}

// credential is a certificate that was signed, its key, and until when it is of use.
type credential struct {
	certificate, key []byte
	until            time.Time
}

// Check shows the API server the certificate that is held, or a new one where that is old or not trusted any more.
func (p *Preflight) Check(ctx context.Context) Result {
	if p.held != nil && p.Clock.Now().Before(p.held.until) {
		if result := p.present(ctx, p.held); !result.Problem.Because(v1alpha1.ReasonSignerNotTrusted) {
			return result
		}
	}
	p.held = nil
	signed, err := p.sign(ctx)
	if err != nil {
		return Result{Problem: outcome.Of(err, v1alpha1.ReasonSigningFailed)}
	}
	p.held = signed
	return p.present(ctx, signed)
}

// Forget has the next Check show a certificate that is signed for it.
func (p *Preflight) Forget() { p.held = nil }

func (p *Preflight) sign(ctx context.Context) (*credential, error) {
	key, err := pki.NewKey()
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	encoded, err := pki.EncodeKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	subject := pki.Subject{Username: session.PreflightUsername}
	request, err := pki.NewRequest(key, subject)
	if err != nil {
		return nil, fmt.Errorf("make a certificate request: %w", err)
	}
	chain, err := p.Signer.Sign(ctx, signer.Request{Subject: subject, CSR: request, Duration: duration})
	if err != nil {
		return nil, err
	}
	if _, err := pki.CheckCertificate(chain, key.Public(), subject); err != nil {
		return nil, outcome.Terminalf(v1alpha1.ReasonCertificateInvalid, "the signer's certificate is not what was asked for: %v", err)
	}
	return &credential{certificate: chain, key: encoded, until: p.Clock.Now().Add(use)}, nil
}

// present shows a certificate to the API server until that says something of it. Whoever is on the way may fail meanwhile.
func (p *Preflight) present(ctx context.Context, held *credential) Result {
	var result Result
	_ = wait.PollUntilContextTimeout(ctx, pause, tries, true, func(ctx context.Context) (answered bool, err error) {
		username, err := p.ask(ctx, held)
		result, answered = Judge(p.Signer.Name(), username, err)
		return answered, nil
	})
	return result
}

// ask asks the API server whom it takes the bearer of a certificate for. Each time the connection is a new one, which may lead to
// another API server; and client-go's own transports, of which there is one for each certificate, would stay forever.
func (p *Preflight) ask(ctx context.Context, held *credential) (string, error) {
	config := rest.CopyConfig(p.API)
	config.CertData, config.KeyData = held.certificate, held.key
	tlsConfig, err := rest.TLSConfigFor(config)
	if err != nil {
		return "", fmt.Errorf("prepare TLS: %w", err)
	}
	transport := utilnet.SetTransportDefaults(&http.Transport{TLSClientConfig: tlsConfig, Proxy: config.Proxy, DialContext: config.Dial})
	defer transport.CloseIdleConnections()
	client, err := authenticationclient.NewForConfigAndClient(config, &http.Client{Transport: transport, Timeout: timeout})
	if err != nil {
		return "", fmt.Errorf("build client: %w", err)
	}
	review, err := client.SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return review.Status.UserInfo.Username, nil
}
