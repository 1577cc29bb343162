// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/rollcall-iam/rollcall/internal/pki"
)

const (
	// AuthorityName is the Secret of the authority that is made where no certificate is given, and the ConfigMap with its certificate, in the
	// operator's namespace: what clients need.
	AuthorityName = "rollcall-serving-ca"

	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 30 * 24 * time.Hour
	// slack is how far behind a client's clock may be.
	slack = time.Hour
)

// issue makes a certificate by the operator's own authority. That lasts for ten years, and is kept in a Secret, so that clients need learn
// it once; what it signs is kept nowhere.
func (c *Certificates) issue(ctx context.Context, now time.Time) (*shown, error) {
	secret, err := c.options.Store.Ensure(ctx, AuthorityName, corev1.SecretTypeTLS, func() (map[string][]byte, error) {
		certificate, key, err := pki.NewAuthority(AuthorityName, now.Add(-slack), now.Add(authorityLife))
		return map[string][]byte{corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key}, err
	})
	if err != nil {
		return nil, err
	}
	ca := secret.Data[corev1.TLSCertKey]
	authority, err := pki.ParseAuthority(ca, secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return nil, fmt.Errorf("no authority in Secret %s: %w; delete it, and another is made, which clients must learn", AuthorityName, err)
	}
	if err := c.options.Store.Publish(ctx, AuthorityName, map[string]string{corev1.ServiceAccountRootCAKey: string(ca)}); err != nil {
		return nil, err
	}
	key, err := pki.NewKey()
	if err != nil {
		return nil, fmt.Errorf("make a key to serve with: %w", err)
	}
	der, err := authority.SignServer(key.Public(), c.options.Names, now.Add(-slack), now.Add(leafLife))
	if err != nil {
		return nil, err
	}
	leaf := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return &shown{certificate: leaf, ca: ca, look: now.Add(leafLife * 2 / 3)}, nil
}
