// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/credential"
	"github.com/rollcall-iam/rollcall/internal/issue"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/person"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/reach"
	"github.com/rollcall-iam/rollcall/internal/session"
)

// issue makes a new key, has it signed and recorded in the Session, publishes both in one write, and tells of it in the User. A crash
// before the publication loses the key, which was nowhere else, so that a certificate that got out is always one that was recorded.
func (r *Reconciler) issue(ctx context.Context, s *scope, why string) (renew time.Time, err error) {
	if ref := s.user.Spec.Kubeconfig.SecretRef; s.secret.noNamespace {
		return time.Time{}, outcome.Transientf(v1alpha1.ReasonNamespaceNotFound,
			"namespace %q of spec.kubeconfig.secretRef does not exist", ref.Namespace)
	}
	begun, err := r.beginSession(ctx, s)
	if err != nil {
		return time.Time{}, err
	}
	issued, key, err := r.sign(ctx, s)
	if err != nil {
		return time.Time{}, err
	}
	if refused, err := r.lookAgain(ctx, s); err != nil {
		return time.Time{}, err
	} else if refused != nil {
		return time.Time{}, r.drop(ctx, begun, issued.Session, refused)
	}
	record := credential.Record(s.user, issued.Session, r.Clock.Now())
	published, err := r.publish(ctx, s, issued, key)
	if err != nil {
		return time.Time{}, err
	}
	r.announce(ctx, s.user, record, why)
	err = r.writeRecord(ctx, s, record)
	if errors.Is(err, errGone) {
		// The garbage collector would find a Secret whose User is gone, but it takes its time.
		err = errors.Join(err, r.remove(ctx, published))
	}
	return record.RenewTime.Time, err
}

// lookAgain finds that a certificate is still what this User may have, at the place that they ask for, and that none was told of meanwhile:
// signing it took a while, and what it went by may have been a cache's. Otherwise it says why it is not handed out.
func (r *Reconciler) lookAgain(ctx context.Context, s *scope) (refused, err error) {
	signed, now := s.user, r.Clock.Now()
	if err := r.refresh(ctx, s); err != nil {
		return nil, err
	}
	if s.user.Spec.Kubeconfig == nil || toldFingerprint(s.user) != toldFingerprint(signed) {
		return errOvertaken, nil
	}
	mayAct, err := reach.MayAct(ctx, r.Client, s.user, now)
	if err != nil {
		return nil, err
	}
	subject, err := r.Issuer.Subject(ctx, s.user)
	if err != nil {
		return nil, err
	}
	if mayAct && !person.Withdrawn(s.user, now) && stillWanted(s.user, signed) && equality.Semantic.DeepEqual(subject, s.subject) {
		return nil, nil
	}
	return outcome.Transientf(v1alpha1.ReasonIssuing, "this User changed while a certificate was signed, which is therefore dropped"), nil
}

// drop ends the Session that began for a certificate which nobody gets: the next look may not find it in the cache yet.
func (r *Reconciler) drop(ctx context.Context, begun bool, of *v1alpha1.Session, refused error) error {
	fingerprint := session.Latest(of).Fingerprint
	log.FromContext(ctx).Info("certificate dropped", "fingerprint", fingerprint, "session", of.Name, "why", refused.Error())
	if begun {
		if err := r.endSession(ctx, of, "its certificate was dropped before it was published"); err != nil {
			return err
		}
	}
	return refused
}

func stillWanted(user, signed *v1alpha1.User) bool {
	return reach.Active(user) && user.Status.Username == signed.Status.Username &&
		user.Spec.Kubeconfig != nil && *user.Spec.Kubeconfig == *signed.Spec.Kubeconfig
}

// toldFingerprint is that of the certificate that a User's status tells of, if it does of one.
func toldFingerprint(user *v1alpha1.User) string {
	if user.Status.Certificate == nil {
		return ""
	}
	return user.Status.Certificate.Fingerprint
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
		SecretRef: new(s.user.Spec.Kubeconfig.SecretRef), Seen: &issue.Seen{Session: s.session, User: s.user},
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

// announce makes a log line of a certificate, and an event where it is not a User's first: that something new is well is no news.
func (r *Reconciler) announce(ctx context.Context, user *v1alpha1.User, record *v1alpha1.Certificate, why string) {
	log.FromContext(ctx).Info("certificate issued", "why", why, "fingerprint", record.Fingerprint, "notAfter", record.NotAfter.UTC())
	if user.Status.Certificate == nil {
		return
	}
	r.Reporter.Recorder.Eventf(user, nil, corev1.EventTypeNormal, "CertificateIssued", "Issue",
		"%s: certificate %s, valid until %s, is in %s",
		why, record.Fingerprint, record.NotAfter.UTC().Format(time.RFC3339), describe(record.SecretRef))
}
