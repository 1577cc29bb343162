// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"maps"

	"github.com/google/uuid"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// bindingOfView binds ClusterRole view in a namespace, or everywhere where none is given.
func bindingOfView(namespace, name string) client.Object {
	named := metav1.ObjectMeta{Namespace: namespace, Name: name}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "u"}}
	if namespace == "" {
		return &rbacv1.ClusterRoleBinding{ObjectMeta: named, RoleRef: ref, Subjects: subjects}
	}
	return &rbacv1.RoleBinding{ObjectMeta: named, RoleRef: ref, Subjects: subjects}
}

// labelled gives an object labels, besides those that it has.
func labelled(object client.Object, pairs ...string) client.Object {
	labels := maps.Clone(object.GetLabels())
	if labels == nil {
		labels = map[string]string{}
	}
	for i := 0; i < len(pairs); i += 2 {
		labels[pairs[i]] = pairs[i+1]
	}
	object.SetLabels(labels)
	return object
}

// ownedByGrant gives an object an owner.
func ownedByGrant(object client.Object, grant *v1alpha1.Grant) client.Object {
	object.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "Grant", Name: grant.Name, UID: grant.UID, Controller: new(true),
	}})
	return object
}

// generated is a binding as the operator generates it.
func (w *world) generated(ctx context.Context, namespace string, grant *v1alpha1.Grant) client.Object {
	GinkgoHelper()
	object := ownedByGrant(labelled(bindingOfView(namespace, "rollcall:"+grant.Name),
		v1alpha1.LabelManagedBy, v1alpha1.ManagedBy, v1alpha1.LabelGrant, grant.Name), grant)
	Expect(w.operator().Create(ctx, object)).To(Succeed(), "the operator may")
	DeferCleanup(func(ctx SpecContext) { w.delete(ctx, object) })
	return object
}

// collected waits until the garbage collector knows of the bindings that were made in a namespace so far. It learns of RoleBindings in
// their order: once it has deleted one whose owner is not there, it has seen those before. Whoever deletes a Grant earlier than that has
// its bindings taken for nobody's.
func (w *world) collected(ctx context.Context, namespace string) {
	GinkgoHelper()
	nobody := grantOf(w.name("grant"), users("u")...)
	nobody.UID = types.UID(uuid.NewString())
	stray := ownedByGrant(bindingOfView(namespace, w.name("stray")), nobody)
	w.create(ctx, stray)
	Eventually(ctx, w.gone).WithArguments(ctx, stray).Should(BeTrue())
}

// rbacAdmin is somebody whom RBAC lets write bindings of view: in a namespace, or everywhere.
func (w *world) rbacAdmin(ctx context.Context, namespace string) *person {
	GinkgoHelper()
	admin, all := w.person("rbac-admin"), []string{"get", "list", "watch", "create", "update", "patch", "delete"}
	admin.gets(ctx, namespace, rule(rbacv1.GroupName, "rolebindings", nil, all...),
		rule(rbacv1.GroupName, "clusterrolebindings", nil, all...), binds("view"))
	return admin
}

