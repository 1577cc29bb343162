// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package serving is the TLS of what the operator serves itself: the login service and the authorization webhook.
package serving

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog" //nolint:depguard // What net/http wants as its log is made of logr here.
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/internal/stored"
)

// Options say where the certificate comes from.
type Options struct {
	// Store is the operator's own namespace: where the Secret is, or the authority that is made where none is given.
	Store stored.Store
	// SecretName is a Secret of type kubernetes.io/tls, such as cert-manager keeps; empty: an authority of our own.
	SecretName string
	// Names are the DNS names and IP addresses of a certificate by that authority.
	Names []string
	Clock clock.PassiveClock
}

// Certificates are what servers show. They are looked after while somebody asks.
type Certificates struct {
	options Options

	mutex   sync.Mutex
	current *shown
}

// shown is a certificate, those that clients verify it with, and when to look for the next.
type shown struct {
	certificate *tls.Certificate
	ca          []byte
	look        time.Time
}

// lookAgain is how often a Secret is looked at while it is in use: it may have been renewed.
const lookAgain = time.Minute

// New prepares certificates. Nothing is read or made before Start, or the first is asked for.
func New(o Options) *Certificates {
	return &Certificates{options: o}
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (c *Certificates) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable. It looks for a certificate before anybody asks for one, until there is one: clients have to learn the
// authority before they come, and whoever installs this wants to hear of a Secret that is not there.
func (c *Certificates) Start(ctx context.Context) error {
	look := func(ctx context.Context) (bool, error) {
		_, err := c.get(ctx)
		if err != nil && ctx.Err() == nil {
			log.FromContext(ctx).WithName("serving").Error(err, "there is no certificate to serve with; tried again in a minute")
		}
		return err == nil, nil
	}
	_ = wait.PollUntilContextCancel(ctx, lookAgain, true, look) // It ends with the manager, or for good.
	return nil
}

// Config is for a server. Whether clients show certificates is for it to say.
func (c *Certificates) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			current, err := c.get(hello.Context())
			if err != nil {
				return nil, err
			}
			return current.certificate, nil
		},
	}
}

// CA are the PEM certificates that clients verify the server with; nil where a Secret is given that does not say.
func (c *Certificates) CA(ctx context.Context) ([]byte, error) {
	current, err := c.get(ctx)
	if err != nil {
		return nil, err
	}
	return current.ca, nil
}

// get looks anew where it is time to. Where that fails, what was good before is shown for as long as it lasts.
func (c *Certificates) get(ctx context.Context) (shown, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	now := c.options.Clock.Now()
	if c.current != nil && now.Before(c.current.look) {
		return *c.current, nil
	}
	fresh, err := c.read(ctx, now)
	switch {
	case err == nil:
		c.current = fresh
	case c.current == nil:
		return shown{}, err
	default:
		c.current.look = now.Add(lookAgain)
		log.FromContext(ctx).WithName("serving").Error(err, "look after the certificate that is served")
	}
	return *c.current, nil
}

func (c *Certificates) read(ctx context.Context, now time.Time) (*shown, error) {
	if c.options.SecretName == "" {
		return c.issue(ctx, now)
	}
	secret, err := c.options.Store.Secret(ctx, c.options.SecretName)
	if err != nil {
		return nil, fmt.Errorf("read the certificate that is served: %w", err)
	}
	pair, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return nil, fmt.Errorf("no certificate and key that belong together in Secret %s: %w", secret.Name, err)
	}
	return &shown{certificate: &pair, ca: secret.Data[corev1.ServiceAccountRootCAKey], look: now.Add(lookAgain)}, nil
}

// Server serves one handler, on every replica.
type Server struct {
	// Name is for the log.
	Name string
	// Address is host:port.
	Address string
	Handler http.Handler
	TLS     *tls.Config
	// PerAddress is how many connections one address may have at a time; zero for any number.
	PerAddress int

	listening atomic.Bool
}

// Ready is nil once clients can connect: a healthz.Checker, so that nobody is sent to a replica before.
func (s *Server) Ready(*http.Request) error {
	if !s.listening.Load() {
		return fmt.Errorf("the %s service does not listen yet", s.Name)
	}
	return nil
}

// How long clients may take. An answer may wait for a directory, an identity provider and a signer.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 90 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 32 << 10
	farewell          = 10 * time.Second
)

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (s *Server) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (s *Server) Start(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Address)
	if err != nil {
		return fmt.Errorf("serve %s: %w", s.Name, err)
	}
	if s.PerAddress > 0 {
		listener = newCrowd(listener, s.PerAddress)
	}
	logger := log.FromContext(ctx).WithName(s.Name)
	server := &http.Server{
		Handler: s.Handler, TLSConfig: s.TLS, MaxHeaderBytes: maxHeaderBytes,
		// Of broken connections, which anybody can bring about, nothing is told in the log that people read.
		ErrorLog:          slog.NewLogLogger(logr.ToSlogHandler(logger.V(1)), slog.LevelInfo),
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	stop := context.AfterFunc(ctx, func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
		defer cancel()
		_ = server.Shutdown(bounded)
	})
	defer stop()
	logger.Info("serving", "address", listener.Addr().String())
	s.listening.Store(true)
	if err := server.ServeTLS(listener, "", ""); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve %s: %w", s.Name, err)
	}
	return nil
}
