// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// fresh says that the Secret is there, with a certificate that is renewed in time.
func fresh() []metav1.Condition {
	return kubeconfig(metav1.ConditionTrue, v1alpha1.ReasonIssued, "the Secret holds a certificate that is renewed in time")
}

// idle says why there is no Secret, or nothing where none is asked for.
func idle(user *v1alpha1.User) []metav1.Condition {
	if user.Spec.Kubeconfig == nil {
		return nil
	}
	return kubeconfig(metav1.ConditionFalse, v1alpha1.ReasonUserInactive,
		"this User is not active: the Secret is removed and nothing is renewed")
}

func failing(problem *outcome.Problem) []metav1.Condition {
	return kubeconfig(metav1.ConditionFalse, problem.Reason, problem.Message)
}

func kubeconfig(state metav1.ConditionStatus, reason, message string) []metav1.Condition {
	return []metav1.Condition{{Type: v1alpha1.ConditionKubeconfig, Status: state, Reason: reason, Message: message}}
}
