// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

const (
	randomSize = 16
	timeSize   = 8
	macSize    = sha256.Size
)

// ErrChallenge says that a challenge is none of ours, or too old. Which of the two is nobody's business.
var ErrChallenge = errors.New("the challenge is unknown or has expired")

// NewChallenge makes a challenge that is good until a time. It needs no memory: the key alone, which all replicas share, tells that
// it is ours.
func NewChallenge(key []byte, random [randomSize]byte, expire time.Time) string {
	body := make([]byte, 0, randomSize+timeSize+macSize)
	body = append(body, random[:]...)
	body = binary.BigEndian.AppendUint64(body, uint64(expire.Unix())) //nolint:gosec // No challenge is from before 1970.
	return base64.RawURLEncoding.EncodeToString(append(body, mac(key, body)...))
}

// CheckChallenge is nil for a challenge that was made with the key and has not expired.
func CheckChallenge(key []byte, challenge string, now time.Time) error {
	raw, err := base64.RawURLEncoding.DecodeString(challenge)
	// A challenge is good in one spelling: the decoder skips line breaks, and each would be another Session's name.
	if err != nil || len(raw) != randomSize+timeSize+macSize || base64.RawURLEncoding.EncodeToString(raw) != challenge {
		return ErrChallenge
	}
	body, sum := raw[:randomSize+timeSize], raw[randomSize+timeSize:]
	if !hmac.Equal(sum, mac(key, body)) {
		return ErrChallenge
	}
	expire := time.Unix(int64(binary.BigEndian.Uint64(body[randomSize:])), 0) //nolint:gosec // It was written by NewChallenge.
	if !now.Before(expire) {
		return ErrChallenge
	}
	return nil
}

func mac(key, body []byte) []byte {
	sum := hmac.New(sha256.New, key)
	sum.Write([]byte(purpose))
	sum.Write(body)
	return sum.Sum(nil)
}

// suffixSize is how much of a challenge's digest is in a Session's name: 80 bits.
const suffixSize = 10

// maxStem leaves room in an object name (253 bytes) for the suffix.
const maxStem = 200

// SessionName is the name of the Session that a challenge is good for: the API server lets nobody have it twice.
func SessionName(user, challenge string) string {
	sum := sha256.Sum256([]byte(challenge))
	suffix := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:suffixSize]))
	stem := strings.TrimRight(user[:min(len(user), maxStem)], "-.")
	return stem + "-" + suffix
}
