// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// of is a Grant of another role.
func of(grant *v1alpha1.Grant, kind v1alpha1.RoleKind, name string) *v1alpha1.Grant {
	grant.Spec.RoleRef = v1alpha1.RoleReference{Kind: kind, Name: name}
	return grant
}

// askable is a Grant that is given on request.
func askable(grant *v1alpha1.Grant, approvers ...string) *v1alpha1.Grant {
	grant.Spec.Activation, grant.Spec.Request = v1alpha1.ActivationOnRequest, &v1alpha1.RequestPolicy{Approvers: users(approvers...)}
	return grant
}

// policyOfGrants is about an account that syncs from Git, and may bind view in namespace a.
func policyOfGrants(w *world) {
	const clusterRole, role = v1alpha1.RoleKindClusterRole, v1alpha1.RoleKindRole
	var (
		gitops, everywhere, local *person
		a, b                      string
	)
	BeforeAll(func(ctx SpecContext) {
		a, b = w.namespace(ctx, nil).Name, w.namespace(ctx, nil).Name
		gitops, everywhere, local = w.account(ctx, a), w.person("everywhere"), w.person("local")
		gitops.gets(ctx, "", syncs())
		gitops.gets(ctx, a, binds("view"))
		everywhere.gets(ctx, "", syncs(), binds("view"))
		local.gets(ctx, "", syncs())
		local.gets(ctx, a, rule(rbacv1.GroupName, "roles", []string{"view"}, "bind"))
	})
	ofView := func(namespaces ...string) *v1alpha1.Grant {
		return within(grantOf(w.name("grant"), users("u")...), nil, namespaces...)
	}

	DescribeTable("let who may bind the role there write", func(ctx SpecContext, grant func() (*person, *v1alpha1.Grant)) {
		writer, written := grant()
		Expect(writer.tries(ctx, written)).To(Succeed())
	},
		Entry("a Grant there", func() (*person, *v1alpha1.Grant) { return gitops, ofView(a) }),
		Entry("one of sixteen names", func() (*person, *v1alpha1.Grant) { return gitops, ofView(slices.Repeat([]string{a}, 16)...) }),
		Entry("one on request", func() (*person, *v1alpha1.Grant) { return gitops, askable(ofView(a), "b") }),
		Entry("one of a Role", func() (*person, *v1alpha1.Grant) { return local, of(ofView(a), role, "view") }),
		Entry("one of scope Cluster, who may everywhere", func() (*person, *v1alpha1.Grant) {
			return everywhere, grantOf(w.name("grant"), users("u")...)
		}),
		Entry("one with a selector, who may everywhere", func() (*person, *v1alpha1.Grant) {
			return everywhere, within(ofView(), map[string]string{"team": "a"}, a)
		}),
		Entry("one of sixteen names, who may everywhere", func() (*person, *v1alpha1.Grant) {
			return everywhere, ofView(slices.Repeat([]string{a, b}, 8)...)
		}),
	)

	DescribeTable("refuse", func(ctx SpecContext, grant func() *v1alpha1.Grant, words ...string) {
		Expect(gitops.tries(ctx, grant())).To(refusedBy("grants", append(words, gitops.name+" may not bind")...))
	},
		Entry("another namespace", func() *v1alpha1.Grant { return ofView(b) }, `ClusterRole "view" in namespace "ns-`, "RoleBinding there"),
		Entry("another namespace besides", func() *v1alpha1.Grant { return ofView(a, b) }, "spec.namespaces.names"),
		Entry("sixteen others", func() *v1alpha1.Grant { return ofView(slices.Repeat([]string{b}, 16)...) }, "spec.namespaces.names"),
		Entry("all namespaces", func() *v1alpha1.Grant { return within(ofView(), map[string]string{}) }, "everywhere", "a selector"),
		Entry("a selector besides", func() *v1alpha1.Grant { return within(ofView(), map[string]string{"a": "b"}, a) },
			"everywhere", "a selector"),
		Entry("the whole cluster", func() *v1alpha1.Grant { return grantOf(w.name("grant"), users("u")...) },
			"everywhere", "scope Cluster", "by a ClusterRoleBinding"),
		Entry("another role", func() *v1alpha1.Grant { return of(ofView(a), clusterRole, "edit") }, `verb bind on clusterroles "edit"`),
		Entry("a Role of the same name", func() *v1alpha1.Grant { return of(ofView(a), role, "view") }, `verb bind on roles "view"`),
		Entry("a Role wherever there is one", func() *v1alpha1.Grant { return of(within(ofView(), map[string]string{}), role, "view") },
			`Role "view" everywhere`),
		Entry("what is given on request", func() *v1alpha1.Grant { return askable(ofView(b), gitops.name) }, "spec.namespaces.names"),
	)

	It("name the namespace that is refused", func(ctx SpecContext) {
		Expect(gitops.tries(ctx, ofView(a, a, b, a))).To(refusedBy("grants", `in namespace "`+b+`": `))
	})
	It("look at each of the sixteen names", func(ctx SpecContext) {
		for i := range 16 {
			names := slices.Repeat([]string{a}, 16)
			names[i] = b
			Expect(gitops.tries(ctx, ofView(names...))).To(refusedBy("grants", `in namespace "`+b+`": `), "%d", i)
		}
	})
	It("do not take the right to bind a Role for that to bind a ClusterRole", func(ctx SpecContext) {
		Expect(local.tries(ctx, ofView(a))).To(refusedBy("grants", `verb bind on clusterroles "view"`))
	})
}

