// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-iam/rollcall/config"
)

func TestConfig(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "What is installed")
}

// applied counts the objects of a kind that kubectl apply -k makes of a folder.
func applied(folder, kind string) (count int) {
	GinkgoHelper()
	content, err := os.ReadFile(filepath.Join(folder, "kustomization.yaml"))
	Expect(err).NotTo(HaveOccurred())
	var kustomization struct {
		Resources []string `json:"resources"`
	}
	Expect(yaml.Unmarshal(content, &kustomization)).To(Succeed())
	Expect(kustomization.Resources).NotTo(BeEmpty())
	for _, file := range kustomization.Resources {
		content, err := os.ReadFile(filepath.Join(folder, file))
		Expect(err).NotTo(HaveOccurred())
		count += strings.Count("\n"+string(content), "\nkind: "+kind+"\n")
	}
	return count
}

var _ = DescribeTable("The plugin knows all that is applied:", func(folder, kind string, known func(*config.Objects) int) {
	objects, err := config.Read()
	Expect(err).NotTo(HaveOccurred())
	Expect(known(objects)).To(SatisfyAll(BeNumerically(">", 0), Equal(applied(folder, kind))))
},
	Entry("kinds", "crd", "CustomResourceDefinition", func(o *config.Objects) int { return len(o.Kinds) }),
	Entry("policies", "policies", "ValidatingAdmissionPolicy", func(o *config.Objects) int { return len(o.Policies) }),
	Entry("bindings of policies", "policies", "ValidatingAdmissionPolicyBinding",
		func(o *config.Objects) int { return len(o.PolicyBindings) }),
	Entry("roles of namespaces", "rbac", "Role", func(o *config.Objects) int {
		count := 0
		for i := range o.Roles {
			if o.Roles[i].Namespace != "" {
				count++
			}
		}
		return count
	}),
	Entry("roles of the cluster", "rbac", "ClusterRole", func(o *config.Objects) int {
		count := 0
		for i := range o.Roles {
			if o.Roles[i].Namespace == "" {
				count++
			}
		}
		return count
	}),
)

var _ = It("Every policy has a binding that denies", func() {
	objects, err := config.Read()
	Expect(err).NotTo(HaveOccurred())
	for i := range objects.Policies {
		Expect(objects.PolicyBindings).To(ContainElement(SatisfyAll(
			HaveField("Spec.PolicyName", objects.Policies[i].Name), HaveField("Spec.ValidationActions", ContainElement(BeEquivalentTo("Deny"))),
		)))
	}
})
