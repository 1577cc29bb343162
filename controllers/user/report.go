// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package user

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/person"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// report writes the status, if it differs.
func (r *Reconciler) report(ctx context.Context, s *scope) error {
	before := &s.user.Status
	wanted := append(s.summary(), s.active())
	if s.dormant {
		wanted = append(wanted, person.Dormant(s.user, len(s.grants)))
	}
	conditions := status.Merge(before.Conditions, wanted, s.user.Generation, s.now)
	username := cmp.Or(s.username, before.Username)
	owned := append(status.Summary(), v1alpha1.ConditionActive, v1alpha1.ConditionDormant)
	if status.Same(before.Conditions, conditions, owned...) && before.Username == username &&
		slices.Equal(before.Groups, s.groups) && slices.Equal(before.Grants, s.grants) &&
		ptr.Deref(before.ObservedGeneration, -1) == s.user.Generation {
		return nil
	}
	applied := iamac.UserStatus().WithConditions(status.Apply(conditions)...).WithObservedGeneration(s.user.Generation).
		WithGroups(s.groups...).WithGrants(s.grants...)
	if username != "" {
		applied.WithUsername(username)
	}
	err := r.Reporter.Report(ctx, s.user, iamac.User(s.user.Name).WithUID(s.user.UID).WithStatus(applied), before.Conditions, conditions)
	return client.IgnoreNotFound(err)
}

// active is the verdict as a condition. When it is False, the message says since when, and until when a certificate that is
// already out would still prove who its bearer is.
func (s *scope) active() metav1.Condition {
	condition := metav1.Condition{
		Type: v1alpha1.ConditionActive, Status: s.verdict.Status, Reason: s.verdict.Reason, Message: s.verdict.Message,
	}
	if condition.Status != metav1.ConditionFalse {
		return condition
	}
	since := s.now
	if before := meta.FindStatusCondition(s.user.Status.Conditions, condition.Type); before != nil && before.Status == condition.Status {
		since = before.LastTransitionTime.Time
	}
	condition.Message += fmt.Sprintf("; no access since %s", rfc3339(since))
	if h := s.held(since); h.until.After(since) {
		condition.Message += h.told()
	}
	return condition
}

func rfc3339(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

// summary says whether the cluster is as this User and the directory say: what keeps it from that is a name that is taken, a
// directory that is not there, or a kubeconfig that cannot be had.
func (s *scope) summary() []metav1.Condition {
	problem := &outcome.Problem{Reason: s.verdict.Reason, Message: s.verdict.Message}
	switch {
	case s.verdict.PersonMustAct:
		problem.Kind = outcome.Terminal
	case s.verdict.Reason == v1alpha1.ReasonDirectoryUnknown, s.verdict.Reason == v1alpha1.ReasonDirectoryPending:
	case s.verdict.Status == metav1.ConditionTrue:
		problem = s.kubeconfigProblem()
	default:
		problem = nil
	}
	if problem == nil {
		return status.Ready(v1alpha1.ReasonReconciled, s.verdict.Message)
	}
	return status.NotReady(problem)
}

// kubeconfigProblem is what the credential controller says of this generation, if it is not that all is well.
func (s *scope) kubeconfigProblem() *outcome.Problem {
	if s.user.Spec.Kubeconfig == nil {
		return nil
	}
	condition := meta.FindStatusCondition(s.user.Status.Conditions, v1alpha1.ConditionKubeconfig)
	switch {
	case condition == nil || condition.ObservedGeneration != s.user.Generation || passing(condition.Reason):
		return outcome.Transientf(v1alpha1.ReasonIssuing, "the kubeconfig Secret is being made")
	case condition.Status == metav1.ConditionTrue:
		return nil
	case slices.Contains(forPeople(), condition.Reason):
		return outcome.Terminalf(condition.Reason, "%s", condition.Message)
	default:
		return outcome.Transientf(condition.Reason, "%s", condition.Message)
	}
}

// passing are reasons that something else is about to follow, which is not worth telling them apart.
func passing(reason string) bool {
	return reason == v1alpha1.ReasonUserInactive || reason == v1alpha1.ReasonIssuing
}

// forPeople are the reasons of Kubeconfig that stay until a person acts.
func forPeople() []string {
	return []string{
		v1alpha1.ReasonSecretConflict, v1alpha1.ReasonSecretForbidden,
		v1alpha1.ReasonSigningDenied, v1alpha1.ReasonCertificateInvalid,
	}
}
