// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/audit/coverage"
	"github.com/rollcall-iam/rollcall/internal/audit/following"
	"github.com/rollcall-iam/rollcall/internal/audit/history"
	"github.com/rollcall-iam/rollcall/internal/audit/presence"
	"github.com/rollcall-iam/rollcall/internal/audit/questions"
	"github.com/rollcall-iam/rollcall/internal/audit/receiver"
	"github.com/rollcall-iam/rollcall/internal/audit/sealing"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/audit/weighing"
	"github.com/rollcall-iam/rollcall/internal/ledger/keeper"
	"github.com/rollcall-iam/rollcall/internal/ocsf"
	"github.com/rollcall-iam/rollcall/internal/ocsf/feed"
	"github.com/rollcall-iam/rollcall/internal/operator"
	"github.com/rollcall-iam/rollcall/internal/outlet"
	"github.com/rollcall-iam/rollcall/internal/serving"
	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/internal/webhook"
)

// auditing is the audit service, as far as controllers need it, too.
type auditing struct {
	// events are kept there; nil where there is no audit service. What follows is nil then.
	events *store.Keeper
	// watcher of what arrives.
	watcher *coverage.Watcher
	// ledger is nil where there is none, and outlet, where entries go, where there is neither a ledger nor a SIEM.
	ledger *keeper.Keeper
	outlet *outlet.Outlet
}

func newAuditing(mgr ctrl.Manager, o operator.Environment) *auditing {
	if o.Audit.Address == "" {
		return &auditing{}
	}
	a := &auditing{events: &store.Keeper{Location: o.Audit.Store, Age: o.Audit.Retention, Size: o.Audit.Size, Clock: o.Clock}}
	a.watcher = &coverage.Watcher{
		Live: mgr.GetAPIReader(), API: mgr.GetConfig(), Store: a.events.Store, Metrics: coverage.NewMetrics(metrics.Registry), Clock: o.Clock,
	}
	if o.Audit.Ledger != "" || o.Audit.OCSF != "" {
		a.outlet = &outlet.Outlet{}
	}
	if o.Audit.Ledger != "" {
		a.ledger = &keeper.Keeper{
			Dir: o.Audit.Ledger, Checkpoints: o.Audit.Checkpoints, Store: ownStore(mgr, o), Metrics: keeper.NewMetrics(metrics.Registry),
		}
		a.outlet.Ledger = a.ledger
	}
	if o.Audit.OCSF != "" {
		a.outlet.Listener = feed.New(feed.Output(o.Audit.OCSF), ocsf.Product{Version: o.Version}, o.Clock, metrics.Registry)
	}
	return a
}

// received says whether the audit logs of API servers arrive; nil where there is no audit service.
func (a *auditing) received() func() metav1.Condition {
	if a.watcher == nil {
		return nil
	}
	return a.watcher.Condition
}

// covered says whether they did since a time; nil where there is no audit service.
func (a *auditing) covered(o operator.Environment) func(context.Context, time.Time) (bool, error) {
	if a.events == nil {
		return nil
	}
	return func(ctx context.Context, since time.Time) (bool, error) {
		kept, err := a.events.Store()
		if err != nil {
			return false, err
		}
		known, err := coverage.Of(ctx, kept, since, o.Clock.Now())
		return known.Share >= usage.Covered, err
	}
}

// auditors says where they ask; nil where there is no audit service.
func auditors(o operator.Environment, certificates *serving.Certificates) func(context.Context) (*v1alpha1.InstallationAudit, error) {
	if o.Audit.Address == "" {
		return nil
	}
	return func(ctx context.Context) (*v1alpha1.InstallationAudit, error) {
		ca, err := certificates.CA(ctx)
		if err != nil {
			return nil, err
		}
		return &v1alpha1.InstallationAudit{URL: o.Audit.URL, CABundle: ca, Namespace: o.Namespace}, nil
	}
}

func registerAudit(mgr ctrl.Manager, o operator.Environment, s services, w *witness) error {
	a := s.audit
	access := &webhook.Access{
		Client: mgr.GetClient(), Namespace: o.Namespace, SecretName: receiver.SecretName,
		Server: o.Audit.URL + receiver.Path + receiver.DefaultServer, CA: s.certificates.CA,
	}
	answers := &questions.Service{
		Cache: mgr.GetClient(), Reviews: o.Clientset.AuthenticationV1().TokenReviews(), Namespace: o.Namespace,
		Store: a.events.Store, Clock: o.Clock,
	}
	recorder := &history.Recorder{Cache: mgr.GetCache(), Others: o.Others, Store: a.events.Store, Clock: o.Clock}
	if a.outlet != nil {
		recorder.Ledger = a.outlet
	}
	if a.ledger != nil {
		answers.Ledger, answers.Proofs = a.ledger.Files, a.ledger.Copy
	}
	for _, runnable := range append(a.besides(o),
		a.events, access, a.watcher, recorder, manager.RunnableFunc(o.Others.Start),
		&weighing.Weigher{
			Store: a.events.Store, Recorded: recorder.Recorded, Cache: mgr.GetClient(), Seen: w.seen, After: o.Audit.UnusedAfter, Clock: o.Clock,
		},
		&presence.Presence{Cache: mgr.GetClient(), Store: a.events.Store, Seen: w.seen, Detector: w.detector, Clock: o.Clock},
	) {
		if err := mgr.Add(runnable); err != nil {
			return fmt.Errorf("add to the manager: %w", err)
		}
	}
	if a.ledger != nil {
		if err := mgr.AddReadyzCheck("ledger", a.ledger.Ready); err != nil {
			return fmt.Errorf("add the ledger: %w", err)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("POST "+receiver.Path+"{server}", receiver.New(receiver.Receiver{
		Access: access, Store: a.events.Store, Metrics: receiver.NewMetrics(metrics.Registry), Clock: o.Clock,
	}))
	mux.Handle("/", answers.Handler())
	return add(mgr, &serving.Server{
		Name: "audit", Address: o.Audit.Address, Handler: mux, TLS: s.certificates.Config(), PerAddress: connectionsAtOnce,
	})
}

// besides is what runs for a ledger and for a SIEM.
func (a *auditing) besides(o operator.Environment) (runnables []manager.Runnable) {
	if a.outlet != nil {
		if listener, ok := a.outlet.Listener.(manager.Runnable); ok {
			runnables = append(runnables, listener)
		}
	}
	if a.ledger != nil {
		runnables = append(runnables, a.ledger,
			&sealing.Sealer{Store: a.events.Store, Ledger: a.ledger, Clock: o.Clock},
			&following.Follower{Store: a.events.Store, Ledger: a.ledger.Copy})
	}
	return runnables
}
