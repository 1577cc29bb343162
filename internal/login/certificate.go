// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/issue"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/reach"
	"github.com/rollcall-iam/rollcall/internal/session"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// certificate issues the first certificate of a Session to whoever has its key, and each that follows to whoever shows the one before.
func (s *Service) certificate(ctx context.Context, a *attempt) (any, error) {
	var request wire.CertificateRequest
	if err := decode(a, &request); err != nil {
		return nil, err
	}
	a.session = request.Session
	current, predecessor, err := s.authenticate(ctx, a, request.Session)
	if err != nil {
		return nil, err
	}
	if err := s.goesOn(ctx, current); err != nil {
		return nil, err
	}
	asked := issue.Request{Session: current.Name, CSR: request.CSR, Predecessor: predecessor}
	if predecessor == "" && current.Spec.Authentication.Method == v1alpha1.MethodOIDC {
		asked.Proven = current.CreationTimestamp.Time // The ID token was taken then.
	}
	if err := s.vouch(ctx, current, request.IDToken, &asked); err != nil {
		return nil, err
	}
	issued, err := s.Issuer.Issue(ctx, asked)
	if err != nil {
		return nil, err
	}
	return wire.Credential{Certificate: issued.Chain, NotAfter: issued.Certificate.NotAfter, RenewTime: issued.RenewTime}, nil
}

// goesOn says whether a Session does, before anybody is asked about its person: that it has ended is no less so while nobody answers.
func (s *Service) goesOn(ctx context.Context, current *v1alpha1.Session) error {
	now := s.Clock.Now()
	facts, err := reach.OfSession(ctx, s.Client, current, now)
	if err != nil {
		return unavailable("the API server", err)
	}
	if facts.User == nil {
		return nil // The cache may not know them yet: Issue looks past it.
	}
	if verdict := session.Decide(facts, now); !verdict.Active() {
		return fmt.Errorf("%w: %s", issue.ErrEnded, verdict.Message)
	}
	return nil
}

// authenticate finds the Session that a request may speak for, past the cache: it may have begun a moment ago.
func (s *Service) authenticate(ctx context.Context, a *attempt, name string) (current *v1alpha1.Session, predecessor string, err error) {
	current = &v1alpha1.Session{}
	if len(validation.NameIsDNSSubdomain(name, false)) > 0 {
		return nil, "", s.stranger(a, "that is not the name of a Session")
	}
	err = s.Live.Get(ctx, client.ObjectKey{Name: name}, current)
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, "", unavailable("the API server", err)
	}
	if err != nil || current.Spec.Custody != v1alpha1.CustodyClient {
		return nil, "", s.stranger(a, "there is no such Session")
	}
	a.user, a.method = current.Spec.UserRef.Name, string(current.Spec.Authentication.Method)
	shown := a.request.TLS.PeerCertificates
	if len(shown) == 0 {
		if ptr.Deref(current.Status.Issued, 0) > 0 {
			return nil, "", s.stranger(a, "a certificate was issued before, and none is shown")
		}
		return current, "", nil // Whoever has the key signs the request: Issue looks.
	}
	fingerprint := pki.Fingerprint(shown[0])
	if !slices.ContainsFunc(current.Status.Certificates, func(c v1alpha1.SessionCertificate) bool {
		return c.Fingerprint == fingerprint
	}) {
		return nil, "", s.stranger(a, "the certificate that is shown is not one of the Session")
	}
	// It may have expired: for how long nothing need be renewed is a matter of the Session.
	return current, fingerprint, nil
}

// stranger refuses whoever cannot show that a Session is theirs; whether there is one of that name is none of their business.
func (s *Service) stranger(a *attempt, why string) *refusal {
	if a.method == "" {
		a.method = "unknown"
	}
	return nobody("%s", why)
}

