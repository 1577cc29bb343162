// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package session decides whether a Session goes on, and what is to be said of it. It is pure.
package session

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/proof"
)

// DenialPrefix begins the reason of every denial by the authorization webhook: whoever reads it in a 403 knows that it was asked.
const DenialPrefix = "Rollcall: "

// PreflightUsername is the common name of the certificates by which the operator tries whether its signer works. Nothing is ever bound
// to it.
const PreflightUsername = "rollcall:preflight"

// Facts are all that the decision depends on.
type Facts struct {
	// Session in question.
	Session *v1alpha1.Session
	// User that spec.userRef names; nil where there is none (any more), or another of that name.
	User *v1alpha1.User
	// Locks that hold now on the Session, its device, its User, or a group that the User is in, sorted by name.
	Locks []v1alpha1.Lock
}

// Verdict says whether a Session goes on.
type Verdict struct {
	// Reason is Active, or why it has ended.
	Reason string
	// Message explains it to a person.
	Message string
	// By is who ended it, where somebody did: a username, or "Lock name".
	By string
	// EndTime is when it ended: what was recorded, or else now, or when its time was up. Zero while it goes on.
	EndTime time.Time
	// Recheck is when the verdict changes by itself. Zero: never.
	Recheck time.Time
}

// Active says whether the Session goes on.
func (v Verdict) Active() bool { return v.Reason == v1alpha1.ReasonActive }

// Conditions tell the verdict. A Session is Ready when it has ended, too: it is as it should be.
func (v Verdict) Conditions() []metav1.Condition {
	active := metav1.ConditionFalse
	if v.Active() {
		active = metav1.ConditionTrue
	}
	return []metav1.Condition{
		{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v.Reason, Message: v.Message},
		{Type: v1alpha1.ConditionActive, Status: active, Reason: v.Reason, Message: v.Message},
	}
}

// GoesOn is the verdict on a Session that does, until something changes.
func GoesOn() Verdict {
	return Verdict{Reason: v1alpha1.ReasonActive, Message: "renewed while it lasts"}
}

// Decide weighs the facts. What was recorded as ended has ended: neither a lifted Lock nor a clock that was set back begins it again.
func Decide(f Facts, now time.Time) Verdict {
	if status := f.Session.Status; status.EndTime != nil {
		return Verdict{Reason: status.EndReason, By: status.EndedBy, EndTime: status.EndTime.Time, Message: recorded(f.Session)}
	}
	if verdict, ended := withdrawn(f); ended {
		verdict.EndTime = now
		return verdict
	}
	end, reason, message := deadline(f.Session)
	if !end.IsZero() && !now.Before(end) {
		return Verdict{Reason: reason, Message: message, EndTime: end}
	}
	verdict := GoesOn()
	verdict.Recheck = end
	return verdict
}

// recorded repeats what was said when the Session ended, which may not be derivable any more.
func recorded(s *v1alpha1.Session) string {
	if before := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionActive); before != nil &&
		before.Status == metav1.ConditionFalse && before.Reason == s.Status.EndReason {
		return before.Message
	}
	return "it has ended"
}

// withdrawn says whether somebody ended the Session, or what it rests on is gone.
func withdrawn(f Facts) (verdict Verdict, ended bool) {
	s := f.Session
	switch {
	case s.Spec.Termination != nil:
		return Verdict{Reason: v1alpha1.ReasonTerminated, By: s.Spec.Termination.By, Message: endedBy(s)}, true
	case !s.DeletionTimestamp.IsZero():
		return Verdict{Reason: v1alpha1.ReasonTerminated, Message: "deleted"}, true
	case len(f.Locks) > 0:
		names := make([]string, len(f.Locks))
		for i := range f.Locks {
			names[i] = f.Locks[i].Name
		}
		by := EndedByLock(names[0])
		return Verdict{Reason: v1alpha1.ReasonLocked, By: by, Message: "kept out by " + outcome.Names("Lock", names)}, true
	case f.User == nil:
		return Verdict{Reason: v1alpha1.ReasonUserInactive, Message: fmt.Sprintf("User %q is gone", s.Spec.UserRef.Name)}, true
	case f.User.Status.Username != s.Spec.Username:
		return Verdict{
			Reason:  v1alpha1.ReasonUserInactive,
			Message: fmt.Sprintf("User %q has another username now", s.Spec.UserRef.Name),
		}, true
	case s.Spec.Authentication.Method == v1alpha1.MethodDeviceKey && !enrolled(f.User, s):
		return Verdict{
			Reason:  v1alpha1.ReasonTerminated,
			Message: fmt.Sprintf("User %q no longer enrols device %q with the key that it began with", f.User.Name, s.Spec.Device),
		}, true
	default:
		return inactive(f.User)
	}
}

