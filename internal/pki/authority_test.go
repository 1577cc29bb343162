// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package pki_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/pki"
)

var (
	uidOID   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57683, 2}
	founding = time.Unix(1795000000, 0).UTC()
)

// founded is an authority for a day, and its files.
func founded() (authority *pki.Authority, certificate, key []byte) {
	GinkgoHelper()
	certificate, key, err := pki.NewAuthority("an authority", founding, founding.Add(24*time.Hour))
	Expect(err).NotTo(HaveOccurred())
	authority, err = pki.ParseAuthority(certificate, key)
	Expect(err).NotTo(HaveOccurred())
	return authority, certificate, key
}

// verified is the chain from a certificate to an authority at some time, for a use.
func verified(authority, leaf *x509.Certificate, at time.Time, usage x509.ExtKeyUsage) error {
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{usage}})
	return err
}

var _ = Describe("An authority", func() {
	It("signs what a client is known by: name, groups, uid", func() {
		authority, _, _ := founded()
		subject := pki.Subject{Username: "corp:alice", Groups: []string{"corp:ops"}, UID: "8d0c-1"}
		key := newKey()
		signed, err := authority.SignClient(key.Public(), subject, founding, founding.Add(time.Minute))
		Expect(err).NotTo(HaveOccurred())
		leaf, err := pki.CheckCertificate(signed, key.Public(), subject)
		Expect(err).NotTo(HaveOccurred())
		Expect(leaf.Subject.Names).To(ContainElement(pkix.AttributeTypeAndValue{Type: uidOID, Value: "8d0c-1"}))
		Expect(verified(authority.Certificate, leaf, founding.Add(30*time.Second), x509.ExtKeyUsageClientAuth)).To(Succeed())
		Expect(verified(authority.Certificate, leaf, founding.Add(61*time.Second), x509.ExtKeyUsageClientAuth)).NotTo(Succeed())
		Expect(verified(authority.Certificate, leaf, founding, x509.ExtKeyUsageServerAuth)).NotTo(Succeed(), "a client is no server")
	})

	It("gives every certificate a serial number of its own, which nobody can foresee", func() {
		authority, _, _ := founded()
		seen := map[string]bool{}
		for range 50 {
			signed, err := authority.SignClient(newKey().Public(), alice, founding, founding.Add(time.Minute))
			Expect(err).NotTo(HaveOccurred())
			leaf, err := pki.ParseCertificate(signed)
			Expect(err).NotTo(HaveOccurred())
			Expect(leaf.SerialNumber.BitLen()).To(BeNumerically(">", 64))
			Expect(leaf.SerialNumber.Sign()).To(Equal(1))
			seen[leaf.SerialNumber.String()] = true
		}
		Expect(seen).To(HaveLen(50))
	})

	It("signs nothing that outlasts it", func() {
		authority, _, _ := founded()
		signed, err := authority.SignClient(newKey().Public(), alice, founding, founding.Add(48*time.Hour))
		Expect(err).NotTo(HaveOccurred())
		leaf, err := pki.ParseCertificate(signed)
		Expect(err).NotTo(HaveOccurred())
		Expect(leaf.NotAfter).To(Equal(authority.Certificate.NotAfter))
	})

	It("signs what a server is known by: names and addresses", func() {
		authority, _, _ := founded()
		names := []string{"login.corp.example", "127.0.0.1", "::1"}
		der, err := authority.SignServer(newKey().Public(), names, founding, founding.Add(time.Hour))
		Expect(err).NotTo(HaveOccurred())
		leaf, err := x509.ParseCertificate(der)
		Expect(err).NotTo(HaveOccurred())
		for _, name := range []string{"login.corp.example", "127.0.0.1", "[::1]"} {
			Expect(leaf.VerifyHostname(name)).To(Succeed())
		}
		Expect(leaf.VerifyHostname("corp.example")).NotTo(Succeed())
		Expect(verified(authority.Certificate, leaf, founding, x509.ExtKeyUsageServerAuth)).To(Succeed())
		Expect(verified(authority.Certificate, leaf, founding, x509.ExtKeyUsageClientAuth)).NotTo(Succeed(), "a server is no client")
	})

	It("cannot have others sign for it", func() {
		authority, _, _ := founded()
		Expect(authority.Certificate).To(SatisfyAll(HaveField("MaxPathLen", 0), HaveField("MaxPathLenZero", true)))
	})
})

