// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/pki"
)

const (
	// AuthorityName is the Secret of the authority that is made where no certificate is given, and the ConfigMap with its certificate, in the
	// operator's namespace: what clients need.
	AuthorityName = "rollcall-serving-ca"

	leafLife = 30 * 24 * time.Hour
	// slack is how far behind a client's clock may be.
	slack      = time.Hour
	serialBits = 128
)

// authority signs the certificates that are served. It lasts for ten years, and is kept in a Secret, so that clients need learn it once;
// what it signs is kept nowhere.
type authority struct{ options Options }

// issue makes a certificate, and says when to make the next.
func (a *authority) issue(ctx context.Context, now time.Time) (*shown, error) {
	secret, err := a.secret(ctx)
	if err != nil {
		return nil, err
	}
	ca := secret.Data[corev1.TLSCertKey]
	parent, signer, err := parse(ca, secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return nil, fmt.Errorf("no authority in Secret %s: %w; delete it, and another is made, which clients must learn", AuthorityName, err)
	}
	if err := a.publish(ctx, ca); err != nil {
		return nil, err
	}
	leaf, err := a.sign(parent, signer, now)
	if err != nil {
		return nil, err
	}
	return &shown{certificate: leaf, ca: ca, look: now.Add(leafLife * 2 / 3)}, nil
}

func (a *authority) sign(parent *x509.Certificate, signer crypto.Signer, now time.Time) (*tls.Certificate, error) {
	key, err := pki.NewKey()
	if err != nil {
		return nil, fmt.Errorf("make a key to serve with: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "rollcall"},
		NotBefore: now.Add(-slack), NotAfter: now.Add(leafLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	for _, name := range a.options.Names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate to serve with: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// secret reads the Secret of the authority, which is made where there is none.
func (a *authority) secret(ctx context.Context) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	where := client.ObjectKey{Namespace: a.options.Namespace, Name: AuthorityName}
	err := a.options.Live.Get(ctx, where, secret)
	if apierrors.IsNotFound(err) {
		if secret, err = newAuthority(where); err != nil {
			return nil, err
		}
		if err = a.options.Client.Create(ctx, secret); apierrors.IsAlreadyExists(err) {
			err = a.options.Live.Get(ctx, where, secret) // Another replica was faster.
		}
	}
	if err != nil {
		return nil, fmt.Errorf("keep Secret %s: %w", AuthorityName, err)
	}
	return secret, nil
}

func newAuthority(where client.ObjectKey) (*corev1.Secret, error) {
	key, err := pki.NewKey()
	if err != nil {
		return nil, fmt.Errorf("make the authority's key: %w", err)
	}
	certificate, err := cert.NewSelfSignedCACert(cert.Config{CommonName: AuthorityName}, key)
	if err != nil {
		return nil, fmt.Errorf("make the authority's certificate: %w", err)
	}
	encoded, err := pki.EncodeKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the authority's key: %w", err)
	}
	pem, err := cert.EncodeCertificates(certificate)
	if err != nil {
		return nil, fmt.Errorf("encode the authority's certificate: %w", err)
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: where.Namespace, Name: where.Name, Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy},
		},
		Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: pem, corev1.TLSPrivateKeyKey: encoded},
	}, nil
}

func parse(certificate, key []byte) (*x509.Certificate, crypto.Signer, error) {
	parsed, err := pki.ParseCertificate(certificate)
	if err != nil {
		return nil, nil, err
	}
	private, err := keyutil.ParsePrivateKeyPEM(key)
	if err != nil {
		return nil, nil, fmt.Errorf("parse its key: %w", err)
	}
	signer, ok := private.(*ecdsa.PrivateKey)
	if !ok || !parsed.IsCA || !signer.PublicKey.Equal(parsed.PublicKey) {
		return nil, nil, fmt.Errorf("its key and its certificate are not those of one authority")
	}
	return parsed, signer, nil
}

// publish tells clients the authority's certificate.
func (a *authority) publish(ctx context.Context, ca []byte) error {
	wanted := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: a.options.Namespace, Name: AuthorityName, Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy},
		},
		Data: map[string]string{corev1.ServiceAccountRootCAKey: string(ca)},
	}
	found := &corev1.ConfigMap{}
	err := a.options.Live.Get(ctx, client.ObjectKeyFromObject(wanted), found)
	switch {
	case apierrors.IsNotFound(err):
		err = a.options.Client.Create(ctx, wanted)
		if apierrors.IsAlreadyExists(err) {
			return nil // Another replica says the same.
		}
	case err == nil && !bytes.Equal([]byte(found.Data[corev1.ServiceAccountRootCAKey]), ca):
		found.Data = wanted.Data
		err = a.options.Client.Update(ctx, found)
	}
	if err != nil {
		return fmt.Errorf("publish ConfigMap %s: %w", AuthorityName, err)
	}
	return nil
}
