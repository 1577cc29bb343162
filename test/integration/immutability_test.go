// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/test/installation"
)

func immutability(w *world) {
	update := func(ctx SpecContext, kind, before, after string) error {
		object := manifest(kind, w.name("fixed"), before)
		w.create(ctx, object)
		content := map[string]any{}
		Expect(yaml.Unmarshal([]byte(after), &content)).To(Succeed())
		object.Object["spec"] = content
		return w.admin.Update(ctx, object, client.DryRunAll)
	}
	inScope := "scope: Cluster\nsubjects: [{kind: User, name: a}]\n"
	inNamespace := "scope: Namespaces\nnamespaces: {names: [a]}\nsubjects: [{kind: User, name: a}]\nroleRef: {kind: ClusterRole, name: view}"

	DescribeTable("refuses to change", func(ctx SpecContext, kind, before, after, field, advice string) {
		err := update(ctx, kind, before, after)
		Expect(apierrors.IsInvalid(err)).To(BeTrue(), "refused as invalid: %v", err)
		Expect(err).To(MatchError(SatisfyAll(ContainSubstring(field), ContainSubstring("immutable"), ContainSubstring(advice))))
	},
		Entry("a userName", "User", "userName: a", "userName: b", "spec.userName", "delete this User and create another"),
		Entry("the directory of a User", "User", "userName: a\n"+corp, "userName: a\ndirectoryRef: {name: other}",
			"directoryRef", "delete this User and create another"),
		Entry("a local User into a directory's", "User", "userName: a", "userName: a\n"+corp,
			"directoryRef", "delete this User and create another"),
		Entry("a directory's User into a local one", "User", "userName: a\n"+corp, "userName: a",
			"directoryRef", "delete this User and create another"),
		Entry("a groupName", "Group", "groupName: a", "groupName: b", "spec.groupName", "delete this Group and create another"),
		Entry("the directory of a Group", "Group", "groupName: a\n"+corp, "groupName: a\ndirectoryRef: {name: other}",
			"directoryRef", "delete this Group and create another"),
		Entry("a local Group into a directory's", "Group", "groupName: a", "groupName: a\n"+corp,
			"directoryRef", "delete this Group and create another"),
		Entry("a directory's Group into a local one", "Group", "groupName: a\n"+corp, "groupName: a",
			"directoryRef", "delete this Group and create another"),
		Entry("the role of a Grant", "Grant", inScope+"roleRef: {kind: ClusterRole, name: view}",
			inScope+"roleRef: {kind: ClusterRole, name: edit}", "spec.roleRef", "create another Grant"),
		Entry("the kind of a Grant's role", "Grant",
			inNamespace, "scope: Namespaces\nnamespaces: {names: [a]}\nsubjects: [{kind: User, name: a}]\nroleRef: {kind: Role, name: view}",
			"spec.roleRef", "create another Grant"),
		Entry("a Grant's scope to less", "Grant", inScope+"roleRef: {kind: ClusterRole, name: view}", inNamespace,
			"spec.scope", "create another Grant"),
		Entry("a Grant's scope to more", "Grant", inNamespace, inScope+"roleRef: {kind: ClusterRole, name: view}",
			"spec.scope", "create another Grant"),
	)

	DescribeTable("lets everything else change", func(ctx SpecContext, kind, before, after string) {
		Expect(update(ctx, kind, before, after)).To(Succeed())
	},
		Entry("of a User", "User", "userName: a\n"+corp,
			"userName: a\n"+corp+"\nstate: Suspended\nexpireTime: '2030-01-01T00:00:00Z'\nkubeconfig: {secretRef: {namespace: a, name: b}}"),
		Entry("of a Group", "Group", "groupName: a\nmembers: [a]", "groupName: a\nmembers: [b, c]"),
		Entry("of a Grant", "Grant", inNamespace,
			"scope: Namespaces\nnamespaces: {selector: {}}\nsubjects: [{kind: Group, name: b}]\nroleRef: {kind: ClusterRole, name: view}"),
	)
}

func manifests(w *world) {
	DescribeTable("are accepted by kubectl, as written", func(ctx SpecContext, args ...string) {
		out, err := installation.Kubectl(ctx, w.plane, w.plane.AdminKubeconfig(),
			append([]string{"apply", "--dry-run=server", "--validate=strict"}, args...)...)
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(SatisfyAll(ContainSubstring("directory.iam"), ContainSubstring("user.iam"), ContainSubstring("group.iam"),
			ContainSubstring("grant.iam")), "all four kinds")
	},
		Entry("those of the API contract", "-f", "testdata/contract.yaml"),
		Entry("the samples", "-k", "../../config/samples"),
	)
}
