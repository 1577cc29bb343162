// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/pki"
	"github.com/rollcall-iam/rollcall/internal/share"
	"github.com/rollcall-iam/rollcall/internal/signer"
	"github.com/rollcall-iam/rollcall/internal/signer/ca"
	"github.com/rollcall-iam/rollcall/internal/signer/csr"
	"github.com/rollcall-iam/rollcall/internal/stored"
)

// Environment is what the controllers get besides the manager.
type Environment struct {
	// Namespace is the operator's own.
	Namespace string
	// Version of the operator.
	Version string
	// Operator names the ServiceAccount that has the operator's rights, as namespace:name.
	Operator string
	// Cluster goes into kubeconfigs.
	Cluster pki.Cluster
	// Login and Authorization say where the login service and the authorization webhook are.
	Login, Authorization Endpoint
	// Audit says where the audit service is, what it keeps, and where.
	Audit Audit
	// ServingSecret and ServingNames say what certificate they show.
	ServingSecret string
	ServingNames  []string
	// SessionRetention is how long ended Sessions stay.
	SessionRetention time.Duration
	// DormantAfter is how long people are not seen before they are called dormant; 0 for never.
	DormantAfter time.Duration
	// Clientset reaches what the manager's client does not: reviews.
	Clientset kubernetes.Interface
	// Others has what others made that says who may do what: roles, and bindings that are not the operator's. Whoever needs it starts it.
	Others cache.Cache
	// API is how the API server is reached, without anything that tells it who asks.
	API *rest.Config
	// Signer signs certificates.
	Signer signer.Signer
	// Authority is the Signer where it is the operator's own, which has to be looked after; else nil.
	Authority *ca.Signer
	// Clock tells the time.
	Clock clock.PassiveClock
}

// Endpoint is where something is served.
type Endpoint struct {
	// Address is host:port to listen at; empty for a service that is off.
	Address string
	// URL is where it is reached, without a path.
	URL string
}

// Audit is the audit service.
type Audit struct {
	Endpoint

	// Store is where events are kept, as for store.Open.
	Store string
	// Retention is how long they are, and Size how many bytes there may be, about; 0 for any number.
	Retention time.Duration
	Size      int64
	// UnusedAfter is how long a Grant may be without use until it is called unused.
	UnusedAfter time.Duration
	// Ledger is its folder, and Checkpoints a file for its checkpoints; empty for none.
	Ledger, Checkpoints string
	// OCSF is a file for the SIEM's events, or - for stdout; empty for none.
	OCSF string
}

func (o *Options) endpoint(address, url string) (Endpoint, error) {
	if address == "" || address == "0" {
		return Endpoint{}, nil
	}
	reached, err := o.reached(url, address)
	return Endpoint{Address: address, URL: reached}, err
}

// heapGrowth is by how many percent what is in memory may grow before what is not needed any more is given back. Most of it is the cache,
// which stays, and the rest is small: half of Go's own 100 costs little time, and saves what a second copy of half the cache would take.
const heapGrowth = 50

// Run builds the manager, lets register add the controllers, and works until ctx ends.
func Run(ctx context.Context, o *Options, logger logr.Logger, register func(ctrl.Manager, Environment) error) error {
	ctrl.SetLogger(logger)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	config, err := o.restConfig()
	if err != nil {
		return err
	}
	mgr, err := newManager(config, o, logger)
	if err != nil {
		return err
	}
	environment, err := newEnvironment(ctx, mgr, config, o)
	if err != nil {
		return err
	}
	if err := index.Register(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	if err := register(mgr, environment); err != nil {
		return err
	}
	if err := errors.Join(mgr.AddHealthzCheck("ping", healthz.Ping), mgr.AddReadyzCheck("ping", healthz.Ping)); err != nil {
		return fmt.Errorf("add health checks: %w", err)
	}
	return mgr.Start(ctx)
}

// Scheme knows the kinds that the operator reads and writes.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("build scheme: %w", err)
	}
	return scheme, nil
}

func newManager(config *rest.Config, o *Options, logger logr.Logger) (ctrl.Manager, error) {
	scheme, err := Scheme()
	if err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme,
		Logger: logger,
		Cache:  cacheOptions(o.Namespace),
		// Secrets are read one by one and by name, and never cached: only their metadata is, in one namespace.
		Client:                        client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}}}},
		Metrics:                       server.Options{BindAddress: o.MetricsBindAddress},
		HealthProbeBindAddress:        o.HealthProbeBindAddress,
		PprofBindAddress:              o.PprofBindAddress,
		LeaderElection:                o.LeaderElect,
		LeaderElectionID:              "rollcall.iam.rollcall.dev",
		LeaderElectionNamespace:       o.Namespace,
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return nil, fmt.Errorf("build manager: %w", err)
	}
	return mgr, nil
}

