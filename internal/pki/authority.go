// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"time"

	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// Authority signs certificates (RFC 5280).
type Authority struct {
	// Certificate is its own.
	Certificate *x509.Certificate

	key crypto.Signer
}

// NewAuthority makes the certificate, which it signs itself, and the key (P-256) of an authority, as PEM.
func NewAuthority(name string, notBefore, notAfter time.Time) (certificate, key []byte, err error) {
	private, err := NewKey()
	if err != nil {
		return nil, nil, fmt.Errorf("make the authority's key: %w", err)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: notBefore, NotAfter: notAfter,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	der, err := sign(template, template, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	key, err = EncodeKey(private)
	if err != nil {
		return nil, nil, fmt.Errorf("encode the authority's key: %w", err)
	}
	return encodeCertificate(der), key, nil
}

// ParseAuthority reads the first certificate of one PEM file and the key of another, if they are those of one authority, which may sign.
func ParseAuthority(certificate, key []byte) (*Authority, error) {
	parsed, err := ParseCertificate(certificate)
	if err != nil {
		return nil, err
	}
	private, err := keyutil.ParsePrivateKeyPEM(key)
	if err != nil {
		return nil, errors.New("the key is not one private key as PEM") // What the parser says may quote it.
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of type %T cannot sign", private)
	}
	public, ok := signer.Public().(interface {
		Equal(other crypto.PublicKey) bool
	})
	if !ok || !public.Equal(parsed.PublicKey) {
		return nil, errors.New("the key is not that of the certificate")
	}
	return &Authority{Certificate: parsed, key: signer}, checkAuthority(parsed)
}

// leastRSA is the size of the smallest RSA key of an authority, in bits (NIST SP 800-57).
const leastRSA = 2048

func checkAuthority(certificate *x509.Certificate) error {
	if key, ok := certificate.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < leastRSA {
		return fmt.Errorf("the key is of %d bits, which is weak: at least %d", key.N.BitLen(), leastRSA)
	}
	if !certificate.BasicConstraintsValid || !certificate.IsCA {
		return errors.New("the certificate is not one of an authority (basicConstraints CA)")
	}
	if certificate.KeyUsage != 0 && certificate.KeyUsage&x509.KeyUsageCertSign == 0 {
		return errors.New("the certificate is not for signing others (keyUsage keyCertSign)")
	}
	return nil
}

// SignClient makes a certificate as PEM by which a client is known as a subject, for its key. It ends with the authority's at the latest.
func (a *Authority) SignClient(key crypto.PublicKey, subject Subject, notBefore, notAfter time.Time) ([]byte, error) {
	template := leaf(subject.nameWithUID(), x509.ExtKeyUsageClientAuth, notBefore, a.bounded(notAfter))
	der, err := sign(template, a.Certificate, key, a.key)
	if err != nil {
		return nil, err
	}
	return encodeCertificate(der), nil
}

// SignServer makes a certificate as DER by which a server is known under DNS names and IP addresses, for its key.
func (a *Authority) SignServer(key crypto.PublicKey, names []string, notBefore, notAfter time.Time) ([]byte, error) {
	template := leaf(pkix.Name{CommonName: "rollcall"}, x509.ExtKeyUsageServerAuth, notBefore, a.bounded(notAfter))
	for _, name := range names {
		if address, err := netip.ParseAddr(name); err == nil {
			template.IPAddresses = append(template.IPAddresses, address.AsSlice())
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return sign(template, a.Certificate, key, a.key)
}

func (a *Authority) bounded(notAfter time.Time) time.Time {
	if end := a.Certificate.NotAfter; end.Before(notAfter) {
		return end
	}
	return notAfter
}

func leaf(name pkix.Name, usage x509.ExtKeyUsage, notBefore, notAfter time.Time) *x509.Certificate {
	return &x509.Certificate{
		Subject: name, NotBefore: notBefore, NotAfter: notAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage}, BasicConstraintsValid: true,
	}
}

// serialBits are as random as RFC 5280 (section 4.1.2.2) has room for, so that nobody can foresee a serial number and none comes twice.
const serialBits = 128

func sign(template, parent *x509.Certificate, key crypto.PublicKey, by crypto.Signer) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	template.SerialNumber = serial.Add(serial, big.NewInt(1)) // Zero is none.
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, by)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate: %w", err)
	}
	return der, nil
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: cert.CertificateBlockType, Bytes: der})
}
