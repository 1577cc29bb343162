// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/doctor"
	"github.com/rollcall-iam/rollcall/test/installation"
)

// unpacked is what is in a bundle, by the names of files.
func unpacked(file string) map[string]string {
	GinkgoHelper()
	opened, err := os.Open(file)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = opened.Close() }()
	unzipped, err := gzip.NewReader(opened)
	Expect(err).NotTo(HaveOccurred())
	files, from := map[string]string{}, tar.NewReader(unzipped)
	for {
		header, err := from.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		Expect(err).NotTo(HaveOccurred())
		text, err := io.ReadAll(from)
		Expect(err).NotTo(HaveOccurred())
		files[strings.TrimPrefix(header.Name, "rollcall-support/")] = string(text)
	}
}

// bundles are specs of what is handed on.
func bundles() {
	var (
		files map[string]string
		ran   said
	)
	made := func(ctx SpecContext, args ...string) map[string]string {
		GinkgoHelper()
		file := filepath.Join(GinkgoT().TempDir(), "bundle.tar.gz")
		ran = runs(ctx, plane.AdminKubeconfig(), append([]string{"support-bundle", "--to", file}, args...)...)
		Expect(ran.Code).To(BeZero(), ran.Err)
		return unpacked(file)
	}

	It("has in it what there is, and says what it left out", func(ctx SpecContext) {
		files = made(ctx)
		for _, file := range []string{
			"README.txt", "doctor.txt", "doctor.json", "objects/users.yaml", "objects/directories.yaml", "objects/grants.yaml",
			"objects/installations.yaml", "operator/lease.yaml", "cluster/kinds.yaml", "cluster/policies.yaml", "cluster/policy-bindings.yaml",
			"cluster/clusterroles.yaml", "cluster/clusterrolebindings.yaml", "cluster/roles.yaml", "cluster/rolebindings.yaml",
		} {
			Expect(files).To(HaveKeyWithValue(file, Not(BeEmpty())))
			Expect(ran.Out).To(ContainSubstring(file))
		}
		Expect(ran.Out).To(ContainSubstring("Left out: Secrets and ConfigMaps: none was read"))
		Expect(ran.Out).To(ContainSubstring("Left out: Deployment rollcall-controller-manager: there is none"))
		report := &doctor.Report{}
		Expect(json.Unmarshal([]byte(files["doctor.json"]), report)).To(Succeed())
		Expect(report).To(is("directory corp", doctor.Note, "users and", ""))
		Expect(files["objects/grants.yaml"]).To(ContainSubstring("name: payments-edit"))
		Expect(files["cluster/clusterrolebindings.yaml"]).To(ContainSubstring("rollcall-manager"))
		Expect(files["cluster/kinds.yaml"]).NotTo(ContainSubstring("openAPIV3Schema"))
	})

	It("names nobody", func(ctx SpecContext) {
		var users v1alpha1.UserList
		Expect(admin.List(ctx, &users)).To(Succeed())
		Expect(len(users.Items)).To(BeNumerically(">", 10))
		files = made(ctx)
		count := 0
		for i := range users.Items {
			u := &users.Items[i]
			for _, name := range []string{
				u.Name, u.Spec.UserName, u.Status.Identity.ID, u.Status.Identity.Email, u.Status.Identity.DisplayName,
			} {
				if name == "" {
					continue
				}
				count++
				is := regexp.MustCompile(`(?i)(?:^|[^\pL\pM\pN])` + regexp.QuoteMeta(name) + `(?:$|[^\pL\pM\pN])`)
				for file, content := range files {
					Expect(is.MatchString(content)).To(BeFalse(), "%s names %s", file, name)
				}
			}
		}
		Expect(count).To(BeNumerically(">", 40))
		Expect(files["objects/grants.yaml"]).To(MatchRegexp(`payments on-call, says (person-\w+-mail|mail-\w+)`))
	})

	It("has no Secret in it, even where names are kept", func(ctx SpecContext) {
		var secrets corev1.SecretList
		Expect(admin.List(ctx, &secrets, client.InNamespace(installation.Namespace))).To(Succeed())
		files = made(ctx, "--keep-names")
		Expect(files["objects/users.yaml"]).To(ContainSubstring("userName: alice"))
		count := 0
		for i := range secrets.Items {
			for key, value := range secrets.Items[i].Data {
				if key == "username" {
					continue // It is no secret where names are kept.
				}
				count++
				for file, content := range files {
					Expect(content).NotTo(ContainSubstring(strings.TrimSpace(string(value))), "%s has %s", file, key)
				}
			}
		}
		Expect(count).To(BeNumerically(">=", 3))
	})

	It("is not made over another, nor by somebody who may not know who people are", func(ctx SpecContext) {
		file := filepath.Join(GinkgoT().TempDir(), "bundle.tar.gz")
		refused := runs(ctx, stranger(), "support-bundle", "--to", file)
		Expect(refused).To(SatisfyAll(HaveField("Code", 1), HaveField("Err", SatisfyAll(
			ContainSubstring("you cannot read Users"), ContainSubstring("rollcall-viewer")))))
		Expect(file).NotTo(BeAnExistingFile())
		Expect(os.WriteFile(file, []byte("mine"), 0o600)).To(Succeed())
		Expect(runs(ctx, plane.AdminKubeconfig(), "support-bundle", "--to", file)).To(SatisfyAll(
			HaveField("Code", 1), HaveField("Err", ContainSubstring("is there already"))))
		Expect(os.ReadFile(file)).To(BeEquivalentTo("mine"))
	})
}