// cacheOptions keep in memory what is needed and no more: of bindings our own, of Secrets those in our own namespace.
func cacheOptions(namespace string) cache.Options {
	managed := labels.SelectorFromSet(labels.Set{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy})
	return cache.Options{
		DefaultTransform: slim(),
		ByObject: map[client.Object]cache.ByObject{
			&rbacv1.RoleBinding{}:        {Label: managed},
			&rbacv1.ClusterRoleBinding{}: {Label: managed},
			&corev1.Secret{}:             {Namespaces: map[string]cache.Config{namespace: {}}},
		},
	}
}

// slim has objects leave out what nobody asks for, and share what they have in common, before the cache gets them.
func slim() toolscache.TransformFunc {
	strip, pool := cache.TransformStripManagedFields(), &share.Pool{}
	return func(object any) (any, error) {
		pool.Object(object)
		return strip(object)
	}
}

// newOthers is a cache of what cacheOptions leave out of RBAC. It takes memory once it is started.
func newOthers(mgr ctrl.Manager, config *rest.Config) (cache.Cache, error) {
	foreign, err := labels.NewRequirement(v1alpha1.LabelManagedBy, selection.NotEquals, []string{v1alpha1.ManagedBy})
	if err != nil {
		return nil, err
	}
	only := cache.ByObject{Label: labels.NewSelector().Add(*foreign)}
	others, err := cache.New(config, cache.Options{
		Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), HTTPClient: mgr.GetHTTPClient(),
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject:         map[client.Object]cache.ByObject{&rbacv1.RoleBinding{}: only, &rbacv1.ClusterRoleBinding{}: only},
	})
	if err != nil {
		return nil, fmt.Errorf("build a cache: %w", err)
	}
	return others, nil
}

func newEnvironment(ctx context.Context, mgr ctrl.Manager, config *rest.Config, o *Options) (Environment, error) {
	cluster, err := o.cluster(config)
	if err != nil {
		return Environment{}, err
	}
	logins, loginErr := o.endpoint(o.LoginBindAddress, o.LoginURL)
	authorization, authorizationErr := o.endpoint(o.AuthorizationBindAddress, o.AuthorizationURL)
	audit, auditErr := o.endpoint(o.AuditBindAddress, o.AuditURL)
	if err := errors.Join(loginErr, authorizationErr, auditErr); err != nil {
		return Environment{}, err
	}
	clientset, err := kubernetes.NewForConfig(inProtobuf(config))
	if err != nil {
		return Environment{}, fmt.Errorf("build client: %w", err)
	}
	others, err := newOthers(mgr, config)
	if err != nil {
		return Environment{}, err
	}
	environment := Environment{
		Others:        others,
		Namespace:     o.Namespace,
		Version:       o.Version,
		Operator:      o.Namespace + ":" + ServiceAccount,
		Cluster:       cluster,
		Clientset:     clientset,
		API:           rest.AnonymousClientConfig(config),
		Login:         logins,
		Authorization: authorization,
		Audit: Audit{
			Endpoint: audit, Store: o.AuditStore, Retention: o.AuditRetention, Size: o.AuditSize.Value(),
			UnusedAfter: min(o.UnusedAfter, o.AuditRetention),
			Ledger:      o.LedgerDir, Checkpoints: o.LedgerCheckpoints, OCSF: o.OCSF,
		},
		ServingSecret:    o.ServingSecret,
		ServingNames:     o.servingNames(),
		SessionRetention: o.SessionRetention,
		DormantAfter:     o.DormantAfter,
		Clock:            clock.RealClock{},
	}
	if o.Signer == SignerCA {
		store := stored.Store{Live: mgr.GetAPIReader(), Client: mgr.GetClient(), Namespace: o.Namespace}
		environment.Authority = &ca.Signer{Store: store, Life: o.CADuration, Clock: environment.Clock}
		environment.Signer = environment.Authority
		return environment, nil
	}
	environment.Signer, err = clusterSigner(ctx, clientset)
	return environment, err
}

// inProtobuf is for a client of nothing but Kubernetes' own kinds: to read and write them so takes both sides less than JSON does.
func inProtobuf(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	return config
}

// clusterSigner signs through the certificates API. It knows its own requests by whom the API server takes the operator for.
func clusterSigner(ctx context.Context, clientset kubernetes.Interface) (*csr.Signer, error) {
	reviews := clientset.AuthenticationV1().SelfSubjectReviews()
	review, err := reviews.Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("ask the API server who we are: %w", err)
	}
	return &csr.Signer{
		Requests: clientset.CertificatesV1().CertificateSigningRequests(), Requester: review.Status.UserInfo.Username,
	}, nil
}
