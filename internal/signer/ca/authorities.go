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
)

// Keys of the Secret besides tls.crt and tls.key, which are the authority that signs.
const (
	nextCert      = "next.crt"
	nextKey       = "next.key"
	previousCerts = "previous.crt"
	previousUntil = "previous-until"
	// madeBy holds the fingerprint of the authority that the operator put there: with another one in tls.crt somebody else keeps the Secret.
	madeBy = "made-by-rollcall"
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
	// own says that the operator made the authority, so that it may rotate it.
	own bool
	// trouble is what is wrong with the rest of the Secret; empty where nothing is.
	trouble string
}

// parse reads the Secret. An error, which is an *outcome.Problem, says why nothing can be signed. What is wrong with all but the authority
// that signs keeps it from nothing.
func parse(secret *corev1.Secret) (*authorities, error) {
	current, err := pki.ParseAuthority(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return nil, outcome.Terminalf(v1alpha1.ReasonAuthorityUnusable,
			"Secret %s of the operator's namespace holds no authority that can sign: %s and %s: %v; put it right, or delete the Secret: "+
				"another authority is made then, which API servers must learn", SecretName, corev1.TLSCertKey, corev1.TLSPrivateKeyKey, err)
	}
	a := &authorities{current: current, own: string(secret.Data[madeBy]) == pki.Fingerprint(current.Certificate)}
	if err := a.parseRest(secret.Data); err != nil {
		a.trouble = err.Error()
	}
	return a, nil
}

func (a *authorities) parseRest(data map[string][]byte) (err error) {
	if len(data[nextCert])+len(data[nextKey]) > 0 {
		if a.next, err = pki.ParseAuthority(data[nextCert], data[nextKey]); err != nil {
			a.next = nil
			return fmt.Errorf("%s and %s: %w", nextCert, nextKey, err)
		}
	}
	if len(data[previousCerts]) > 0 {
		if a.previous, err = cert.ParseCertsPEM(data[previousCerts]); err != nil {
			return fmt.Errorf("%s: %w", previousCerts, err)
		}
	}
	if len(data[previousUntil]) > 0 {
		if a.previousUntil, err = time.Parse(time.RFC3339, string(data[previousUntil])); err != nil {
			return fmt.Errorf("%s is no time as RFC 3339 writes it", previousUntil)
		}
	}
	return nil
}

// bundle are the certificates that API servers must know, as PEM: who signs first.
func (a *authorities) bundle() []byte {
	known := []*x509.Certificate{a.current.Certificate}
	if a.next != nil {
		known = append(known, a.next.Certificate)
	}
	return encode(slices.Concat(known, a.previous))
}

func encode(certificates []*x509.Certificate) []byte {
	var encoded bytes.Buffer
	for _, certificate := range certificates {
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

// step says what to do: trusted is the fingerprint of the authority that API servers have accepted for long enough, if any. No other ever
// gets to sign, whatever time it is: clocks are wrong at times, and an authority that is replaced is gone. In a Secret that others keep, or
// in which something is wrong, nothing is done.
func (a *authorities) step(now time.Time, trusted string) step {
	switch {
	case !a.own || a.trouble != "":
		return rest
	case a.next == nil && !now.Before(due(a.current.Certificate)), a.next != nil && unfit(a.next.Certificate, now):
		return makeNext
	case a.next != nil && trusted == pki.Fingerprint(a.next.Certificate):
		return promote
	case len(a.previous) > 0 && !now.Before(a.previousUntil):
		return forget
	default:
		return rest
	}
}

// unfit says that an authority has expired, or was made by a clock that was ahead.
func unfit(certificate *x509.Certificate, now time.Time) bool {
	return !now.Before(certificate.NotAfter) || certificate.NotBefore.After(now.Add(slack))
}

// take changes the Secret by one step.
func (a *authorities) take(s step, data map[string][]byte, now time.Time, life time.Duration) error {
	switch s {
	case rest:
	case makeNext:
		certificate, key, err := pki.NewAuthority(SecretName, now.Add(-slack), now.Add(life))
		if err != nil {
			return err
		}
		data[nextCert], data[nextKey] = certificate, key
	case promote:
		over := func(c *x509.Certificate) bool { return !now.Before(c.NotAfter) }
		data[previousCerts] = encode(slices.DeleteFunc(append([]*x509.Certificate{a.current.Certificate}, a.previous...), over))
		data[previousUntil] = []byte(now.Add(longest + slack).UTC().Format(time.RFC3339))
		data[corev1.TLSCertKey], data[corev1.TLSPrivateKeyKey] = data[nextCert], data[nextKey]
		data[madeBy] = []byte(pki.Fingerprint(a.next.Certificate))
		delete(data, nextCert)
		delete(data, nextKey)
	case forget:
		delete(data, previousCerts)
		delete(data, previousUntil)
	}
	return nil
}

// found is the Secret of a new authority.
func found(now time.Time, life time.Duration) (map[string][]byte, error) {
	certificate, key, err := pki.NewAuthority(SecretName, now.Add(-slack), now.Add(life))
	if err != nil {
		return nil, err
	}
	parsed, err := pki.ParseCertificate(certificate)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key, madeBy: []byte(pki.Fingerprint(parsed)),
	}, nil
}
