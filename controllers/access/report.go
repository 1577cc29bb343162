// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/access"
	"github.com/rollcall-iam/rollcall/internal/apply"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/rbacplan"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// report writes the status, if it differs.
func (r *Reconciler) report(ctx context.Context, s *scope) error {
	before := &s.request.Status
	conditions := status.Merge(before.Conditions, s.conditions(), s.request.Generation, s.now)
	same := equality.Semantic.DeepEqual(withoutConditions(before), s.status(s.bindings))
	if same && status.Same(before.Conditions, conditions, owned()...) {
		return nil
	}
	return r.write(ctx, s, conditions, s.bindings)
}

// owned are the types of all conditions of a request.
func owned() []string {
	return append(status.Summary(), v1alpha1.ConditionActive, v1alpha1.ConditionReviewed)
}

// write applies the status to exactly the state that was looked at.
func (r *Reconciler) write(ctx context.Context, s *scope, conditions []metav1.Condition, bindings []rbacplan.Binding) error {
	wanted := s.status(bindings)
	applied := iamac.AccessRequest(s.request.Name).WithUID(s.request.UID).WithResourceVersion(s.request.ResourceVersion).
		WithStatus(configuration(&wanted).WithConditions(status.Apply(conditions)...))
	if err := r.Reporter.Report(ctx, s.request, applied, s.request.Status.Conditions, conditions); err != nil {
		return err
	}
	s.request = s.request.DeepCopy()
	s.request.Status = wanted
	s.request.Status.Conditions = conditions
	s.request.ResourceVersion = ptr.Deref(applied.ResourceVersion, s.request.ResourceVersion)
	return nil
}

func withoutConditions(before *v1alpha1.AccessRequestStatus) v1alpha1.AccessRequestStatus {
	rest := *before
	rest.Conditions = nil
	return rest
}

// status is all of it but the conditions.
func (s *scope) status(bindings []rbacplan.Binding) v1alpha1.AccessRequestStatus {
	record := s.verdict.Record
	return v1alpha1.AccessRequestStatus{
		ObservedGeneration: &s.request.Generation, Grant: record.Grant, User: record.User, Approvals: s.verdict.Approvals,
		StartTime: record.Start, ExpireTime: record.Expire, EndTime: record.End, EndReason: record.EndReason,
		Bindings: new(int32(len(bindings))), Applied: apply.Named(bindings), //nolint:gosec // A count of objects in memory.
	}
}

func configuration(wanted *v1alpha1.AccessRequestStatus) *iamac.AccessRequestStatusApplyConfiguration {
	applied := iamac.AccessRequestStatus().WithObservedGeneration(*wanted.ObservedGeneration).WithBindings(*wanted.Bindings).
		WithApplied(status.Applied(wanted.Applied)...)
	applied.StartTime, applied.ExpireTime, applied.EndTime = wanted.StartTime, wanted.ExpireTime, wanted.EndTime
	if wanted.EndReason != "" {
		applied.WithEndReason(wanted.EndReason)
	}
	if grant := wanted.Grant; grant != nil {
		applied.WithGrant(iamac.GrantVersion().WithUID(grant.UID).WithGeneration(grant.Generation).WithTime(grant.Time).
			WithApproval(grant.Approval).WithQuorum(grant.Quorum))
	}
	if user := wanted.User; user != nil {
		applied.WithUser(iamac.Requester().WithName(user.Name).WithUID(user.UID))
	}
	for _, given := range wanted.Approvals {
		applied.WithApprovals(iamac.GivenApproval().WithName(given.Name).WithUID(given.UID).WithApprover(given.Approver).
			WithUser(given.User).WithDecision(given.Decision).WithTime(given.Time))
	}
	return applied
}

