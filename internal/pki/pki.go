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
	"encoding/asn1"
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
	// UID becomes the attribute by which the API server fills user.uid. Requests do not ask for it: a signer adds it where it can.
	UID string
}

// uidAttribute is the attribute of a subject that kube-apiserver takes for the user's uid, since Kubernetes 1.33.
func uidAttribute() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57683, 2} }

func (s Subject) name() pkix.Name {
	return pkix.Name{CommonName: s.Username, Organization: s.Organizations()}
}

func (s Subject) nameWithUID() pkix.Name {
	name := s.name()
	if s.UID != "" {
		name.ExtraNames = []pkix.AttributeTypeAndValue{{Type: uidAttribute(), Value: s.UID}}
	}
	return name
}

// Organizations are all that a certificate for the subject has (O), sorted: its groups and the marker group.
func (s Subject) Organizations() []string {
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
func NewRequest(key crypto.Signer, subject Subject) ([]byte, error) {
	return cert.MakeCSRFromTemplate(key, &x509.CertificateRequest{Subject: subject.name()})
}

// ErrSubject says that a request is sound, and asks for another subject.
var ErrSubject = errors.New("the request asks for another subject")

// CheckRequest says how a request differs from what may be signed for a subject: nil where it does not, and ErrSubject where that is
// all that is wrong with it.
func CheckRequest(request []byte, subject Subject) error {
	parsed, err := ParseRequest(request)
	if err != nil {
		return err
	}
	if err := checkName(parsed.Subject, subject); err != nil {
		return fmt.Errorf("%w: %w", ErrSubject, err)
	}
	return nil
}

// maxRequest is the size of the largest request that is looked at: 128 long group names and a key fit.
const maxRequest = 64 << 10

// ParseRequest reads one request as PEM, if it is signed by its own key, which is strong, and asks for a subject alone.
func ParseRequest(request []byte) (*x509.CertificateRequest, error) {
	if len(request) > maxRequest {
		return nil, errors.New("the request is too large")
	}
	block, rest := pem.Decode(request)
	if block == nil || block.Type != cert.CertificateRequestBlockType || len(block.Headers) > 0 || len(rest) > 0 {
		return nil, errors.New("the request is not one PEM block of type CERTIFICATE REQUEST")
	}
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse request: %w", err)
	}
	if err := CheckKey(parsed.PublicKey); err != nil {
		return nil, err
	}
	if err := parsed.CheckSignature(); err != nil {
		return nil, fmt.Errorf("check the request's signature: %w", err)
	}
	return parsed, onlySubject(parsed)
}

func onlySubject(parsed *x509.CertificateRequest) error {
	if len(parsed.DNSNames)+len(parsed.IPAddresses)+len(parsed.EmailAddresses)+len(parsed.URIs) > 0 {
		return errors.New("the request asks for alternative names")
	}
	if len(parsed.Extensions) > 0 {
		return errors.New("the request asks for extensions")
	}
	return nil
}

// CheckCertificate says how a certificate, as PEM, differs from what was asked for: nil where it does not.
func CheckCertificate(certificate []byte, key crypto.PublicKey, subject Subject) (*x509.Certificate, error) {
	leaf, err := ParseCertificate(certificate)
	if err != nil {
		return nil, err
	}
	public, ok := leaf.PublicKey.(interface {
		Equal(other crypto.PublicKey) bool
	})
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
	return leaf, checkName(withoutUID(leaf.Subject, subject.UID), subject)
}

// withoutUID takes the attribute of a uid away, where it is the one that is wanted.
func withoutUID(name pkix.Name, uid string) pkix.Name {
	name.Names = slices.Clone(name.Names)
	wanted := func(a pkix.AttributeTypeAndValue) bool {
		return a.Type.Equal(uidAttribute()) && a.Value == uid && uid != ""
	}
	if i := slices.IndexFunc(name.Names, wanted); i >= 0 {
		name.Names = slices.Delete(name.Names, i, i+1)
	}
	return name
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
	if !slices.Equal(organizations, subject.Organizations()) {
		return fmt.Errorf("the organizations are %q instead of %q", organizations, subject.Organizations())
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