// authorityFiles are a certificate that signs itself, as edits change it, and its key.
func authorityFiles(bits int, edits ...func(*x509.Certificate)) (certificate, key []byte) {
	GinkgoHelper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "given"}, NotBefore: founding, NotAfter: founding.Add(time.Hour),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	for _, edit := range edits {
		edit(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	Expect(err).NotTo(HaveOccurred())
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	Expect(err).NotTo(HaveOccurred())
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

var _ = Describe("An authority that is given", func() {
	It("may have an RSA key, as openssl makes it", func() {
		given, err := pki.ParseAuthority(authorityFiles(2048))
		Expect(err).NotTo(HaveOccurred())
		key := newKey()
		signed, err := given.SignClient(key.Public(), alice, founding, founding.Add(time.Minute))
		Expect(err).NotTo(HaveOccurred())
		Expect(pki.CheckCertificate(signed, key.Public(), alice)).Error().NotTo(HaveOccurred())
	})

	DescribeTable("is refused", func(files func() (certificate, key []byte), want string) {
		certificate, key := files()
		_, err := pki.ParseAuthority(certificate, key)
		Expect(err).To(MatchError(ContainSubstring(want)))
		Expect(err.Error()).NotTo(ContainSubstring("not-a-key"), "nothing of a key is repeated")
	},
		Entry("without a certificate", func() (certificate, key []byte) { _, _, k := founded(); return nil, k }, "parse certificate"),
		Entry("without a key", func() (certificate, key []byte) { _, c, _ := founded(); return c, nil }, "not one private key"),
		Entry("with garbage for a key", func() (certificate, key []byte) { _, c, _ := founded(); return c, []byte("not-a-key") },
			"not one private key"),
		Entry("with the public key alone", func() (certificate, key []byte) { _, c, _ := founded(); return c, c }, "not one private key"),
		Entry("with another's key", func() (certificate, key []byte) {
			_, c, _ := founded()
			_, _, k := founded()
			return c, k
		}, "not that of the certificate"),
		Entry("that is none", func() (certificate, key []byte) {
			return authorityFiles(2048, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature })
		}, "basicConstraints"),
		Entry("that is not for signing", func() (certificate, key []byte) {
			return authorityFiles(2048, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })
		}, "keyCertSign"),
		Entry("with a weak key", func() (certificate, key []byte) { return authorityFiles(1024) }, "weak"),
	)
})

var _ = Describe("The uid in a certificate", func() {
	check := func(uid, wanted string) error {
		key, subject := newKey(), name("corp:alice", "rollcall:managed")
		if uid != "" {
			subject = with(subject, uidOID, uid)
		}
		_, err := pki.CheckCertificate(signed(key, subject), key.Public(), pki.Subject{Username: "corp:alice", UID: wanted})
		return err
	}
	It("may be missing, since not every signer knows it", func() { Expect(check("", "u-1")).To(Succeed()) })
	It("may be the one that is wanted", func() { Expect(check("u-1", "u-1")).To(Succeed()) })
	It("may not be another", func() { Expect(check("u-2", "u-1")).NotTo(Succeed()) })
	It("may not be there where none is wanted", func() { Expect(check("u-1", "")).NotTo(Succeed()) })
	It("is nothing that a request may ask for", func() {
		asked := request(x509.CertificateRequest{Subject: with(name("corp:alice", "rollcall:managed"), uidOID, "u-1")})
		Expect(pki.CheckRequest(asked, pki.Subject{Username: "corp:alice", UID: "u-1"})).To(MatchError(pki.ErrSubject))
	})
})

// FuzzParseAuthority sees that nothing in a Secret breaks the operator, and that what is taken for an authority can sign.
func FuzzParseAuthority(f *testing.F) {
	certificate, key, err := pki.NewAuthority("an authority", founding, founding.Add(time.Hour))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(certificate, key)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), []byte("-----BEGIN EC PRIVATE KEY-----\n"))
	client, err := pki.NewKey()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, certificate, key []byte) {
		authority, err := pki.ParseAuthority(certificate, key)
		if err != nil {
			return
		}
		if _, err := authority.SignClient(client.Public(), alice, founding, founding.Add(time.Minute)); err != nil {
			t.Fatalf("an authority that cannot sign: %v", err)
		}
	})
}
