// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package gitops_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/internal/checkout"
)

// repository is a Git repository on disk: config/samples/company, with the address of the test's directory.
type repository struct{ dir string }

func newRepository(ctx context.Context) *repository {
	GinkgoHelper()
	root, err := checkout.Root()
	Expect(err).NotTo(HaveOccurred())
	r := &repository{dir: GinkgoT().TempDir()}
	Expect(os.CopyFS(r.dir, os.DirFS(filepath.Join(root, "config", "samples", "company")))).To(Succeed())
	r.replace("clusters/staging/directory.yaml", "ldaps://ldap.staging.corp.example:636", server.LDAPSURL())
	r.git(ctx, "init", "--quiet", "--initial-branch=main")
	r.commit(ctx, "the company")
	return r
}

func (r *repository) url() string { return "file://" + r.dir }

func (r *repository) git(ctx context.Context, args ...string) string {
	GinkgoHelper()
	command := exec.CommandContext(ctx, "git", append([]string{"-C", r.dir, "-c", "user.name=Olga", "-c", "user.email=olga@corp.example"},
		args...)...)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "GIT_CONFIG_NOSYSTEM=1"}
	output, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))
	return strings.TrimSpace(string(output))
}

// commit commits everything and returns the revision.
func (r *repository) commit(ctx context.Context, message string) string {
	GinkgoHelper()
	r.git(ctx, "add", "--all")
	r.git(ctx, "commit", "--quiet", "--message", message)
	return r.git(ctx, "rev-parse", "HEAD")
}

func (r *repository) read(path string) string {
	GinkgoHelper()
	content, err := os.ReadFile(filepath.Join(r.dir, path))
	Expect(err).NotTo(HaveOccurred())
	return string(content)
}

func (r *repository) write(path, content string) {
	GinkgoHelper()
	Expect(os.WriteFile(filepath.Join(r.dir, path), []byte(content), 0o600)).To(Succeed())
}

// replace edits a file, in which before must be.
func (r *repository) replace(path, before, after string) {
	GinkgoHelper()
	content := r.read(path)
	Expect(content).To(ContainSubstring(before))
	r.write(path, strings.Replace(content, before, after, 1))
}
