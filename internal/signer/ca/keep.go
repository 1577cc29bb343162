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

// Keep makes the authority where there is none, goes on with its rotation, and publishes what API servers must know. Trusted is the
// fingerprint of the next authority if they have accepted what it signs for long enough, else empty. It returns what is there then.
func (s *Signer) Keep(ctx context.Context, trusted string) (State, error) {
	now := s.Clock.Now()
	secret, err := s.Store.Ensure(ctx, SecretName, corev1.SecretTypeTLS, func() (map[string][]byte, error) { return found(now, s.Life) })
	if err != nil {
		return State{}, err
	}
	a, err := s.hold(secret, now)
	if err != nil {
		return State{}, err
	}
	for next := a.step(now, trusted); next != rest; next = a.step(now, trusted) {
		if err := a.take(next, secret.Data, now, s.Life); err != nil {
			return State{}, err
		}
		// Whoever wrote the Secret meanwhile goes first.
		if err := s.Store.Client.Update(ctx, secret); err != nil {
			return State{}, fmt.Errorf("update Secret %s: %w", secret.Name, err)
		}
		if a, err = s.hold(secret, now); err != nil {
			return State{}, err
		}
	}
	return a.state(now), s.Store.Publish(ctx, SecretName, map[string]string{corev1.ServiceAccountRootCAKey: string(a.bundle())})
}

// State is what is to be told of the authority.
type State struct {
	// Fingerprint and NotAfter are those of the authority that signs.
	Fingerprint string
	NotAfter    time.Time
	// NextFingerprint is that of the next one; empty where there is none.
	NextFingerprint string
	// Due says that the next one is needed, and Expired that it signs nothing any more.
	Due, Expired bool
	// Own says that the operator made it, and rotates it.
	Own bool
	// Trouble is what is wrong with what the Secret holds besides; empty where nothing is.
	Trouble string
}

func (a *authorities) state(now time.Time) State {
	current := a.current.Certificate
	told := State{
		Fingerprint: pki.Fingerprint(current), NotAfter: current.NotAfter, Due: !now.Before(due(current)),
		Expired: !now.Before(current.NotAfter), Own: a.own, Trouble: a.trouble,
	}
	if a.next != nil {
		told.NextFingerprint = pki.Fingerprint(a.next.Certificate)
	}
	return told
}
