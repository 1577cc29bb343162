// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
)

const (
	// seenWithin is how exact lastSeenTime is, and how seldom each Session's is written. Where a Session may be idle for less than
	// idleParts of these, it is written more often: who is at work is not idle.
	seenWithin = time.Minute
	idleParts  = 3
	// seenLook is how often it is looked for what has to be written.
	seenLook = 10 * time.Second
	// seenKept bounds the memory, and seenPerSecond what writing costs.
	seenKept, seenPerSecond = 16384, 50
)

// sighting is when a Session was last asked about.
type sighting struct {
	uid types.UID
	at  time.Time
}

// seen remembers which Sessions were asked about, and writes it later: no answer waits for it.
type seen struct {
	client client.Client
	clock  clock.PassiveClock
	writes *rate.Limiter

	mutex     sync.Mutex
	sightings map[string]sighting
}

func newSeen(c client.Client, clk clock.PassiveClock) *seen {
	return &seen{client: c, clock: clk, writes: rate.NewLimiter(seenPerSecond, seenPerSecond), sightings: map[string]sighting{}}
}

// note remembers that a Session was asked about, where what is stored of it is old enough to be worth a write.
func (s *seen) note(of *v1alpha1.Session, now time.Time) {
	if last := of.Status.LastSeenTime; last != nil && now.Sub(last.Time) < exactness(of) {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, known := s.sightings[of.Name]; known || len(s.sightings) < seenKept {
		s.sightings[of.Name] = sighting{uid: of.UID, at: now}
	}
}

func exactness(of *v1alpha1.Session) time.Duration {
	if idle := of.Spec.IdleTimeoutSeconds; idle > 0 {
		return min(seenWithin, time.Duration(idle)*time.Second/idleParts)
	}
	return seenWithin
}

func (s *seen) run(ctx context.Context) error {
	every(ctx, seenLook, s.write)
	return nil
}

// write stores what was seen. What fails is seen again, or is over.
func (s *seen) write(ctx context.Context) {
	s.mutex.Lock()
	sightings := s.sightings
	s.sightings = map[string]sighting{}
	s.mutex.Unlock()
	for name, sighted := range sightings {
		if s.writes.Wait(ctx) != nil {
			return
		}
		if err := s.apply(ctx, name, sighted); client.IgnoreNotFound(err) != nil {
			log.FromContext(ctx).V(1).Info("lastSeenTime was not written", "session", name, "why", err.Error())
		}
	}
}

// apply writes one, unless another replica did, or the Session is gone or another.
func (s *seen) apply(ctx context.Context, name string, sighted sighting) error {
	var now v1alpha1.Session
	if err := s.client.Get(ctx, client.ObjectKey{Name: name}, &now); err != nil {
		return err
	}
	if last := now.Status.LastSeenTime; now.UID != sighted.uid || last != nil && sighted.at.Sub(last.Time) < exactness(&now) {
		return nil
	}
	status := iamac.SessionStatus().WithLastSeenTime(metav1.NewTime(sighted.at.Truncate(time.Second)))
	// The uid keeps an object that is gone from being created.
	return s.client.Status().Apply(ctx, iamac.Session(name).WithUID(sighted.uid).WithStatus(status),
		client.FieldOwner(Owner), client.ForceOwnership)
}

// jittered is a time give or take a tenth, so that replicas do not move in step.
func jittered(d time.Duration) time.Duration {
	const spread = 0.1
	return time.Duration(float64(d) * (1 + spread*(2*rand.Float64()-1))) //nolint:gosec // No secret depends on it.
}
