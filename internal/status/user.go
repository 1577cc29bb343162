// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/person"
)

// OfUser makes the summary conditions of a User: whether the cluster is as the User and the directory say. What keeps it from that is a
// name that is taken, a directory that is not there, or a kubeconfig that cannot be had, as the condition Kubeconfig tells.
func OfUser(verdict person.Verdict, user *v1alpha1.User) []metav1.Condition {
	problem := &outcome.Problem{Reason: verdict.Reason, Message: verdict.Message}
	switch {
	case verdict.PersonMustAct:
		problem.Kind = outcome.Terminal
	case verdict.Reason == v1alpha1.ReasonDirectoryUnknown, verdict.Reason == v1alpha1.ReasonDirectoryPending:
	case verdict.Status == metav1.ConditionTrue:
		problem = ofKubeconfig(user)
	default:
		problem = nil
	}
	if problem == nil {
		return Ready(v1alpha1.ReasonReconciled, verdict.Message)
	}
	return NotReady(problem)
}

// ofKubeconfig is what the credential controller says of this generation, if it is not that all is well.
func ofKubeconfig(user *v1alpha1.User) *outcome.Problem {
	if user.Spec.Kubeconfig == nil {
		return nil
	}
	condition := meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionKubeconfig)
	switch {
	case condition == nil || condition.ObservedGeneration != user.Generation || passing(condition.Reason):
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
