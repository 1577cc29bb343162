// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package issue turns a certificate request into a certificate of a Session: checked, signed, recorded, and only then handed out.
package issue

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/credential"
	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/proof"
	"github.com/rollcall-iam/rollcall/internal/reach"
	"github.com/rollcall-iam/rollcall/internal/session"
	"github.com/rollcall-iam/rollcall/internal/signer"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// FieldOwner is the field manager of what is recorded in Sessions.
const FieldOwner client.FieldOwner = "rollcall-issuer"

// maxGroups is how many groups a certificate may speak for: as many as its record holds.
const maxGroups = 128

// Issuer issues certificates. It is the only caller of the signer for people.
type Issuer struct {
	Client client.Client
	// Live reads past the cache: the Session and its User before anything is signed, where whoever asks has not looked at them.
	Live   client.Reader
	Signer signer.Signer
	// Ledger has each certificate written into it before it is handed out; nil where there is none, and nobody else who is told.
	Ledger Ledger
	Clock  clock.PassiveClock
	// Metrics count what is asked for; nil where nobody asks.
	Metrics *Metrics
}

// Ledger is where entries are written. What is written is durable.
type Ledger interface {
	// Open is nil while entries can be written, as far as is known.
	Open() error
	Record(ctx context.Context, e *ledger.Entry) (number uint64, err error)
}

// Request asks for a certificate of a Session.
type Request struct {
	// Session by name.
	Session string
	// CSR as PEM.
	CSR []byte
	// Duration of the certificate; zero for what the Session says.
	Duration time.Duration
	// Predecessor is the fingerprint of the certificate that is renewed; empty for the first.
	Predecessor string
	// SecretRef names the Secret that the certificate is going to be put into; nil where whoever asks keeps it.
	SecretRef *v1alpha1.SecretReference
	// Seen are the Session and its User where whoever asks has looked at them; nil has that done here, past the cache. Whoever has looked at
	// the User in a cache looks past it before the certificate is handed out.
	Seen *Seen
	// Vouched is when the directory, and Proven when the identity provider, vouched for the person just now; zero where it was not asked.
	Vouched, Proven time.Time
}

// Seen is a Session, as it was begun or looked at, and its User. A certificate is recorded for exactly that Session, or it is looked at
// anew.
type Seen struct {
	Session *v1alpha1.Session
	User    *v1alpha1.User
}

// Issued is a certificate that is on record.
type Issued struct {
	// Chain as PEM: the certificate, and intermediates where there are any.
	Chain []byte
	// Certificate is the first of them.
	Certificate *x509.Certificate
	// RenewTime is when to replace it.
	RenewTime time.Time
	// Session as it is with that certificate.
	Session *v1alpha1.Session
}

// ErrEnded says that a Session does not go on. It wraps the verdict's message.
var ErrEnded = errors.New("the session has ended")

// ErrKey says that a request is for a key that it may not be for.
var ErrKey = errors.New("the key is not the session's own")

// SubjectError says that a request asks for another subject than a certificate of the Session has now.
type SubjectError struct{ Subject pki.Subject }

// Error implements error.
func (e *SubjectError) Error() string {
	return "the request asks for another subject than the session's"
}

// Subject is what a certificate for a User says now.
func (i *Issuer) Subject(ctx context.Context, user *v1alpha1.User) (pki.Subject, error) {
	groups, err := reach.BoundGroups(ctx, i.Client, user)
	if err != nil {
		return pki.Subject{}, fmt.Errorf("find the groups that bindings name: %w", err)
	}
	if len(groups) > maxGroups {
		return pki.Subject{}, outcome.Terminalf(v1alpha1.ReasonCertificateInvalid,
			"Grants with subjectMode Groups bind %d groups of this User, and a certificate speaks for %d at most: "+
				"bind fewer of them, or people (subjectMode: Users)", len(groups), maxGroups)
	}
	return pki.Subject{Username: user.Status.Username, Groups: groups, UID: string(user.UID)}, nil
}