// enrolled says whether a User still enrols the device that a Session began with.
func enrolled(user *v1alpha1.User, s *v1alpha1.Session) bool {
	return slices.ContainsFunc(user.Spec.Devices, func(d v1alpha1.Device) bool {
		return d.Name == s.Spec.Device && proof.DeviceFingerprint(d.Key()) == s.Spec.Authentication.Subject
	})
}

// inactive says that a User may not act. Not to know is no reason to end anything; it is one not to renew.
func inactive(user *v1alpha1.User) (verdict Verdict, ended bool) {
	active := meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionActive)
	if active == nil || active.Status != metav1.ConditionFalse {
		return Verdict{}, false
	}
	return Verdict{
		Reason:  v1alpha1.ReasonUserInactive,
		Message: fmt.Sprintf("User %q may not act: %s", user.Name, active.Reason),
	}, true
}

// endedBy tells a termination.
func endedBy(s *v1alpha1.Session) string {
	by := s.Spec.Termination.By
	told := fmt.Sprintf("ended by %q", by)
	if by == s.Spec.Username {
		told = "logged out"
	}
	if s.Spec.Termination.Reason != "" {
		told += ": " + s.Spec.Termination.Reason
	}
	return told
}

// deadline is when a Session ends by itself, and why: when it has lasted for as long as it may, or nothing was renewed for too long.
func deadline(s *v1alpha1.Session) (end time.Time, reason, message string) {
	if end = EndTime(s); !end.IsZero() {
		reason, message = v1alpha1.ReasonExpired, fmt.Sprintf("it has lasted for %s, which is the most: log in again",
			seconds(s.Spec.MaxDurationSeconds))
	}
	if begun := Begun(s).Add(beginning); s.Status.LastRenewTime == nil && (end.IsZero() || begun.Before(end)) {
		return begun, v1alpha1.ReasonIdle, "no certificate was asked for after it began"
	}
	if idle := s.Spec.IdleTimeoutSeconds; idle > 0 {
		if quiet := LastUse(s).Add(seconds(idle)); end.IsZero() || quiet.Before(end) {
			end, reason = quiet, v1alpha1.ReasonIdle
			message = fmt.Sprintf("nothing was renewed or seen for %s: log in again", seconds(idle))
		}
	}
	return end, reason, message
}

// beginning is how long a Session waits for its first certificate.
const beginning = 10 * time.Minute

// EndTime is when a Session ends at the latest; zero where nothing says so.
func EndTime(s *v1alpha1.Session) time.Time {
	if s.Spec.MaxDurationSeconds == 0 {
		return time.Time{}
	}
	return Begun(s).Add(seconds(s.Spec.MaxDurationSeconds))
}

// Begun is when a Session began, by the operator's clock, which ends it too: where the API server's is ahead, a Session would last longer
// by as much. Whoever an identity provider vouches for may have logged in there long before; then it is by the API server's clock.
func Begun(s *v1alpha1.Session) time.Time {
	proven := s.Spec.Authentication.Time.Time
	earlier := proven.Before(s.CreationTimestamp.Time)
	if proven.IsZero() || earlier && s.Spec.Authentication.Method == v1alpha1.MethodOIDC {
		return s.CreationTimestamp.Time
	}
	return proven
}

// LastUse is when anything was last heard of a Session: when it began, when it was renewed, or when the API server asked about it.
func LastUse(s *v1alpha1.Session) time.Time {
	last := Begun(s)
	for _, t := range []*metav1.Time{s.Status.LastRenewTime, s.Status.LastSeenTime} {
		if t != nil && t.After(last) {
			last = t.Time
		}
	}
	return last
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }
