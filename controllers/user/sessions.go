// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package user

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/person"
	"github.com/rollcall-iam/rollcall/internal/reach"
)

// findSpoken finds certificates that speak for this username and are another's: of a User who may not act any more, or is gone.
func (r *Reconciler) findSpoken(ctx context.Context, s *scope, named []v1alpha1.User, facts *person.Facts) error {
	sessions, err := index.SessionsOfUsername(ctx, r.Client, s.username)
	if err != nil {
		return fmt.Errorf("list Sessions of a username: %w", err)
	}
	for i := range sessions {
		other := &sessions[i]
		if until := other.ValidUntil(); s.anothers(other, named) && s.now.Before(until) && until.After(facts.SpokenUntil) {
			facts.Spoken, facts.SpokenUntil = other.Name, until
		}
	}
	return nil
}

// anothers says whether a Session is another person's than this User is: a User that was made anew for the same entry is the same
// person, and whoever declares a local User says who that is. Of two Users who have the name now it was decided before who
// keeps it.
func (s *scope) anothers(other *v1alpha1.Session, named []v1alpha1.User) bool {
	if other.Spec.UserRef.UID == string(s.user.UID) {
		return false
	}
	id := ""
	if s.user.Status.Identity != nil {
		id = s.user.Status.Identity.ID
	}
	if id == other.Spec.IdentityID {
		return false
	}
	return !slices.ContainsFunc(named, func(u v1alpha1.User) bool { return string(u.UID) == other.Spec.UserRef.UID && reach.Active(&u) })
}

// findSessions is for those who may not act: what certificates they still have.
func (r *Reconciler) findSessions(ctx context.Context, s *scope) error {
	if s.verdict.Status != metav1.ConditionFalse {
		return nil
	}
	sessions, err := index.SessionsOfUser(ctx, r.Client, s.user.Name)
	if err != nil {
		return fmt.Errorf("list Sessions: %w", err)
	}
	s.sessions = slices.DeleteFunc(slices.Clone(sessions), func(o v1alpha1.Session) bool { return o.Spec.UserRef.UID != string(s.user.UID) })
	return nil
}

// held are the certificates that a User has, as far as matters once they may not act: until when, and for which groups.
type held struct {
	until, groupsUntil time.Time
	groups             []string
}

func (s *scope) held(since time.Time) *held {
	h := &held{}
	if certificate := s.user.Status.Certificate; certificate != nil {
		h.until = certificate.LastNotAfter.Time
		for _, group := range certificate.Groups {
			h.add(since, group.NotAfter.Time, group.Name)
		}
	}
	for i := range s.sessions {
		for _, certificate := range s.sessions[i].Status.Certificates {
			h.until = latest(h.until, certificate.NotAfter.Time)
			h.add(since, certificate.NotAfter.Time, certificate.Groups...)
		}
	}
	slices.Sort(h.groups)
	h.groups = slices.Compact(h.groups)
	return h
}

func (h *held) add(since, until time.Time, groups ...string) {
	if len(groups) > 0 && until.After(since) {
		h.groups = append(h.groups, groups...)
		h.groupsUntil = latest(h.groupsUntil, until)
	}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// told is what the bearer of such a certificate still has. Bindings that name a group cannot leave out one of its members.
func (h *held) told() string {
	told := fmt.Sprintf("; a certificate already issued is valid until %s, ", rfc3339(h.until))
	if len(h.groups) == 0 {
		return told + "but no Grant gives its bearer anything"
	}
	return told + fmt.Sprintf("and until %s gives its bearer what Grants with subjectMode Groups give to %s",
		rfc3339(h.groupsUntil), outcome.Bounded(h.groups))
}
