// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

func der(key crypto.PublicKey, err error) []byte {
	GinkgoHelper()
	Expect(err).NotTo(HaveOccurred())
	encoded, err := x509.MarshalPKIXPublicKey(key)
	Expect(err).NotTo(HaveOccurred())
	return encoded
}

func goodKey() []byte {
	GinkgoHelper()
	key, err := pki.NewKey()
	Expect(err).NotTo(HaveOccurred())
	return der(key.Public(), nil)
}

// respelt is the same key with something behind it that parsers pass over.
func respelt(encoded []byte) []byte {
	GinkgoHelper()
	var key struct{ Algorithm, Key asn1.RawValue }
	Expect(asn1.Unmarshal(encoded, &key)).Error().NotTo(HaveOccurred())
	again, err := asn1.Marshal(struct {
		Algorithm, Key asn1.RawValue
		More           int
	}{key.Algorithm, key.Key, 1})
	Expect(err).NotTo(HaveOccurred())
	return again
}

func refusesKey(err error, words string) {
	GinkgoHelper()
	Expect(err).To(HaveOccurred())
	told := asRefusal(err)
	Expect(told.status).To(Equal(http.StatusBadRequest))
	Expect(told.answer).To(SatisfyAll(HaveField("Code", wire.CodeBadRequest), HaveField("Message", ContainSubstring(words))))
}

var _ = Describe("A public key that somebody sends", func() {
	It("is taken as it is", func() {
		good := goodKey()
		taken, err := parseKey(good)
		Expect(err).NotTo(HaveOccurred())
		Expect(taken.encoded).To(Equal(good))
	})

	It("is taken in one spelling, for it is known by that", func() {
		again := respelt(goodKey())
		Expect(x509.ParsePKIXPublicKey(again)).Error().NotTo(HaveOccurred(), "the parser takes it")
		_, err := parseKey(again)
		refusesKey(err, "not written as DER writes it")
	})

	DescribeTable("is refused with words", func(encoded func() []byte, words string) {
		_, err := parseKey(encoded())
		refusesKey(err, words)
	},
		Entry("that is RSA of 1024 bits", func() []byte {
			return der(&rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 1023, 1), E: 65537}, nil)
		}, "RSA keys, such as this one of 1024 bits, are not accepted"),
		Entry("that is on P-224", func() []byte {
			key, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
			return der(&key.PublicKey, err)
		}, "of 224 bits, which is weak"),
		Entry("that is a point for which anybody signs", func() []byte {
			return der(ed25519.PublicKey(append([]byte{1}, make([]byte, 31)...)), nil)
		}, "small order, for which anybody can sign"),
		Entry("that is none", func() []byte { return []byte("hello") }, "does not parse"),
		Entry("that is missing", func() []byte { return nil }, "must be the DER"),
		Entry("that is large", func() []byte { return make([]byte, 4096) }, "at most 1024 bytes"),
	)
})

// FuzzParseKey sees that no key passes that is weak, or that is another's in other words.
func FuzzParseKey(f *testing.F) {
	RegisterTestingT(f)
	f.Add(goodKey())
	f.Add(respelt(goodKey()))
	public, _, err := ed25519.GenerateKey(rand.Reader)
	f.Add(der(public, err))
	f.Add(der(ed25519.PublicKey(make([]byte, 32)), nil))
	f.Add([]byte{0x30, 0x00})
	f.Fuzz(func(t *testing.T, encoded []byte) {
		k, err := parseKey(encoded)
		if err != nil {
			if r := asRefusal(err); r.status != http.StatusBadRequest {
				t.Fatalf("refused with %d: %v", r.status, err)
			}
			return
		}
		again, err := x509.MarshalPKIXPublicKey(k.public)
		if err != nil || !bytes.Equal(again, encoded) || pki.CheckKey(k.public) != nil {
			t.Fatalf("%x passed as %x: %v", encoded, again, err)
		}
	})
}

// bodies are what the paths take.
func bodies() []any {
	return []any{
		&wire.LoginRequest{}, &wire.DeviceStartRequest{}, &wire.DevicePollRequest{}, &wire.CertificateRequest{}, &wire.LogoutRequest{},
	}
}

// FuzzDecode sees that whatever is sent is one of the requests or is refused without a word of what was in it.
func FuzzDecode(f *testing.F) {
	for _, seed := range []any{
		wire.LoginRequest{
			Challenge: "c", PublicKey: []byte("k"), Device: "d",
			Password: &wire.Password{Directory: "corp", UserName: "alice", Password: "secret"},
		},
		wire.LoginRequest{OIDC: &wire.IDToken{Directory: "corp", IDToken: "a.b.c"}, DeviceKey: &wire.DeviceKey{PublicKey: "ssh-ed25519 AAAA"}},
		wire.DeviceStartRequest{Challenge: "c", Directory: "corp", PublicKey: []byte("k")},
		wire.DevicePollRequest{Challenge: "c", Transaction: "t"},
		wire.CertificateRequest{Session: "s", CSR: []byte("-----BEGIN CERTIFICATE REQUEST-----"), IDToken: "a.b.c"},
	} {
		text, err := json.Marshal(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, seed := range []string{
		"", "null", "{}{}", `{"password":{"password":1}}`, strings.Repeat("[", 10000), `{"challenge":"\ud800"}`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	s := &Service{Key: make([]byte, keySize), Clock: still{}}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, into := range bodies() {
			r := httptest.NewRequest(http.MethodPost, wire.PathLogin, bytes.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			err := decode(&attempt{request: r}, into)
			if err != nil {
				told := asRefusal(err)
				if told.status != http.StatusBadRequest || strings.Contains(told.answer.Message, "secret") {
					t.Fatalf("refused with %d: %s", told.status, told.answer.Message)
				}
				continue
			}
			if login, ok := into.(*wire.LoginRequest); ok {
				_, _ = s.way(&attempt{}, login)
				if _, err := s.open(login.Challenge, login.PublicKey); err == nil {
					t.Fatalf("challenge %q was not made by anybody", login.Challenge)
				}
				if name := deviceName(login.Device); len(name) > 63 || strings.ContainsAny(name, "/ \x00\n\x1b") {
					t.Fatalf("device %q", name)
				}
			}
		}
	})
}

// still is a clock that stands.
type still struct{}

func (still) Now() time.Time                  { return dawn }
func (still) Since(t time.Time) time.Duration { return dawn.Sub(t) }

// FuzzUnseal sees that nothing opens as a transaction but what was sealed here, as it was sealed.
func FuzzUnseal(f *testing.F) {
	s, other := &Service{Key: make([]byte, keySize)}, &Service{Key: bytes.Repeat([]byte{1}, keySize)}
	begun := transaction{Directory: "corp", DeviceCode: "code", Binding: "binding", Expire: dawn}
	good, err := s.seal(begun)
	if err != nil {
		f.Fatal(err)
	}
	theirs, err := other.seal(begun)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good, theirs, "", good[:len(good)-1], good + "A", good + "\n", good[:20], "AAAAAAAAAAAAAAAAAAAA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sealed string) {
		// What another process of the fuzzer has sealed opens too: the nonce is another, and the transaction the same.
		if opened, err := s.unseal(sealed); err == nil && opened != begun {
			t.Fatalf("%q opened as %+v", sealed, opened)
		}
	})
}
