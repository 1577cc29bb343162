// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package user decides who may act now, and shows each User their access.
package user

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/person"
	"github.com/rollcall-iam/rollcall/internal/rbacplan"
	"github.com/rollcall-iam/rollcall/internal/reach"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// Reconciler keeps the status of Users, but for what the directory and the credential controller say there.
type Reconciler struct {
	Client   client.Client
	Reporter status.Reporter
	Clock    clock.PassiveClock
	// DormantAfter is how long somebody is not seen before they are called dormant; 0 for never.
	DormantAfter time.Duration
	// Covered says whether what API servers logged since a time is known to have arrived. Nil where there is no audit service: who was
	// not seen may well have been there then, so nobody is dormant.
	Covered func(ctx context.Context, since time.Time) (bool, error)

	// said is what Covered said last.
	said coverage
}

// scope is what one run learns of a User.
type scope struct {
	user      *v1alpha1.User
	directory *v1alpha1.Directory
	now       time.Time
	verdict   person.Verdict
	username  string
	groups    []string
	grants    []string
	// sessions of this User, ended ones too.
	sessions []v1alpha1.Session
	// dormant says that nobody has seen this User for long, and recheck when that may be so, or not be so any more, by itself.
	dormant bool
	recheck time.Time
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	s := scope{user: &v1alpha1.User{}, now: r.Clock.Now()}
	if err := r.Client.Get(ctx, request.NamespacedName, s.user); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !s.user.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	if wait := s.awaited(); wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, nil
	}
	for _, phase := range []func(context.Context, *scope) error{
		r.findDirectory, r.decide, r.findGroups, r.findGrants, r.findSessions, r.findDormancy, r.report,
	} {
		if err := phase(ctx, &s); err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{RequeueAfter: s.again()}, nil
}

// again is how long all that was found stays true, unless something changes. Zero: for good.
func (s *scope) again() time.Duration {
	next := s.verdict.Recheck
	if next.IsZero() || !s.recheck.IsZero() && s.recheck.Before(next) {
		next = s.recheck
	}
	if next.IsZero() {
		return 0
	}
	return next.Sub(s.now)
}

// soon is how long the Directory controller may take until it says of a User that it has made who that is.
const soon = time.Minute

// awaited is how long to leave a User alone that the Directory controller has just made: its next write says who it is. Zero for all
// others.
func (s *scope) awaited() time.Duration {
	ref, known := s.user.Spec.DirectoryRef, s.user.Status
	if ref != nil && ref.Name == s.user.Labels[v1alpha1.LabelDirectory] && known.Identity == nil && len(known.Conditions) == 0 {
		return status.Awaited(s.user.CreationTimestamp, soon, s.now)
	}
	return 0
}

// findDirectory finds who vouches for the User, and with that the username.
func (r *Reconciler) findDirectory(ctx context.Context, s *scope) (err error) {
	s.directory, err = reach.Directory(ctx, r.Client, s.user.Spec.DirectoryRef)
	s.username = person.Username(s.user, s.directory)
	return err
}

func (r *Reconciler) decide(ctx context.Context, s *scope) error {
	facts := person.Facts{User: s.user, Directory: s.directory}
	locks, err := reach.Locks(ctx, r.Client, s.user, s.now)
	if err != nil {
		return err
	}
	facts.Locks = locks
	if err := r.findNamesake(ctx, s, &facts); err != nil {
		return err
	}
	s.verdict = person.Decide(facts, s.now)
	return nil
}

// findNamesake finds who has this username by right: whoever may not act any more but still holds a certificate of it, or the
// oldest. Usernames are computed anew, since the other's status may not be written yet.
func (r *Reconciler) findNamesake(ctx context.Context, s *scope, facts *person.Facts) error {
	if s.username == "" {
		return nil
	}
	called, err := index.UsersCalled(ctx, r.Client, s.user.Spec.UserName)
	if err != nil {
		return err
	}
	recorded, err := index.UsersWithUsername(ctx, r.Client, s.username)
	if err != nil {
		return err
	}
	oldest := s.user
	for _, other := range append(called, recorded...) {
		if other.UID != s.user.UID && other.Status.Username == s.username && !reach.Active(&other) && other.HoldsCertificate(s.now) {
			facts.Namesake, facts.NamesakeUntil = other.Name, other.Status.Certificate.LastNotAfter.Time
			return nil
		}
		if oldest, err = r.older(ctx, s, &other, oldest); err != nil {
			return err
		}
	}
	if oldest != s.user {
		facts.Namesake = oldest.Name
		return nil
	}
	return r.findSpoken(ctx, s, recorded, facts)
}

// older is the other User, if it has this username and was there before the oldest that is known.
func (r *Reconciler) older(ctx context.Context, s *scope, other, oldest *v1alpha1.User) (*v1alpha1.User, error) {
	if !person.Older(other, oldest) {
		return oldest, nil
	}
	directory, err := reach.Directory(ctx, r.Client, other.Spec.DirectoryRef)
	if err == nil && person.Username(other, directory) == s.username {
		return other, nil
	}
	return oldest, err
}

func (r *Reconciler) findGroups(ctx context.Context, s *scope) error {
	local, err := reach.LocalGroups(ctx, r.Client, s.user.Name)
	if err != nil {
		return fmt.Errorf("list local Groups: %w", err)
	}
	names := make([]string, len(local))
	for i := range local {
		names[i] = local[i].Spec.GroupName
	}
	s.groups = person.Groups(s.user, s.directory, names)
	return nil
}

// findGrants lists the Grants that give something: to people who may act, while the window is open, through bindings; those on
// request through an AccessRequest that is active.
func (r *Reconciler) findGrants(ctx context.Context, s *scope) error {
	if s.verdict.Status != metav1.ConditionTrue {
		return nil
	}
	grants, err := reach.Grants(ctx, r.Client, s.user)
	if err != nil {
		return fmt.Errorf("list Grants: %w", err)
	}
	for i := range grants {
		open, _, _ := rbacplan.Window(&grants[i], s.now)
		if open && reach.Gives(&grants[i]) {
			s.grants = append(s.grants, grants[i].Name)
		}
	}
	requests, err := index.RequestsOfUsername(ctx, r.Client, s.username)
	if err != nil {
		return fmt.Errorf("list AccessRequests: %w", err)
	}
	for i := range requests {
		if reach.Granted(&requests[i]) && reach.Asked(&requests[i], s.user) {
			s.grants = append(s.grants, requests[i].Spec.GrantRef.Name)
		}
	}
	slices.Sort(s.grants)
	s.grants = slices.Compact(s.grants)
	return nil
}
