// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/access"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/reach"
)

// gather collects what the decision depends on.
func (r *Reconciler) gather(ctx context.Context, s *scope) error {
	s.facts.Request = s.request
	for _, part := range []func(context.Context, *scope) error{r.findGrant, r.findRequester, r.findDecisions} {
		if err := part(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// findGrant finds the Grant: past the cache until the request is accepted, since the request is for the Grant as it is.
func (r *Reconciler) findGrant(ctx context.Context, s *scope) error {
	var grant v1alpha1.Grant
	err := r.Client.Get(ctx, client.ObjectKey{Name: s.request.Spec.GrantRef.Name}, &grant)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get Grant %s: %w", s.request.Spec.GrantRef.Name, err)
	}
	if s.request.Status.Grant == nil && s.request.Status.EndTime == nil {
		return r.lookAtGrant(ctx, s)
	}
	if grant.DeletionTimestamp.IsZero() {
		s.facts.Grant = &grant
	}
	return nil
}

// lookAtGrant looks at the Grant past the cache.
func (r *Reconciler) lookAtGrant(ctx context.Context, s *scope) error {
	s.facts.Grant = nil
	var grant v1alpha1.Grant
	err := r.Live.Get(ctx, client.ObjectKey{Name: s.request.Spec.GrantRef.Name}, &grant)
	if apierrors.IsNotFound(err) || err == nil && !grant.DeletionTimestamp.IsZero() {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get Grant %s: %w", s.request.Spec.GrantRef.Name, err)
	}
	s.facts.Grant, s.facts.GrantWritten = &grant, written(&grant)
	return nil
}

// written is when an object's spec was last written, as its field managers say; zero where they do not.
func written(object client.Object) time.Time {
	var last time.Time
	for _, entry := range object.GetManagedFields() {
		if entry.Subresource == "" && entry.Time != nil && entry.Time.After(last) {
			last = entry.Time.Time
		}
	}
	return last
}

// findRequester finds the User who asks, whether they may act, and whether they are among the Grant's subjects.
func (r *Reconciler) findRequester(ctx context.Context, s *scope) error {
	user, err := r.called(ctx, s.request.Spec.UserName)
	if err != nil || user == nil {
		return err
	}
	locks, err := reach.Locks(ctx, r.Client, user, s.now)
	if err != nil {
		return err
	}
	s.facts.Requester, s.facts.Locked, s.facts.MayAct = user, len(locks) > 0, reach.Active(user) && len(locks) == 0
	if s.facts.Grant != nil {
		s.facts.Subject, err = r.among(ctx, user, s.facts.Grant.Spec.Subjects)
	}
	return err
}

// called is the User who has a Kubernetes username: of several the one who may act, since that has it by right.
func (r *Reconciler) called(ctx context.Context, username string) (*v1alpha1.User, error) {
	users, err := index.UsersWithUsername(ctx, r.Client, username)
	if err != nil || len(users) == 0 {
		return nil, err
	}
	users = slices.Clone(users)
	slices.SortFunc(users, func(a, b v1alpha1.User) int {
		if reach.Active(&a) != reach.Active(&b) {
			if reach.Active(&a) {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return &users[0], nil
}

// among says whether some of the subjects stand for a User.
func (r *Reconciler) among(ctx context.Context, user *v1alpha1.User, subjects []v1alpha1.Subject) (bool, error) {
	groups, err := reach.Groups(ctx, r.Client, user)
	if err != nil {
		return false, fmt.Errorf("list Groups of User %s: %w", user.Name, err)
	}
	return slices.ContainsFunc(subjects, func(subject v1alpha1.Subject) bool {
		if subject.Kind == v1alpha1.SubjectUser {
			return subject.Name == user.Name
		}
		return slices.ContainsFunc(groups, func(g v1alpha1.Group) bool { return g.Name == subject.Name })
	}), nil
}

// findDecisions finds the Approvals that name the request, and who made them.
func (r *Reconciler) findDecisions(ctx context.Context, s *scope) error {
	approvals, err := index.ApprovalsOf(ctx, r.Client, s.request.Name)
	if err != nil {
		return fmt.Errorf("list Approvals: %w", err)
	}
	for i := range approvals {
		if !approvals[i].DeletionTimestamp.IsZero() {
			continue
		}
		decision, err := r.decision(ctx, s, &approvals[i])
		if err != nil {
			return err
		}
		s.facts.Decisions = append(s.facts.Decisions, decision)
	}
	return nil
}

func (r *Reconciler) decision(ctx context.Context, s *scope, approval *v1alpha1.Approval) (access.Decision, error) {
	decision := access.Decision{Approval: approval}
	approver, err := r.called(ctx, approval.Spec.Approver)
	if err != nil || approver == nil {
		return decision, err
	}
	mayAct, err := reach.MayAct(ctx, r.Client, approver, s.now)
	if err != nil || !mayAct {
		return decision, err
	}
	decision.Approver = approver
	if s.facts.Grant != nil && s.facts.Grant.Spec.Request != nil {
		decision.Named, err = r.among(ctx, approver, s.facts.Grant.Spec.Request.Approvers)
	}
	return decision, err
}
