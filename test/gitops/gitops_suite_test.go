// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gitops_test has the real Argo CD sync a company's repository, as docs/gitops.md says, while the directory, the clock and people
// change what the operator makes of it.
package gitops_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/argocd"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/installed"
	"github.com/rollcall-iam/rollcall/test/slapd"
)

const (
	// patience is how long any one thing may take on a busy machine.
	patience = 90 * time.Second
	polling  = 100 * time.Millisecond
	// aWhile is how long something that must not happen is watched for.
	aWhile = 5 * time.Second
	// logTail is how much of a log a failed spec shows.
	logTail = 5000
)

var (
	plane    *controlplane.ControlPlane
	k8s      client.WithWatch
	operator *installation.Manager
	server   *slapd.Server
	argo     *argocd.ArgoCD
)

func TestGitOps(t *testing.T) {
	RegisterFailHandler(Fail)
	EnforceDefaultTimeoutsWhenUsingContexts()
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(polling)
	SetDefaultConsistentlyDuration(aWhile)
	SetDefaultConsistentlyPollingInterval(polling)
	RunSpecs(t, "GitOps")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	installed.OrSkip(argocd.Available())
	installed.OrSkip(slapd.Available())
	var err error
	plane, err = controlplane.Start(ctx, controlplane.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() error { return plane.Stop() })
	Expect(installation.Install(ctx, plane)).To(Succeed())
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	k8s, err = client.NewWithWatch(plane.RESTConfig(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	peopleAreThere(ctx)
	operator, err = installation.StartManager(ctx, plane, installation.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() error { return operator.Stop() })
	argo, err = argocd.Start(ctx, plane)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() error { return argo.Stop() })
}, NodeTimeout(5*time.Minute))

// peopleAreThere starts the directory, and makes what is not in Git: its Secrets, and namespaces.
func peopleAreThere(ctx context.Context) {
	GinkgoHelper()
	var err error
	server, err = slapd.Start(ctx, slapd.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() error { return server.Stop() })
	for _, uid := range []string{"alice", "bob", "carol", "dora", "erin"} {
		Expect(server.AddPerson(uid)).To(Succeed())
	}
	Expect(server.AddGroup("payments", slapd.PersonDN("alice"), slapd.PersonDN("bob"), slapd.PersonDN("carol"))).To(Succeed())
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "pay"}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ci"}},
		secret("corp-ca", map[string]string{"ca.crt": string(server.CAPEM())}),
		secret("corp-bind", map[string]string{"username": slapd.SyncDN, "password": server.Password()}),
	} {
		Expect(k8s.Create(ctx, object)).To(Succeed())
	}
}

func secret(name string, data map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: installation.Namespace, Name: name}, StringData: data}
}

var _ = JustAfterEach(func() {
	if !CurrentSpecReport().Failed() || argo == nil {
		return
	}
	for _, path := range append(argo.Logs(), operator.Log()) {
		content, err := os.ReadFile(path)
		if err != nil {
			content = []byte(err.Error())
		}
		AddReportEntry("the end of "+path, string(content[max(0, len(content)-logTail):]))
	}
})

// reportf prints evidence where people see it, passed or not.
func reportf(format string, args ...any) { AddReportEntry("seen", fmt.Sprintf(format, args...)) }
