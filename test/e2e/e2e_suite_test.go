// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package e2e_test runs the whole of Rollcall as it is installed: the real manager under its ServiceAccount, on a real control plane,
// reading real directories.
package e2e_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
)

const (
	// patience is how long any one thing may take on a busy machine. Most take milliseconds.
	patience = 40 * time.Second
	// aWhile is how long something that must not happen is watched for. What would make it happen takes milliseconds.
	aWhile  = time.Second
	polling = 50 * time.Millisecond
	// logTail is how much of the manager's log a failed spec shows.
	logTail = 6000
)

var (
	plane *controlplane.ControlPlane
	// k8s is the administrator's client. It reads from the API server, never from a cache.
	k8s client.WithWatch
	// operator is the manager that specs share; nil while none runs.
	operator *installation.Manager
)

func TestE2E(t *testing.T) {
	RegisterFailHandler(Fail)
	EnforceDefaultTimeoutsWhenUsingContexts()
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(polling)
	SetDefaultConsistentlyDuration(aWhile)
	SetDefaultConsistentlyPollingInterval(polling)
	RunSpecs(t, "End to end")
}

var _ = BeforeSuite(func(ctx SpecContext) {
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
	DeferCleanup(operatorStops)
})

// operatorRuns starts the shared manager unless it runs.
func operatorRuns(ctx context.Context) {
	GinkgoHelper()
	if operator != nil {
		return
	}
	manager, err := installation.StartManager(ctx, plane, installation.Options{})
	Expect(err).NotTo(HaveOccurred())
	operator = manager
}

// operatorStops makes room for the managers of specs that start their own.
func operatorStops() {
	GinkgoHelper()
	if operator != nil {
		Expect(operator.Stop()).To(Succeed())
	}
	operator = nil
}

var _ = JustAfterEach(func() {
	if CurrentSpecReport().Failed() && operator != nil {
		showLog(operator.Log())
	}
})

func showLog(path string) {
	content, err := os.ReadFile(path)
	if err != nil {
		content = []byte(err.Error())
	}
	AddReportEntry("the end of "+path, string(content[max(0, len(content)-logTail):]))
}

// reportf prints a measurement where people see it, passed or not.
func reportf(format string, args ...any) {
	AddReportEntry("measured", fmt.Sprintf(format, args...))
}