// wanted is a certificate that may be made.
type wanted struct {
	session  *v1alpha1.Session
	user     *v1alpha1.User
	request  *x509.CertificateRequest
	subject  pki.Subject
	duration time.Duration
}

// Issue has a certificate signed and recorded. Errors are ErrEnded, ErrKey, a *SubjectError, or an *outcome.Problem where their reason
// is known; what a request asks for beyond its subject is an outcome.Terminal with reason SigningDenied.
func (i *Issuer) Issue(ctx context.Context, request Request) (Issued, error) {
	if err := i.ledgerOpen(); err != nil {
		i.Metrics.answered(i.Signer.Name(), resultFailed)
		return Issued{}, err // Before anything is signed, and counts.
	}
	w, err := i.examine(ctx, request)
	if err != nil {
		i.Metrics.answered(i.Signer.Name(), refusal(err))
		return Issued{}, err
	}
	issued, err := i.make(ctx, request, w)
	switch {
	case err == nil:
		i.Metrics.answered(i.Signer.Name(), resultIssued)
	case errors.Is(err, ErrEnded):
		i.Metrics.answered(i.Signer.Name(), resultRefused)
	default:
		i.Metrics.answered(i.Signer.Name(), resultFailed)
	}
	return issued, err
}

// examine says whether a certificate may be made, and for whom.
func (i *Issuer) examine(ctx context.Context, request Request) (wanted, error) {
	s, user, err := i.look(ctx, request)
	if err != nil {
		return wanted{}, err
	}
	parsed, err := i.check(ctx, s, request.CSR)
	if err != nil {
		return wanted{}, err
	}
	subject, err := i.Subject(ctx, user)
	if err != nil {
		return wanted{}, err
	}
	if err := pki.CheckRequest(request.CSR, subject); errors.Is(err, pki.ErrSubject) {
		return wanted{}, &SubjectError{Subject: subject}
	} else if err != nil {
		return wanted{}, outcome.Terminalf(v1alpha1.ReasonSigningDenied, "the certificate request is refused: %v", err)
	}
	duration, err := i.duration(s, request.Duration)
	return wanted{s, user, parsed, subject, duration}, err
}

// make has it signed, checks it, and puts it on record.
func (i *Issuer) make(ctx context.Context, request Request, w wanted) (Issued, error) {
	began := i.Clock.Now()
	chain, err := i.Signer.Sign(ctx, signer.Request{User: w.user, Subject: w.subject, CSR: request.CSR, Duration: w.duration})
	i.Metrics.signed(i.Signer.Name(), i.Clock.Since(began))
	if err != nil {
		return Issued{}, err
	}
	leaf, err := pki.CheckCertificate(chain, w.request.PublicKey, w.subject)
	if err != nil {
		return Issued{}, outcome.Terminalf(v1alpha1.ReasonCertificateInvalid, "the signer's certificate is not what was asked for: %v", err)
	}
	if err := i.record(ctx, w.session, request, leaf); err != nil {
		return Issued{}, err
	}
	if err := i.enter(ctx, w.session, request, leaf); err != nil {
		return Issued{}, err
	}
	// A signer may give more than was asked for. Renewal goes by what was asked for.
	now := i.Clock.Now()
	renew := credential.RenewTime(now, now.Add(min(leaf.NotAfter.Sub(now), w.duration)), pki.Fingerprint(leaf))
	return Issued{Chain: chain, Certificate: leaf, RenewTime: renew, Session: w.session}, nil
}

