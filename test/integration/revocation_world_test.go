// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/controllers"
	"github.com/rollcall-iam/rollcall/internal/operator"
	"github.com/rollcall-iam/rollcall/internal/revocation"
	"github.com/rollcall-iam/rollcall/internal/seen"
	"github.com/rollcall-iam/rollcall/internal/session"
	"github.com/rollcall-iam/rollcall/internal/webhook"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/certs"
)

// authorization is a control plane that asks the operator's webhook, as config/authorization says.
type authorization struct {
	*world
	ca       *certs.CA
	pair     tls.Certificate
	address  string
	server   *http.Server
	handler  atomic.Pointer[http.Handler]
	registry *prometheus.Registry
	// files is the folder of what the API server reads.
	files string
	// lags keeps Sessions out of the operator's cache, as if these had only just been made.
	lags atomic.Bool
}

func (a *authorization) start(ctx SpecContext) {
	var err error
	a.ca, err = certs.NewCA("webhook-ca")
	Expect(err).NotTo(HaveOccurred())
	pair, err := a.ca.Issue(pkix.Name{CommonName: "webhook"}, "127.0.0.1")
	Expect(err).NotTo(HaveOccurred())
	a.pair, err = pair.TLS()
	Expect(err).NotTo(HaveOccurred())
	a.address = "127.0.0.1:0"
	a.registry, a.files = prometheus.NewRegistry(), GinkgoT().TempDir()
	a.up()
	DeferCleanup(a.down)

	// The API server runs before the operator does, which has the token: the way that config/authorization/README.md goes.
	sample, err := os.ReadFile("../../config/authorization/webhook.kubeconfig")
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(filepath.Join(a.files, "none.kubeconfig"),
		[]byte(strings.ReplaceAll(string(sample), "    certificate-authority-data: PEM-IN-BASE64\n", "")), 0o600)).To(Succeed())
	a.configure("best-effort", "none.kubeconfig")
	a.options = controlplane.Options{APIServerArgs: []string{"--authorization-config=" + filepath.Join(a.files, "config.yaml")}}
	a.world.start(ctx)
	a.operates(ctx)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: installation.Namespace, Name: revocation.SecretName}}
	Eventually(ctx, func() error { return a.admin.Get(ctx, clientKey(secret), secret) }).Should(Succeed())
	Expect(os.WriteFile(filepath.Join(a.files, "webhook.kubeconfig"), secret.Data[webhook.KubeconfigKey], 0o600)).To(Succeed())
}

// configure has the API server read one of the samples, which it does when the file changes, and with a kubeconfig of another name.
func (a *authorization) configure(sample, kubeconfig string) {
	GinkgoHelper()
	content, err := os.ReadFile("../../config/authorization/authorization-config-" + sample + ".yaml")
	Expect(err).NotTo(HaveOccurred())
	const path = "/etc/kubernetes/rollcall/webhook.kubeconfig"
	Expect(string(content)).To(ContainSubstring(path))
	content = []byte(strings.ReplaceAll(string(content), path, filepath.Join(a.files, kubeconfig)))
	Expect(os.WriteFile(filepath.Join(a.files, "config.yaml"), content, 0o600)).To(Succeed())
}

// operates lets the operator work by itself, webhook and all.
func (a *authorization) operates(ctx SpecContext) {
	GinkgoHelper()
	a.run(ctx, func(mgr ctrl.Manager, environment operator.Environment) error {
		handler, err := revocation.Setup(ctx, lagging{mgr, &a.lags}, revocation.Options{
			Namespace: environment.Namespace, Server: "https://" + a.address,
			CA:       func(context.Context) ([]byte, error) { return a.ca.Cert, nil },
			Seen:     seen.NewWriter(mgr.GetClient()),
			Detector: revocation.NewDetector(mgr.GetClient(), mgr.GetEventRecorder("rollcall-authorization"), a.registry, environment.Clock),
			Metrics:  a.registry, Clock: environment.Clock,
		})
		if err != nil {
			return err
		}
		a.handler.Store(&handler)
		return controllers.Register(mgr, environment)
	})
}

// up serves the webhook, at the same address each time.
func (a *authorization) up() {
	GinkgoHelper()
	listener, err := net.Listen("tcp", a.address)
	Expect(err).NotTo(HaveOccurred())
	a.address = listener.Addr().String()
	server := &http.Server{
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{a.pair}, MinVersion: tls.VersionTLS13},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if handler := a.handler.Load(); handler != nil {
				(*handler).ServeHTTP(w, r)
				return
			}
			http.Error(w, "not yet", http.StatusServiceUnavailable)
		}),
	}
	a.server = server
	go func() { _ = server.ServeTLS(listener, "", "") }()
}

func (a *authorization) down() { _ = a.server.Close() }

// asked waits until the API server asks the webhook: it refuses the preflight in the webhook's words.
func (a *authorization) asked(ctx SpecContext) {
	GinkgoHelper()
	preflight := a.certify(session.PreflightUsername)
	Eventually(ctx, func() error { return preflight.reads(ctx) }).Should(MatchError(ContainSubstring(session.UnknownDenial)))
}

// count is a metric's value, over all its labels but the given.
func (a *authorization) count(name string, labels ...string) float64 {
	GinkgoHelper()
	families, err := a.registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	sum, found := 0.0, false
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			if len(labels) == 0 || metric.GetLabel()[0].GetValue() == labels[0] {
				sum, found = sum+metric.GetCounter().GetValue(), true
			}
		}
	}
	Expect(found).To(BeTrue(), name)
	return sum
}

// looks counts how often the webhook asked the API server for a Session, since the mark.
func (a *authorization) looks(mark controlplane.AuditMark) int {
	GinkgoHelper()
	events, _, err := a.plane.AuditSince(mark)
	Expect(err).NotTo(HaveOccurred())
	looks := 0
	for i := range events {
		if events[i].User.Username == operatorUser && strings.Contains(events[i].RequestURI, "fieldSelector=spec.username") {
			looks++
		}
	}
	return looks
}

// alarms are the events about certificates that nobody knows, which regard an object.
func (a *authorization) alarms(ctx context.Context, regarding string) []eventsv1.Event {
	GinkgoHelper()
	var list eventsv1.EventList
	Expect(a.admin.List(ctx, &list, client.InNamespace(metav1.NamespaceDefault))).To(Succeed())
	var found []eventsv1.Event
	for i := range list.Items {
		if list.Items[i].Reason == "UnknownCertificate" && list.Items[i].Regarding.Name == regarding {
			found = append(found, list.Items[i])
		}
	}
	return found
}

// lagging is a manager whose cache may not know Sessions yet.
type lagging struct {
	ctrl.Manager
	on *atomic.Bool
}

func (l lagging) GetClient() client.Client { return lags{l.Manager.GetClient(), l.on} }

type lags struct {
	client.Client
	on *atomic.Bool
}

func (l lags) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if _, sessions := list.(*v1alpha1.SessionList); sessions && l.on.Load() {
		return nil
	}
	return l.Client.List(ctx, list, options...)
}
