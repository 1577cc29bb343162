// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package presence brings back into the cluster what audit logs tell of people: when they were last seen, and that somebody came with a
// certificate that was never issued to them.
package presence

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/audit/history"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/person"
	"github.com/rollcall-iam/rollcall/internal/revocation"
	"github.com/rollcall-iam/rollcall/internal/seen"
)

const (
	// look is how often the store is asked, give or take lookSpread of it.
	look       = 10 * time.Second
	lookSpread = 0.2
	// settle is how long what was learnt waits: a certificate that was issued a moment ago is known everywhere by then.
	settle = 5 * time.Second
	// slow is how long it may take to store what was learnt: so much later it is still looked for.
	slow = time.Minute
	// tolerated is how many may fail at one look before the others wait, too: one that always does keeps none of them.
	tolerated = 10
	// fresh is how long ago what is alarming may have been learnt: longer ago, it was told by whoever was the leader then.
	fresh = time.Hour
)

// Presence is what the leader does.
type Presence struct {
	// Cache has Users and Sessions.
	Cache client.Reader
	// Store is the open store, or an error.
	Store    func() (*store.Store, error)
	Seen     *seen.Writer
	Detector *revocation.Detector
	Clock    clock.PassiveClock

	// told is until when what was learnt has been told.
	told time.Time
}

// Start implements manager.Runnable.
func (p *Presence) Start(ctx context.Context) error {
	p.told = time.Time{} // A leader begins with everything, and writes little of it: most is written already.
	wait.JitterUntilWithContext(ctx, func(ctx context.Context) {
		if err := p.tell(ctx); err != nil && ctx.Err() == nil {
			log.FromContext(ctx).WithName("audit").V(1).Info("who was seen was not told yet", "why", err.Error())
		}
	}, look, lookSpread, true)
	return nil
}

// tell passes on what was learnt since the last time, and a little before. What fails is tried again then.
func (p *Presence) tell(ctx context.Context) error {
	s, err := p.Store()
	if err != nil {
		return err
	}
	now := p.Clock.Now()
	sightings, err := s.Sightings(ctx, p.told.Add(-slow))
	if err != nil {
		return err
	}
	recording, err := s.RecordingSince(ctx)
	if err != nil {
		return err
	}
	failed := p.pass(ctx, s, sightings, recording, now)
	if len(failed) == 0 {
		p.told = now.Add(-settle)
	}
	return errors.Join(failed...)
}

func (p *Presence) pass(ctx context.Context, s *store.Store, sightings []store.Sighting, recording, now time.Time) (failed []error) {
	people := map[string]time.Time{}
	for _, sighting := range sightings {
		if sighting.Noted.After(now.Add(-settle)) {
			break // They come by that time.
		}
		if sighting.At.After(people[sighting.Username]) {
			people[sighting.Username] = sighting.At
		}
		if err := p.session(ctx, s, sighting, recording, now); err != nil {
			failed = append(failed, err)
		}
		if len(failed) == tolerated {
			return failed
		}
	}
	for username, at := range people {
		if err := p.write(ctx, username, at); err != nil {
			failed = append(failed, err)
		}
		if len(failed) == tolerated {
			return failed
		}
	}
	return failed
}

// write writes that somebody was seen, where a User stands for them.
func (p *Presence) write(ctx context.Context, username string, at time.Time) error {
	user, err := p.user(ctx, username)
	if err != nil || user == nil {
		return err
	}
	return p.Seen.User(ctx, user.Name, user.UID, at)
}

// user is whose that username is; nil where it is nobody's.
func (p *Presence) user(ctx context.Context, username string) (*v1alpha1.User, error) {
	users, err := index.UsersWithUsername(ctx, p.Cache, username)
	if err != nil {
		return nil, fmt.Errorf("find Users: %w", err)
	}
	return person.Holder(users), nil
}

// session writes that a Session was seen, or raises the alarm.
func (p *Presence) session(ctx context.Context, s *store.Store, sighted store.Sighting, recording, now time.Time) error {
	fingerprint, found := strings.CutPrefix(sighted.Credential, audit.CertificatePrefix)
	if !found {
		return nil
	}
	sessions, err := index.SessionsOfCertificate(ctx, p.Cache, fingerprint)
	if err != nil {
		return fmt.Errorf("find Sessions: %w", err)
	}
	for i := range sessions {
		if sessions[i].Spec.Username == sighted.Username {
			return p.Seen.Session(ctx, sessions[i].Name, sessions[i].UID, sighted.At)
		}
	}
	if recording.IsZero() || sighted.At.Before(recording) || sighted.Noted.Before(now.Add(-fresh)) {
		return nil
	}
	user, err := p.user(ctx, sighted.Username)
	if err != nil || user == nil {
		return err
	}
	return p.suspect(ctx, s, sighted.Username, fingerprint)
}

// suspect raises the alarm about a certificate that names a person, unless it was theirs once: Sessions forget their oldest, and go.
func (p *Presence) suspect(ctx context.Context, s *store.Store, username, fingerprint string) error {
	_, session, err := history.SessionOf(ctx, s, fingerprint)
	switch {
	case err != nil:
		return err
	case session == nil:
		p.Detector.Alarm(ctx, revocation.Made, username, fingerprint, "belongs to no Session")
	case session.Spec.Username != username:
		p.Detector.Alarm(ctx, revocation.Made, username, fingerprint, "was issued in a Session of somebody else")
	}
	return nil
}
