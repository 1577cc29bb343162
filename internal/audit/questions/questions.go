// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package questions answers those who ask about what is kept of the API servers' audit logs.
package questions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/time/rate"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/attribution"
	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/audit/history"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

const (
	defaultLimit = 100
	defaultSpan  = 24 * time.Hour
	// atOnce is how many questions are answered at a time: what is asked about must not slow down what is told.
	atOnce = 2
	// reviewsPerSecond and reviewsAtOnce bound how many tokens the API server is asked about: anybody can send some.
	reviewsPerSecond, reviewsAtOnce = 20, 100
	// knownTokens bounds how many are remembered, each for knownFor: who asks about many events is not reviewed for each.
	knownTokens, knownFor = 256, time.Minute
)

// Service answers.
type Service struct {
	// Cache has Users, Grants, and the bindings that were made for them.
	Cache client.Reader
	// Reviews checks tokens.
	Reviews authenticationclient.TokenReviewInterface
	// Namespace is the operator's own, where the ServiceAccount of auditors is.
	Namespace string
	// Store is the open store, or an error.
	Store func() (*store.Store, error)
	// Ledger is the folder of the ledger, or an error; nil where there is none.
	Ledger func() (string, error)
	// Proofs is the open ledger, or an error; nil where there is none.
	Proofs func() (*ledger.Copy, error)
	Clock  clock.PassiveClock

	reviews *rate.Limiter
	// known are tokens that were good a moment ago, by their digests.
	known *cache.LRUExpireCache
}

// Handler serves the paths.
func (s *Service) Handler() http.Handler {
	s.reviews = rate.NewLimiter(reviewsPerSecond, reviewsAtOnce)
	s.known = cache.NewLRUExpireCacheWithClock(knownTokens, s.Clock)
	mux, turns := http.NewServeMux(), make(chan struct{}, atOnce)
	for pattern, answer := range map[string]answer{
		"GET " + wire.PathExplain:  answering(s.explainKept),
		"POST " + wire.PathExplain: answering(s.explainGiven),
		"GET " + wire.PathActivity: answering(s.activity),
		"GET " + wire.PathEvidence: answering(s.evidence),
		"GET " + wire.PathUsage:    answering(s.usage),
		"GET " + wire.PathUses:     answering(s.uses),
		"GET " + wire.PathDays:     answering(s.daily),
		"GET " + wire.PathCoverage: answering(s.coverage),
	} {
		mux.Handle(pattern, &endpoint{service: s, answer: answer, turns: turns})
	}
	if s.Ledger != nil {
		mux.HandleFunc("GET "+wire.PathLedger+"{path...}", s.ledger)
	}
	return mux
}

// answer is what is found, or a refusal, or what went wrong.
type answer func(context.Context, *store.Store, *http.Request) (any, error)

func answering[T any](find func(context.Context, *store.Store, *http.Request) (*T, error)) answer {
	return func(ctx context.Context, kept *store.Store, r *http.Request) (any, error) { return find(ctx, kept, r) }
}

// refusal is an error that is the asker's.
type refusal struct {
	status int
	why    string
}

func (r *refusal) Error() string { return r.why }

func refuse(status int, format string, args ...any) error {
	return &refusal{status: status, why: fmt.Sprintf(format, args...)}
}

// endpoint speaks HTTP.
type endpoint struct {
	service *Service
	answer  answer
	turns   chan struct{}
}

