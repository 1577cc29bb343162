// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/rollcall-iam/rollcall/internal/pki"
)

// Keep makes the authority where there is none, goes on with its rotation, and publishes what API servers must know. Trusted says that they
// have accepted what the next authority signs for long enough. It returns what is there then.
func (s *Signer) Keep(ctx context.Context, trusted bool) (State, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now := s.Clock.Now()
	secret, err := s.Store.Ensure(ctx, SecretName, corev1.SecretTypeTLS, func() (map[string][]byte, error) {
		certificate, key, err := pki.NewAuthority(SecretName, now.Add(-slack), now.Add(s.Life))
		return map[string][]byte{corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key}, err
	})
	if err != nil {
		return State{}, err
	}
	a, err := s.hold(secret, now)
	if err != nil {
		return State{}, err
	}
	for next := a.step(now, trusted); next != rest; next = a.step(now, false) {
		if a, err = s.take(ctx, next, secret, now); err != nil {
			return State{}, err
		}
	}
	bundle := map[string]string{corev1.ServiceAccountRootCAKey: string(a.bundle())}
	if err := s.Store.Publish(ctx, SecretName, bundle); err != nil {
		return State{}, err
	}
	return a.state(), nil
}

// take writes one step. Whoever wrote the Secret meanwhile goes first.
func (s *Signer) take(ctx context.Context, next step, secret *corev1.Secret, now time.Time) (*authorities, error) {
	if err := next.take(secret, now, s.Life); err != nil {
		return nil, err
	}
	if err := s.Store.Client.Update(ctx, secret); err != nil {
		return nil, fmt.Errorf("update Secret %s: %w", secret.Name, err)
	}
	return s.hold(secret, now)
}

// State is what is to be told of the authority.
type State struct {
	// Fingerprint and NotAfter are those of the authority that signs.
	Fingerprint string
	NotAfter    time.Time
	// NextFingerprint is that of the next one; empty where there is none.
	NextFingerprint string
	// Due says when the next one is needed.
	Due time.Time
	// Own says that the operator made the Secret, and rotates it.
	Own bool
}

func (a *authorities) state() State {
	current := a.current.Certificate
	told := State{Fingerprint: pki.Fingerprint(current), NotAfter: current.NotAfter, Due: due(current), Own: a.own}
	if a.next != nil {
		told.NextFingerprint = pki.Fingerprint(a.next.Certificate)
	}
	return told
}
