// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"crypto/rand"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/rollcall-iam/rollcall/internal/stored"
)

const (
	// SecretName is the Secret, in the operator's namespace, that makes one service of all replicas.
	SecretName = "rollcall-login"
	// secretKey is its key of the key that challenges are made with.
	secretKey = "challenge-key"

	keySize = 32
)

// Key reads the key that challenges are made with, which is made where there is none. Whoever deletes the Secret makes logins that have
// begun begin anew, and nothing else.
func Key(ctx context.Context, store stored.Store) ([]byte, error) {
	secret, err := store.Ensure(ctx, SecretName, corev1.SecretTypeOpaque, func() (map[string][]byte, error) {
		key := make([]byte, keySize)
		_, _ = rand.Read(key) // It never fails.
		return map[string][]byte{secretKey: key}, nil
	})
	if err != nil {
		return nil, err
	}
	if len(secret.Data[secretKey]) < keySize {
		return nil, fmt.Errorf("no key of %d bytes in %s of Secret %s: delete it, and another is made", keySize, secretKey, SecretName)
	}
	return secret.Data[secretKey], nil
}