// ServeHTTP implements http.Handler.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	found, err := e.find(r)
	if refused, ok := errors.AsType[*refusal](err); ok {
		http.Error(w, refused.why, refused.status)
		return
	}
	if err != nil {
		log.FromContext(r.Context()).WithName("audit").Error(err, "a question was not answered")
		http.Error(w, "this could not be found out now; the operator's log says why", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(found) // A connection that is gone is the asker's to notice.
}

func (e *endpoint) find(r *http.Request) (any, error) {
	if err := e.service.admit(r); err != nil {
		return nil, err
	}
	s, err := e.service.Store()
	if err != nil {
		return nil, refuse(http.StatusServiceUnavailable, "%v", err)
	}
	select {
	case e.turns <- struct{}{}:
		defer func() { <-e.turns }()
		return e.answer(r.Context(), s, r)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func (s *Service) explainKept(ctx context.Context, kept *store.Store, r *http.Request) (*wire.Explained, error) {
	records, err := withID(ctx, kept, r)
	if err != nil {
		return nil, err
	}
	newest := records[max(0, len(records)-store.MostEvents):]
	found, err := explained(ctx, kept, newest)
	if err != nil {
		return nil, err
	}
	found.More = len(newest) < len(records)
	return found, nil
}

// withID are the events that have the audit id that is asked for: one at least.
func withID(ctx context.Context, kept *store.Store, r *http.Request) ([]store.Record, error) {
	id := r.URL.Query().Get("auditID")
	if id == "" {
		return nil, refuse(http.StatusBadRequest, "auditID is missing")
	}
	records, err := kept.Events(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, refuse(http.StatusNotFound, "no event with this audit id is kept: it may be older than what is kept, its API server "+
			"may not send events, its audit policy may leave it out, or it is on the way (up to half a minute)")
	}
	return records, nil
}

func (s *Service) explainGiven(ctx context.Context, kept *store.Store, r *http.Request) (*wire.Explained, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, wire.MaxEvent+1))
	if err != nil || len(body) > wire.MaxEvent {
		return nil, refuse(http.StatusRequestEntityTooLarge, "the event is larger than %d bytes, or could not be read", wire.MaxEvent)
	}
	line, err := audit.ReadLine(body)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "this is no event of an audit log: %v", err)
	}
	record, err := kept.Event(ctx, line.Key)
	if err != nil {
		return nil, err
	}
	if record != nil {
		return explained(ctx, kept, []store.Record{*record})
	}
	facts, err := history.Facts(ctx, kept, &line.Event)
	if err != nil {
		return nil, err
	}
	return &wire.Explained{Items: []wire.ExplainedEvent{{Explanation: attribution.Explain(&line.Event, facts)}}}, nil
}

func (s *Service) activity(ctx context.Context, kept *store.Store, r *http.Request) (*wire.Explained, error) {
	asked, err := window(r.URL.Query(), s.Clock.Now())
	if err != nil {
		return nil, err
	}
	username, err := s.username(ctx, asked.user)
	if err != nil {
		return nil, err
	}
	records, err := kept.Activity(ctx, username, asked.since, asked.until, asked.limit+1)
	if err != nil {
		return nil, err
	}
	more := len(records) > asked.limit
	found, err := explained(ctx, kept, records[:min(len(records), asked.limit)])
	if err != nil {
		return nil, err
	}
	found.More = more
	return found, nil
}

// asked is what activity is asked for.
type asked struct {
	user         string
	since, until time.Time
	limit        int
}

func window(query url.Values, now time.Time) (a asked, err error) {
	a = asked{user: query.Get("user"), since: now.Add(-defaultSpan), until: now.Add(time.Minute), limit: defaultLimit}
	if a.user == "" {
		return a, refuse(http.StatusBadRequest, "user is missing")
	}
	for name, into := range map[string]*time.Time{"since": &a.since, "until": &a.until} {
		if text := query.Get(name); text != "" {
			if *into, err = time.Parse(time.RFC3339, text); err != nil {
				return a, refuse(http.StatusBadRequest, "%s is no time of RFC 3339", name)
			}
		}
	}
	if text := query.Get("limit"); text != "" {
		if a.limit, err = strconv.Atoi(text); err != nil || a.limit < 1 || a.limit > wire.MaxActivity {
			return a, refuse(http.StatusBadRequest, "limit must be 1 to %d", wire.MaxActivity)
		}
	}
	return a, nil
}

// username is that of the User of a name; else the name is one.
func (s *Service) username(ctx context.Context, name string) (string, error) {
	var user v1alpha1.User
	err := s.Cache.Get(ctx, client.ObjectKey{Name: name}, &user)
	switch {
	case err == nil && user.Status.Username != "":
		return user.Status.Username, nil
	case err == nil, apierrors.IsNotFound(err):
		return name, nil
	default:
		return "", fmt.Errorf("get User: %w", err)
	}
}

func explained(ctx context.Context, kept *store.Store, records []store.Record) (*wire.Explained, error) {
	found := &wire.Explained{Items: make([]wire.ExplainedEvent, len(records))}
	for i := range records {
		facts, err := history.Facts(ctx, kept, &records[i].Event)
		if err != nil {
			return nil, err
		}
		found.Items[i] = explanation(&records[i], facts)
	}
	return found, nil
}

func explanation(record *store.Record, facts attribution.Facts) wire.ExplainedEvent {
	return wire.ExplainedEvent{
		Explanation: attribution.Explain(&record.Event, facts),
		Record: &wire.Record{
			Server: record.Server, Received: metav1.NewMicroTime(record.Received().UTC()), Line: record.Number, Entry: record.Entry,
		},
	}
}
