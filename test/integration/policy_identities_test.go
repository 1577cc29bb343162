// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

const iamGroup = "iam.rollcall.dev"

// withKubeconfig is a User whose kubeconfig goes to a Secret in a namespace.
func withKubeconfig(user *v1alpha1.User, namespace string) *v1alpha1.User {
	user.Spec.Kubeconfig = &v1alpha1.KubeconfigSpec{SecretRef: v1alpha1.SecretReference{Namespace: namespace, Name: user.Name}}
	return user
}

// policyOfUsers is about people who may all write Users, and lack something or nothing besides.
func policyOfUsers(w *world) {
	const secrets = "create on secrets in namespace"
	var (
		writer, minter, publisher, minterOfOne, whole *person
		ci                                            string
		one, other                                    *v1alpha1.User
	)
	BeforeAll(func(ctx SpecContext) {
		ci = w.namespace(ctx, nil).Name
		one, other = withKubeconfig(localUser(w.name("user")), ci), localUser(w.name("user"))
		w.create(ctx, one, other)
		writer, minter, publisher = w.person("writer"), w.person("minter"), w.person("publisher")
		minterOfOne, whole = w.person("minter-of-one"), w.person("whole")
		mint, publish := rule(iamGroup, "users", nil, "mint"), rule("", "secrets", nil, "create")
		for _, p := range []*person{writer, minter, publisher, minterOfOne, whole} {
			p.gets(ctx, "", syncs())
		}
		minter.gets(ctx, "", mint)
		publisher.gets(ctx, ci, publish)
		minterOfOne.gets(ctx, "", rule(iamGroup, "users", []string{one.Name}, "mint"))
		minterOfOne.gets(ctx, ci, publish)
		whole.gets(ctx, "", mint)
		whole.gets(ctx, ci, publish)
	})
	asks := func() *v1alpha1.User { return withKubeconfig(localUser(w.name("user")), ci) }
	longer := func(u *v1alpha1.User) { u.Spec.Kubeconfig.DurationSeconds = 86400 }

	It("refuse to create one with a kubeconfig without verb mint", func(ctx SpecContext) {
		user := asks()
		Expect(publisher.tries(ctx, user)).To(refusedBy("users", publisher.name, "spec.kubeconfig", `verb mint on users "`+user.Name+`"`))
	})
	It("refuse to create one with a kubeconfig without the right to write the Secret", func(ctx SpecContext) {
		user := asks()
		Expect(minter.tries(ctx, user)).To(refusedBy("users", minter.name, user.Name, secrets+` "`+ci+`"`))
	})
	It("refuse a Secret in a namespace where the writer may not write any", func(ctx SpecContext) {
		Expect(whole.tries(ctx, withKubeconfig(localUser(w.name("user")), "kube-system"))).To(refusedBy("users", secrets+` "kube-system"`))
		Expect(triesOn(ctx, whole, one, func(u *v1alpha1.User) { u.Spec.Kubeconfig.SecretRef.Namespace = "default" })).
			To(refusedBy("users", secrets+` "default"`))
	})
	It("refuse to ask for a kubeconfig later", func(ctx SpecContext) {
		Expect(triesOn(ctx, publisher, other, func(u *v1alpha1.User) { withKubeconfig(u, ci) })).To(refusedBy("users", "verb mint"))
	})
	It("refuse to change what is asked for", func(ctx SpecContext) {
		Expect(triesOn(ctx, publisher, one, longer)).To(refusedBy("users", "verb mint"))
		Expect(triesOn(ctx, minter, one, longer)).To(refusedBy("users", secrets))
		Expect(triesOn(ctx, publisher, one, func(u *v1alpha1.User) { u.Spec.Kubeconfig.SecretRef.Name = "mine" })).
			To(refusedBy("users", "verb mint"))
	})
	It("keep who may mint for one User to that one", func(ctx SpecContext) {
		Expect(triesOn(ctx, minterOfOne, one, longer)).To(Succeed())
		Expect(triesOn(ctx, minterOfOne, other, func(u *v1alpha1.User) { withKubeconfig(u, ci) })).
			To(refusedBy("users", `verb mint on users "`+other.Name+`"`))
	})
	It("keep who may mint for one User from calling that one something else", func(ctx SpecContext) {
		named := w.name("user")
		certain := w.person("minter-of-a-name")
		certain.gets(ctx, "", syncs())
		certain.gets(ctx, "", rule(iamGroup, "users", []string{named}, "mint"))
		certain.gets(ctx, ci, rule("", "secrets", nil, "create"))
		user := withKubeconfig(localUser(named), ci)
		Expect(certain.tries(ctx, user)).To(Succeed())
		user.Spec.UserName = "ceo@corp.example"
		Expect(certain.tries(ctx, user)).To(refusedBy("users", `verb mint on users "ceo@corp.example"`))
	})
	It("let who may do both ask for one", func(ctx SpecContext) {
		Expect(whole.tries(ctx, asks())).To(Succeed())
		Expect(triesOn(ctx, whole, other, func(u *v1alpha1.User) { withKubeconfig(u, ci) })).To(Succeed())
	})
	DescribeTable("let who may do neither", func(ctx SpecContext, how func(*v1alpha1.User)) {
		Expect(triesOn(ctx, writer, one, how)).To(Succeed())
	},
		Entry("suspend somebody who has a kubeconfig", func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended }),
		Entry("label them", func(u *v1alpha1.User) { u.Labels = map[string]string{"team": "a"} }),
		Entry("take it away", func(u *v1alpha1.User) { u.Spec.Kubeconfig = nil }),
	)
	It("let who may do neither let somebody in again whom they suspended", func(ctx SpecContext) {
		change(ctx, w, one, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		Expect(triesOn(ctx, writer, one, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserActive })).To(Succeed())
	})
	It("let who may do neither create a User without one", func(ctx SpecContext) {
		Expect(writer.tries(ctx, localUser(w.name("user")))).To(Succeed())
	})
}

