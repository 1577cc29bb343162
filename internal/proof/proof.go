// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package proof ties a proof of who somebody is to one public key and one challenge, and checks what can be checked of that
// without asking anybody: challenges, and signatures by enrolled keys.
package proof

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// purpose keeps what is signed here from meaning anything elsewhere.
const purpose = "rollcall-login-v1"

// Binding is what a proof of identity must be for: the nonce of an ID token, and the message that a device key signs. It depends on
// the challenge and on the public key (the DER of its SubjectPublicKeyInfo) that will be certified.
func Binding(challenge string, publicKey []byte) string {
	key := sha256.Sum256(publicKey)
	sum := sha256.Sum256([]byte(purpose + "\n" + challenge + "\n" + hex.EncodeToString(key[:])))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// KeyFingerprint is the SHA-256 of a public key (the DER of its SubjectPublicKeyInfo) in lowercase hex.
func KeyFingerprint(publicKey []byte) string {
	sum := sha256.Sum256(publicKey)
	return hex.EncodeToString(sum[:])
}

// DeviceFingerprint is what OpenSSH calls a public key by (ssh-keygen -l): the key is its type and base64. Empty for what is no key.
func DeviceFingerprint(publicKey string) string {
	_, encoded, _ := strings.Cut(publicKey, " ")
	blob, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(blob) == 0 {
		return ""
	}
	sum := sha256.Sum256(blob)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}
