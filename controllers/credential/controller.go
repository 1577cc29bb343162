// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package credential keeps the kubeconfig Secrets that Users ask for: it has certificates signed, records them, and only then
// publishes them.
package credential

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/credential"
	"github.com/rollcall-iam/rollcall/internal/issue"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/reach"
	"github.com/rollcall-iam/rollcall/internal/session"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// recheckElsewhere is how often a Secret outside the operator's namespace is looked at: the operator may not watch Secrets there.
const recheckElsewhere = 5 * time.Minute

// Reconciler keeps the kubeconfig Secrets of Users, their record in status.certificate and the condition Kubeconfig.
type Reconciler struct {
	Client client.Client
	// Live reads past the cache: Secrets, which are not cached, and Users before anything is published for them.
	Live client.Reader
	// Cache has the metadata of Secrets in the operator's own namespace.
	Cache    client.Reader
	Issuer   *issue.Issuer
	Reporter status.Reporter
	Clock    clock.PassiveClock
	// Cluster goes into kubeconfigs.
	Cluster pki.Cluster
	// Namespace is the operator's own, whose Secrets are watched.
	Namespace string
	// Operator is the ServiceAccount to name in the command that allows Secrets elsewhere.
	Operator string
	// Backoff spaces the tries of a User whose certificate cannot be had.
	Backoff workqueue.TypedRateLimiter[reconcile.Request]

	looks looks
}

