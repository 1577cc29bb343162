// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package oidc asks identity providers who somebody is (OpenID Connect Core 1.0): it verifies ID tokens, and runs the device flow.
package oidc

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

const (
	keyCA           = "ca.crt"
	keyClientSecret = "clientSecret"

	// backoff is for how long a provider that did not answer is left in peace.
	backoff = 5 * time.Second
)

// Providers knows the identity providers of Directories.
type Providers struct {
	// Live reads Secrets from the API server.
	Live client.Reader
	// Namespace is the operator's, where the Secrets are.
	Namespace string
	// Clock says what time it is.
	Clock clock.PassiveClock

	mu      sync.Mutex
	entries map[types.UID]*entry
}

// New knows no provider yet.
func New(live client.Reader, namespace string, clk clock.PassiveClock) *Providers {
	return &Providers{Live: live, Namespace: namespace, Clock: clk, entries: map[types.UID]*entry{}}
}

// version is all that a Provider is made of.
type version struct {
	generation int64
	ca, secret string
}

// entry is the provider of one Directory, in one version.
type entry struct {
	version version

	mu       sync.Mutex
	provider *Provider
	err      error
	tried    time.Time
}

// Of is the provider of a Directory with spec.login.oidc. It is asked for its configuration once, and again when it did not answer or its
// keys could not be had. Errors are *outcome.Problem.
func (p *Providers) Of(ctx context.Context, d *v1alpha1.Directory) (*Provider, error) {
	login := d.Spec.Login.OIDC
	ca, err := p.CA(ctx, d)
	if err != nil {
		return nil, err
	}
	secret, err := p.secret(ctx, "spec.login.oidc.clientSecretRef", login.ClientSecretRef, keyClientSecret)
	if err != nil {
		return nil, err
	}
	e := p.entry(d.UID, version{generation: d.Generation, ca: string(ca), secret: string(secret)})
	return e.get(p.Clock, func() (*Provider, error) {
		// Whoever asks first may go away; the answer is for all.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		return connect(ctx, login, p.Clock, ca, string(secret))
	})
}

// CA is what caSecretRef holds, PEM encoded: nil without it.
func (p *Providers) CA(ctx context.Context, d *v1alpha1.Directory) ([]byte, error) {
	return p.secret(ctx, "spec.login.oidc.caSecretRef", d.Spec.Login.OIDC.CASecretRef, keyCA)
}

func (p *Providers) entry(uid types.UID, v version) *entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.entries == nil {
		p.entries = map[types.UID]*entry{}
	}
	if known := p.entries[uid]; known != nil && known.version == v {
		return known
	}
	e := &entry{version: v}
	p.entries[uid] = e
	return e
}

// get answers the provider that is known, even if it was silent, for as long as there is no newer one.
func (e *entry) get(clk clock.PassiveClock, connect func() (*Provider, error)) (*Provider, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.provider != nil && !e.provider.silent.Load() {
		return e.provider, nil
	}
	if e.tried.IsZero() || clk.Since(e.tried) >= backoff {
		e.tried = clk.Now()
		var provider *Provider
		if provider, e.err = connect(); e.err == nil {
			e.provider = provider
		}
	}
	if e.provider != nil {
		return e.provider, nil
	}
	return nil, e.err
}

// secret reads a value from a Secret in the operator's namespace: nil without a reference.
func (p *Providers) secret(ctx context.Context, field string, ref *v1alpha1.NameReference, key string) ([]byte, error) {
	if ref == nil {
		return nil, nil
	}
	var secret corev1.Secret
	err := p.Live.Get(ctx, client.ObjectKey{Namespace: p.Namespace, Name: ref.Name}, &secret)
	if apierrors.IsNotFound(err) {
		return nil, outcome.Terminalf(v1alpha1.ReasonSecretNotFound,
			"Secret %q of %s does not exist in namespace %q", ref.Name, field, p.Namespace)
	}
	if err != nil {
		return nil, outcome.Of(fmt.Errorf("get Secret %q of %s: %w", ref.Name, field, err), v1alpha1.ReasonFailed)
	}
	if len(secret.Data[key]) == 0 {
		return nil, outcome.Terminalf(v1alpha1.ReasonInvalidConfig,
			"Secret %q of %s in namespace %q has no value for key %q", ref.Name, field, p.Namespace, key)
	}
	return secret.Data[key], nil
}
