// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/rollcall-iam/rollcall/internal/pki"
)

// Namespace keeps signatures of a device key for logins apart from those for anything else: ssh-keygen -Y sign -n.
const Namespace = "login@rollcall.dev"

// The format of signatures, of OpenSSH's PROTOCOL.sshsig.
const (
	sshsigMagic   = "SSHSIG"
	sshsigVersion = 1
	sshsigHash    = "sha512"
	sshsigArmor   = "SSH SIGNATURE"
	// maxArmor is more than the largest signature takes: by an RSA key of 8192 bits.
	maxArmor = 8 << 10
	// minRSABits is what keys are held to that OpenSSH itself would let be shorter.
	minRSABits = 3072
	// maxRSABits bounds the work of looking at what anybody may send.
	maxRSABits = 8192
	// userPresent is the flag by which a security key says that somebody touched it (FIDO CTAP2, section 6.1).
	userPresent = 0x01
)

// ErrSignature says that a signature is not one by that key for that binding. Why is nobody's business.
var ErrSignature = errors.New("the signature is not by this key for this login")

// sshsig is what an armored signature holds, after the magic.
type sshsig struct {
	Version   uint32
	PublicKey []byte
	Namespace string
	Reserved  string
	Hash      string
	Signature []byte
}

// SignSSH signs a binding as ssh-keygen -Y sign does.
func SignSSH(signer ssh.Signer, binding string) (string, error) {
	key := signer.PublicKey()
	if err := suitable(key); err != nil {
		return "", err
	}
	signature, err := sign(signer, signed(binding))
	if err != nil {
		return "", fmt.Errorf("sign with the device key: %w", err)
	}
	blob := append([]byte(sshsigMagic), ssh.Marshal(sshsig{
		Version: sshsigVersion, PublicKey: key.Marshal(), Namespace: Namespace, Hash: sshsigHash, Signature: ssh.Marshal(signature),
	})...)
	return string(pem.EncodeToMemory(&pem.Block{Type: sshsigArmor, Bytes: blob})), nil
}

// sign never makes the signatures over SHA-1 that RSA keys make if nobody says otherwise.
func sign(signer ssh.Signer, data []byte) (*ssh.Signature, error) {
	if signer.PublicKey().Type() != ssh.KeyAlgoRSA {
		return signer.Sign(rand.Reader, data)
	}
	chooser, ok := signer.(ssh.AlgorithmSigner)
	if !ok {
		return nil, errors.New("whoever holds this RSA key signs with SHA-1 only")
	}
	return chooser.SignWithAlgorithm(rand.Reader, data, ssh.KeyAlgoRSASHA512)
}

// VerifySSH is nil for a signature that a key made of a binding. The key is as OpenSSH writes it: its type and base64.
func VerifySSH(publicKey, armored, binding string) error {
	key, err := parseKey(publicKey)
	if err != nil {
		return err
	}
	parsed, err := dearmor(armored)
	if err != nil {
		return err
	}
	if parsed.Version != sshsigVersion || parsed.Namespace != Namespace || parsed.Hash != sshsigHash ||
		!bytes.Equal(parsed.PublicKey, key.Marshal()) {
		return ErrSignature
	}
	var signature ssh.Signature
	if err := ssh.Unmarshal(parsed.Signature, &signature); err != nil || !acceptable(key, &signature) {
		return ErrSignature
	}
	if err := key.Verify(signed(binding), &signature); err != nil {
		return ErrSignature
	}
	return nil
}

// signed is what the key itself signs: the digest of the message, wrapped so that it is no other protocol's.
func signed(binding string) []byte {
	digest := sha512.Sum512([]byte(binding))
	return append([]byte(sshsigMagic), ssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Digest                    []byte
	}{Namespace: Namespace, Hash: sshsigHash, Digest: digest[:]})...)
}

// dearmor takes the armor as ssh-keygen writes it, and nothing before or behind it.
func dearmor(armored string) (*sshsig, error) {
	if len(armored) > maxArmor || !strings.HasPrefix(armored, "-----BEGIN "+sshsigArmor+"-----\n") {
		return nil, ErrSignature
	}
	block, rest := pem.Decode([]byte(armored))
	if block == nil || block.Type != sshsigArmor || len(block.Headers) != 0 || len(bytes.TrimSpace(rest)) != 0 {
		return nil, ErrSignature
	}
	blob, found := bytes.CutPrefix(block.Bytes, []byte(sshsigMagic))
	if !found {
		return nil, ErrSignature
	}
	parsed := &sshsig{}
	if err := ssh.Unmarshal(blob, parsed); err != nil {
		return nil, ErrSignature
	}
	return parsed, nil
}

// acceptable says whether a signature is of a kind that may be used. Security keys must have been touched, RSA goes without SHA-1, and
// what is behind a signature is a security key's alone.
func acceptable(key ssh.PublicKey, signature *ssh.Signature) bool {
	switch key.Type() {
	case ssh.KeyAlgoRSA:
		return (signature.Format == ssh.KeyAlgoRSASHA512 || signature.Format == ssh.KeyAlgoRSASHA256) && len(signature.Rest) == 0
	case ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256:
		const flagsAndCounter = 5
		return signature.Format == key.Type() && len(signature.Rest) == flagsAndCounter && signature.Rest[0]&userPresent != 0
	default:
		return signature.Format == key.Type() && len(signature.Rest) == 0
	}
}

// parseKey reads a public key, and refuses those that are not suitable.
func parseKey(publicKey string) (ssh.PublicKey, error) {
	kind, encoded, found := strings.Cut(publicKey, " ")
	if !found {
		return nil, errors.New("a public key is its type and base64, as OpenSSH writes it")
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, errors.New("the public key is not base64")
	}
	key, err := ssh.ParsePublicKey(blob)
	if err != nil {
		return nil, fmt.Errorf("the public key cannot be read: %w", err)
	}
	if key.Type() != kind {
		return nil, fmt.Errorf("the public key says that it is %q, and is %q", kind, key.Type())
	}
	return key, suitable(key)
}

// suitable is nil for keys that people may log in with: no certificates, no DSA, no short RSA, no
// points of Ed25519's curve for which anybody signs.
func suitable(key ssh.PublicKey) error {
	if !slices.Contains([]string{
		ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoRSA,
	}, key.Type()) {
		return fmt.Errorf("keys of type %q are not taken: use ssh-ed25519", key.Type())
	}
	// An agent's keys know their bytes alone.
	parsed, err := ssh.ParsePublicKey(key.Marshal())
	if err != nil {
		return fmt.Errorf("the key cannot be read: %w", err)
	}
	holder, ok := parsed.(ssh.CryptoPublicKey)
	if !ok {
		return errors.New("the key cannot be read")
	}
	public := holder.CryptoPublicKey()
	if long, ok := public.(*rsa.PublicKey); ok {
		if long.N.BitLen() < minRSABits {
			return fmt.Errorf("RSA keys of less than %d bits are not taken: use ssh-ed25519", minRSABits)
		}
		if long.N.BitLen() > maxRSABits {
			return fmt.Errorf("RSA keys of more than %d bits are not taken: use ssh-ed25519", maxRSABits)
		}
		return nil
	}
	return pki.CheckKey(public)
}
