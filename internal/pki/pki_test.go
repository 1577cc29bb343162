// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package pki_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/rollcall-iam/rollcall/internal/pki"
)

var (
	alice         = pki.Subject{Username: "corp:alice"}
	emailOID      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
	orgUnitOID    = asn1.ObjectIdentifier{2, 5, 4, 11}
	commonNameOID = asn1.ObjectIdentifier{2, 5, 4, 3}
	unknownOID    = asn1.ObjectIdentifier{1, 2, 3, 4}
	someAddress   = net.IPv4(127, 0, 0, 1)
	someURI       = &url.URL{Scheme: "spiffe", Host: "corp", Path: "/alice"}
)

func newKey() *ecdsa.PrivateKey {
	GinkgoHelper()
	key, err := pki.NewKey()
	Expect(err).NotTo(HaveOccurred())
	return key
}

func name(username string, organizations ...string) pkix.Name {
	return pkix.Name{CommonName: username, Organization: organizations}
}

func with(n pkix.Name, oid asn1.ObjectIdentifier, value string) pkix.Name {
	n.ExtraNames = append(n.ExtraNames, pkix.AttributeTypeAndValue{Type: oid, Value: value})
	return n
}

// request is one as somebody else might make it.
func request(template x509.CertificateRequest) []byte {
	GinkgoHelper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, newKey())
	Expect(err).NotTo(HaveOccurred())
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// certificate is one that signs itself, for a key, as edits change it.
func certificate(key any, edits ...func(*x509.Certificate)) []byte {
	GinkgoHelper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0xC0FFEE), Subject: name("corp:alice", "rollcall:managed"),
		NotBefore: time.Unix(1795000000, 0), NotAfter: time.Unix(1795003600, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}
	for _, edit := range edits {
		edit(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key, newKey())
	Expect(err).NotTo(HaveOccurred())
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

var _ = Describe("Keys", func() {
	It("are P-256, another one each time, and can be read back", func() {
		one, other := newKey(), newKey()
		Expect(one.Curve).To(Equal(elliptic.P256()))
		Expect(one.Equal(other)).To(BeFalse())
		encoded, err := pki.EncodeKey(one)
		Expect(err).NotTo(HaveOccurred())
		pair, err := tls.X509KeyPair(certificate(one.Public()), encoded)
		Expect(err).NotTo(HaveOccurred())
		Expect(one.Equal(pair.PrivateKey)).To(BeTrue())
	})
})

var _ = Describe("Requests", func() {
	It("are what they are checked for", func() {
		subject := pki.Subject{Username: "corp:alice, ng@corp", Groups: []string{"corp:z", "corp:a", "rollcall:managed"}}
		made, err := pki.NewRequest(newKey(), subject)
		Expect(err).NotTo(HaveOccurred())
		Expect(pki.CheckRequest(made, subject)).To(Succeed())
		block, _ := pem.Decode(made)
		parsed, err := x509.ParseCertificateRequest(block.Bytes)
		Expect(err).NotTo(HaveOccurred())
		Expect(parsed.Subject.CommonName).To(Equal("corp:alice, ng@corp"))
		Expect(parsed.Subject.Organization).To(ConsistOf("corp:a", "corp:z", "rollcall:managed"))
	})

	It("do not change the groups that they are made of", func() {
		groups := make([]string, 2, 8)
		groups[0], groups[1] = "z", "a"
		_, err := pki.NewRequest(newKey(), pki.Subject{Username: "x", Groups: groups})
		Expect(err).NotTo(HaveOccurred())
		Expect(groups).To(Equal([]string{"z", "a"}))
	})

	DescribeTable("are refused when they ask for anything else", func(template x509.CertificateRequest, want string) {
		if template.Subject.CommonName == "" && len(template.Subject.Organization) == 0 {
			template.Subject = name("corp:alice", "rollcall:managed")
		}
		Expect(pki.CheckRequest(request(template), alice)).To(MatchError(ContainSubstring(want)))
	},
		Entry("a DNS name", x509.CertificateRequest{DNSNames: []string{"x"}}, "alternative names"),
		Entry("an IP address", x509.CertificateRequest{IPAddresses: []net.IP{someAddress}}, "alternative names"),
		Entry("a mail address", x509.CertificateRequest{EmailAddresses: []string{"a@b"}}, "alternative names"),
		Entry("a URI", x509.CertificateRequest{URIs: []*url.URL{someURI}}, "alternative names"),
		Entry("an extension",
			x509.CertificateRequest{ExtraExtensions: []pkix.Extension{{Id: unknownOID, Value: []byte{5, 0}}}}, "extensions"),
		Entry("another name", x509.CertificateRequest{Subject: name("corp:bob", "rollcall:managed")}, `"corp:bob" instead of "corp:alice"`),
		Entry("no name", x509.CertificateRequest{Subject: name("", "rollcall:managed")}, `"" instead of "corp:alice"`),
		Entry("no organization", x509.CertificateRequest{Subject: name("corp:alice")}, `["rollcall:managed"]`),
		Entry("masters", x509.CertificateRequest{Subject: name("corp:alice", "rollcall:managed", "system:masters")}, "organizations"),
		Entry("masters alone", x509.CertificateRequest{Subject: name("corp:alice", "system:masters")}, "organizations"),
		Entry("an organization twice",
			x509.CertificateRequest{Subject: name("corp:alice", "rollcall:managed", "rollcall:managed")}, "organizations"),
		Entry("an organizational unit",
			x509.CertificateRequest{Subject: with(name("corp:alice", "rollcall:managed"), orgUnitOID, "x")}, "3 attributes instead of 2"),
		Entry("a mail address in the name",
			x509.CertificateRequest{Subject: with(name("corp:alice", "rollcall:managed"), emailOID, "x")}, "3 attributes instead of 2"),
		Entry("a second name", x509.CertificateRequest{
			Subject: with(with(name("", "rollcall:managed"), commonNameOID, "corp:bob"), commonNameOID, "corp:alice"),
		}, "3 attributes instead of 2"),
	)

	DescribeTable("are refused when they are not one request", func(spoil func([]byte) []byte, want string) {
		made, err := pki.NewRequest(newKey(), alice)
		Expect(err).NotTo(HaveOccurred())
		Expect(pki.CheckRequest(spoil(made), alice)).To(MatchError(ContainSubstring(want)))
	},
		Entry("nothing", func([]byte) []byte { return nil }, "not one PEM block"),
		Entry("no PEM", func([]byte) []byte { return []byte("hello") }, "not one PEM block"),
		Entry("two", func(made []byte) []byte { return bytes.Repeat(made, 2) }, "not one PEM block"),
		Entry("something after it", func(made []byte) []byte { return append(made, "more"...) }, "not one PEM block"),
		Entry("a certificate", func([]byte) []byte { return certificate(newKey().Public()) }, "not one PEM block"),
		Entry("no DER", func([]byte) []byte {
			return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: []byte("hello")})
		}, "parse request"),
		Entry("another's signature", func(made []byte) []byte {
			block, _ := pem.Decode(made)
			block.Bytes[len(block.Bytes)-1] ^= 1
			return pem.EncodeToMemory(block)
		}, "signature"),
	)
})

