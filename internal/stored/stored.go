// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package stored keeps what the operator makes for itself: Secrets in its own namespace that all replicas share, and ConfigMaps by which
// it publishes what others need.
package stored

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// Store is one namespace.
type Store struct {
	// Live reads past the cache.
	Live client.Reader
	// Client writes.
	Client client.Client
	// Namespace is the operator's own.
	Namespace string
}

// Secret reads a Secret.
func (s Store) Secret(ctx context.Context, name string) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	if err := s.Live.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: name}, secret); err != nil {
		return nil, fmt.Errorf("get Secret %s: %w", name, err)
	}
	return secret, nil
}

// Ensure reads a Secret, which is made where there is none. Of several replicas that make it the first one counts.
func (s Store) Ensure(
	ctx context.Context, name string, kind corev1.SecretType, fresh func() (map[string][]byte, error),
) (*corev1.Secret, error) {
	secret, err := s.Secret(ctx, name)
	if !apierrors.IsNotFound(err) {
		return secret, err
	}
	data, err := fresh()
	if err != nil {
		return nil, fmt.Errorf("make Secret %s: %w", name, err)
	}
	secret = &corev1.Secret{ObjectMeta: s.meta(name), Type: kind, Data: data}
	err = s.Client.Create(ctx, secret)
	if apierrors.IsAlreadyExists(err) {
		return s.Secret(ctx, name)
	}
	if err != nil {
		return nil, fmt.Errorf("create Secret %s: %w", name, err)
	}
	return secret, nil
}

// Publish keeps a ConfigMap as given. It is not written where nothing differs.
func (s Store) Publish(ctx context.Context, name string, data map[string]string) error {
	published := &corev1.ConfigMap{ObjectMeta: s.meta(name), Data: data}
	found := &corev1.ConfigMap{}
	err := s.Live.Get(ctx, client.ObjectKeyFromObject(published), found)
	switch {
	case apierrors.IsNotFound(err):
		err = s.Client.Create(ctx, published)
		if apierrors.IsAlreadyExists(err) {
			return nil // Another replica says the same.
		}
	case err == nil && found.Labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy:
		return fmt.Errorf("ConfigMap %s is not the operator's, which has to publish there: delete it", name)
	case err == nil && !maps.Equal(found.Data, data):
		found.Data = data
		err = s.Client.Update(ctx, found)
	}
	if err != nil {
		return fmt.Errorf("publish ConfigMap %s: %w", name, err)
	}
	return nil
}

// Published reads such a ConfigMap; nil where there is none.
func (s Store) Published(ctx context.Context, name string) (map[string]string, error) {
	found := &corev1.ConfigMap{}
	err := s.Live.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: name}, found)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get ConfigMap %s: %w", name, err)
	}
	return found.Data, nil
}

func (s Store) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: s.Namespace, Name: name, Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy},
	}
}
