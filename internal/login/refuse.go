// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/issue"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// refusal is an answer that is not 200. Its detail is for the log.
type refusal struct {
	status  int
	answer  wire.Error
	detail  string
	wait    time.Duration
	unknown bool
}

// Error implements error.
func (r *refusal) Error() string {
	if r.detail != "" {
		return r.detail
	}
	return r.answer.Message
}

func newRefusal(status int, code wire.Code, format string, args ...any) *refusal {
	return &refusal{status: status, answer: wire.Error{Code: code, Message: fmt.Sprintf(format, args...)}}
}

func badRequest(format string, args ...any) *refusal {
	return newRefusal(http.StatusBadRequest, wire.CodeBadRequest, format, args...)
}

func tooLarge() *refusal {
	return newRefusal(http.StatusRequestEntityTooLarge, wire.CodeBadRequest, "the request is larger than %d bytes", wire.MaxBody)
}

func tooMany(wait time.Duration) *refusal {
	r := newRefusal(http.StatusTooManyRequests, wire.CodeTooMany, "too many tries: wait %s", wait.Truncate(time.Second)+time.Second)
	r.wait = wait
	return r
}

// nobody refuses whoever has proved nothing: it reads and takes the same whether there is such a person or not. The log tells which.
func nobody(format string, args ...any) *refusal {
	r := newRefusal(http.StatusUnauthorized, wire.CodeRefused,
		"nobody is let in by that; if it should be right, ask whoever runs Rollcall: its log says why")
	r.detail, r.unknown = fmt.Sprintf(format, args...), true
	return r
}

// kept refuses somebody who has proved who they are: they may know why.
func kept(format string, args ...any) *refusal {
	return newRefusal(http.StatusForbidden, wire.CodeRefused, format, args...)
}

func unavailable(what string, err error) *refusal {
	r := newRefusal(http.StatusServiceUnavailable, wire.CodeUnavailable, "%s cannot be asked now: try again", what)
	r.detail, r.wait = err.Error(), 5*time.Second
	return r
}

// asRefusal says what an error is to the client.
func asRefusal(err error) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	if subject, ok := errors.AsType[*issue.SubjectError](err); ok {
		r := newRefusal(http.StatusConflict, wire.CodeSubject, "the certificate request must ask for the subject that comes with this answer")
		r.answer.Subject = new(subjectOf(subject.Subject))
		return r
	}
	switch {
	case errors.Is(err, issue.ErrEnded):
		const advice = ": log in again"
		return newRefusal(http.StatusForbidden, wire.CodeEnded, "%s", strings.TrimSuffix(err.Error(), advice)+advice)
	case errors.Is(err, issue.ErrKey):
		r := kept("this key cannot be used: make a new one")
		r.detail = err.Error()
		return r
	case errors.Is(err, issue.ErrUsed):
		return newRefusal(http.StatusBadRequest, wire.CodeChallenge, "this challenge was used before: begin anew")
	}
	problem := outcome.Of(err, "")
	if problem.Kind == outcome.Terminal {
		return newRefusal(http.StatusBadRequest, wire.CodeBadRequest, "%s", problem.Message)
	}
	if problem.Reason == v1alpha1.ReasonLedgerUnavailable {
		return unavailable("the ledger, without which no certificate is handed out,", err)
	}
	return unavailable("what the login service depends on", err)
}

func subjectOf(subject pki.Subject) wire.Subject {
	return wire.Subject{CommonName: subject.Username, Organizations: subject.Organizations(), UID: subject.UID}
}

// A refusal that tells nothing takes as long whatever it was for.
const (
	leastTime  = 300 * time.Millisecond
	leastTimes = 100 * time.Millisecond
)

func (s *Service) refuse(ctx context.Context, w http.ResponseWriter, a *attempt, err error) {
	r := asRefusal(err)
	if r.unknown {
		pause(ctx, leastTime+rand.N(leastTimes)-s.Clock.Now().Sub(a.begun)) //nolint:gosec // No secret depends on it.
	}
	if r.answer.Code != wire.CodePending && r.answer.Code != wire.CodeSlowDown {
		s.tell(a, r.Error(), r.status == http.StatusTooManyRequests)
	}
	if r.wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(r.wait.Seconds())+1))
	}
	w.WriteHeader(r.status)
	_ = json.NewEncoder(w).Encode(r.answer)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
