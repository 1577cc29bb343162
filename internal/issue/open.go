// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package issue

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
)

// ErrUsed says that there is a Session of that name: what it would rest on was used before.
var ErrUsed = errors.New("a session began with that before")

// Begin makes a Session whose certificates will be for a key, if nobody else's is; for one with custody Server the key is nil. Errors are
// ErrUsed and ErrKey, or the API server's.
func (i *Issuer) Begin(ctx context.Context, s *v1alpha1.Session, key crypto.PublicKey) error {
	if s.Spec.KeyFingerprint != "" {
		if err := i.checkOwner(ctx, s, key); err != nil {
			return err
		}
	}
	err := i.Client.Create(ctx, s, FieldOwner)
	if apierrors.IsAlreadyExists(err) {
		return ErrUsed
	}
	if err != nil {
		return fmt.Errorf("create Session: %w", err)
	}
	return nil
}

// checkOwner finds that a key is neither another User's, by the Sessions that there are, nor one that enrols a device: such a key
// proves who somebody is, and is not for certificates.
func (i *Issuer) checkOwner(ctx context.Context, s *v1alpha1.Session, key crypto.PublicKey) error {
	sessions, err := index.SessionsOfKey(ctx, i.Client, s.Spec.KeyFingerprint)
	if err != nil {
		return fmt.Errorf("list Sessions of a key: %w", err)
	}
	for j := range sessions {
		if sessions[j].Spec.UserRef != s.Spec.UserRef {
			return fmt.Errorf("%w: it is the key of Session %q of another User", ErrKey, sessions[j].Name)
		}
	}
	public, err := ssh.NewPublicKey(key)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	enrolled, err := index.UsersOfDeviceKey(ctx, i.Client, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public))))
	if err != nil {
		return fmt.Errorf("list Users of a key: %w", err)
	}
	if len(enrolled) > 0 {
		return fmt.Errorf("%w: it enrols a device of User %q", ErrKey, enrolled[0].Name)
	}
	return nil
}
