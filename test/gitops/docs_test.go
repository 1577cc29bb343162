// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package gitops_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/argocd"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/checkout"
)

// manifests are what docs/gitops.md tells to apply, in its order.
func manifests() []string {
	GinkgoHelper()
	root, err := checkout.Root()
	Expect(err).NotTo(HaveOccurred())
	page, err := os.ReadFile(filepath.Join(root, "docs", "gitops.md"))
	Expect(err).NotTo(HaveOccurred())
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	found := make([]string, len(blocks))
	for i := range blocks {
		found[i] = blocks[i][1]
	}
	return found
}

// documented installs what the page says: the tool's rights, its project, and the Application, of the test's repository.
func documented(ctx context.Context, r *repository) {
	GinkgoHelper()
	root, err := checkout.Root()
	Expect(err).NotTo(HaveOccurred())
	kubectl(ctx, "", "apply", "-k", filepath.Join(root, "config", "gitops"))
	kubectl(ctx, "", "patch", "configmap", "argocd-cm", "-n", argocd.Namespace, "--type=merge",
		"-p", `{"data":{"resource.respectRBAC":"normal"}}`)
	blocks := manifests()
	Expect(blocks).To(HaveLen(3), "the rights, the Application, and the ApplicationSet")
	kubectl(ctx, blocks[0], "apply", "-f", "-")
	Expect(argo.AddCluster(ctx, "staging", argocd.Namespace, "rollcall-sync", map[string]string{"rollcall": "yes"})).To(Succeed())
	kubectl(ctx, strings.ReplaceAll(blocks[1], "https://git.corp.example/access.git", r.url()), "apply", "-f", "-")
	kubectl(ctx, blocks[2], "apply", "--dry-run=server", "-f", "-")
	kubectl(ctx, "", "apply", "--dry-run=server", "-k", filepath.Join(root, "config", "samples", "company", "clusters", "production"))
}

func kubectl(ctx context.Context, input string, args ...string) string {
	GinkgoHelper()
	output, err := installation.KubectlInput(ctx, plane, plane.AdminKubeconfig(), input, args...)
	Expect(err).NotTo(HaveOccurred())
	return strings.TrimSpace(output)
}