// conditions say whether access is given now, whether it was reviewed, and whether everything is as it should be.
func (s *scope) conditions() []metav1.Condition {
	active := metav1.Condition{
		Type: v1alpha1.ConditionActive, Status: metav1.ConditionFalse, Reason: s.verdict.Reason, Message: s.verdict.Message,
	}
	switch {
	case s.verdict.State == access.Active && len(s.bindings) > 0:
		active.Status = metav1.ConditionTrue
	case s.verdict.State == access.Active && len(s.problems) > 0:
		active.Reason, active.Message = s.problems[0].Reason, s.problems[0].Message
	}
	list := append(s.summary(), active)
	switch s.verdict.Review {
	case access.NotReviewed:
		return append(list, reviewed(metav1.ConditionFalse, v1alpha1.ReasonReviewPending, reviewPending))
	case access.Unreviewable:
		return append(list, reviewed(metav1.ConditionFalse, v1alpha1.ReasonNobodyCanReview, nobodyCanReview))
	case access.Approved:
		return append(list, reviewed(metav1.ConditionTrue, v1alpha1.ReasonApproved, "reviewed and found right"))
	case access.Denied:
		return append(list, reviewed(metav1.ConditionTrue, v1alpha1.ReasonDenied, "reviewed and found wrong"))
	}
	return list
}

// reviewPending is for those who can review: it stays until they do.
const reviewPending = "access was given before anybody approved it: an approver of its Grant has to look at it, and approve or deny"

// nobodyCanReview is for whoever audits.
const nobodyCanReview = "access was given before anybody approved it, and nobody can review it any more, " +
	"since its Grant or whoever asked is gone: look at it, and delete it"

func reviewed(state metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: v1alpha1.ConditionReviewed, Status: state, Reason: reason, Message: message}
}

func (s *scope) summary() []metav1.Condition {
	v := s.verdict
	switch {
	case len(s.problems) > 0:
		return status.NotReady(outcome.Whole(s.problems))
	case v.Review == access.NotReviewed:
		return status.NotReady(outcome.Transientf(v1alpha1.ReasonReviewPending, reviewPending))
	case v.Review == access.Unreviewable:
		return status.NotReady(outcome.Terminalf(v1alpha1.ReasonNobodyCanReview, nobodyCanReview))
	case v.State == access.Pending:
		return status.NotReady(outcome.Transientf(v.Reason, "%s", v.Message))
	case v.State == access.Ended && s.request.Status.Grant == nil:
		return status.NotReady(outcome.Terminalf(v.Reason, "%s", v.Message))
	default:
		return status.Ready(v.Reason, v.Message)
	}
}

// answer says of each Approval whether it counts.
func (r *Reconciler) answer(ctx context.Context, s *scope) error {
	for _, answer := range s.verdict.Answers {
		if err := r.answerOne(ctx, answer.Approval, s, summaryOf(answer)); err != nil {
			return err
		}
	}
	return nil
}

// answerWithout says to the Approvals of a request that is gone that it is.
func (r *Reconciler) answerWithout(ctx context.Context, request string) error {
	approvals, err := index.ApprovalsOf(ctx, r.Client, request)
	for i := range approvals {
		problem := outcome.Transientf(v1alpha1.ReasonRequestNotFound, "AccessRequest %q does not exist", request)
		if err := r.answerOne(ctx, &approvals[i], &scope{now: r.Clock.Now()}, status.NotReady(problem)); err != nil {
			return err
		}
	}
	return err
}

func summaryOf(answer access.Answer) []metav1.Condition {
	switch answer.Reason {
	case v1alpha1.ReasonCounted:
		return status.Ready(answer.Reason, answer.Message)
	case v1alpha1.ReasonPending, v1alpha1.ReasonNotAnApprover, v1alpha1.ReasonUserNotFound, v1alpha1.ReasonGrantNotFound:
		return status.NotReady(outcome.Transientf(answer.Reason, "%s", answer.Message))
	default:
		return status.NotReady(outcome.Terminalf(answer.Reason, "%s", answer.Message))
	}
}

func (r *Reconciler) answerOne(ctx context.Context, approval *v1alpha1.Approval, s *scope, summary []metav1.Condition) error {
	before := &approval.Status
	conditions := status.Merge(before.Conditions, summary, approval.Generation, s.now)
	if !approval.DeletionTimestamp.IsZero() || status.Same(before.Conditions, conditions, status.Summary()...) &&
		ptr.Deref(before.ObservedGeneration, -1) == approval.Generation {
		return nil
	}
	applied := iamac.ApprovalStatus().WithConditions(status.Apply(conditions)...).WithObservedGeneration(approval.Generation)
	err := r.Reporter.Report(ctx, approval, iamac.Approval(approval.Name).WithUID(approval.UID).WithStatus(applied),
		before.Conditions, conditions)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("answer Approval %s: %w", approval.Name, err)
	}
	return nil
}