// vouch has the directory, and where it is to be asked again the identity provider, say that a person is still theirs. While they
// cannot be asked certificates are renewed for as long as the policy says; a no is a no at once.
func (s *Service) vouch(ctx context.Context, current *v1alpha1.Session, idToken string, asked *issue.Request) error {
	user := &v1alpha1.User{}
	if err := s.Client.Get(ctx, client.ObjectKey{Name: current.Spec.UserRef.Name}, user); client.IgnoreNotFound(err) != nil {
		return unavailable("the API server", err)
	}
	d, err := reach.Directory(ctx, s.Client, user.Spec.DirectoryRef)
	if err != nil {
		return unavailable("the API server", err)
	}
	policy, allowed := session.PolicyOf(d)
	if !allowed || d == nil && user.Spec.DirectoryRef != nil {
		return fmt.Errorf("%w: its Directory lets nobody log in any more", issue.ErrEnded)
	}
	if d == nil {
		return nil
	}
	if err := s.proveAgain(ctx, current, d, policy, idToken, asked); err != nil {
		return err
	}
	now := s.Clock.Now()
	err = s.look(ctx, user, d)
	if err == nil {
		asked.Vouched = now
		return nil
	}
	if asRefusal(err).answer.Code != wire.CodeUnavailable {
		return fmt.Errorf("%w: %w", issue.ErrEnded, err)
	}
	if !graced(current.Status.LastVouchedTime, current, policy.Grace, now) {
		return err
	}
	return nil
}

// graced says whether the last time that somebody vouched for a Session is recent enough. It began because they did.
func graced(last *metav1.Time, current *v1alpha1.Session, grace time.Duration, now time.Time) bool {
	since := session.Begun(current)
	if last != nil {
		since = last.Time
	}
	return now.Before(since.Add(grace))
}

// granularity of times in the API, which are whole seconds: what is recorded may have been almost one later than it says, and nobody is
// asked again before their time, least of all for the first certificate.
const granularity = time.Second

// proveAgain takes a fresh ID token where the policy asks for one by now.
func (s *Service) proveAgain(
	ctx context.Context, current *v1alpha1.Session, d *v1alpha1.Directory, policy session.Policy, idToken string, asked *issue.Request,
) error {
	if current.Spec.Authentication.Method != v1alpha1.MethodOIDC || policy.Recheck == 0 ||
		graced(current.Status.LastProofTime, current, policy.Recheck+granularity, s.Clock.Now()) {
		return nil
	}
	if d.Spec.Login.OIDC == nil {
		return fmt.Errorf("%w: its Directory has no identity provider any more", issue.ErrEnded)
	}
	provider, err := s.Providers.Of(ctx, d)
	if err == nil && idToken != "" {
		claims, verifyErr := provider.VerifyFresh(ctx, idToken, current.Spec.Authentication.Subject)
		if verifyErr == nil {
			asked.Proven = claims.IssuedAt
			return nil
		}
		err = verifyErr
	} else if err == nil {
		err = provider.Reachable(ctx)
	}
	vouch := newRefusal(http.StatusForbidden, wire.CodeVouch, "the identity provider must vouch for you again: kubectl rollcall login")
	if err == nil || isRefused(err) {
		return vouch
	}
	if graced(current.Status.LastProofTime, current, policy.Recheck+policy.Grace, s.Clock.Now()) {
		return nil
	}
	vouch.detail = err.Error()
	return vouch
}

// logout ends the Session of the certificate that is shown. That it has ended before is as good.
func (s *Service) logout(ctx context.Context, a *attempt) (any, error) {
	var request wire.LogoutRequest
	if err := decode(a, &request); err != nil {
		return nil, err
	}
	a.session = request.Session
	current, fingerprint, err := s.authenticate(ctx, a, request.Session)
	if err != nil {
		return nil, err
	}
	if fingerprint == "" {
		return nil, s.stranger(a, "no certificate is shown")
	}
	if err := s.end(ctx, current); client.IgnoreNotFound(err) != nil {
		return nil, unavailable("the API server", errors.Join(errors.New("end the Session"), err))
	}
	return struct{}{}, nil
}

// end ends a Session in the person's name, unless it has ended, whatever else is written to it meanwhile, such as a certificate.
func (s *Service) end(ctx context.Context, current *v1alpha1.Session) error {
	uid := current.UID
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		if current.UID != uid || current.Spec.Termination != nil || current.Status.EndTime != nil {
			return nil
		}
		before := current.DeepCopy()
		current.Spec.Termination = &v1alpha1.SessionTermination{By: current.Spec.Username}
		err := s.Client.Patch(ctx, current, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), issue.FieldOwner)
		if !apierrors.IsConflict(err) {
			return err
		}
		*current = v1alpha1.Session{}
		if err := s.Live.Get(ctx, client.ObjectKeyFromObject(before), current); err != nil {
			return err
		}
		return err
	})
}
