// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package helm_test holds the chart against config, which says the same to kubectl, and installs, upgrades and uninstalls it with the real
// helm on a real control plane.
package helm_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/internal/checkout"
)

const (
	// patience is how long any one thing may take on a busy machine. Most take milliseconds.
	patience = 40 * time.Second
	polling  = 50 * time.Millisecond
	// release is what the tests call theirs.
	release = "rollcall"
)

func TestHelm(t *testing.T) {
	RegisterFailHandler(Fail)
	EnforceDefaultTimeoutsWhenUsingContexts()
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(polling)
	RunSpecs(t, "Helm chart")
}

// root is that of the checkout.
func root() string {
	GinkgoHelper()
	root, err := checkout.Root()
	Expect(err).NotTo(HaveOccurred())
	return root
}

func chart() string { return filepath.Join(root(), "charts", "rollcall") }

// helm runs the real one, which keeps its files in a folder of the spec's own, against the cluster of a kubeconfig; "" for none.
func helm(ctx context.Context, kubeconfig string, args ...string) (string, error) {
	GinkgoHelper()
	binary := filepath.Join(root(), "bin", "tools", "helm")
	Expect(binary).To(BeARegularFile(), "run 'make tools'")
	home := GinkgoT().TempDir()
	command := exec.CommandContext(ctx, binary, args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig,
		"HELM_CONFIG_HOME="+home, "HELM_CACHE_HOME="+home, "HELM_DATA_HOME="+home)
	var complaints strings.Builder
	command.Stderr = &complaints
	output, err := command.Output()
	if err != nil {
		return string(output), fmt.Errorf("helm %s: %w: %s", strings.Join(args, " "), err, complaints.String())
	}
	return string(output), nil
}
