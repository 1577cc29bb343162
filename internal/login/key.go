// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"crypto/rand"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
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
func Key(ctx context.Context, live client.Reader, c client.Client, namespace string) ([]byte, error) {
	secret := &corev1.Secret{}
	where := client.ObjectKey{Namespace: namespace, Name: SecretName}
	err := live.Get(ctx, where, secret)
	if apierrors.IsNotFound(err) {
		secret = &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: SecretName, Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy},
			},
			Data: map[string][]byte{secretKey: make([]byte, keySize)},
		}
		_, _ = rand.Read(secret.Data[secretKey]) // It never fails.
		if err = c.Create(ctx, secret); apierrors.IsAlreadyExists(err) {
			err = live.Get(ctx, where, secret) // Another replica was faster.
		}
	}
	if err != nil {
		return nil, fmt.Errorf("keep Secret %s: %w", SecretName, err)
	}
	if len(secret.Data[secretKey]) < keySize {
		return nil, fmt.Errorf("no key of %d bytes in %s of Secret %s: delete it, and another is made", keySize, secretKey, SecretName)
	}
	return secret.Data[secretKey], nil
}
