// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package receiver takes the events that API servers send: the other end of --audit-webhook-config-file.
package receiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/webhook"
)

const (
	// SecretName is the Secret, in the operator's namespace, that holds what API servers need to send events.
	SecretName = "rollcall-audit-webhook" //nolint:gosec // A name, not a credential.
	// Path is where events go to, followed by the name of the API server.
	Path = "/audit/v1/events/"
	// DefaultServer is the name in the kubeconfig that is made. Where there are several API servers, each has one of its own.
	DefaultServer = "kube-apiserver"

	// maxBody bounds a request: 400 events of Metadata, which an API server sends at once, are less than 1 MiB.
	maxBody = 16 << 20
	// atOnce is how many requests are read and stored at a time, of maxBody together: what is read of them takes ten times that memory.
	// patience is how long one waits for its turn before its sender is told to come again: API servers do.
	atOnce   = 4
	patience = 10 * time.Second
	again    = "2" // seconds
	// maxServers bounds the names: each is a row, and a label of metrics.
	maxServers = 64
)

// Receiver answers 200 once the events are stored, and not before.
type Receiver struct {
	// Access says who may send events.
	Access *webhook.Access
	// Store is the open store, or an error.
	Store   func() (*store.Store, error)
	Metrics *Metrics
	Clock   clock.PassiveClock

	turns *semaphore.Weighted // of bytes
	names *names
}

// New completes a receiver.
func New(r Receiver) *Receiver {
	r.turns, r.names = semaphore.NewWeighted(maxBody), newNames(maxServers)
	return &r
}

// ServeHTTP implements http.Handler. Whoever has no token learns nothing and costs nothing.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if !r.Access.Knows() { // Not 401, which tells some senders that they need not come again.
		r.refuse(w, &refusal{http.StatusServiceUnavailable, "which token is right is not known yet: send them again"})
		return
	}
	if !r.Access.Admits(request) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		r.refuse(w, &refusal{http.StatusUnauthorized, "the token is missing or wrong"})
		return
	}
	if refused := r.receive(w, request); refused != nil {
		r.refuse(w, refused)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// refusal is an answer other than 200.
type refusal struct {
	status int
	why    string
}

func (r *Receiver) refuse(w http.ResponseWriter, refused *refusal) {
	if refused.status == http.StatusTooManyRequests || refused.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", again)
	}
	r.Metrics.refused(refused.status)
	http.Error(w, refused.why, refused.status)
}

func (r *Receiver) receive(w http.ResponseWriter, request *http.Request) *refusal {
	server := request.PathValue("server")
	if problems := validation.IsDNS1123Label(server); len(problems) > 0 {
		return &refusal{http.StatusNotFound, "the API server's name in the path is none: " + problems[0]}
	}
	if !r.names.admit(server) {
		return &refusal{http.StatusNotFound, fmt.Sprintf("%d API servers have sent events, and this would be one more", maxServers)}
	}
	if media, _, err := mime.ParseMediaType(request.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return &refusal{http.StatusUnsupportedMediaType, "the body must be application/json"}
	}
	size := share(request)
	if !r.turn(request.Context(), size) {
		return &refusal{http.StatusTooManyRequests, "too many events wait to be stored: send them again"}
	}
	defer r.turns.Release(size)
	return r.keep(w, request, server)
}

// share is how much of maxBody a request takes up: large ones go alone.
func share(request *http.Request) int64 {
	if n := request.ContentLength; n >= 0 && n < maxBody {
		return max(n, maxBody/atOnce)
	}
	return maxBody
}

// turn waits until this request may be read: others in their senders' memory are none in ours.
func (r *Receiver) turn(ctx context.Context, size int64) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return r.turns.Acquire(ctx, size) == nil
}

func (r *Receiver) keep(w http.ResponseWriter, request *http.Request, server string) *refusal {
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes: send fewer events at once "+
			"(--audit-webhook-batch-max-size), or smaller ones (--audit-webhook-truncate-enabled)", maxBody)}
	}
	if err != nil {
		return &refusal{http.StatusBadRequest, "the body could not be read"}
	}
	lines, bad, err := audit.ReadList(body)
	if err != nil {
		return &refusal{http.StatusBadRequest, "the body is no EventList of audit.k8s.io/v1"}
	}
	logger := log.FromContext(request.Context()).WithName("audit")
	if bad.Items > 0 { // Nobody would send it better next time; the others are not to be lost with it.
		logger.Info("items of a list are no events, and were left out", "server", server, "items", bad.Items, "first", bad.First.Error())
	}
	began := r.Clock.Now()
	fresh, err := r.append(request.Context(), server, lines, began)
	if err != nil {
		logger.Error(err, "events could not be stored; the API server sends them again", "server", server, "events", len(lines))
		return &refusal{http.StatusServiceUnavailable, "the events could not be stored: send them again"}
	}
	r.Metrics.received(server, fresh, len(lines)-fresh, bad.Items, r.Clock.Since(began))
	return nil
}

func (r *Receiver) append(ctx context.Context, server string, lines []audit.Line, now time.Time) (fresh int, err error) {
	s, err := r.Store()
	if err != nil {
		return 0, err
	}
	return s.Append(ctx, server, lines, now)
}
