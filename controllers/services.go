// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"

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
	"github.com/rollcall-iam/rollcall/internal/issue"
	"github.com/rollcall-iam/rollcall/internal/ledger/keeper"
	"github.com/rollcall-iam/rollcall/internal/login"
	"github.com/rollcall-iam/rollcall/internal/ocsf"
	"github.com/rollcall-iam/rollcall/internal/ocsf/feed"
	"github.com/rollcall-iam/rollcall/internal/oidc"
	"github.com/rollcall-iam/rollcall/internal/operator"
	"github.com/rollcall-iam/rollcall/internal/outlet"
	"github.com/rollcall-iam/rollcall/internal/revocation"
	"github.com/rollcall-iam/rollcall/internal/seen"
	"github.com/rollcall-iam/rollcall/internal/serving"
	"github.com/rollcall-iam/rollcall/internal/sources"
	"github.com/rollcall-iam/rollcall/internal/stored"
	"github.com/rollcall-iam/rollcall/internal/webhook"
)

// shown is the certificate of what is served.
func shown(mgr ctrl.Manager, o operator.Environment) *serving.Certificates {
	return serving.New(serving.Options{
		Store: ownStore(mgr, o), SecretName: o.ServingSecret, Names: o.ServingNames, Clock: o.Clock,
	})
}

// ownStore is the operator's own namespace.
func ownStore(mgr ctrl.Manager, o operator.Environment) stored.Store {
	return stored.Store{Live: mgr.GetAPIReader(), Client: mgr.GetClient(), Namespace: o.Namespace}
}

// services are what is served with.
type services struct {
	certificates *serving.Certificates
	issuer       *issue.Issuer
	opener       *sources.Opener
	// ledger is nil where there is none.
	ledger *keeper.Keeper
	// outlet is where entries go; nil where there is neither a ledger nor a SIEM.
	outlet *outlet.Outlet
	// watcher of what arrives; nil where there is no audit service.
	watcher *coverage.Watcher
}

// newLedger is the ledger; nil where there is none.
func newLedger(mgr ctrl.Manager, o operator.Environment) *keeper.Keeper {
	if o.Audit.Ledger == "" {
		return nil
	}
	return &keeper.Keeper{
		Dir: o.Audit.Ledger, Checkpoints: o.Audit.Checkpoints, Store: ownStore(mgr, o), Metrics: keeper.NewMetrics(metrics.Registry),
	}
}

// newWatcher watches whether the audit logs of API servers arrive; nil where there is no audit service.
func newWatcher(mgr ctrl.Manager, o operator.Environment) *coverage.Watcher {
	if o.Audit.Address == "" {
		return nil
	}
	return &coverage.Watcher{
		Live: mgr.GetAPIReader(), API: mgr.GetConfig(), Metrics: coverage.NewMetrics(metrics.Registry), Clock: o.Clock,
	}
}

// received says whether they do; nil where there is no audit service.
func received(watcher *coverage.Watcher) func() metav1.Condition {
	if watcher == nil {
		return nil
	}
	return watcher.Condition
}

// newOutlet passes entries on to the ledger and to the SIEM, as far as there are such; nil where there is neither.
func newOutlet(o operator.Environment, book *keeper.Keeper) *outlet.Outlet {
	if book == nil && o.Audit.OCSF == "" {
		return nil
	}
	out := &outlet.Outlet{}
	if book != nil {
		out.Ledger = book
	}
	if o.Audit.OCSF != "" {
		out.Listener = feed.New(feed.Output(o.Audit.OCSF), ocsf.Product{Version: o.Version}, o.Clock, metrics.Registry)
	}
	return out
}

// registerServices adds what the operator serves itself, where it is asked to: on every replica.
func registerServices(mgr ctrl.Manager, o operator.Environment, s services) error {
	if o.Login.Address == "" && o.Authorization.Address == "" && o.Audit.Address == "" {
		return nil
	}
	if err := mgr.Add(s.certificates); err != nil {
		return fmt.Errorf("add the certificate that is served: %w", err)
	}
	if o.Login.Address != "" {
		if err := registerLogin(mgr, o, s); err != nil {
			return err
		}
	}
	watch := &witness{
		seen:     seen.NewWriter(mgr.GetClient()),
		detector: revocation.NewDetector(mgr.GetClient(), mgr.GetEventRecorder("rollcall-authorization"), metrics.Registry, o.Clock),
	}
	if o.Audit.Address != "" {
		if err := registerAudit(mgr, o, s, watch); err != nil {
			return err
		}
	}
	if o.Authorization.Address != "" {
		return registerAuthorization(mgr, o, s.certificates, watch)
	}
	return nil
}

// witness is what those share that learn of requests: the authorization webhook before, and the audit service after.
type witness struct {
	seen     *seen.Writer
	detector *revocation.Detector
}

