// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sources opens what Directories name, with their Secrets as they are now.
package sources

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/directory/ldap"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// Keys of the Secret of spec.ldap.bindSecretRef.
const (
	keyUsername = corev1.BasicAuthUsernameKey
	keyPassword = corev1.BasicAuthPasswordKey
	keyCA       = corev1.ServiceAccountRootCAKey
)

// Opener opens sources. It keeps nothing, so that changed Secrets need no restart.
type Opener struct {
	// Live reads past the cache: Secrets are not cached.
	Live client.Reader
	// Namespace is where the Secrets are.
	Namespace string
}

// Open prepares the source that a Directory names.
func (o *Opener) Open(ctx context.Context, spec *v1alpha1.LDAPSource) (directory.Source, error) {
	var credentials ldap.Credentials
	if spec.CASecretRef != nil {
		ca, err := o.Secret(ctx, "spec.ldap.caSecretRef", spec.CASecretRef.Name, keyCA)
		if err != nil {
			return nil, err
		}
		credentials.CA = ca[0]
	}
	if spec.BindSecretRef != nil {
		bind, err := o.Secret(ctx, "spec.ldap.bindSecretRef", spec.BindSecretRef.Name, keyUsername, keyPassword)
		if err != nil {
			return nil, err
		}
		credentials.BindDN, credentials.Password = string(bind[0]), string(bind[1])
	}
	return ldap.New(spec, credentials)
}

// Secret reads values of a Secret that a field of a Directory names. An empty one is as bad as none: an empty password would make a
// bind that every server accepts and none checks (RFC 4513, section 5.1.2).
func (o *Opener) Secret(ctx context.Context, field, name string, keys ...string) ([][]byte, error) {
	var secret corev1.Secret
	err := o.Live.Get(ctx, client.ObjectKey{Namespace: o.Namespace, Name: name}, &secret)
	if apierrors.IsNotFound(err) {
		return nil, outcome.Terminalf(v1alpha1.ReasonSecretNotFound,
			"Secret %q of %s does not exist in namespace %q", name, field, o.Namespace)
	}
	if err != nil {
		return nil, fmt.Errorf("get Secret %q of %s: %w", name, field, err)
	}
	values := make([][]byte, len(keys))
	for i, key := range keys {
		values[i] = secret.Data[key]
		if len(values[i]) == 0 {
			return nil, outcome.Terminalf(v1alpha1.ReasonInvalidConfig,
				"Secret %q of %s in namespace %q has no value for key %q", name, field, o.Namespace, key)
		}
	}
	return values, nil
}
