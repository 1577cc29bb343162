// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package login is the login service: people prove who they are, begin a Session, and get certificates for it. It speaks package wire.
// It keeps nothing in memory that another replica would miss: what a login may be begun with is in its challenge, and that it was used
// shows in the name of its Session.
package login

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/internal/issue"
	"github.com/rollcall-iam/rollcall/internal/oidc"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/sources"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// Service is the login service.
type Service struct {
	// Client reads from the cache and writes; Live reads past the cache.
	Client client.Client
	Live   client.Reader
	Issuer *issue.Issuer
	// Sources and Providers are whom it asks about people.
	Sources   *sources.Opener
	Providers *oidc.Providers
	Clock     clock.PassiveClock
	Recorder  events.EventRecorder
	Log       logr.Logger
	Metrics   *Metrics
	// Key makes challenges, and seals what the device flow hands out. All replicas share it.
	Key []byte
	// Cluster is told to clients.
	Cluster pki.Cluster

	limits *limits
}

// attempt is one request: what is known of it goes to the log, whatever comes of it.
type attempt struct {
	request *http.Request
	begun   time.Time
	remote  string
	// what is known so far.
	action, method, device, user, session string
}

// handler does one thing. What it returns is sent as JSON; an error is told as refuse.go says.
type handler func(ctx context.Context, a *attempt) (any, error)

// Handler serves package wire's paths.
func (s *Service) Handler() http.Handler {
	s.limits = newLimits()
	mux := http.NewServeMux()
	for path, handle := range map[string]handler{
		wire.PathChallenge: s.challenge, wire.PathLogin: s.login, wire.PathDeviceStart: s.deviceStart, wire.PathDevicePoll: s.devicePoll,
		wire.PathCertificate: s.certificate, wire.PathLogout: s.logout,
	} {
		mux.Handle("POST "+path, s.serve(path, handle))
	}
	mux.Handle("GET "+wire.PathSettings, s.serve(wire.PathSettings, s.settings))
	return mux
}

// timeout bounds what one request may take: a directory, an identity provider and a signer may be asked.
const timeout = 45 * time.Second

func (s *Service) serve(action string, handle handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		a := &attempt{request: r, begun: s.Clock.Now(), remote: remote(r), action: action}
		r.Body = http.MaxBytesReader(w, r.Body, wire.MaxBody)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		answer, err := s.limited(ctx, a, handle)
		if err != nil {
			s.refuse(ctx, w, a, err)
			return
		}
		s.tell(a, "", false)
		_ = json.NewEncoder(w).Encode(answer) // Who does not wait for the answer asks again.
	})
}

func (s *Service) limited(ctx context.Context, a *attempt, handle handler) (any, error) {
	if wait, ok := s.limits.address(a.remote, s.Clock.Now()); !ok {
		return nil, tooMany(wait)
	}
	return handle(ctx, a)
}

// remote is the address that the connection comes from. What a proxy in between says of others is not believed.
func remote(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// decode reads the one JSON object that a request holds.
func decode(a *attempt, into any) error {
	kind, _, err := mime.ParseMediaType(a.request.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return badRequest("the request must be of type application/json")
	}
	decoder := json.NewDecoder(a.request.Body)
	decoder.DisallowUnknownFields()
	err = decoder.Decode(into)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge()
	}
	if err != nil {
		// What is wrong with it may quote it, and passwords are in it.
		return badRequest("the request is not the JSON object that is expected here")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return badRequest("there is something after the JSON object")
	}
	return nil
}
