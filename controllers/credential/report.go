// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/reach"
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
	return r.write(ctx, s, applied(s.user, s.user.Status.Certificate, conditions), conditions)
}

// writeRecord records a certificate before it is published, if the User is still the one that it was signed for, and active. The API
// server does not compare the uid in a write of status, but it does compare the resource version of the last look.
func (r *Reconciler) writeRecord(ctx context.Context, s *scope, record *v1alpha1.Certificate) error {
	uid := s.user.UID
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		if err := r.Live.Get(ctx, client.ObjectKeyFromObject(s.user), s.user); err != nil {
			return err
		}
		if s.user.UID != uid || !reach.Active(s.user) {
			return outcome.Transientf(v1alpha1.ReasonUserInactive,
				"this User was suspended or replaced while certificate %s was signed, which is therefore dropped", record.Fingerprint)
		}
		return r.writeRecordOf(ctx, s, record)
	})
	if err != nil {
		return fmt.Errorf("record certificate %s: %w", record.Fingerprint, err)
	}
	s.user.Status.Certificate = record
	return nil
}

// writeRecordOf leaves the condition as it is: what is in the Secret still counts.
func (r *Reconciler) writeRecordOf(ctx context.Context, s *scope, record *v1alpha1.Certificate) error {
	wanted := kubeconfig(metav1.ConditionFalse, v1alpha1.ReasonIssuing, "the certificate is signed, and about to be published")
	if before := meta.FindStatusCondition(s.user.Status.Conditions, v1alpha1.ConditionKubeconfig); before != nil {
		wanted = []metav1.Condition{*before}
	}
	conditions := status.Merge(s.user.Status.Conditions, wanted, s.user.Generation, s.now)
	return r.write(ctx, s, applied(s.user, record, conditions).WithResourceVersion(s.user.ResourceVersion), conditions)
}

// applied is all that this controller owns of a User.
func applied(user *v1alpha1.User, record *v1alpha1.Certificate, conditions []metav1.Condition) *iamac.UserApplyConfiguration {
	owned := iamac.UserStatus().WithConditions(status.Apply(conditions)...)
	if record != nil {
		owned.WithCertificate(certificate(record))
	}
	return iamac.User(user.Name).WithUID(user.UID).WithStatus(owned)
}

func (r *Reconciler) write(
	ctx context.Context, s *scope, applied *iamac.UserApplyConfiguration, conditions []metav1.Condition,
) error {
	if err := r.Reporter.Report(ctx, s.user, applied, s.user.Status.Conditions, conditions); err != nil {
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
