// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// policiesInForce is about the policies as objects.
func policiesInForce(w *world) {
	names := []string{
		"rollcall-approvals", "rollcall-bindings", "rollcall-grants", "rollcall-groups", "rollcall-imported", "rollcall-installations",
		"rollcall-locks", "rollcall-requests", "rollcall-sessions", "rollcall-status", "rollcall-users",
	}
	It("are those that this suite knows, and fail closed but for the one that would stop the cluster", func(ctx SpecContext) {
		var found admissionregistrationv1.ValidatingAdmissionPolicyList
		Expect(w.admin.List(ctx, &found)).To(Succeed())
		have := make([]string, len(found.Items))
		for i := range found.Items {
			have[i] = found.Items[i].Name
			failure := admissionregistrationv1.Fail
			if have[i] == "rollcall-locks" {
				failure = admissionregistrationv1.Ignore
			}
			Expect(found.Items[i].Spec.FailurePolicy).To(HaveValue(Equal(failure)), have[i])
			for _, validation := range found.Items[i].Spec.Validations {
				Expect(validation.Reason).To(HaveValue(Equal(metav1.StatusReasonForbidden)), have[i])
				Expect(validation.MessageExpression).NotTo(BeEmpty(), "says what to do")
			}
		}
		Expect(have).To(ConsistOf(names))
	})
	It("are bound to deny", func(ctx SpecContext) {
		var found admissionregistrationv1.ValidatingAdmissionPolicyBindingList
		Expect(w.admin.List(ctx, &found)).To(Succeed())
		Expect(found.Items).To(HaveLen(len(names)))
		for i := range found.Items {
			binding := &found.Items[i]
			Expect(binding.Spec.PolicyName).To(BeElementOf(names))
			Expect(binding.Name).To(Equal(binding.Spec.PolicyName))
			Expect(binding.Spec.ValidationActions).To(ConsistOf(admissionregistrationv1.Deny))
			Expect(binding.Spec.MatchResources).To(BeNil(), "everywhere")
		}
	})
	It("have expressions that fit the types", func(ctx SpecContext) {
		for _, name := range names {
			policy := &admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}
			Eventually(ctx, func(g Gomega) {
				g.Expect(w.admin.Get(ctx, clientKey(policy), policy)).To(Succeed())
				g.Expect(policy.Status.ObservedGeneration).To(Equal(policy.Generation))
				g.Expect(policy.Status.TypeChecking).NotTo(BeNil())
			}).Should(Succeed(), name)
			Expect(policy.Status.TypeChecking.ExpressionWarnings).To(BeEmpty(), name)
		}
	})
}

// policyOfStatus is about an account whose rights include writing status, as far as RBAC goes.
func policyOfStatus(w *world) {
	specs := map[string]string{
		"Session":   goodSession,
		"Directory": goodSource + "\nsync: Paused",
		"User":      "userName: a",
		"Group":     "groupName: g",
		"Grant":     goodGrant + cluster,
		"Lock":      "target: {kind: User, name: a}",
	}
	var gitops *person
	BeforeAll(func(ctx SpecContext) {
		gitops = w.account(ctx, "default")
		gitops.gets(ctx, "", syncs())
	})
	// made creates an object of a kind: in the robot's name, where it has to be in somebody's.
	made := func(ctx SpecContext, kind string) *unstructured.Unstructured {
		GinkgoHelper()
		spec := specs[kind]
		switch kind {
		case "AccessRequest":
			spec = "grantRef: {name: g}\ndurationSeconds: 60\nuserName: '" + gitops.name + "'"
		case "Approval":
			spec = "requestRef: {name: r, uid: u}\ndecision: Approve\napprover: '" + gitops.name + "'"
		}
		object := manifest(kind, w.name("status"), spec)
		if kind == "Installation" {
			object.SetName(v1alpha1.InstallationName)
			delete(object.Object, "spec")
		}
		creator := w.admin
		switch {
		case kind == "Session" || kind == "Installation":
			creator = w.operator().Client
		case specs[kind] == "":
			creator = gitops.Client
		}
		Expect(creator.Create(ctx, object)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { w.delete(ctx, object) })
		return object
	}
	seen := client.RawPatch(types.MergePatchType, []byte(`{"status":{"observedGeneration":1}}`))
	kinds := []string{"Directory", "User", "Group", "Grant", "Lock", "AccessRequest", "Approval", "Session", "Installation"}

	It("are for every kind there is", func() {
		resources, err := w.set.Discovery().ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
		Expect(err).NotTo(HaveOccurred())
		served := map[string]bool{}
		for i := range resources.APIResources {
			served[resources.APIResources[i].Kind] = true
		}
		Expect(served).To(HaveLen(len(kinds)))
	})
	for _, kind := range kinds {
		It("refuse to let others write that of kind "+kind+", and let the operator", func(ctx SpecContext) {
			object := made(ctx, kind)
			Expect(gitops.Status().Patch(ctx, object.DeepCopy(), seen, client.DryRunAll)).
				To(refusedBy("status", gitops.name+" may not write the status of "))
			object.Object["status"] = map[string]any{"observedGeneration": int64(7)}
			Expect(gitops.Status().Update(ctx, object.DeepCopy(), client.DryRunAll)).To(refusedBy("status", "verb operate"))
			Expect(w.operator().Status().Patch(ctx, object.DeepCopy(), seen, client.DryRunAll)).To(Succeed())
		})
	}
	It("know the operator by its rights, whatever it is called", func(ctx SpecContext) {
		substitute, user := w.person("substitute"), localUser(w.name("user"))
		substitute.bound(ctx, "", "rollcall-manager")
		w.create(ctx, user)
		Eventually(ctx, func() error {
			return substitute.Status().Patch(ctx, user.DeepCopy(), seen, client.DryRunAll)
		}).Should(Succeed())
	})
	It("have no need to look at what is created: it has no status yet", func(ctx SpecContext) {
		user := localUser(w.name("user"))
		user.Status.Username = "system:admin"
		Expect(gitops.tries(ctx, user)).To(Succeed())
		Expect(user.Status.Username).To(BeEmpty())
	})
	It("leave other groups' status alone", func(ctx SpecContext) {
		namespaces := schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}
		own := w.person("own")
		own.gets(ctx, "", rule("", "namespaces/status", nil, "patch"))
		object := &unstructured.Unstructured{}
		object.SetGroupVersionKind(namespaces)
		object.SetName("default")
		Expect(own.Status().Patch(ctx, object, client.RawPatch(types.MergePatchType, []byte(`{"status":{}}`)), client.DryRunAll)).To(Succeed())
	})
}
