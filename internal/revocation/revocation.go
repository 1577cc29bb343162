// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package revocation answers API servers that ask, before they authorize a request of a managed person, about the certificate that it was
// made with: whether it belongs to a Session, and whether that goes on. It never allows anything; RBAC does.
package revocation

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/seen"
	"github.com/rollcall-iam/rollcall/internal/webhook"
)

const (
	// SecretName is the Secret, in the operator's namespace, that holds what API servers need to ask.
	SecretName = "rollcall-authorization-webhook"
	// Path is where the reviews are answered.
	Path = "/authorize"
)

// Options are what the webhook needs besides the manager.
type Options struct {
	// Namespace is the operator's own, where the Secret with the token is.
	Namespace string
	// Server is the URL by which API servers reach the webhook, without a path: for the kubeconfig in that Secret.
	Server string
	// CA tells the PEM certificates that API servers verify the webhook with: for that kubeconfig too.
	CA func(context.Context) ([]byte, error)
	// Seen writes which Sessions were asked about.
	Seen *seen.Writer
	// Detector is told of certificates that nobody issued.
	Detector *Detector
	// Metrics is where the metrics are registered.
	Metrics prometheus.Registerer
	// Clock tells the time.
	Clock clock.PassiveClock
}

// Setup adds to the manager what the webhook does in the background, and returns what answers the reviews.
func Setup(ctx context.Context, mgr ctrl.Manager, o Options) (http.Handler, error) {
	m := NewMetrics(o.Metrics)
	gone := newDeletions(o.Clock)
	informer, err := mgr.GetCache().GetInformer(ctx, &v1alpha1.Session{})
	if err != nil {
		return nil, fmt.Errorf("watch Sessions: %w", err)
	}
	if _, err := informer.AddEventHandler(gone.handler()); err != nil {
		return nil, fmt.Errorf("watch Sessions: %w", err)
	}
	sights := newSights(o.Seen)
	access := &webhook.Access{Client: mgr.GetClient(), Namespace: o.Namespace, SecretName: SecretName, Server: o.Server + Path, CA: o.CA}
	for _, runnable := range []manager.Runnable{everywhere(sights.run), access} {
		if err := mgr.Add(runnable); err != nil {
			return nil, fmt.Errorf("add to the manager: %w", err)
		}
	}
	return newHandler(access, &reviewer{
		cache: mgr.GetClient(), live: mgr.GetAPIReader(), clock: o.Clock, deleted: gone, seen: sights,
		unknown: newUnknown(o.Clock), looks: newLooks(),
		detector: o.Detector,
	}, m), nil
}

// everywhere is work that every replica does: API servers ask any of them.
type everywhere func(context.Context) error

// Start implements manager.Runnable.
func (e everywhere) Start(ctx context.Context) error { return e(ctx) }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (everywhere) NeedLeaderElection() bool { return false }

// every calls a function now and then, until the context ends.
func every(ctx context.Context, period time.Duration, call func(context.Context)) {
	for {
		timer := time.NewTimer(jittered(period))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			call(ctx)
		}
	}
}
