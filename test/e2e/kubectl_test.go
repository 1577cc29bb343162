// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/installation"
)

// kubectl is the administrator's; it must succeed.
func kubectl(ctx context.Context, args ...string) string {
	GinkgoHelper()
	output, err := tryKubectl(ctx, args...)
	Expect(err).NotTo(HaveOccurred())
	return output
}

func tryKubectl(ctx context.Context, args ...string) (string, error) {
	output, err := installation.Kubectl(ctx, plane, plane.AdminKubeconfig(), args...)
	return strings.TrimSpace(output), err
}

func kubectlApply(ctx context.Context, manifest string) {
	GinkgoHelper()
	_, err := installation.KubectlInput(ctx, plane, plane.AdminKubeconfig(), manifest, "apply", "--server-side", "-f", "-")
	Expect(err).NotTo(HaveOccurred())
}

// worker is a person with a kubeconfig from a Secret, as a Pod that mounts it would have it.
type worker struct {
	secret string
	path   string
}

func newWorker(secret string) *worker {
	return &worker{secret: secret, path: filepath.Join(plane.Dir(), secret+".kubeconfig")}
}

// fetch takes the kubeconfig out of the Secret and returns it.
func (w *worker) fetch(ctx context.Context) (string, error) {
	encoded, err := tryKubectl(ctx, "get", "secret", w.secret, "-n", installation.Namespace, "-o", "jsonpath={.data.kubeconfig}")
	if err != nil {
		return "", err
	}
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", err
	}
	return string(decoded), os.WriteFile(w.path, decoded, 0o600)
}

// kubectl is a request with the kubeconfig that was fetched last.
func (w *worker) kubectl(ctx context.Context, args ...string) (string, error) {
	return installation.Kubectl(ctx, plane, w.path, args...)
}