// connectionsAtOnce is how many connections people may have from one address, which many may share.
const connectionsAtOnce = 512

func registerLogin(mgr ctrl.Manager, o operator.Environment, s services) error {
	key, err := login.Key(context.Background(), ownStore(mgr, o))
	if err != nil {
		return err
	}
	service := &login.Service{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Issuer: s.issuer, Sources: s.opener,
		Providers: oidc.New(mgr.GetAPIReader(), o.Namespace, o.Clock), Clock: o.Clock, Recorder: mgr.GetEventRecorder("rollcall-login"),
		Log: mgr.GetLogger().WithName("login"), Metrics: login.NewMetrics(metrics.Registry), Key: key, Cluster: o.Cluster,
	}
	// Clients show the certificates that they renew. Who signed them is no matter: the Sessions know them one by one.
	config := s.certificates.Config()
	config.ClientAuth = tls.RequestClientCert
	return add(mgr, &serving.Server{
		Name: "login", Address: o.Login.Address, Handler: service.Handler(), TLS: config, PerAddress: connectionsAtOnce,
	})
}

func registerAuthorization(mgr ctrl.Manager, o operator.Environment, certificates *serving.Certificates, w *witness) error {
	handler, err := revocation.Setup(context.Background(), mgr, revocation.Options{
		Namespace: o.Namespace, Server: o.Authorization.URL, CA: certificates.CA,
		Seen: w.seen, Detector: w.detector, Metrics: metrics.Registry, Clock: o.Clock,
	})
	if err != nil {
		return err
	}
	return add(mgr, &serving.Server{
		Name: "authorization", Address: o.Authorization.Address, Handler: handler, TLS: certificates.Config(),
	})
}

func registerAudit(mgr ctrl.Manager, o operator.Environment, s services, w *witness) error {
	events := &store.Keeper{Location: o.Audit.Store, Age: o.Audit.Retention, Size: o.Audit.Size, Clock: o.Clock}
	access := &webhook.Access{
		Client: mgr.GetClient(), Namespace: o.Namespace, SecretName: receiver.SecretName,
		Server: o.Audit.URL + receiver.Path + receiver.DefaultServer, CA: s.certificates.CA,
	}
	answers := &questions.Service{
		Cache: mgr.GetClient(), Reviews: o.Clientset.AuthenticationV1().TokenReviews(), Namespace: o.Namespace,
		Store: events.Store, Clock: o.Clock,
	}
	recorder := &history.Recorder{Cache: mgr.GetCache(), Others: o.Others, Store: events.Store, Clock: o.Clock}
	if s.outlet != nil {
		recorder.Ledger = s.outlet
		if listener, ok := s.outlet.Listener.(manager.Runnable); ok {
			if err := mgr.Add(listener); err != nil {
				return fmt.Errorf("add what tells the SIEM: %w", err)
			}
		}
	}
	if s.ledger != nil {
		answers.Ledger, answers.Proofs = s.ledger.Files, s.ledger.Copy
		follower := &following.Follower{Store: events.Store, Ledger: s.ledger.Copy}
		sealer := &sealing.Sealer{Store: events.Store, Ledger: s.ledger, Clock: o.Clock}
		if err := errors.Join(mgr.Add(s.ledger), mgr.Add(sealer), mgr.Add(follower), mgr.AddReadyzCheck("ledger", s.ledger.Ready)); err != nil {
			return fmt.Errorf("add the ledger: %w", err)
		}
	}
	s.watcher.Store = events.Store
	for _, runnable := range []manager.Runnable{
		events, access, recorder, s.watcher, manager.RunnableFunc(o.Others.Start),
		&weighing.Weigher{
			Store: events.Store, CaughtUp: recorder.CaughtUp, Cache: mgr.GetClient(), Seen: w.seen, After: o.Audit.UnusedAfter, Clock: o.Clock,
		},
		&presence.Presence{Cache: mgr.GetClient(), Store: events.Store, Seen: w.seen, Detector: w.detector, Clock: o.Clock},
	} {
		if err := mgr.Add(runnable); err != nil {
			return fmt.Errorf("add to the manager: %w", err)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("POST "+receiver.Path+"{server}", receiver.New(receiver.Receiver{
		Access: access, Store: events.Store, Metrics: receiver.NewMetrics(metrics.Registry), Clock: o.Clock,
	}))
	mux.Handle("/", answers.Handler())
	return add(mgr, &serving.Server{
		Name: "audit", Address: o.Audit.Address, Handler: mux, TLS: s.certificates.Config(), PerAddress: connectionsAtOnce,
	})
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

func add(mgr ctrl.Manager, server *serving.Server) error {
	if err := errors.Join(mgr.Add(server), mgr.AddReadyzCheck(server.Name, server.Ready)); err != nil {
		return fmt.Errorf("add the %s service: %w", server.Name, err)
	}
	return nil
}
