// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/rollcall-iam/rollcall/internal/issue"
	"github.com/rollcall-iam/rollcall/internal/login"
	"github.com/rollcall-iam/rollcall/internal/oidc"
	"github.com/rollcall-iam/rollcall/internal/operator"
	"github.com/rollcall-iam/rollcall/internal/revocation"
	"github.com/rollcall-iam/rollcall/internal/seen"
	"github.com/rollcall-iam/rollcall/internal/serving"
	"github.com/rollcall-iam/rollcall/internal/sources"
	"github.com/rollcall-iam/rollcall/internal/stored"
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
	audit        *auditing
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

func add(mgr ctrl.Manager, server *serving.Server) error {
	if err := errors.Join(mgr.Add(server), mgr.AddReadyzCheck(server.Name, server.Ready)); err != nil {
		return fmt.Errorf("add the %s service: %w", server.Name, err)
	}
	return nil
}
