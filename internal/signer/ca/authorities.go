// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/cert"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/stored"
)

// Keys of the Secret besides tls.crt and tls.key, which are the authority that signs.
const (
	nextCert      = "next.crt"
	nextKey       = "next.key"
	previousCerts = "previous.crt"
	previousUntil = "previous-until"
)

// authorities are what the Secret holds.
type authorities struct {
	// current signs.
	current *pki.Authority
	// next will sign once API servers know it; nil where there is none.
	next *pki.Authority
	// previous signed certificates that may still be valid, until a time.
	previous      []*x509.Certificate
	previousUntil time.Time
	// own says that the operator made the Secret, so that it may write it.
	own bool
}

// parse reads the Secret. An error, which is an *outcome.Problem, says which key of it is wrong, and what to do.
func parse(secret *corev1.Secret) (a *authorities, err error) {
	a = &authorities{own: stored.Own(secret)}
	if a.current, err = pki.ParseAuthority(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey]); err != nil {
		return nil, unusable("%s and %s: %v", corev1.TLSCertKey, corev1.TLSPrivateKeyKey, err)
	}
	if len(secret.Data[nextCert])+len(secret.Data[nextKey]) > 0 {
		if a.next, err = pki.ParseAuthority(secret.Data[nextCert], secret.Data[nextKey]); err != nil {
			return nil, unusable("%s and %s: %v", nextCert, nextKey, err)
		}
	}
	if encoded := secret.Data[previousCerts]; len(encoded) > 0 {
		if a.previous, err = cert.ParseCertsPEM(encoded); err != nil {
			return nil, unusable("%s: %v", previousCerts, err)
		}
	}
	if until := secret.Data[previousUntil]; len(until) > 0 {
		if a.previousUntil, err = time.Parse(time.RFC3339, string(until)); err != nil {
			return nil, unusable("%s is no time as RFC 3339 writes it", previousUntil)
		}
	}
	return a, nil
}

func unusable(format string, args ...any) error {
	return outcome.Terminalf(v1alpha1.ReasonAuthorityUnusable,
		"Secret %s of the operator's namespace holds no authority that can sign: %s; put it right, or delete the Secret: "+
			"another authority is made then, which API servers must learn", SecretName, fmt.Sprintf(format, args...))
}

// bundle are the certificates that API servers must know, as PEM: who signs first.
func (a *authorities) bundle() []byte {
	known := []*x509.Certificate{a.current.Certificate}
	if a.next != nil {
		known = append(known, a.next.Certificate)
	}
	var encoded bytes.Buffer
	for _, certificate := range slices.Concat(known, a.previous) {
		_ = pem.Encode(&encoded, &pem.Block{Type: cert.CertificateBlockType, Bytes: certificate.Raw}) // A buffer takes everything.
	}
	return encoded.Bytes()
}

// step is what a rotation does next.
type step int

const (
	rest step = iota
	makeNext
	promote
	forget
)

// due is when an authority needs a successor: when two thirds of its life have passed.
func due(authority *x509.Certificate) time.Time {
	const part, of = 2, 3
	return authority.NotBefore.Add(authority.NotAfter.Sub(authority.NotBefore) / of * part)
}

// step says what to do: trusted, that API servers have accepted for long enough what the next authority signs. Once the one that signs
// has expired there is nothing to wait for. In a Secret that others keep nothing is done.
func (a *authorities) step(now time.Time, trusted bool) step {
	over := func(authority *pki.Authority) bool { return !now.Before(authority.Certificate.NotAfter) }
	switch {
	case !a.own:
		return rest
	case a.next != nil && over(a.next), a.next == nil && !now.Before(due(a.current.Certificate)):
		return makeNext
	case a.next != nil && (trusted || over(a.current)):
		return promote
	case len(a.previous) > 0 && !now.Before(a.previousUntil):
		return forget
	default:
		return rest
	}
}

// take changes the Secret by one step.
func (s step) take(secret *corev1.Secret, now time.Time, life time.Duration) error {
	switch s {
	case rest:
	case makeNext:
		certificate, key, err := pki.NewAuthority(SecretName, now.Add(-slack), now.Add(life))
		if err != nil {
			return err
		}
		secret.Data[nextCert], secret.Data[nextKey] = certificate, key
	case promote:
		secret.Data[previousCerts] = append(slices.Clone(secret.Data[corev1.TLSCertKey]), secret.Data[previousCerts]...)
		secret.Data[previousUntil] = []byte(now.Add(longest + slack).UTC().Format(time.RFC3339))
		secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey] = secret.Data[nextCert], secret.Data[nextKey]
		delete(secret.Data, nextCert)
		delete(secret.Data, nextKey)
	case forget:
		delete(secret.Data, previousCerts)
		delete(secret.Data, previousUntil)
	}
	return nil
}
