// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// issued says that the Secret is there and fresh.
func issued() []metav1.Condition {
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

// report writes the condition, if it differs.
func (r *Reconciler) report(ctx context.Context, s *scope, wanted []metav1.Condition) error {
	conditions := status.Merge(s.user.Status.Conditions, wanted, s.user.Generation, s.now)
	if status.Same(s.user.Status.Conditions, conditions, v1alpha1.ConditionKubeconfig) {
		return nil
	}
	return r.write(ctx, s, s.user.Status.Certificate, conditions)
}

// writeRecord records a certificate before it is published. The condition stays as it is: what is in the Secret still counts.
func (r *Reconciler) writeRecord(ctx context.Context, s *scope, record *v1alpha1.Certificate) error {
	wanted := kubeconfig(metav1.ConditionFalse, v1alpha1.ReasonIssuing, "the certificate is signed, and about to be published")
	if before := meta.FindStatusCondition(s.user.Status.Conditions, v1alpha1.ConditionKubeconfig); before != nil {
		wanted = []metav1.Condition{*before}
	}
	if err := r.write(ctx, s, record, status.Merge(s.user.Status.Conditions, wanted, s.user.Generation, s.now)); err != nil {
		return fmt.Errorf("record certificate %s: %w", record.Fingerprint, err)
	}
	s.user.Status.Certificate = record
	return nil
}

// write applies all that this controller owns of a User's status. The uid goes along: a User of the same name that was created
// meanwhile is somebody else.
func (r *Reconciler) write(ctx context.Context, s *scope, record *v1alpha1.Certificate, conditions []metav1.Condition) error {
	applied := iamac.UserStatus().WithConditions(status.Apply(conditions)...)
	if record != nil {
		applied.WithCertificate(certificate(record))
	}
	before := s.user.Status.Conditions
	whole := iamac.User(s.user.Name).WithUID(s.user.UID).WithStatus(applied)
	if err := r.Reporter.Report(ctx, s.user, whole, before, conditions); err != nil {
		return err
	}
	meta.RemoveStatusCondition(&s.user.Status.Conditions, v1alpha1.ConditionKubeconfig)
	s.user.Status.Conditions = append(s.user.Status.Conditions, conditions...)
	return nil
}

func certificate(c *v1alpha1.Certificate) *iamac.CertificateApplyConfiguration {
	return iamac.Certificate().WithFingerprint(c.Fingerprint).WithSerialNumber(c.SerialNumber).
		WithNotBefore(c.NotBefore).WithNotAfter(c.NotAfter).WithLastNotAfter(c.LastNotAfter).WithRenewTime(c.RenewTime).
		WithSecretRef(iamac.SecretReference().WithNamespace(c.SecretRef.Namespace).WithName(c.SecretRef.Name))
}
