// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package user

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/person"
)

const (
	// coverageAgain is when to look again at whoever was not seen for long: coverage comes and goes. Where it could not be found out whether
	// there is any, coverageSoon.
	coverageAgain = time.Hour
	coverageSoon  = 5 * time.Minute
	// spread spreads both by this part of them, both ways.
	spread = 0.1
	// coverageHolds is for how long an answer about coverage is taken for everybody's, and coveragePatience how long it may take: people who
	// lose access must not wait for that.
	coverageHolds    = time.Minute
	coveragePatience = 2 * time.Second
)

// findDormancy finds out whether somebody who may act was not seen for so long that they should not be able to any more. Whoever may not
// has nothing left to take away.
func (r *Reconciler) findDormancy(ctx context.Context, s *scope) error {
	if r.Covered == nil || r.DormantAfter <= 0 || s.verdict.Status != metav1.ConditionTrue {
		return nil
	}
	due := person.QuietSince(s.user).Add(r.DormantAfter)
	if s.now.Before(due) {
		s.recheck = due
		return nil
	}
	covered, err := r.said.ask(ctx, r.Covered, s.now, r.DormantAfter)
	if err != nil {
		// What was found before holds until somebody can say more: the store being away for a minute is no news of ten thousand people.
		log.FromContext(ctx).V(1).Info("whether this User is dormant is not known", "why", err.Error())
		s.dormant = meta.IsStatusConditionTrue(s.user.Status.Conditions, v1alpha1.ConditionDormant)
		s.recheck = s.now.Add(jittered(coverageSoon))
		return nil
	}
	s.dormant, s.recheck = covered, s.now.Add(jittered(coverageAgain))
	return nil
}

func jittered(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 - spread + 2*spread*rand.Float64())) //nolint:gosec // Chance, not secrecy.
}

// coverage remembers for a while whether events are covered: that is the same for everybody, and it is asked about many at once.
type coverage struct {
	mutex   sync.Mutex
	asked   time.Time
	covered bool
	err     error
}

// ask asks about the time from so long ago until now.
func (c *coverage) ask(
	ctx context.Context, covered func(context.Context, time.Time) (bool, error), now time.Time, ago time.Duration,
) (bool, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.asked.IsZero() || now.Before(c.asked) || now.Sub(c.asked) >= coverageHolds {
		limited, cancel := context.WithTimeout(ctx, coveragePatience)
		defer cancel()
		c.covered, c.err = covered(limited, now.Add(-ago))
		c.asked = now
	}
	return c.covered, c.err
}
