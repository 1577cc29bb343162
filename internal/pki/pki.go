// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pki makes and reads keys, certificate requests, certificates and kubeconfigs. It is pure but for the randomness of keys.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// Subject is whom a certificate speaks for.
type Subject struct {
	// Username becomes the common name (CN).
	Username string
	// Groups become the organizations (O), besides the marker group, which every certificate of ours carries.
	Groups []string
}

func (s Subject) name() pkix.Name {
	return pkix.Name{CommonName: s.Username, Organization: s.organizations()}
}

func (s Subject) organizations() []string {
	organizations := append([]string{v1alpha1.ManagedGroup}, s.Groups...)
	slices.Sort(organizations)
	return slices.Compact(organizations)
}

// NewKey makes a P-256 key.
func NewKey() (*ecdsa.PrivateKey, error) {
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// EncodeKey writes a key as PEM (RFC 5915).
func EncodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	return keyutil.MarshalPrivateKeyToPEM(key)
}

// NewRequest makes a certificate request (PKCS #10, RFC 2986) for a subject, as PEM.
func NewRequest(key *ecdsa.PrivateKey, subject Subject) ([]byte, error) {
	return cert.MakeCSRFromTemplate(key, &x509.CertificateRequest{
		Subject:            subject.name(),
		SignatureAlgorithm: x509.ECDSAWithSHA256,
	})
}

// CheckRequest says how a request differs from what may be signed for a subject: nil where it does not.
func CheckRequest(request []byte, subject Subject) error {
	block, rest := pem.Decode(request)
	if block == nil || block.Type != cert.CertificateRequestBlockType || len(rest) > 0 {
		return errors.New("the request is not one PEM block of type CERTIFICATE REQUEST")
	}
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return fmt.Errorf("parse request: %w", err)
	}
	if err := parsed.CheckSignature(); err != nil {
		return fmt.Errorf("check the request's signature: %w", err)
	}
	if len(parsed.DNSNames)+len(parsed.IPAddresses)+len(parsed.EmailAddresses)+len(parsed.URIs) > 0 {
		return errors.New("the request asks for alternative names")
	}
	if len(parsed.Extensions) > 0 {
		return errors.New("the request asks for extensions")
	}
	return checkName(parsed.Subject, subject)
}

// CheckCertificate says how a certificate, as PEM, differs from what was asked for: nil where it does not.
func CheckCertificate(certificate []byte, key crypto.PublicKey, subject Subject) (*x509.Certificate, error) {
	leaf, err := ParseCertificate(certificate)
	if err != nil {
		return nil, err
	}
	public, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok || !public.Equal(key) {
		return nil, errors.New("the certificate is for another key")
	}
	if !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
		return nil, errors.New("the certificate is not for client authentication")
	}
	if leaf.IsCA {
		return nil, errors.New("the certificate is one of an authority")
	}
	if len(leaf.DNSNames)+len(leaf.IPAddresses)+len(leaf.EmailAddresses)+len(leaf.URIs) > 0 {
		return nil, errors.New("the certificate has alternative names")
	}
	return leaf, checkName(leaf.Subject, subject)
}

// ParseCertificate reads the first certificate of a PEM file.
func ParseCertificate(certificate []byte) (*x509.Certificate, error) {
	chain, err := cert.ParseCertsPEM(certificate)
	if err != nil {
		return nil, fmt.Errorf("parse certificate: %w", err)
	}
	return chain[0], nil
}

func checkName(name pkix.Name, subject Subject) error {
	if name.CommonName != subject.Username {
		return fmt.Errorf("the common name is %q instead of %q", name.CommonName, subject.Username)
	}
	organizations := slices.Sorted(slices.Values(name.Organization))
	if !slices.Equal(organizations, subject.organizations()) {
		return fmt.Errorf("the organizations are %q instead of %q", organizations, subject.organizations())
	}
	if attributes := 1 + len(organizations); len(name.Names) != attributes {
		return fmt.Errorf("the subject has %d attributes instead of %d", len(name.Names), attributes)
	}
	return nil
}

// Groups are those that a certificate speaks for, besides the marker group, sorted.
func Groups(certificate *x509.Certificate) []string {
	groups := slices.DeleteFunc(slices.Clone(certificate.Subject.Organization), func(o string) bool { return o == v1alpha1.ManagedGroup })
	slices.Sort(groups)
	return groups
}

// Fingerprint is the SHA-256 of a certificate's DER in lowercase hex, as the API server's audit log has it after "X509SHA256=".
func Fingerprint(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.Raw)
	return hex.EncodeToString(sum[:])
}

// SerialNumber is a certificate's serial number in lowercase hex.
func SerialNumber(certificate *x509.Certificate) string {
	return certificate.SerialNumber.Text(16)
}