// check reads a request, and says whether it may be signed in a Session, but for its subject. Whose the key is was looked at when the
// Session began; who began two at once, with one key, is found out before either has a certificate.
func (i *Issuer) check(ctx context.Context, s *v1alpha1.Session, csr []byte) (*x509.CertificateRequest, error) {
	parsed, err := pki.ParseRequest(csr)
	if err != nil {
		return nil, outcome.Terminalf(v1alpha1.ReasonSigningDenied, "the certificate request is refused: %v", err)
	}
	if s.Spec.KeyFingerprint != "" && proof.KeyFingerprint(parsed.RawSubjectPublicKeyInfo) != s.Spec.KeyFingerprint {
		return nil, ErrKey
	}
	if s.Spec.KeyFingerprint != "" && ptr.Deref(s.Status.Issued, 0) == 0 {
		if err := i.checkOwner(ctx, s, parsed.PublicKey); err != nil {
			return nil, err
		}
	}
	if session.Full(s.Status.Certificates, i.Clock.Now()) {
		return nil, outcome.Waitingf(time.Minute, v1alpha1.ReasonSigningDenied,
			"too many certificates of this session are still valid: wait until one has expired")
	}
	return parsed, nil
}

// look finds the Session and the User of a request, and that the one goes on and the other may act.
func (i *Issuer) look(ctx context.Context, request Request) (*v1alpha1.Session, *v1alpha1.User, error) {
	if seen := request.Seen; seen != nil {
		// What is recorded is noted in the Session, and the one that was seen may be a cache's.
		s := seen.Session.DeepCopy()
		return s, seen.User, i.goesOn(ctx, s, seen.User)
	}
	return i.open(ctx, request.Session)
}

// open looks at a Session and its User past the cache, and finds that the one goes on and the other may act.
func (i *Issuer) open(ctx context.Context, name string) (*v1alpha1.Session, *v1alpha1.User, error) {
	s := &v1alpha1.Session{}
	err := i.Live.Get(ctx, client.ObjectKey{Name: name}, s)
	if apierrors.IsNotFound(err) {
		return nil, nil, fmt.Errorf("%w: it is gone", ErrEnded)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("get Session %s: %w", name, err)
	}
	user := &v1alpha1.User{}
	err = i.Live.Get(ctx, client.ObjectKey{Name: s.Spec.UserRef.Name}, user)
	if client.IgnoreNotFound(err) != nil {
		return nil, nil, fmt.Errorf("get User %s: %w", s.Spec.UserRef.Name, err)
	}
	return s, user, i.goesOn(ctx, s, user)
}

// goesOn finds that a Session goes on, and that its User may act.
func (i *Issuer) goesOn(ctx context.Context, s *v1alpha1.Session, user *v1alpha1.User) error {
	facts, err := reach.OfSession(ctx, i.Client, s, i.Clock.Now())
	if err != nil {
		return err
	}
	facts.User = nil
	if string(user.UID) == s.Spec.UserRef.UID && user.DeletionTimestamp.IsZero() {
		facts.User = user
	}
	if verdict := session.Decide(facts, i.Clock.Now()); !verdict.Active() {
		return fmt.Errorf("%w: %s", ErrEnded, verdict.Message)
	}
	if !reach.Active(user) {
		return outcome.Transientf(v1alpha1.ReasonUserInactive, "it is not known yet whether User %q may act", user.Name)
	}
	return nil
}

// defaultLife is asked for where a Session does not say.
const defaultLife = 15 * time.Minute

// duration is the lifetime to ask for: no certificate outlives what its Session may last.
func (i *Issuer) duration(s *v1alpha1.Session, asked time.Duration) (time.Duration, error) {
	life := cmp.Or(asked, time.Duration(s.Spec.CertificateSeconds)*time.Second, defaultLife)
	end := session.EndTime(s)
	if end.IsZero() {
		return life, nil
	}
	left := end.Sub(i.Clock.Now())
	if left < i.Signer.Shortest() {
		return 0, fmt.Errorf("%w: it ends in %s, and the shortest certificate is for %s",
			ErrEnded, max(left, 0).Round(time.Second), i.Signer.Shortest())
	}
	return min(life, left), nil
}

