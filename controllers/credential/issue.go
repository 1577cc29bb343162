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
	"github.com/rollcall-iam/rollcall/internal/issue"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/pki"
)

// issue makes a new key, has it signed, records the certificate, and then publishes both in one write. A crash before the
// publication loses the key, which was nowhere else, so that a certificate that got out is always one that was recorded.
func (r *Reconciler) issue(ctx context.Context, s *scope, why string) (renew time.Time, err error) {
	if ref := s.user.Spec.Kubeconfig.SecretRef; s.secret.noNamespace {
		return time.Time{}, outcome.Transientf(v1alpha1.ReasonNamespaceNotFound,
			"namespace %q of spec.kubeconfig.secretRef does not exist", ref.Namespace)
	}
	if err := r.beginSession(ctx, s); err != nil {
		return time.Time{}, err
	}
	issued, key, err := r.sign(ctx, s)
	if err != nil {
		return time.Time{}, err
	}
	record := r.record(issued.Certificate, s)
	if err := r.writeRecord(ctx, s, record); err != nil {
		return time.Time{}, err
	}
	published, err := r.publish(ctx, s, issued.Chain, key)
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
	return record.RenewTime.Time, r.report(ctx, s, fresh())
}

// sign makes a key and has its certificate signed and recorded in the Session. It returns the key as PEM.
func (r *Reconciler) sign(ctx context.Context, s *scope) (issue.Issued, []byte, error) {
	key, err := pki.NewKey()
	if err != nil {
		return issue.Issued{}, nil, fmt.Errorf("make key: %w", err)
	}
	encoded, err := pki.EncodeKey(key)
	if err != nil {
		return issue.Issued{}, nil, fmt.Errorf("encode key: %w", err)
	}
	request, err := pki.NewRequest(key, s.subject)
	if err != nil {
		return issue.Issued{}, nil, fmt.Errorf("make certificate request: %w", err)
	}
	asked := issue.Request{
		Session: s.session.Name, CSR: request, Duration: time.Duration(s.user.Spec.Kubeconfig.DurationSeconds) * time.Second,
	}
	if before := s.user.Status.Certificate; before != nil && before.Session == s.session.Name {
		asked.Predecessor = before.Fingerprint
	}
	issued, err := r.Issuer.Issue(ctx, asked)
	if _, changed := errors.AsType[*issue.SubjectError](err); changed || errors.Is(err, issue.ErrEnded) {
		return issued, nil, outcome.Transientf(v1alpha1.ReasonIssuing, "this User changed while a certificate was signed: %v", err)
	}
	return issued, encoded, err
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
		Session:      s.session.Name,
		Groups:       credential.Certified(certified, s.subject.Groups, leaf.NotAfter, now),
	}
}

func (r *Reconciler) announce(ctx context.Context, user *v1alpha1.User, record *v1alpha1.Certificate, why string) {
	log.FromContext(ctx).Info("certificate issued", "why", why, "fingerprint", record.Fingerprint, "notAfter", record.NotAfter.UTC())
	r.Reporter.Recorder.Eventf(user, nil, corev1.EventTypeNormal, "CertificateIssued", "Issue",
		"%s: certificate %s, valid until %s, is in %s",
		why, record.Fingerprint, record.NotAfter.UTC().Format(time.RFC3339), describe(record.SecretRef))
}