var _ = Describe("Certificates", func() {
	var key *ecdsa.PrivateKey

	BeforeEach(func() { key = newKey() })

	It("are returned when they are as asked for", func() {
		leaf, err := pki.CheckCertificate(certificate(key.Public()), key.Public(), alice)
		Expect(err).NotTo(HaveOccurred())
		Expect(leaf.Subject.CommonName).To(Equal("corp:alice"))
	})

	It("may come with those that signed them", func() {
		chain := append(certificate(key.Public()), certificate(newKey().Public(), func(c *x509.Certificate) {
			c.IsCA, c.Subject = true, name("ca")
		})...)
		leaf, err := pki.CheckCertificate(chain, key.Public(), alice)
		Expect(err).NotTo(HaveOccurred())
		Expect(leaf.Subject.CommonName).To(Equal("corp:alice"))
	})

	DescribeTable("are refused when they are not", func(want string, edit func(*x509.Certificate)) {
		_, err := pki.CheckCertificate(certificate(key.Public(), edit), key.Public(), alice)
		Expect(err).To(MatchError(ContainSubstring(want)))
	},
		Entry("another name", "common name", func(c *x509.Certificate) { c.Subject.CommonName = "corp:bob" }),
		Entry("another organization", "organizations", func(c *x509.Certificate) {
			c.Subject.Organization = []string{"rollcall:managed", "system:masters"}
		}),
		Entry("no organization", "organizations", func(c *x509.Certificate) { c.Subject.Organization = nil }),
		Entry("another attribute", "attributes", func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"x"} }),
		Entry("no client authentication", "client authentication", func(c *x509.Certificate) { c.ExtKeyUsage = nil }),
		Entry("server authentication", "client authentication", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}),
		Entry("an authority", "authority", func(c *x509.Certificate) { c.IsCA = true }),
		Entry("a DNS name", "alternative names", func(c *x509.Certificate) { c.DNSNames = []string{"x"} }),
		Entry("an IP address", "alternative names", func(c *x509.Certificate) { c.IPAddresses = []net.IP{someAddress} }),
		Entry("a mail address", "alternative names", func(c *x509.Certificate) { c.EmailAddresses = []string{"a@b"} }),
		Entry("a URI", "alternative names", func(c *x509.Certificate) { c.URIs = []*url.URL{someURI} }),
	)

	It("are refused for another key", func() {
		_, err := pki.CheckCertificate(certificate(newKey().Public()), key.Public(), alice)
		Expect(err).To(MatchError(ContainSubstring("another key")))
		other, err := rsa.GenerateKey(rand.Reader, 2048)
		Expect(err).NotTo(HaveOccurred())
		_, err = pki.CheckCertificate(certificate(other.Public()), key.Public(), alice)
		Expect(err).To(MatchError(ContainSubstring("another key")))
	})

	DescribeTable("are refused when they are none", func(text string) {
		_, err := pki.CheckCertificate([]byte(text), key.Public(), alice)
		Expect(err).To(MatchError(ContainSubstring("parse certificate")))
	},
		Entry("nothing", ""),
		Entry("no PEM", "hello"),
		Entry("no DER", "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n"),
	)

	It("have the fingerprint and serial number that the audit log and openssl tell", func() {
		encoded := certificate(key.Public())
		leaf, err := pki.ParseCertificate(encoded)
		Expect(err).NotTo(HaveOccurred())
		block, _ := pem.Decode(encoded)
		sum := sha256.Sum256(block.Bytes)
		Expect(pki.Fingerprint(leaf)).To(Equal(hex.EncodeToString(sum[:])))
		Expect(pki.Fingerprint(leaf)).To(MatchRegexp("^[0-9a-f]{64}$"))
		Expect(pki.SerialNumber(leaf)).To(Equal("c0ffee"))
	})
})