func policyOfGroups(w *world) {
	var (
		writer, assigner *person
		one, other       *v1alpha1.Group
	)
	BeforeAll(func(ctx SpecContext) {
		one, other = localGroup(w.name("group"), "a"), localGroup(w.name("group"))
		w.create(ctx, one, other)
		writer, assigner = w.person("writer"), w.person("assigner")
		writer.gets(ctx, "", syncs())
		assigner.gets(ctx, "", syncs(), rule(iamGroup, "groups", []string{one.Name}, "assign"))
	})
	members := func(names ...string) func(*v1alpha1.Group) { return func(g *v1alpha1.Group) { g.Spec.Members = names } }

	It("refuse to create one with members without verb assign", func(ctx SpecContext) {
		group := localGroup(w.name("group"), "a")
		Expect(writer.tries(ctx, group)).To(refusedBy("groups", writer.name, "spec.members", `verb assign on groups "`+group.Name+`"`))
	})
	It("refuse to change who is in one", func(ctx SpecContext) {
		Expect(triesOn(ctx, writer, one, members("a", "b"))).To(refusedBy("groups", "verb assign"))
		Expect(triesOn(ctx, writer, one, members())).To(refusedBy("groups", "verb assign"))
		Expect(triesOn(ctx, writer, other, members("b"))).To(refusedBy("groups", "verb assign"))
	})
	It("keep who may assign to one Group to that one", func(ctx SpecContext) {
		Expect(triesOn(ctx, assigner, one, members("a", "b"))).To(Succeed())
		Expect(triesOn(ctx, assigner, other, members("b"))).To(refusedBy("groups", `verb assign on groups "`+other.Name+`"`))
	})
	It("keep who may assign to one Group from calling that one something else", func(ctx SpecContext) {
		named := w.name("group")
		certain := w.person("assigner-of-a-name")
		certain.gets(ctx, "", syncs(), rule(iamGroup, "groups", []string{named}, "assign"))
		group := localGroup(named, "a")
		Expect(certain.tries(ctx, group)).To(Succeed())
		group.Spec.GroupName = "cluster-admins"
		Expect(certain.tries(ctx, group)).To(refusedBy("groups", `verb assign on groups "cluster-admins"`))
	})
	It("let anybody who may write Groups write the rest", func(ctx SpecContext) {
		Expect(writer.tries(ctx, localGroup(w.name("group")))).To(Succeed())
		Expect(triesOn(ctx, writer, one, func(g *v1alpha1.Group) { g.Labels = map[string]string{"team": "a"} })).To(Succeed())
	})
}

func policyOfImported(w *world) {
	const refusal = "may not write label iam.rollcall.dev/directory"
	var (
		writer         *person
		imported, mine client.Object
	)
	label := func(object client.Object, value string) client.Object {
		object.SetLabels(map[string]string{v1alpha1.LabelDirectory: value})
		return object
	}
	BeforeAll(func(ctx SpecContext) {
		writer = w.person("writer")
		writer.gets(ctx, "", syncs())
	})
	for _, kind := range []struct {
		name   string
		called func(name string) client.Object
	}{
		{"Users", func(name string) client.Object { return localUser(name) }},
		{"Groups", func(name string) client.Object { return localGroup(name) }},
	} {
		Describe(kind.name, func() {
			BeforeEach(func(ctx SpecContext) {
				imported, mine = label(kind.called(w.name("imported")), "corp"), kind.called(w.name("mine"))
				Expect(w.operator().Create(ctx, imported)).To(Succeed(), "the operator imports")
				DeferCleanup(func(ctx SpecContext) { w.delete(ctx, imported) })
				w.create(ctx, mine)
			})
			It("refuse to create one as imported", func(ctx SpecContext) {
				Expect(writer.tries(ctx, label(kind.called(w.name("false")), "corp"))).
					To(refusedBy("imported", writer.name, refusal, "leave it out"))
				Expect(writer.tries(ctx, label(kind.called(w.name("false")), ""))).To(refusedBy("imported", refusal))
			})
			It("refuse to add, change and remove the label", func(ctx SpecContext) {
				Expect(triesOn(ctx, writer, mine, func(o client.Object) { label(o, "corp") })).To(refusedBy("imported", "leave it as it is"))
				Expect(triesOn(ctx, writer, imported, func(o client.Object) { label(o, "other") })).To(refusedBy("imported", refusal))
				Expect(triesOn(ctx, writer, imported, func(o client.Object) { o.SetLabels(nil) })).To(refusedBy("imported", refusal))
			})
			It("let anybody who may write them write the rest", func(ctx SpecContext) {
				Expect(triesOn(ctx, writer, imported, func(o client.Object) {
					o.SetLabels(map[string]string{v1alpha1.LabelDirectory: "corp", "team": "a"})
					if user, ok := o.(*v1alpha1.User); ok {
						user.Spec.State = v1alpha1.UserSuspended
					}
				})).To(Succeed())
			})
		})
	}
}