// record writes a certificate into the Session's status before anybody gets it, if the Session still goes on.
func (i *Issuer) record(ctx context.Context, s *v1alpha1.Session, request Request, leaf *x509.Certificate) error {
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		err := i.write(ctx, s, request, leaf)
		if apierrors.IsNotFound(err) {
			return fmt.Errorf("%w: it is gone", ErrEnded)
		}
		if !apierrors.IsConflict(err) {
			return err
		}
		fresh, _, openErr := i.open(ctx, s.Name)
		if openErr != nil {
			return openErr
		}
		if fresh.UID != s.UID {
			return fmt.Errorf("%w: another has its name", ErrEnded)
		}
		*s = *fresh
		return err
	})
	if err != nil {
		return fmt.Errorf("record certificate %s: %w", pki.Fingerprint(leaf), err)
	}
	return nil
}

func (i *Issuer) write(ctx context.Context, s *v1alpha1.Session, request Request, leaf *x509.Certificate) error {
	now := i.Clock.Now()
	record := v1alpha1.SessionCertificate{
		Fingerprint: pki.Fingerprint(leaf), SerialNumber: pki.SerialNumber(leaf), Predecessor: request.Predecessor, Groups: pki.Groups(leaf),
		NotBefore: metav1.NewTime(leaf.NotBefore), NotAfter: metav1.NewTime(leaf.NotAfter), SecretRef: request.SecretRef,
	}
	certificates := session.With(s.Status.Certificates, record, now)
	issued, renewed := ptr.Deref(s.Status.Issued, 0)+1, metav1.NewTime(now.Truncate(time.Second))
	owned := iamac.SessionStatus().WithCertificates(certified(certificates)...).WithIssued(issued).WithLastRenewTime(renewed)
	vouched, proven := later(s.Status.LastVouchedTime, request.Vouched), later(s.Status.LastProofTime, request.Proven)
	if vouched != nil {
		owned.WithLastVouchedTime(*vouched)
	}
	if proven != nil {
		owned.WithLastProofTime(*proven)
	}
	conditions, generation := told(s, now)
	owned.WithConditions(status.Apply(conditions)...).WithObservedGeneration(generation)
	applied := iamac.Session(s.Name).WithResourceVersion(s.ResourceVersion).WithStatus(owned)
	if err := i.Client.Status().Apply(ctx, applied, FieldOwner, client.ForceOwnership); err != nil {
		return err
	}
	s.Status.Certificates, s.Status.Issued, s.Status.LastRenewTime = certificates, &issued, &renewed
	s.Status.LastVouchedTime, s.Status.LastProofTime = vouched, proven
	s.Status.Conditions, s.Status.ObservedGeneration = conditions, &generation
	return nil
}

// told is what a Session's conditions say, which are written along as they are, or else those that its controller would write next: that it
// goes on is told with its first certificate, in one write. What the controller says later is its own.
func told(s *v1alpha1.Session, now time.Time) (conditions []metav1.Condition, generation int64) {
	if len(s.Status.Conditions) > 0 {
		return s.Status.Conditions, ptr.Deref(s.Status.ObservedGeneration, 0)
	}
	return status.Merge(nil, session.GoesOn().Conditions(), s.Generation, now), s.Generation
}

// later is the newer of what is recorded and what is known now.
func later(recorded *metav1.Time, now time.Time) *metav1.Time {
	if now.IsZero() || recorded != nil && recorded.After(now) {
		return recorded
	}
	return new(metav1.NewTime(now.Truncate(time.Second)))
}

func certified(certificates []v1alpha1.SessionCertificate) []*iamac.SessionCertificateApplyConfiguration {
	applied := make([]*iamac.SessionCertificateApplyConfiguration, len(certificates))
	for i := range certificates {
		c := &certificates[i]
		applied[i] = iamac.SessionCertificate().WithFingerprint(c.Fingerprint).WithSerialNumber(c.SerialNumber).
			WithNotBefore(c.NotBefore).WithNotAfter(c.NotAfter).WithGroups(c.Groups...)
		if c.Predecessor != "" {
			applied[i].WithPredecessor(c.Predecessor)
		}
		if c.SecretRef != nil {
			applied[i].WithSecretRef(iamac.SecretReference().WithNamespace(c.SecretRef.Namespace).WithName(c.SecretRef.Name))
		}
	}
	return applied
}
