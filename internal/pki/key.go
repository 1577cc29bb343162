// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"

	"filippo.io/edwards25519"
)

// CheckKey is nil for the keys that certificates may be for: ECDSA on P-256, P-384 or P-521, and Ed25519. RSA keys take longer to make
// and to use, and are weak when they are short.
func CheckKey(key crypto.PublicKey) error {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		if bits := key.Curve.Params().BitSize; bits < 256 {
			return fmt.Errorf("the key is of %d bits, which is weak: make one on P-256", bits)
		}
		return nil
	case ed25519.PublicKey:
		return checkPoint(key)
	case *rsa.PublicKey:
		return fmt.Errorf("RSA keys, such as this one of %d bits, are not accepted: make an ECDSA key on P-256", key.N.BitLen())
	default:
		return fmt.Errorf("keys of type %T are not accepted: make an ECDSA key on P-256", key)
	}
}

// checkPoint is nil for the Ed25519 keys that somebody can have made from a private key (RFC 8032, section 5.1.5). Others are points too
// for which anybody makes signatures: those of a small order, which no parser minds.
func checkPoint(key ed25519.PublicKey) error {
	point, err := new(edwards25519.Point).SetBytes(key)
	if err != nil || !bytes.Equal(point.Bytes(), key) {
		return errors.New("the Ed25519 key is no point of the curve as it is written: make another")
	}
	identity := edwards25519.NewIdentityPoint()
	if new(edwards25519.Point).MultByCofactor(point).Equal(identity) == 1 {
		return errors.New("the Ed25519 key is a point of small order, for which anybody can sign: make another")
	}
	// The order of the group that keys are in, times the point, is nothing; less one time, it is the point turned round.
	one, err := new(edwards25519.Scalar).SetCanonicalBytes(append([]byte{1}, make([]byte, 31)...))
	if err != nil {
		return fmt.Errorf("check the Ed25519 key: %w", err)
	}
	turned := new(edwards25519.Point).VarTimeDoubleScalarBaseMult(new(edwards25519.Scalar).Negate(one), point, edwards25519.NewScalar())
	if turned.Add(turned, point).Equal(identity) != 1 {
		return errors.New("the Ed25519 key is outside the group that keys are in, so nobody made it from a private key: make another")
	}
	return nil
}
