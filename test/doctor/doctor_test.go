// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/doctor"
)

// stranger is a kubeconfig of somebody without rights.
func stranger() string {
	GinkgoHelper()
	config, err := plane.User("stranger")
	Expect(err).NotTo(HaveOccurred())
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters["c"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	kubeconfig.AuthInfos["c"] = &clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}
	kubeconfig.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "c"}
	kubeconfig.CurrentContext = "c"
	file := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(clientcmd.WriteToFile(*kubeconfig, file)).To(Succeed())
	return file
}

func definition(ctx SpecContext, name string) *unstructured.Unstructured {
	GinkgoHelper()
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
	Expect(admin.Get(ctx, client.ObjectKey{Name: name}, live)).To(Succeed())
	return live
}

var _ = Describe("The doctor", Ordered, func() {
	It("says of a cluster without Rollcall that it is not installed, and how to", func(ctx SpecContext) {
		report, ran := examined(ctx)
		Expect(ran.Code).To(Equal(1))
		Expect(report).To(SatisfyAll(
			is("kubernetes", doctor.OK, "v1.", ""),
			is("kinds", doctor.Failed, "Rollcall is not installed", "kubectl apply --server-side --force-conflicts -k config/crd"),
			is("policies", doctor.Failed, "missing: rollcall-approvals", "-k config/policies"),
			is("rights", doctor.Failed, "it has nothing of rollcall-manager", "-f config/rbac/manager_role.yaml"),
			is("directories", doctor.Skipped, "install the kinds first", ""),
			is("users", doctor.Skipped, "install the kinds first", ""),
			is("your clock", doctor.OK, "agree", ""),
		))
	})

	It("makes no bundle of a cluster that does not serve Users, unless names are kept", func(ctx SpecContext) {
		file := filepath.Join(GinkgoT().TempDir(), "bundle.tar.gz")
		Expect(runs(ctx, plane.AdminKubeconfig(), "support-bundle", "--to", file)).To(SatisfyAll(
			HaveField("Code", 1), HaveField("Err", ContainSubstring("--keep-names"))))
		Expect(file).NotTo(BeAnExistingFile())
		Expect(runs(ctx, plane.AdminKubeconfig(), "support-bundle", "--to", file, "--keep-names")).To(HaveField("Code", 0))
		Expect(file).To(BeARegularFile())
	})

	Describe("where Rollcall is installed", Ordered, func() {
		BeforeAll(func(ctx SpecContext) { install(ctx) })

		It("finds nothing that is not as it should be, and ends well", func(ctx SpecContext) {
			Eventually(ctx, func(g Gomega) {
				report, ran := examined(ctx)
				g.Expect(ran.Code).To(BeZero())
				g.Expect(report.Counts).To(Equal(map[doctor.State]int{
					doctor.OK: len(report.Checks) - report.Counts[doctor.Note], doctor.Note: report.Counts[doctor.Note],
				}), ran.Out)
				g.Expect(report).To(SatisfyAll(
					is("kinds", doctor.OK, "all 9", ""), is("policies", doctor.OK, "all 11", ""), is("rights", doctor.OK, "may do all", ""),
					is("leader", doctor.OK, "leads", ""), is("versions", doctor.OK, "operator and plugin are", ""),
					is("signer", doctor.OK, "accepted a certificate", ""), is("webhook", doctor.Note, "", ""),
					is("audit", doctor.Note, "not set up", ""),
					is("directory corp", doctor.Note, "users and", ""), is("operator's clock", doctor.OK, "agree", ""),
					is("login", doctor.OK, "by the operator's own authority", ""), is("users", doctor.OK, "all are Ready", ""),
				))
			}).Should(Succeed())
			ran := runs(ctx, plane.AdminKubeconfig(), "doctor")
			Expect(ran).To(SatisfyAll(HaveField("Code", 0), HaveField("Err", BeEmpty()), HaveField("Out", ContainSubstring("Everything works."))))
			Expect(ran.Out).NotTo(ContainSubstring("\x1b"), "colours are for terminals")
		})

		It("reads, and asks who may do what, and does nothing else", func(ctx SpecContext) {
			mark, err := plane.AuditMark()
			Expect(err).NotTo(HaveOccurred())
			examined(ctx)
			events, _, err := plane.AuditSince(mark)
			Expect(err).NotTo(HaveOccurred())
			seen := 0
			for i := range events {
				e := &events[i]
				if !strings.HasPrefix(e.UserAgent, "kubectl-rollcall/") {
					continue
				}
				seen++
				resource := ""
				if e.ObjectRef != nil {
					resource = e.ObjectRef.Resource
				}
				Expect(resource).NotTo(Equal("secrets"))
				if !strings.HasSuffix(resource, "reviews") {
					Expect(e.Verb).To(BeElementOf("get", "list"), resource)
				}
			}
			Expect(seen).To(BeNumerically(">", 50))
		})

		It("skips what somebody may not read, and says so", func(ctx SpecContext) {
			ran := runs(ctx, stranger(), "doctor")
			Expect(ran).To(SatisfyAll(HaveField("Code", 0), HaveField("Out", SatisfyAll(
				ContainSubstring("skipped  users             you may not read users.iam.rollcall.dev"), ContainSubstring("rollcall-viewer"),
				ContainSubstring("ok       your clock"),
			))))
		})

		It("names a policy that is gone, and one that does not deny", func(ctx SpecContext) {
			policy := &admissionv1.ValidatingAdmissionPolicy{}
			Expect(admin.Get(ctx, client.ObjectKey{Name: "rollcall-locks"}, policy)).To(Succeed())
			Expect(admin.Delete(ctx, policy.DeepCopy())).To(Succeed())
			DeferCleanup(func(ctx SpecContext) {
				policy.ResourceVersion = ""
				Expect(admin.Create(ctx, policy)).To(Succeed())
			})
			binding := &admissionv1.ValidatingAdmissionPolicyBinding{}
			Expect(admin.Get(ctx, client.ObjectKey{Name: "rollcall-users"}, binding)).To(Succeed())
			binding.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Warn}
			Expect(admin.Update(ctx, binding)).To(Succeed())
			DeferCleanup(func(ctx SpecContext) {
				binding.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Deny}
				Expect(admin.Update(ctx, binding)).To(Succeed())
			})
			report, ran := examined(ctx)
			Expect(ran.Code).To(Equal(1))
			Expect(report).To(is("policies", doctor.Failed, "missing: rollcall-locks; not bound with Deny, and so without effect: rollcall-users",
				"-k config/policies"))
		})

		It("names a right that the operator has lost, and one too many", func(ctx SpecContext) {
			role := &rbacv1.ClusterRole{}
			Expect(admin.Get(ctx, client.ObjectKey{Name: "rollcall-manager"}, role)).To(Succeed())
			before := role.DeepCopy()
			for i := range role.Rules {
				if len(role.Rules[i].Resources) == 1 && role.Rules[i].Resources[0] == "namespaces" {
					role.Rules[i] = rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"users"}, Verbs: []string{"impersonate"}}
				}
			}
			Expect(admin.Update(ctx, role)).To(Succeed())
			DeferCleanup(func(ctx SpecContext) {
				before.ResourceVersion = ""
				Expect(admin.Update(ctx, before)).To(Succeed())
			})
			Eventually(ctx, func(g Gomega) {
				report, _ := examined(ctx)
				g.Expect(report).To(SatisfyAll(
					is("rights", doctor.Failed, "of rollcall-manager it may not list, watch namespaces", "-f config/rbac/manager_role.yaml"),
					is("surplus", doctor.Warning, "be anybody (impersonate users)", "clusterrolebindings"),
				))
			}).Should(Succeed())
		})

		It("names a field that an older kind has not", func(ctx SpecContext) {
			live := definition(ctx, "grants.iam.rollcall.dev")
			before := live.DeepCopy()
			versions, _, err := unstructured.NestedSlice(live.Object, "spec", "versions")
			Expect(err).NotTo(HaveOccurred())
			version, ok := versions[0].(map[string]any)
			Expect(ok).To(BeTrue())
			unstructured.RemoveNestedField(version, "schema", "openAPIV3Schema", "properties", "status", "properties", "usage")
			Expect(unstructured.SetNestedSlice(live.Object, versions, "spec", "versions")).To(Succeed())
			Expect(admin.Update(ctx, live)).To(Succeed())
			DeferCleanup(func(ctx SpecContext) {
				before.SetResourceVersion(definition(ctx, before.GetName()).GetResourceVersion())
				Expect(admin.Update(ctx, before)).To(Succeed())
			})
			report, ran := examined(ctx)
			Expect(ran.Code).To(Equal(1))
			Expect(report).To(is("kinds", doctor.Failed, "grants.iam.rollcall.dev has no status.usage",
				"kubectl apply --server-side --force-conflicts -k config/crd"))
		})

		It("counts a Grant that cannot be given, and says what to do", func(ctx SpecContext) {
			grant := &v1alpha1.Grant{}
			grant.Name = "too-much"
			grant.Spec = v1alpha1.GrantSpec{
				Subjects: []v1alpha1.Subject{{Kind: v1alpha1.SubjectGroup, Name: "payments"}},
				RoleRef:  v1alpha1.RoleReference{Kind: v1alpha1.RoleKindClusterRole, Name: "cluster-admin"}, Scope: v1alpha1.ScopeCluster,
			}
			Expect(admin.Create(ctx, grant)).To(Succeed())
			DeferCleanup(func(ctx SpecContext) { Expect(admin.Delete(ctx, grant)).To(Succeed()) })
			Eventually(ctx, func(g Gomega) {
				report, _ := examined(ctx)
				g.Expect(report).To(is("grants", doctor.Warning, "1 of 2 are not Ready: 1 RoleNotBindable; too-much (RoleNotBindable: ",
					"kubectl describe grant too-much"))
			}).Should(Succeed())
		})

		Describe("whose support bundle", func() { bundles() })

		It("says of a Directory that cannot be reached why, and that access stays", func(ctx SpecContext) {
			Expect(directory.Stop()).To(Succeed())
			Eventually(ctx, func(g Gomega) {
				report, ran := examined(ctx)
				g.Expect(ran.Code).To(Equal(1))
				g.Expect(report).To(is("directory corp", doctor.Failed, "refused", "access stays as it is"))
			}).Should(Succeed())
		})

		It("says that the operator has stopped, and that what it said is of the past", func(ctx SpecContext) {
			Expect(manager.Stop()).To(Succeed())
			report, ran := examined(ctx)
			Expect(ran.Code).To(Equal(1))
			Expect(report).To(SatisfyAll(
				is("operator", doctor.Failed, "does not work now", "Start it"),
				is("leader", doctor.Failed, "stepped down", "Start the operator"),
				is("signer", doctor.Skipped, "before it stopped it said", ""),
				is("directory corp", doctor.Failed, "so said the operator before it stopped", ""),
				is("login", doctor.Warning, "cannot be reached from here", "services"),
			))
			ran = runs(ctx, plane.AdminKubeconfig(), "doctor")
			Expect(ran.Err).To(MatchRegexp(`Error: \d+ of \d+ checks failed`))
			Expect(ran.Out).To(ContainSubstring("Something does not work"))
		})
	})
})