func policyOfGrantChanges(w *world) {
	var (
		gitops      *person
		a, b        string
		mine, yours *v1alpha1.Grant
	)
	BeforeAll(func(ctx SpecContext) {
		a, b = w.namespace(ctx, nil).Name, w.namespace(ctx, nil).Name
		gitops = w.account(ctx, a)
		gitops.gets(ctx, "", syncs())
		gitops.gets(ctx, a, binds("view"))
		mine = within(grantOf(w.name("grant"), users("u")...), nil, a)
		yours = askable(of(within(grantOf(w.name("grant"), users("u")...), nil, a), v1alpha1.RoleKindClusterRole, "edit"), "boss")
		w.create(ctx, mine, yours)
	})

	It("let who may bind the role change the Grant", func(ctx SpecContext) {
		Expect(triesOn(ctx, gitops, mine, func(g *v1alpha1.Grant) { g.Spec.Subjects = users("u", "v") })).To(Succeed())
	})
	It("refuse to add a namespace", func(ctx SpecContext) {
		Expect(triesOn(ctx, gitops, mine, func(g *v1alpha1.Grant) { g.Spec.Namespaces.Names = []string{a, b} })).
			To(refusedBy("grants", `in namespace "`+b+`": `))
	})
	It("refuse to add a namespace by a patch too", func(ctx SpecContext) {
		changed := get(ctx, w, mine).DeepCopy()
		changed.Spec.Namespaces.Names = []string{b}
		Expect(gitops.Patch(ctx, changed, client.MergeFrom(mine), client.DryRunAll)).To(refusedBy("grants", `in namespace "`+b+`": `))
	})
	DescribeTable("refuse who may not bind the role to change", func(ctx SpecContext, how func(*v1alpha1.Grant)) {
		Expect(triesOn(ctx, gitops, yours, how)).To(refusedBy("grants", `may not bind ClusterRole "edit" in namespace "`+a))
	},
		Entry("who has it", func(g *v1alpha1.Grant) { g.Spec.Subjects = users("somebody-else") }),
		Entry("how long", func(g *v1alpha1.Grant) { g.Spec.Request.MaxDurationSeconds = 604800 }),
		Entry("who approves", func(g *v1alpha1.Grant) { g.Spec.Request.Approvers = users("a-friend") }),
		Entry("that it takes a request", func(g *v1alpha1.Grant) { g.Spec.Activation, g.Spec.Request = v1alpha1.ActivationAlways, nil }),
	)
	It("let anybody who may write Grants change the metadata", func(ctx SpecContext) {
		Expect(triesOn(ctx, gitops, yours, func(g *v1alpha1.Grant) {
			g.Labels, g.Finalizers = map[string]string{"app.kubernetes.io/instance": "app"}, []string{"example.org/wait"}
		})).To(Succeed())
	})
	It("let anybody who may delete Grants delete it", func(ctx SpecContext) {
		Expect(gitops.Delete(ctx, get(ctx, w, yours), client.DryRunAll)).To(Succeed())
	})
}