func policyOfBindings(w *world) {
	const refusal = " may not create a binding that looks as if a Grant had made it: use another name"
	var (
		inNamespace, everywhere *person
		a                       string
	)
	BeforeAll(func(ctx SpecContext) {
		a = w.namespace(ctx, nil).Name
		inNamespace, everywhere = w.rbacAdmin(ctx, a), w.rbacAdmin(ctx, "")
	})
	somebodys := &v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{Name: "g", UID: "u"}}

	DescribeTable("refuse to let others create", func(ctx SpecContext, name string, how func(client.Object)) {
		for _, object := range []client.Object{bindingOfView(a, name), bindingOfView("", name)} {
			how(object)
			writer := everywhere
			if object.GetNamespace() != "" {
				writer = inNamespace
			}
			Expect(writer.tries(ctx, object)).To(refusedBy("bindings", writer.name+refusal), "%T", object)
		}
	},
		Entry("one of a Grant's name", "rollcall:payments", func(client.Object) {}),
		Entry("one of a shard's name", "rollcall:payments:1", func(client.Object) {}),
		Entry("one of a request's name", "rollcall-request:r", func(client.Object) {}),
		Entry("one that gets such a name", "", func(o client.Object) { o.SetGenerateName("rollcall:") }),
		Entry("one that is ours", "b", func(o client.Object) { labelled(o, v1alpha1.LabelManagedBy, v1alpha1.ManagedBy) }),
		Entry("one that is labelled as a Grant's", "b", func(o client.Object) { labelled(o, v1alpha1.LabelGrant, "g") }),
		Entry("one that is labelled as a request's", "b", func(o client.Object) { labelled(o, v1alpha1.LabelRequest, "") }),
		Entry("one that a Grant owns", "b", func(o client.Object) { ownedByGrant(o, somebodys) }),
	)

	DescribeTable("let everybody create", func(ctx SpecContext, name string, how func(client.Object)) {
		for _, object := range []client.Object{bindingOfView(a, name), bindingOfView("", name)} {
			how(object)
			Expect(everywhere.tries(ctx, object)).To(Succeed(), "%T", object)
		}
	},
		Entry("any other binding", "b", func(client.Object) {}),
		Entry("one whose name resembles ours", "rollcall-bindable", func(client.Object) {}),
		Entry("one that another tool manages", "b", func(o client.Object) { labelled(o, v1alpha1.LabelManagedBy, "Helm") }),
		Entry("one with labels and owners of others", "b", func(o client.Object) {
			labelled(o, "iam.example.org/grant", "g").SetOwnerReferences([]metav1.OwnerReference{{
				APIVersion: "v1", Kind: "Namespace", Name: "n", UID: "u",
			}})
		}),
	)
}

