// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package pki_test

import (
	"crypto"
	"crypto/dsa" //nolint:staticcheck // Somebody may send one.
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"math/big"

	"filippo.io/edwards25519"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/pki"
)

// point is an Ed25519 key as it is written.
func point(text string) ed25519.PublicKey {
	GinkgoHelper()
	key, err := hex.DecodeString(text)
	Expect(err).NotTo(HaveOccurred())
	Expect(key).To(HaveLen(ed25519.PublicKeySize))
	return key
}

// nothing is the point of order one, and turned one of order eight.
const (
	nothing = "0100000000000000000000000000000000000000000000000000000000000000"
	turned  = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
)

var _ = Describe("A key", func() {
	It("is taken where somebody made it from a private key", func() {
		for range 20 {
			public, _, err := ed25519.GenerateKey(rand.Reader)
			Expect(err).NotTo(HaveOccurred())
			Expect(pki.CheckKey(public)).To(Succeed())
		}
		for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
			key, err := ecdsa.GenerateKey(curve, rand.Reader)
			Expect(err).NotTo(HaveOccurred())
			Expect(pki.CheckKey(key.Public())).To(Succeed())
		}
	})

	DescribeTable("is refused, with words, where it is weak", func(key func() crypto.PublicKey, words string) {
		Expect(pki.CheckKey(key())).To(MatchError(ContainSubstring(words)))
	},
		Entry("RSA, short", func() crypto.PublicKey { return &rsa.PublicKey{N: rsaModulus(1024), E: 65537} }, "of 1024 bits, are not accepted"),
		Entry("RSA", func() crypto.PublicKey { return &rsa.PublicKey{N: rsaModulus(2048), E: 65537} }, "make an ECDSA key on P-256"),
		Entry("P-224", func() crypto.PublicKey {
			key, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
			Expect(err).NotTo(HaveOccurred())
			return key.Public()
		}, "of 224 bits, which is weak"),
		Entry("of another kind", func() crypto.PublicKey { return &dsa.PublicKey{} }, "not accepted"),
		Entry("no key", func() crypto.PublicKey { return nil }, "not accepted"),
		Entry("the point of order one", func() crypto.PublicKey { return point(nothing) }, "small order"),
		Entry("of order two", func() crypto.PublicKey {
			return point("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
		}, "small order"),
		Entry("of order four", func() crypto.PublicKey {
			return point("0000000000000000000000000000000000000000000000000000000000000000")
		}, "small order"),
		Entry("of order eight", func() crypto.PublicKey { return point(turned) }, "small order"),
		Entry("of order one, spelt otherwise", func() crypto.PublicKey {
			return point("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
		}, "as it is written"),
		Entry("no point", func() crypto.PublicKey {
			return point("0200000000000000000000000000000000000000000000000000000000000000")
		}, "no point of the curve"),
		Entry("too short", func() crypto.PublicKey { return ed25519.PublicKey{1} }, "no point of the curve"),
		Entry("of somebody's, and a point of small order on top", func() crypto.PublicKey {
			public, _, err := ed25519.GenerateKey(rand.Reader)
			Expect(err).NotTo(HaveOccurred())
			small, err := new(edwards25519.Point).SetBytes(point(turned))
			Expect(err).NotTo(HaveOccurred())
			mixed, err := new(edwards25519.Point).SetBytes(public)
			Expect(err).NotTo(HaveOccurred())
			return ed25519.PublicKey(mixed.Add(mixed, small).Bytes())
		}, "outside the group"),
	)

	It("of order one is one for which anybody signs, which is why", func() {
		anybodys := append(point(nothing), make([]byte, ed25519.SignatureSize-ed25519.PublicKeySize)...)
		Expect(ed25519.Verify(point(nothing), []byte("whatever"), anybodys)).To(BeTrue())
	})
})

// rsaModulus has the length of one: nobody finds out what of.
func rsaModulus(bits int) *big.Int { return new(big.Int).SetBit(big.NewInt(1), bits-1, 1) }
