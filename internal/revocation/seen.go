// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/seen"
)

const (
	// seenLook is how often it is looked for what has to be written.
	seenLook = 10 * time.Second
	// seenKept bounds the memory.
	seenKept = 16384
)

// sighting is when a Session was last asked about.
type sighting struct {
	uid types.UID
	at  time.Time
}

// sights remembers which Sessions were asked about, and writes it later: no answer waits for it.
type sights struct {
	writer *seen.Writer

	mutex     sync.Mutex
	sightings map[string]sighting
}

func newSights(w *seen.Writer) *sights { return &sights{writer: w, sightings: map[string]sighting{}} }

// note remembers that a Session was asked about, where what is stored of it is old enough to be worth a write.
func (s *sights) note(of *v1alpha1.Session, now time.Time) {
	if !seen.SessionDue(of, now) {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, known := s.sightings[of.Name]; known || len(s.sightings) < seenKept {
		s.sightings[of.Name] = sighting{uid: of.UID, at: now}
	}
}

func (s *sights) run(ctx context.Context) error {
	every(ctx, seenLook, s.write)
	return nil
}

// write stores what was seen. What fails is seen again, or is over.
func (s *sights) write(ctx context.Context) {
	s.mutex.Lock()
	sightings := s.sightings
	s.sightings = map[string]sighting{}
	s.mutex.Unlock()
	for name, sighted := range sightings {
		if err := s.writer.Session(ctx, name, sighted.uid, sighted.at); ctx.Err() != nil {
			return
		} else if err != nil {
			log.FromContext(ctx).V(1).Info("lastSeenTime was not written", "session", name, "why", err.Error())
		}
	}
}

// jittered is a time give or take a tenth, so that replicas do not move in step.
func jittered(d time.Duration) time.Duration {
	const spread = 0.1
	return time.Duration(float64(d) * (1 + spread*(2*rand.Float64()-1))) //nolint:gosec // No secret depends on it.
}
