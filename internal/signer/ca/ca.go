// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ca signs by an authority of the operator's own, which it keeps in a Secret, and whose successor it prepares in time: API servers
// know both for a while, and the next one signs once they do.
package ca

import (
	"context"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/signer"
	"github.com/rollcall-iam/rollcall/internal/stored"
)

const (
	// Name is what an Installation's status calls this signer.
	Name = "CA"
	// SecretName is the Secret of the authority, in the operator's namespace, and the ConfigMap with what API servers must know.
	SecretName = "rollcall-client-ca"

	// slack is how far behind the clock of an API server, or of a replica, may be.
	slack = time.Hour
	// before is how far back a certificate is valid, as those of kube-controller-manager are.
	before = 5 * time.Minute
	// shortest and longest are the lifetimes that can be had. The API asks for none that is longer.
	shortest, longest = time.Minute, 24 * time.Hour
	// lookAgain is how often the Secret is read while it is in use: the leader may have changed it, or an administrator.
	lookAgain = time.Minute
	// reserved begins the names that are Kubernetes' own. The certificates API refuses the one that matters most, system:masters.
	reserved = "system:"
)

// Signer is a signer.Signer on every replica. The leader calls Keep.
type Signer struct {
	// Store is the operator's own namespace.
	Store stored.Store
	// Life of an authority that the operator makes.
	Life time.Duration
	// Clock tells the time.
	Clock clock.PassiveClock

	mutex sync.Mutex
	held  *authorities
	look  time.Time
}

var _ signer.Signer = &Signer{}

// Name implements signer.Signer.
func (s *Signer) Name() string { return Name }

// Shortest implements signer.Signer.
func (s *Signer) Shortest() time.Duration { return shortest }

// Sign implements signer.Signer.
func (s *Signer) Sign(ctx context.Context, request signer.Request) ([]byte, error) {
	a, err := s.authorities(ctx)
	if err != nil {
		return nil, err
	}
	return s.signBy(a.current, request)
}

func (s *Signer) signBy(authority *pki.Authority, request signer.Request) ([]byte, error) {
	now := s.Clock.Now()
	for _, name := range append(request.Subject.Organizations(), request.Subject.Username) {
		if strings.HasPrefix(name, reserved) {
			return nil, outcome.Terminalf(v1alpha1.ReasonSigningDenied,
				"names that begin with %s are Kubernetes' own: %q is not signed", reserved, name)
		}
	}
	if left := authority.Certificate.NotAfter.Sub(now); left < shortest {
		return nil, outcome.Terminalf(v1alpha1.ReasonAuthorityUnusable, "the authority in Secret %s has expired, or is about to: %s",
			SecretName, remedyExpired)
	}
	parsed, err := pki.ParseRequest(request.CSR)
	if err != nil {
		return nil, outcome.Terminalf(v1alpha1.ReasonSigningDenied, "the certificate request is refused: %v", err)
	}
	// What a client asks for is not copied: the subject is the one that was found to be theirs.
	return authority.SignClient(parsed.PublicKey, request.Subject, now.Add(-before), now.Add(min(max(request.Duration, shortest), longest)))
}

const remedyExpired = "put one that is valid there, or delete the Secret, and give API servers what ConfigMap " + SecretName + " holds then"

// authorities are those of the Secret, which is read again after a while. While the API server does not answer, what was known counts:
// nothing that is signed can be recorded then, and so nothing is handed out. A Secret that is gone, or not to be read any more, counts at
// once.
func (s *Signer) authorities(ctx context.Context) (*authorities, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now := s.Clock.Now()
	if s.held != nil && now.Before(s.look) {
		return s.held, nil
	}
	secret, err := s.Store.Secret(ctx, SecretName)
	if apierrors.IsNotFound(err) {
		s.held = nil
		return nil, outcome.Transientf(v1alpha1.ReasonAuthorityUnusable,
			"Secret %s of the operator's namespace is missing: the operator makes it within a minute", SecretName)
	}
	if err != nil {
		s.look = now.Add(lookAgain)
		if s.held != nil && !apierrors.IsForbidden(err) {
			return s.held, nil
		}
		s.held = nil
		return nil, err
	}
	return s.adopt(secret, now)
}

// hold keeps what a Secret says, which is nothing where no authority is in it.
func (s *Signer) hold(secret *corev1.Secret, now time.Time) (*authorities, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.adopt(secret, now)
}

// adopt is hold, while the mutex is held.
func (s *Signer) adopt(secret *corev1.Secret, now time.Time) (*authorities, error) {
	a, err := parse(secret)
	s.held, s.look = a, now.Add(lookAgain)
	return a, err
}

// Successor is a Signer by the next authority, to try whether API servers know it.
type Successor struct {
	*Signer

	// Fingerprint is the next authority's: of another one nothing is signed.
	Fingerprint string
}

// Sign implements signer.Signer.
func (s *Successor) Sign(ctx context.Context, request signer.Request) ([]byte, error) {
	a, err := s.authorities(ctx)
	if err != nil {
		return nil, err
	}
	if a.next == nil || pki.Fingerprint(a.next.Certificate) != s.Fingerprint {
		return nil, outcome.Transientf(v1alpha1.ReasonAuthorityUnusable, "the next authority is another one by now")
	}
	return s.signBy(a.next, request)
}