func policyOfBindingChanges(w *world) {
	var (
		admin *person
		grant *v1alpha1.Grant
		a     string
	)
	BeforeAll(func(ctx SpecContext) {
		a, grant = w.namespace(ctx, nil).Name, grantOf(w.name("grant"), users("u")...)
		w.create(ctx, grant)
		admin = w.rbacAdmin(ctx, "")
	})
	drops := func(key string) func(client.Object) {
		return func(o client.Object) {
			labels := o.GetLabels()
			delete(labels, key)
			o.SetLabels(labels)
		}
	}
	names := func(subjects ...rbacv1.Subject) func(client.Object) {
		return func(o client.Object) {
			switch b := o.(type) {
			case *rbacv1.RoleBinding:
				b.Subjects = subjects
			case *rbacv1.ClusterRoleBinding:
				b.Subjects = subjects
			}
		}
	}
	me := rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "me"}

	DescribeTable("refuse to let others change a generated one's", func(ctx SpecContext, what string, how func(client.Object)) {
		for _, namespace := range []string{a, ""} {
			err := triesOn(ctx, admin, w.generated(ctx, namespace, grant), how)
			Expect(err).To(refusedBy("bindings", admin.name+" may not change the "+what+" by which"))
		}
	},
		Entry("subjects", "subjects", names(me)),
		Entry("subjects to nobody", "subjects", names()),
		Entry("Grant", "labels", func(o client.Object) { labelled(o, v1alpha1.LabelGrant, "other") }),
		Entry("Grant to none", "labels", drops(v1alpha1.LabelGrant)),
		Entry("manager to none", "labels", drops(v1alpha1.LabelManagedBy)),
		Entry("request", "labels", func(o client.Object) { labelled(o, v1alpha1.LabelRequest, "r") }),
		Entry("annotations of ours", "annotations", func(o client.Object) {
			o.SetAnnotations(map[string]string{v1alpha1.AnnotationApprovers: "boss"})
		}),
		Entry("owner to none", "owner references", func(o client.Object) { o.SetOwnerReferences(nil) }),
		Entry("subjects, owner and labels at once", "subjects, owner references, labels", func(o client.Object) {
			names(me)(o)
			o.SetOwnerReferences(nil)
			o.SetLabels(nil)
		}),
	)
	DescribeTable("refuse to make one's own look like a generated one by", func(ctx SpecContext, how func(client.Object)) {
		for _, namespace := range []string{a, ""} {
			own := bindingOfView(namespace, w.name("own"))
			w.create(ctx, own)
			Expect(triesOn(ctx, admin, own, how)).To(refusedBy("bindings", admin.name, "may not change the "))
		}
	},
		Entry("a Grant's label", func(o client.Object) { labelled(o, v1alpha1.LabelGrant, "g") }),
		Entry("a request's label", func(o client.Object) { labelled(o, v1alpha1.LabelRequest, "r") }),
		Entry("a manager", func(o client.Object) { labelled(o, v1alpha1.LabelManagedBy, v1alpha1.ManagedBy) }),
		Entry("an owner", func(o client.Object) { ownedByGrant(o, grant) }),
	)
	DescribeTable("let others write on a generated one", func(ctx SpecContext, how func(client.Object)) {
		for _, namespace := range []string{a, ""} {
			Expect(triesOn(ctx, admin, w.generated(ctx, namespace, grant), how)).To(Succeed())
		}
	},
		Entry("labels of their own", func(o client.Object) { labelled(o, "team", "a") }),
		Entry("annotations of their own", func(o client.Object) { o.SetAnnotations(map[string]string{"example.org/seen": "yes"}) }),
		Entry("finalizers", func(o client.Object) { o.SetFinalizers([]string{"example.org/wait"}) }),
	)
	It("let whom RBAC lets delete one", func(ctx SpecContext) {
		for _, namespace := range []string{a, ""} {
			Expect(admin.Delete(ctx, w.generated(ctx, namespace, grant))).To(Succeed())
		}
	})
	It("let everybody change their own", func(ctx SpecContext) {
		own := bindingOfView(a, w.name("own"))
		w.create(ctx, own)
		Expect(triesOn(ctx, admin, own, names(me))).To(Succeed())
	})
	It("let the operator change what it generated", func(ctx SpecContext) {
		for _, namespace := range []string{a, ""} {
			change := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"ownerReferences":null,
				"annotations":{"iam.rollcall.dev/grant-uid":"u"},"labels":{"iam.rollcall.dev/request":"r"}},"subjects":null}`))
			Expect(w.operator().Patch(ctx, w.generated(ctx, namespace, grant), change, client.DryRunAll)).To(Succeed())
		}
	})
}

// policiesAndDeletion is about the garbage collector of kube-controller-manager, which deletes and writes as it must.
func policiesAndDeletion(w *world) {
	It("let a Grant be deleted in the foreground, by somebody who may not bind", func(ctx SpecContext) {
		w.live(ctx)
		DeferCleanup(func() { w.halt() })
		a, user := w.namespace(ctx, nil).Name, localUser(w.name("user"))
		gitops, grant := w.account(ctx, a), within(grantOf(w.name("grant"), users(user.Name)...), nil, a)
		gitops.gets(ctx, "", syncs())
		w.create(ctx, user, grant)
		w.binds(ctx, grant, a, user.Name)
		Expect(gitops.Delete(ctx, grant, client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
		Eventually(ctx, w.gone).WithArguments(ctx, grant).Should(BeTrue())
		Eventually(ctx, w.gone).WithArguments(ctx, binding(a, "rollcall:"+grant.Name)).Should(BeTrue())
	})
	It("let a Grant be deleted in the foreground that waits for its bindings", func(ctx SpecContext) {
		grant := grantOf(w.name("grant"), users("u")...)
		w.create(ctx, grant)
		waited := w.generated(ctx, "default", grant)
		change(ctx, w, waited, func(o client.Object) {
			owners := o.GetOwnerReferences()
			owners[0].BlockOwnerDeletion = new(true)
			o.SetOwnerReferences(owners)
		})
		w.collected(ctx, "default")
		Expect(w.admin.Delete(ctx, grant, client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
		Eventually(ctx, w.gone).WithArguments(ctx, grant).Should(BeTrue())
		Expect(w.gone(ctx, waited)).To(BeTrue())
	})
	It("let a Grant be deleted without its bindings", func(ctx SpecContext) {
		grant := grantOf(w.name("grant"), users("u")...)
		w.create(ctx, grant)
		orphan := w.generated(ctx, "default", grant)
		w.collected(ctx, "default")
		Expect(w.admin.Delete(ctx, grant, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
		Eventually(ctx, w.gone).WithArguments(ctx, grant).Should(BeTrue())
		Expect(get(ctx, w, orphan).GetOwnerReferences()).To(BeEmpty())
	})
	It("let a namespace be deleted with what was generated in it", func(ctx SpecContext) {
		namespace, grant := w.namespace(ctx, nil), grantOf(w.name("grant"), users("u")...)
		w.create(ctx, grant)
		generated := w.generated(ctx, namespace.Name, grant)
		Expect(w.admin.Delete(ctx, namespace)).To(Succeed())
		Eventually(ctx, w.gone).WithArguments(ctx, generated).Should(BeTrue())
		Eventually(ctx, w.gone).WithArguments(ctx, namespace).Should(BeTrue())
	})
}
