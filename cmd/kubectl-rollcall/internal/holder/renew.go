// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package holder

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"time"

	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/idp"
	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/loginclient"
	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/store"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

const (
	// renewPatience is how long somebody waits for a renewal in all, and tryPatience for one try.
	renewPatience = 10 * time.Second
	tryPatience   = 4 * time.Second
	firstPause    = 300 * time.Millisecond
	tries         = 4
	// leave is for how long nobody tries again after a renewal that failed: every kubectl would wait for it.
	leave = 30 * time.Second
	// subjects is how often the subject may change while a certificate is asked for.
	subjects = 3
)

// renew replaces the certificate. Where that cannot be done now, the old one goes on while it is good.
func (h *Holder) renew(ctx context.Context, held *held) (*Credential, error) {
	bounded, cancel := context.WithTimeout(ctx, renewPatience)
	defer cancel()
	next := *held.state
	err := h.tryRenew(bounded, &next, held.key)
	if err == nil {
		next.RetryTime = time.Time{}
		if err := h.Store.Save(h.Profile, &next); err != nil {
			h.Warn("The new certificate could not be kept: %v", err)
		}
		held.state = &next
		h.checkClock(held.state)
		return held.credential(), nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return h.notRenewed(held, &next, err)
}

// notRenewed says what to do without a new certificate.
func (h *Holder) notRenewed(held *held, next *store.State, why error) (*Credential, error) {
	state := held.state
	state.RefreshToken = next.RefreshToken // That may be new all the same.
	if loginclient.CodeOf(why) == wire.CodeEnded {
		state.Ended = why.Error()
		h.keep(state)
		return nil, &NeedLogin{Why: "your session has ended (" + why.Error() + ")"}
	}
	now := h.Now()
	state.RetryTime = now.Add(leave)
	h.keep(state)
	usable := held.usable(now)
	if needsPerson(why) {
		need := &NeedLogin{Why: why.Error(), Until: held.state.NotAfter}
		if usable {
			need.Meanwhile = held.credential()
		}
		return nil, need
	}
	if !usable {
		return nil, fmt.Errorf("renew your certificate, which is good until %s: %w", clock(state.NotAfter), why)
	}
	h.Warn("Your certificate could not be renewed, and works until %s: %v", clock(state.NotAfter), why)
	return held.credential(), nil
}

func needsPerson(err error) bool {
	switch loginclient.CodeOf(err) {
	case wire.CodeVouch, wire.CodeRefused:
		return true
	default:
		return errors.Is(err, idp.ErrAgain)
	}
}

func (h *Holder) keep(state *store.State) {
	if err := h.Store.Save(h.Profile, state); err != nil {
		h.Warn("What became of the renewal could not be kept: %v", err)
	}
}

// tryRenew asks a few times, while there is hope.
func (h *Holder) tryRenew(ctx context.Context, state *store.State, key []byte) error {
	client, err := Dial(state, key, tryPatience, h.UserAgent)
	if err != nil {
		return err
	}
	defer client.Close()
	private, err := parseKey(key)
	if err != nil {
		return err
	}
	pause := firstPause
	for try := 1; ; try++ {
		err = h.ask(ctx, client, state, private)
		if err == nil || !loginclient.Passing(err) || try == tries {
			return err
		}
		if !rest(ctx, &pause, err) {
			return err
		}
	}
}

// rest waits before the next try, as long as the service says, each time longer. False where that would take too long.
func rest(ctx context.Context, pause *time.Duration, err error) bool {
	const growth = 3
	if refusal, ok := errors.AsType[*loginclient.Refusal](err); ok {
		*pause = max(*pause, refusal.RetryAfter)
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < *pause {
		return false
	}
	select {
	case <-time.After(*pause):
	case <-ctx.Done():
		return false
	}
	*pause *= growth
	return true
}

// ask asks once, and with a fresh ID token where the service wants one.
func (h *Holder) ask(ctx context.Context, client *loginclient.Client, state *store.State, key crypto.Signer) error {
	err := Obtain(ctx, client, state, key, "")
	if loginclient.CodeOf(err) != wire.CodeVouch {
		return err
	}
	token, fail := h.fresh(ctx, state)
	switch {
	case errors.Is(fail, idp.ErrAgain):
		return err // The service says it better.
	case fail != nil:
		return fail
	}
	return Obtain(ctx, client, state, key, token)
}

// Obtain asks for a certificate for the subject that a login has, or is told to have by now.
func Obtain(ctx context.Context, client *loginclient.Client, state *store.State, key crypto.Signer, idToken string) error {
	for range subjects {
		subject := pki.Subject{Username: state.Subject.CommonName, Groups: state.Subject.Organizations, UID: state.Subject.UID}
		request, err := pki.NewRequest(key, subject)
		if err != nil {
			return fmt.Errorf("make a certificate request: %w", err)
		}
		answer, err := client.Certificate(ctx, &wire.CertificateRequest{Session: state.Session, CSR: request, IDToken: idToken})
		if refusal, ok := errors.AsType[*loginclient.Refusal](err); ok && refusal.Code == wire.CodeSubject && refusal.Subject != nil {
			state.Subject = *refusal.Subject
			continue
		}
		if err != nil {
			return err
		}
		leaf, err := pki.CheckCertificate(answer.Certificate, key.Public(), subject)
		if err != nil {
			return fmt.Errorf("the login service answered with a certificate that was not asked for: %w", err)
		}
		state.Certificate, state.NotAfter, state.RenewTime = answer.Certificate, leaf.NotAfter, answer.RenewTime
		return nil
	}
	return errors.New("what groups your certificate is for changes faster than it can be asked for: try again")
}
