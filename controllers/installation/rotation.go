// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package installation

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	iamac "github.com/rollcall-iam/rollcall/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/preflight"
	"github.com/rollcall-iam/rollcall/internal/signer/ca"
)

// settled is for how long API servers must have accepted the next authority before it signs: there may be several of them, and each look
// reaches one.
const settled = 10 * time.Minute

// Rotation looks after the operator's own authority.
type Rotation struct {
	Authority *ca.Signer
	// API is how the API server is reached, without anything that tells it who asks.
	API   *rest.Config
	Clock clock.PassiveClock
	// Metrics tell how the rotation is.
	Metrics *Metrics

	// next tries what the next authority signs, of this fingerprint, and since is when that was first accepted; zero while it is not.
	next        *preflight.Preflight
	fingerprint string
	since       time.Time
	// expired says that the authority that should sign signs nothing any more.
	expired bool
}

// rotated is the authority after one look.
type rotated struct {
	ca.State

	// next is why API servers do not accept the next authority; nil where they do, or where there is none.
	next *outcome.Problem
}

// keep goes on with the rotation, and tries the next authority where there is one.
func (r *Rotation) keep(ctx context.Context) (*rotated, *outcome.Problem) {
	state, err := r.Authority.Keep(ctx, r.trusted())
	if err != nil {
		r.since = time.Time{} // What was accepted before is to be looked at again, for as long.
		return nil, outcome.Of(err, v1alpha1.ReasonFailed)
	}
	told := &rotated{State: state, next: r.tryNext(ctx, state.NextFingerprint)}
	r.expired = state.Expired
	r.Metrics.tell(told)
	switch {
	case state.NextFingerprint == "" || told.next != nil:
		r.since = time.Time{}
	case r.since.IsZero():
		r.since = r.Clock.Now()
	}
	return told, nil
}

// trusted is the fingerprint of the next authority once it was accepted for long enough; at once where the one before signs nothing any
// more.
func (r *Rotation) trusted() string {
	if r.since.IsZero() || !r.expired && r.Clock.Now().Sub(r.since) < settled {
		return ""
	}
	return r.fingerprint
}

// tryNext shows the API server what the next authority signs. Another one begins anew.
func (r *Rotation) tryNext(ctx context.Context, fingerprint string) *outcome.Problem {
	if fingerprint != r.fingerprint {
		successor := &ca.Successor{Signer: r.Authority, Fingerprint: fingerprint}
		r.next = &preflight.Preflight{Signer: successor, API: r.API, Clock: r.Clock}
		r.fingerprint, r.since = fingerprint, time.Time{}
	}
	if fingerprint == "" {
		return nil
	}
	return r.next.Check(ctx).Problem
}

// condition says whether a rotation is due or under way, and what a person has to do for it.
func (r *rotated) condition() metav1.Condition {
	told := metav1.Condition{Type: v1alpha1.ConditionAuthorityCurrent, Status: metav1.ConditionFalse}
	switch {
	case r.Trouble != "":
		told.Reason = v1alpha1.ReasonNextUnusable
		told.Message = fmt.Sprintf("Secret %s holds something else that is wrong, and is not rotated: %s", ca.SecretName, r.Trouble)
	case r.NextFingerprint != "" && r.next != nil:
		told.Reason = v1alpha1.ReasonNextNotTrusted
		told.Message = fmt.Sprintf("give every API server what ConfigMap %s of the operator's namespace holds (--client-ca-file), so that "+
			"the next authority can sign before this one expires", ca.SecretName)
		if !r.next.Because(v1alpha1.ReasonSignerNotTrusted) {
			told.Message += "; whether they have it is not known: " + r.next.Message
		}
	case r.NextFingerprint != "" && r.Own:
		told.Reason = v1alpha1.ReasonNextTrusted
		told.Message = fmt.Sprintf("the API server accepts the next authority, which signs once it has for %s", settled)
	case r.NextFingerprint != "":
		told.Reason = v1alpha1.ReasonNextTrusted
		told.Message = fmt.Sprintf("the API server accepts the next authority: whoever keeps Secret %s may make it tls.crt and tls.key, and "+
			"this one previous.crt", ca.SecretName)
	case r.Due && r.NextFingerprint == "":
		told.Reason = v1alpha1.ReasonNextMissing
		told.Message = fmt.Sprintf("two thirds of the authority's life have passed: whoever keeps Secret %s should put the next one there, "+
			"as next.crt and next.key", ca.SecretName)
	default:
		told.Status, told.Reason = metav1.ConditionTrue, v1alpha1.ReasonCurrent
		told.Message = "the authority has more than a third of its life before it"
	}
	return told
}

// replacedBy says that another authority signs: what the one before signed says nothing of it.
func (r *rotated) replacedBy(now *rotated) bool {
	return r != nil && now != nil && r.Fingerprint != now.Fingerprint
}

// status is what the Installation tells of the authority; nil where it is not known.
func (r *rotated) status() *v1alpha1.InstallationAuthority {
	if r == nil {
		return nil
	}
	return &v1alpha1.InstallationAuthority{
		Fingerprint: r.Fingerprint, NotAfter: metav1.NewTime(r.NotAfter), NextFingerprint: r.NextFingerprint,
	}
}

func applied(a *v1alpha1.InstallationAuthority) *iamac.InstallationAuthorityApplyConfiguration {
	told := iamac.InstallationAuthority().WithFingerprint(a.Fingerprint).WithNotAfter(a.NotAfter)
	if a.NextFingerprint != "" {
		told.WithNextFingerprint(a.NextFingerprint)
	}
	return told
}
