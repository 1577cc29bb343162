// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/credential"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/signer"
)

// issue makes a new key, has it signed, records the certificate, and then publishes both in one write. A crash before the
// publication loses the key, which was nowhere else, so that a certificate that got out is always one that was recorded.
func (r *Reconciler) issue(ctx context.Context, s *scope, why string) (renew time.Time, err error) {
	if ref := s.user.Spec.Kubeconfig.SecretRef; s.secret.noNamespace {
		return time.Time{}, outcome.Transientf(v1alpha1.ReasonNamespaceNotFound,
			"namespace %q of spec.kubeconfig.secretRef does not exist", ref.Namespace)
	}
	subject := pki.Subject{Username: s.user.Status.Username, Groups: s.groups}
	key, err := pki.NewKey()
	if err != nil {
		return time.Time{}, fmt.Errorf("make key: %w", err)
	}
	request, err := pki.NewRequest(key, subject)
	if err != nil {
		return time.Time{}, fmt.Errorf("make certificate request: %w", err)
	}
	chain, err := r.Signer.Sign(ctx, signer.Request{
		User: s.user, Subject: subject, CSR: request,
		Duration: time.Duration(s.user.Spec.Kubeconfig.DurationSeconds) * time.Second,
	})
	if err != nil {
		return time.Time{}, err
	}
	leaf, err := pki.CheckCertificate(chain, key.Public(), subject)
	if err != nil {
		return time.Time{}, outcome.Terminalf(v1alpha1.ReasonCertificateInvalid, "the signer's certificate is not what was asked for: %v", err)
	}
	record := r.record(leaf, s)
	if err := r.writeRecord(ctx, s, record); err != nil {
		return time.Time{}, err
	}
	encoded, err := pki.EncodeKey(key)
	if err != nil {
		return time.Time{}, fmt.Errorf("encode key: %w", err)
	}
	published, err := r.publish(ctx, s, chain, encoded)
	if err != nil {
		return time.Time{}, err
	}
	r.announce(ctx, s.user, record, why)
	signed := s.user
	// The garbage collector would find a Secret whose User is gone, but it takes its time.
	if err := r.refresh(ctx, s); errors.Is(err, errGone) {
		return time.Time{}, errors.Join(err, r.remove(ctx, published))
	}
	if !stillWanted(s.user, signed) {
		return record.RenewTime.Time, nil // What changed has an event of its own, which comes next.
	}
	return record.RenewTime.Time, r.report(ctx, s, issued())
}

func (r *Reconciler) record(leaf *x509.Certificate, s *scope) *v1alpha1.Certificate {
	user, fingerprint := s.user, pki.Fingerprint(leaf)
	now := r.Clock.Now()
	// A signer may give more than was asked for. Renewal goes by what was asked for.
	life := min(leaf.NotAfter.Sub(now), time.Duration(user.Spec.Kubeconfig.DurationSeconds)*time.Second)
	last := metav1.NewTime(leaf.NotAfter)
	var certified []v1alpha1.CertifiedGroup
	if before := user.Status.Certificate; before != nil {
		certified = before.Groups
		if before.LastNotAfter.After(last.Time) {
			last = before.LastNotAfter
		}
	}
	return &v1alpha1.Certificate{
		Fingerprint:  fingerprint,
		SerialNumber: pki.SerialNumber(leaf),
		NotBefore:    metav1.NewTime(leaf.NotBefore),
		NotAfter:     metav1.NewTime(leaf.NotAfter),
		LastNotAfter: last,
		RenewTime:    metav1.NewTime(credential.RenewTime(now, now.Add(life), fingerprint)),
		SecretRef:    user.Spec.Kubeconfig.SecretRef,
		Groups:       credential.Certified(certified, s.groups, leaf.NotAfter, now),
	}
}

func (r *Reconciler) announce(ctx context.Context, user *v1alpha1.User, record *v1alpha1.Certificate, why string) {
	log.FromContext(ctx).Info("certificate issued", "why", why, "fingerprint", record.Fingerprint, "notAfter", record.NotAfter.UTC())
	r.Reporter.Recorder.Eventf(user, nil, corev1.EventTypeNormal, "CertificateIssued", "Issue",
		"%s: certificate %s, valid until %s, is in %s",
		why, record.Fingerprint, record.NotAfter.UTC().Format(time.RFC3339), describe(record.SecretRef))
}