var _ = Describe("A kubeconfig", func() {
	DescribeTable("loads, and holds all that it needs", func(username string) {
		key := newKey()
		encoded, err := pki.EncodeKey(key)
		Expect(err).NotTo(HaveOccurred())
		ca, leaf := certificate(key.Public(), func(c *x509.Certificate) { c.IsCA = true }), certificate(key.Public())
		text, err := pki.Kubeconfig(pki.Cluster{Server: "https://api.corp.example:6443", CA: ca}, username, leaf, encoded)
		Expect(err).NotTo(HaveOccurred())

		config, err := clientcmd.Load(text)
		Expect(err).NotTo(HaveOccurred())
		Expect(clientcmd.Validate(*config)).To(Succeed())
		rest, err := clientcmd.RESTConfigFromKubeConfig(text)
		Expect(err).NotTo(HaveOccurred())
		Expect(rest.Host).To(Equal("https://api.corp.example:6443"))
		Expect(rest.Insecure).To(BeFalse())
		Expect(rest.CAData).To(Equal(ca))
		Expect(rest.CertData).To(Equal(leaf))
		Expect(rest.KeyData).To(Equal(encoded))
		Expect(string(text)).NotTo(ContainSubstring("insecure"))
		Expect(config.AuthInfos).To(HaveLen(1))
		Expect(config.Contexts).To(HaveLen(1))
	},
		Entry("for a plain name", "corp:alice"),
		Entry("for a name that YAML would read otherwise", "yes"),
		Entry("for a name with spaces and quotes", `corp:alice "al" ng, ops`),
		Entry("for a name that is not ASCII", "corp:jürgen"),
		Entry("for a number", "1001"),
	)

	It("trusts the system's roots where there is no CA", func() {
		text, err := pki.Kubeconfig(pki.Cluster{Server: "https://x"}, "corp:alice", []byte("c"), []byte("k"))
		Expect(err).NotTo(HaveOccurred())
		config, err := clientcmd.RESTConfigFromKubeConfig(text)
		Expect(err).NotTo(HaveOccurred())
		Expect(config.Insecure).To(BeFalse())
		Expect(config.CAData).To(BeEmpty())
	})

	It("is the same bytes for the same input", func() {
		made := func() string {
			text, err := pki.Kubeconfig(pki.Cluster{Server: "https://x", CA: []byte("ca")}, "corp:alice", []byte("c"), []byte("k"))
			Expect(err).NotTo(HaveOccurred())
			return string(text)
		}
		Expect(made()).To(Equal(made()))
	})
})

// Whatever is sent, checking does not panic, and what passes speaks for the subject alone.
func FuzzCheckRequest(f *testing.F) {
	key, err := pki.NewKey()
	if err != nil {
		f.Fatal(err)
	}
	good, err := pki.NewRequest(key, alice)
	if err != nil {
		f.Fatal(err)
	}
	block, _ := pem.Decode(good)
	f.Add(good)
	f.Add(append([]byte("text before\n"), good...))
	f.Add(block.Bytes)
	f.Add([]byte("-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = pki.CheckRequest(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: data}), alice)
		if pki.CheckRequest(data, alice) != nil {
			return
		}
		block, _ := pem.Decode(data)
		parsed, err := x509.ParseCertificateRequest(block.Bytes)
		if err != nil || parsed.Subject.CommonName != "corp:alice" || len(parsed.Subject.Names) != 2 {
			t.Fatalf("%q passed: %v", data, err)
		}
	})
}

func FuzzParseCertificate(f *testing.F) {
	RegisterTestingT(f)
	key, err := pki.NewKey()
	if err != nil {
		f.Fatal(err)
	}
	good := certificate(key.Public())
	block, _ := pem.Decode(good)
	f.Add(good)
	f.Add(block.Bytes)
	f.Add(append([]byte("text before\n"), good...))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, text := range [][]byte{data, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: data})} {
			leaf, err := pki.ParseCertificate(text)
			if (leaf == nil) == (err == nil) {
				t.Fatalf("certificate %v, error %v", leaf, err)
			}
			_, _ = pki.CheckCertificate(text, key.Public(), alice)
		}
	})
}
