// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/reach"
	"github.com/rollcall-iam/rollcall/internal/session"
)

// What a review comes to, as the metrics call it.
const (
	noOpinion = "no_opinion"
	ended     = "ended"
	deleted   = "deleted"
	mismatch  = "mismatch"
	unknown   = "unknown"
	unlooked  = "not_looked_up"
	preflight = "preflight"
)

const (
	// looksPerSecond and looksAtOnce bound what certificates that nobody knows can cost the API server.
	looksPerSecond, looksAtOnce = 20, 50
	// lookTimeout is less than what API servers wait for an answer.
	lookTimeout = 2 * time.Second
	// unknownKept and unknownFor bound what is remembered of them.
	unknownKept, unknownFor = 1024, 10 * time.Second
)

func newLooks() *rate.Limiter { return rate.NewLimiter(looksPerSecond, looksAtOnce) }

func newUnknown(c clock.PassiveClock) *cache.LRUExpireCache {
	return cache.NewLRUExpireCacheWithClock(unknownKept, c)
}

// answer is denied where there is a reason, else no opinion.
type answer struct{ decision, reason string }

// reviewer decides by what the cache knows, and asks the API server before it calls a certificate unknown.
type reviewer struct {
	cache, live client.Reader
	clock       clock.PassiveClock
	deleted     *deletions
	unknown     *cache.LRUExpireCache
	looks       *rate.Limiter
	detector    *Detector
	seen        *sights
}

// review decides about one request. Nothing is said of whoever is not ours; and nothing where the API server names no certificate: that is
// somebody who is impersonated, about whose impersonator it asks first, or somebody with a token, which others issue and revoke.
func (r *reviewer) review(ctx context.Context, spec *authorizationv1.SubjectAccessReviewSpec) (answer, error) {
	if !slices.Contains(spec.Groups, v1alpha1.ManagedGroup) {
		return answer{decision: noOpinion}, nil
	}
	for _, id := range spec.Extra[session.CredentialKey] {
		if fingerprint, certificate := session.Fingerprint(id); certificate {
			found, err := r.certificate(ctx, spec.User, fingerprint)
			if (found.decision == ended || found.decision == deleted) && discovers(spec.NonResourceAttributes) {
				return answer{decision: noOpinion}, err
			}
			return found, err
		}
	}
	return answer{decision: noOpinion}, nil
}

// discovers says whether a request asks which kinds there are, as kubectl does before all else. Where that is denied kubectl tells nobody
// why, so whoever had a session may go on to the request that counts. Which kinds there are everybody knows who has any credential
// (ClusterRole system:discovery).
func discovers(request *authorizationv1.NonResourceAttributes) bool {
	if request == nil || request.Verb != "get" {
		return false
	}
	root, _, _ := strings.Cut(strings.TrimPrefix(request.Path, "/"), "/")
	return root == "api" || root == "apis"
}

func (r *reviewer) certificate(ctx context.Context, username, fingerprint string) (answer, error) {
	if username == session.PreflightUsername {
		return answer{decision: preflight, reason: session.UnknownDenial}, nil // Made to be refused.
	}
	if !session.ValidFingerprint(fingerprint) {
		return r.strange(ctx, username, fingerprint), nil
	}
	found, err := index.SessionsOfCertificate(ctx, r.cache, fingerprint)
	if err != nil {
		return answer{}, fmt.Errorf("find the Session of a certificate: %w", err)
	}
	if len(found) == 0 {
		return r.uncached(ctx, username, fingerprint)
	}
	return r.known(ctx, username, fingerprint, &found[0])
}

// known decides about a certificate of a Session. That the certificate has not expired is for the API server to see.
func (r *reviewer) known(ctx context.Context, username, fingerprint string, s *v1alpha1.Session) (answer, error) {
	if s.Spec.Username != username {
		r.detector.Alarm(ctx, Denied, username, fingerprint, fmt.Sprintf("is recorded for Session %s, which is somebody else's", s.Name))
		return answer{decision: mismatch, reason: session.MismatchDenial}, nil
	}
	now := r.clock.Now()
	facts, err := reach.OfSession(ctx, r.cache, s, now)
	if err != nil {
		return answer{}, fmt.Errorf("find out about Session %s: %w", s.Name, err)
	}
	r.seen.note(s, now)
	if why := session.Denial(s, session.Decide(facts, now)); why != "" {
		return answer{decision: ended, reason: why}, nil
	}
	return answer{decision: noOpinion}, nil
}

// uncached decides about a certificate that the cache does not know: of a Session that is gone, of one so new that the cache lags behind
// (it is recorded before it is handed out), or of none.
func (r *reviewer) uncached(ctx context.Context, username, fingerprint string) (answer, error) {
	if name, gone := r.deleted.session(fingerprint); gone {
		return answer{decision: deleted, reason: session.DeletedDenial(name)}, nil
	}
	if _, known := r.unknown.Get(fingerprint); known {
		return answer{decision: unknown, reason: session.UnknownDenial}, nil
	}
	if !r.looks.AllowN(r.clock.Now(), 1) {
		return answer{decision: unlooked, reason: session.UnknownDenial}, nil
	}
	s, err := r.look(ctx, username, fingerprint)
	if err != nil {
		return answer{}, err
	}
	if s != nil {
		return r.known(ctx, username, fingerprint, s)
	}
	// The Session may have been deleted in this moment: out of the cache, but not in its events yet.
	if name, gone := r.deleted.session(fingerprint); gone {
		return answer{decision: deleted, reason: session.DeletedDenial(name)}, nil
	}
	return r.strange(ctx, username, fingerprint), nil
}

// look asks the API server for the Session of a certificate: nil where there is none.
func (r *reviewer) look(ctx context.Context, username, fingerprint string) (*v1alpha1.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	var list v1alpha1.SessionList
	if err := r.live.List(ctx, &list, client.MatchingFields{"spec.username": username}); err != nil {
		return nil, fmt.Errorf("ask for the Session of a certificate: %w", err)
	}
	for i := range list.Items {
		certificates := list.Items[i].Status.Certificates
		if slices.ContainsFunc(certificates, func(c v1alpha1.SessionCertificate) bool { return c.Fingerprint == fingerprint }) {
			return &list.Items[i], nil
		}
	}
	return nil, nil
}

// strange is a certificate of no Session.
func (r *reviewer) strange(ctx context.Context, username, fingerprint string) answer {
	r.unknown.Add(fingerprint, struct{}{}, unknownFor)
	r.detector.Alarm(ctx, Denied, username, fingerprint, "belongs to no Session")
	return answer{decision: unknown, reason: session.UnknownDenial}
}