// scope is what one run learns of a User's kubeconfig.
type scope struct {
	user   *v1alpha1.User
	now    time.Time
	secret secret
	// closely says that what is cached is not good enough: something is about to be issued.
	closely bool
	// subject that a certificate must have.
	subject pki.Subject
	// session that goes on, for certificates to be issued in; nil where there is none yet.
	session *v1alpha1.Session
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	s := &scope{user: &v1alpha1.User{}, now: r.Clock.Now()}
	if err := r.Client.Get(ctx, request.NamespacedName, s.user); err != nil {
		r.looks.forget(request.Name)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !s.user.DeletionTimestamp.IsZero() || undecided(s.user) {
		return ctrl.Result{}, nil
	}
	next, err := r.reconcile(ctx, s)
	if err == nil {
		r.Backoff.Forget(request)
		return ctrl.Result{RequeueAfter: next}, nil
	}
	return r.failed(ctx, request, s, err)
}

// undecided says that the User controller has not looked at this User yet: what it says is the first that there is to act on.
func undecided(user *v1alpha1.User) bool {
	return meta.FindStatusCondition(user.Status.Conditions, v1alpha1.ConditionActive) == nil && user.Status.Certificate == nil
}

// failed reports a problem and says when to try again.
func (r *Reconciler) failed(ctx context.Context, request ctrl.Request, s *scope, err error) (ctrl.Result, error) {
	if errors.Is(err, errGone) {
		return ctrl.Result{}, nil
	}
	if errors.Is(err, errOvertaken) {
		return ctrl.Result{RequeueAfter: calm}, nil // The next look says what is to be done, and when.
	}
	if errors.Is(err, context.Canceled) || s.user.Spec.Kubeconfig == nil {
		return ctrl.Result{}, err
	}
	problem := outcome.Of(err, v1alpha1.ReasonFailed)
	if err := r.report(ctx, s, failing(problem)); err != nil && !errors.Is(err, errGone) {
		return ctrl.Result{}, err
	}
	log.FromContext(ctx).V(1).Info("will try again", "reason", problem.Reason, "message", problem.Message)
	if problem.Kind == outcome.Waiting {
		return ctrl.Result{RequeueAfter: problem.After}, nil
	}
	return ctrl.Result{RequeueAfter: r.Backoff.When(request)}, nil
}

// reconcile does what is to be done and returns after how long to look again (zero: at the next event).
func (r *Reconciler) reconcile(ctx context.Context, s *scope) (time.Duration, error) {
	if err := r.leaveOldPlaces(ctx, s.user); err != nil {
		return 0, err
	}
	decision, err := r.decide(ctx, s)
	if err != nil {
		return 0, err
	}
	if decision.Action == credential.Issue && !r.isFirst(s) || decision.Action == credential.Tell {
		// The cache may not show yet what the last run recorded: before issuing again, look at the objects themselves.
		if err := r.lookClosely(ctx, s); err != nil {
			return 0, err
		}
		if decision, err = r.decide(ctx, s); err != nil {
			return 0, err
		}
	}
	return r.execute(ctx, s, decision)
}

// isFirst says that nothing was ever issued for a User, as far as this process and the cache know. Such a User is looked at past the cache
// when their certificate is there, and before it is published.
func (r *Reconciler) isFirst(s *scope) bool {
	return s.user.Status.Certificate == nil && s.session == nil && s.secret.glanced && s.secret.facts.Owner == credential.Nobody &&
		!r.looks.has(s.user)
}

// lookClosely has the next decision go by nothing that the cache tells. But that there is no Secret, for a User who never had one, is good
// enough: making it is refused where there is one after all.
func (r *Reconciler) lookClosely(ctx context.Context, s *scope) error {
	if err := r.refresh(ctx, s); err != nil {
		return err
	}
	s.closely = true
	if s.secret.glanced && (s.secret.facts.Owner != credential.Nobody || s.user.Status.Certificate != nil) {
		s.secret = secret{}
	}
	return nil
}

// decide finds what the decision depends on, and makes it.
func (r *Reconciler) decide(ctx context.Context, s *scope) (credential.Decision, error) {
	spec := s.user.Spec.Kubeconfig
	if spec == nil {
		return credential.Decision{Action: credential.Nothing}, nil
	}
	wanted, err := reach.MayAct(ctx, r.Client, s.user, s.now)
	if err != nil {
		return credential.Decision{}, err
	}
	if err := r.findSecret(ctx, s, spec.SecretRef, wanted); err != nil {
		return credential.Decision{}, err
	}
	if wanted {
		if s.subject, err = r.Issuer.Subject(ctx, s.user); err != nil {
			return credential.Decision{}, err
		}
	}
	over, err := r.findSession(ctx, s)
	if err != nil {
		return credential.Decision{}, err
	}
	var latest *v1alpha1.SessionCertificate
	if s.session != nil {
		latest = session.Latest(s.session)
	}
	return credential.Decide(credential.Input{
		Wanted:      wanted,
		Username:    s.user.Status.Username,
		Groups:      s.subject.Groups,
		Duration:    time.Duration(spec.DurationSeconds) * time.Second,
		Certificate: s.user.Status.Certificate,
		Latest:      latest,
		SessionOver: over,
		Secret:      s.secret.facts,
		Now:         s.now,
	}), nil
}

// findSecret looks at a Secret once in a run: what is published goes by what was seen, or is refused. It looks closely at one that is not
// wanted, too, and is to be removed.
func (r *Reconciler) findSecret(ctx context.Context, s *scope, ref v1alpha1.SecretReference, wanted bool) error {
	if s.secret.seen == ref && (wanted || !s.secret.glanced) {
		return nil
	}
	find := r.observe
	if wanted && !s.closely {
		find = r.glance
	}
	observed, err := find(ctx, s.user, ref)
	observed.seen = ref
	s.secret = observed
	return err
}

func (r *Reconciler) execute(ctx context.Context, s *scope, decision credential.Decision) (time.Duration, error) {
	switch decision.Action {
	case credential.Issue:
		renew, err := r.issue(ctx, s, decision.Why)
		if err != nil {
			return 0, err
		}
		return r.until(s, renew), nil
	case credential.Tell:
		return calm, r.writeRecord(ctx, s, credential.Record(s.user, s.session, s.now))
	case credential.Keep:
		return r.until(s, decision.At), r.report(ctx, s, fresh())
	case credential.Refuse:
		return 0, outcome.Waitingf(recheckElsewhere, v1alpha1.ReasonSecretConflict,
			"%s exists and is not this User's: delete it, or name another in spec.kubeconfig.secretRef",
			describe(s.user.Spec.Kubeconfig.SecretRef))
	case credential.Remove:
		if err := r.remove(ctx, s.secret.object); err != nil {
			return 0, err
		}
	case credential.Nothing:
	}
	if s.user.Spec.Kubeconfig == nil {
		if err := r.endSessions(ctx, s.user); err != nil {
			return 0, err
		}
	}
	return 0, r.report(ctx, s, idle(s.user))
}

// until is how long to wait for a renewal, or to look after a Secret that cannot be watched.
func (r *Reconciler) until(s *scope, at time.Time) time.Duration {
	if s.user.Spec.Kubeconfig == nil {
		return 0
	}
	wait := max(at.Sub(r.Clock.Now()), time.Second)
	if s.user.Spec.Kubeconfig.SecretRef.Namespace != r.Namespace {
		wait = min(wait, recheckElsewhere)
	}
	return wait
}

// leaveOldPlaces deletes the Secrets that the last certificates were issued for, where the spec now names another or none.
func (r *Reconciler) leaveOldPlaces(ctx context.Context, user *v1alpha1.User) error {
	sessions, err := r.managed(ctx, user)
	if err != nil {
		return err
	}
	for _, old := range credential.Places(user, sessions) {
		if user.Spec.Kubeconfig != nil && user.Spec.Kubeconfig.SecretRef == old {
			continue
		}
		if err := r.leave(ctx, user, old); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reconciler) leave(ctx context.Context, user *v1alpha1.User, old v1alpha1.SecretReference) error {
	observed, err := r.observe(ctx, user, old)
	if outcome.Of(err, "").Because(v1alpha1.ReasonSecretForbidden) {
		log.FromContext(ctx).Info("the operator may no longer look after a Secret that is not wanted any more", "secret", describe(old))
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the Secret that is no longer wanted: %w", err)
	}
	if observed.facts.Owner != credential.Ours {
		return nil
	}
	return r.remove(ctx, observed.object)
}
