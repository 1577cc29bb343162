// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controllers lists the operator's controllers: one folder per duty.
package controllers

import (
	"fmt"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/rollcall-iam/rollcall/controllers/access"
	"github.com/rollcall-iam/rollcall/controllers/credential"
	"github.com/rollcall-iam/rollcall/controllers/directory"
	"github.com/rollcall-iam/rollcall/controllers/grant"
	"github.com/rollcall-iam/rollcall/controllers/group"
	"github.com/rollcall-iam/rollcall/controllers/installation"
	"github.com/rollcall-iam/rollcall/controllers/lock"
	"github.com/rollcall-iam/rollcall/controllers/session"
	"github.com/rollcall-iam/rollcall/controllers/user"
	"github.com/rollcall-iam/rollcall/internal/apply"
	"github.com/rollcall-iam/rollcall/internal/census"
	"github.com/rollcall-iam/rollcall/internal/departure"
	"github.com/rollcall-iam/rollcall/internal/issue"
	"github.com/rollcall-iam/rollcall/internal/operator"
	"github.com/rollcall-iam/rollcall/internal/preflight"
	"github.com/rollcall-iam/rollcall/internal/sources"
	"github.com/rollcall-iam/rollcall/internal/status"
)

// The field managers, one per controller.
const (
	directoryOwner    client.FieldOwner = "rollcall-directory"
	userOwner         client.FieldOwner = "rollcall-user"
	groupOwner        client.FieldOwner = "rollcall-group"
	grantOwner        client.FieldOwner = "rollcall-grant"
	lockOwner         client.FieldOwner = "rollcall-lock"
	accessOwner       client.FieldOwner = "rollcall-access"
	sessionOwner      client.FieldOwner = "rollcall-session"
	installationOwner client.FieldOwner = "rollcall-installation"
	credentialOwner   client.FieldOwner = "rollcall-credential" //nolint:gosec // A name, not a credential.
)

// The bounds of a controller's own backoff.
const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
)

// Register adds every controller to the manager.
func Register(mgr ctrl.Manager, o operator.Environment) error {
	c, live := mgr.GetClient(), mgr.GetAPIReader()
	report := func(owner client.FieldOwner) status.Reporter {
		return status.Reporter{Client: c, Recorder: mgr.GetEventRecorder(string(owner)), FieldOwner: owner}
	}
	opener := &sources.Opener{Live: live, Namespace: o.Namespace}
	certificates := shown(mgr, o)
	issuer := &issue.Issuer{
		Client: c, Live: live, Signer: o.Signer, Clock: o.Clock, Metrics: issue.NewMetrics(metrics.Registry, o.Signer.Name()),
	}
	applier, departures := applierFor(mgr, o)
	audit := newAuditing(mgr, o)
	if audit.outlet != nil {
		issuer.Ledger = audit.outlet
	}
	for _, controller := range []interface{ SetupWithManager(ctrl.Manager) error }{
		&directory.Reconciler{
			Client: c, Live: live, Reporter: report(directoryOwner), Clock: o.Clock, Sources: opener, Backoff: backoff(),
			Metrics: directory.NewMetrics(metrics.Registry, o.Clock), Departures: departures,
		},
		&user.Reconciler{
			Client: c, Reporter: report(userOwner), Clock: o.Clock, DormantAfter: o.DormantAfter, Covered: audit.covered(o),
		},
		&group.Reconciler{Client: c, Reporter: report(groupOwner), Clock: o.Clock},
		&grant.Reconciler{
			Client: c, Applier: applier(grantOwner),
			Reporter: report(grantOwner), Clock: o.Clock, Backoff: backoff(),
		},
		&lock.Reconciler{Client: c, Reporter: report(lockOwner), Clock: o.Clock},
		&access.Reconciler{
			Client: c, Live: live, Applier: applier(accessOwner),
			Reporter: report(accessOwner), Clock: o.Clock, Backoff: backoff(), Metrics: access.NewMetrics(metrics.Registry),
		},
		&session.Reconciler{Client: c, Reporter: report(sessionOwner), Clock: o.Clock, Retention: o.SessionRetention},
		&installation.Reconciler{
			Client: c, Reporter: report(installationOwner), Clock: o.Clock, LoginURL: o.Login.URL, Audit: auditors(o, certificates),
			Preflight: &preflight.Preflight{Signer: o.Signer, API: o.API, Clock: o.Clock}, Rotation: rotation(o),
			Received: audit.received(), Version: o.Version,
		},
		&credential.Reconciler{
			Client: c, Live: live, Cache: mgr.GetCache(), Issuer: issuer, Reporter: report(credentialOwner), Clock: o.Clock,
			Cluster: o.Cluster, Namespace: o.Namespace, Operator: o.Operator, Backoff: backoff(),
		},
	} {
		if err := controller.SetupWithManager(mgr); err != nil {
			return fmt.Errorf("set up %T: %w", controller, err)
		}
	}
	tellBuild(metrics.Registry, o.Version)
	if err := mgr.Add(&census.Census{Cache: mgr.GetCache(), Metrics: census.NewMetrics(metrics.Registry)}); err != nil {
		return fmt.Errorf("add the census: %w", err)
	}
	return registerServices(mgr, o, services{certificates, issuer, opener, audit})
}

// applierFor makes appliers, which count what they write and stop the watch of those who are named no more.
func applierFor(mgr ctrl.Manager, o operator.Environment) (func(client.FieldOwner) *apply.Applier, *departure.Watch) {
	written, departures := apply.NewMetrics(metrics.Registry), departure.NewWatch(metrics.Registry, o.Clock)
	return func(owner client.FieldOwner) *apply.Applier {
		return &apply.Applier{
			Client: mgr.GetClient(), Live: mgr.GetAPIReader(), FieldOwner: owner, Metrics: written, Departures: departures,
		}
	}, departures
}

// rotation looks after the operator's own authority, where that signs.
func rotation(o operator.Environment) *installation.Rotation {
	if o.Authority == nil {
		return nil
	}
	return &installation.Rotation{Authority: o.Authority, API: o.API, Clock: o.Clock, Metrics: installation.NewMetrics(metrics.Registry)}
}

func backoff() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry)
}
