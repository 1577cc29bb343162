// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/oidc"
	"github.com/rollcall-iam/rollcall/internal/proof"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// transaction is a device flow that has begun. The client keeps it, sealed, for whichever replica it asks next; and it is good only for
// the challenge and key that it was begun for, since no nonce ties the provider's word to them.
type transaction struct {
	Directory  string    `json:"directory"`
	DeviceCode string    `json:"deviceCode"`
	Binding    string    `json:"binding"`
	Expire     time.Time `json:"expire"`
}

func (s *Service) deviceStart(ctx context.Context, a *attempt) (any, error) {
	var request wire.DeviceStartRequest
	if err := decode(a, &request); err != nil {
		return nil, err
	}
	a.method, a.device = string(v1alpha1.MethodOIDC), request.Device
	k, err := s.open(request.Challenge, request.PublicKey)
	if err != nil {
		return nil, err
	}
	d, _, provider, err := s.provider(ctx, request.Directory)
	if err != nil {
		return nil, err
	}
	flow, err := provider.StartDevice(ctx)
	if err != nil {
		return nil, s.notVouched(d, err)
	}
	sealed, err := s.seal(transaction{
		Directory: d.Name, DeviceCode: flow.DeviceCode, Binding: proof.Binding(request.Challenge, k.encoded), Expire: flow.Expire,
	})
	return wire.DeviceStart{
		Transaction: sealed, UserCode: flow.UserCode, VerificationURI: flow.VerificationURI,
		VerificationURIComplete: flow.VerificationURIComplete, IntervalSeconds: int(flow.Interval.Seconds()), ExpireTime: flow.Expire,
	}, err
}

func (s *Service) devicePoll(ctx context.Context, a *attempt) (any, error) {
	var request wire.DevicePollRequest
	if err := decode(a, &request); err != nil {
		return nil, err
	}
	a.method, a.device = string(v1alpha1.MethodOIDC), request.Device
	k, err := s.open(request.Challenge, request.PublicKey)
	if err != nil {
		return nil, err
	}
	begun, err := s.unseal(request.Transaction)
	if err != nil || begun.Binding != proof.Binding(request.Challenge, k.encoded) || !s.Clock.Now().Before(begun.Expire) {
		return nil, newRefusal(http.StatusBadRequest, wire.CodeChallenge, "this login has expired, or is another's: begin anew")
	}
	d, policy, provider, err := s.provider(ctx, begun.Directory)
	if err != nil {
		return nil, err
	}
	claims, err := provider.PollDevice(ctx, begun.DeviceCode)
	switch {
	case errors.Is(err, oidc.ErrPending):
		return nil, newRefusal(http.StatusBadRequest, wire.CodePending, "waiting for you to confirm in the browser")
	case errors.Is(err, oidc.ErrSlowDown):
		return nil, newRefusal(http.StatusBadRequest, wire.CodeSlowDown, "ask less often")
	case errors.Is(err, oidc.ErrExpired):
		return nil, newRefusal(http.StatusBadRequest, wire.CodeChallenge, "the code has expired: begin anew")
	case err != nil:
		return nil, s.notVouched(d, err)
	}
	who, err := s.vouched(ctx, a, d, policy, claims)
	if err != nil {
		return nil, err
	}
	return s.begin(ctx, a, who, request.Challenge, k)
}

// seal encrypts a transaction with a key of its own, so that nothing made for another purpose opens as one.
func (s *Service) seal(t transaction) (string, error) {
	aead, err := s.sealer()
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // It never fails.
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, body, nil)), nil
}

func (s *Service) unseal(sealed string) (t transaction, err error) {
	aead, err := s.sealer()
	if err != nil {
		return t, err
	}
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(raw) < aead.NonceSize() {
		return t, errors.New("not a transaction")
	}
	body, err := aead.Open(nil, raw[:aead.NonceSize()], raw[aead.NonceSize():], nil)
	if err != nil {
		return t, err
	}
	err = json.Unmarshal(body, &t)
	return t, err
}

func (s *Service) sealer() (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, s.Key, nil, "rollcall-device-flow-v1", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
