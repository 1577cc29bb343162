// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/test/installation"
)

// role is what a Role and a ClusterRole have in common.
type role struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Rules             []rbacv1.PolicyRule `json:"rules"`
	RoleRef           rbacv1.RoleRef      `json:"roleRef"`
}

// rbacFiles parses every object in config/rbac.
func rbacFiles() (objects []role) {
	GinkgoHelper()
	files, err := filepath.Glob("../../config/rbac/*.yaml")
	Expect(err).NotTo(HaveOccurred())
	for _, file := range files {
		content, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), 4096)
		for {
			var object role
			err := documents.Decode(&object)
			if errors.Is(err, io.EOF) {
				break
			}
			Expect(err).NotTo(HaveOccurred(), file)
			objects = append(objects, object)
		}
	}
	return objects
}

// ask is a question to the authorizer: verb, group/resource or group/resource/subresource, and where it matters name and namespace.
type ask struct{ verb, resource, name, namespace string }

// may asks whether the operator may do something.
func (w *world) may(ctx context.Context, a ask) bool {
	GinkgoHelper()
	parts := append(strings.Split(a.resource, "/"), "")
	config, err := clientcmd.BuildConfigFromFlags("", w.kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	reviews := kubernetes.NewForConfigOrDie(config).AuthorizationV1().SelfSubjectAccessReviews()
	review, err := reviews.Create(ctx, &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: a.verb, Group: parts[0], Resource: parts[1], Subresource: parts[2], Name: a.name, Namespace: a.namespace,
		},
	}}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	return review.Status.Allowed
}

// rights are what the operator can do, and what it cannot.
func rights(w *world) {
	const (
		rbac, certificates, iam = rbacv1.GroupName, certificatesv1.GroupName, "iam.rollcall.dev"
		own, others             = installation.Namespace, "kube-system"
	)
	DescribeTable("do not let the operator", func(ctx SpecContext, a ask) { Expect(w.may(ctx, a)).To(BeFalse()) },
		Entry("do everything", ask{"*", "*/*", "", ""}),
		Entry("go beyond its rights by a ClusterRole", ask{"escalate", rbac + "/clusterroles", "", ""}),
		Entry("go beyond its rights by a Role", ask{"escalate", rbac + "/roles", "", own}),
		Entry("change ClusterRoles", ask{"update", rbac + "/clusterroles", "", ""}),
		Entry("add to the roles that may be bound", ask{"patch", rbac + "/clusterroles", "rollcall-bindable-roles", ""}),
		Entry("make Roles", ask{"create", rbac + "/roles", "", own}),
		Entry("bind any ClusterRole", ask{"bind", rbac + "/clusterroles", "", ""}),
		Entry("bind cluster-admin", ask{"bind", rbac + "/clusterroles", "cluster-admin", ""}),
		Entry("bind its own role to others", ask{"bind", rbac + "/clusterroles", "rollcall-manager", ""}),
		Entry("give itself leave to write Secrets", ask{"bind", rbac + "/clusterroles", "rollcall-kubeconfig-publisher", others}),
		Entry("bind Roles", ask{"bind", rbac + "/roles", "", own}),
		Entry("be somebody else", ask{"impersonate", "/users", "", ""}),
		Entry("be in a group", ask{"impersonate", "/groups", "", ""}),
		Entry("be a ServiceAccount", ask{"impersonate", "/serviceaccounts", "", others}),
		Entry("have a token of a ServiceAccount", ask{"create", "/serviceaccounts/token", "", others}),
		Entry("read Secrets of others", ask{"get", "/secrets", "", others}),
		Entry("list all Secrets", ask{"list", "/secrets", "", ""}),
		Entry("write Secrets of others", ask{"create", "/secrets", "", others}),
		Entry("approve for all signers", ask{"approve", certificates + "/signers", "", ""}),
		Entry("approve for kubelets", ask{"approve", certificates + "/signers", "kubernetes.io/kubelet-serving", ""}),
		Entry("approve for kubelets as clients", ask{"approve", certificates + "/signers", "kubernetes.io/kube-apiserver-client-kubelet", ""}),
		Entry("sign", ask{"sign", certificates + "/signers", "kubernetes.io/kube-apiserver-client", ""}),
		Entry("write certificates itself", ask{"update", certificates + "/certificatesigningrequests/status", "", ""}),
		Entry("change Grants", ask{"update", iam + "/grants", "", ""}),
		Entry("make Grants", ask{"create", iam + "/grants", "", ""}),
		Entry("change the spec of a User", ask{"patch", iam + "/users", "", ""}),
		Entry("read where Services of others lead", ask{"list", "discovery.k8s.io/endpointslices", "", others}),
		Entry("run anything", ask{"create", "/pods", "", own}),
		Entry("change admission", ask{"create", "admissionregistration.k8s.io/validatingadmissionpolicies", "", ""}),
	)

	DescribeTable("let the operator", func(ctx SpecContext, a ask) { Expect(w.may(ctx, a)).To(BeTrue()) },
		Entry("bind what it may bind", ask{"bind", rbac + "/clusterroles", "view", ""}),
		Entry("approve what it asks for", ask{"approve", certificates + "/signers", "kubernetes.io/kube-apiserver-client", ""}),
		Entry("know where API servers are", ask{"list", "discovery.k8s.io/endpointslices", "", "default"}),
		Entry("keep Secrets of its own", ask{"create", "/secrets", "", own}),
	)

	It("are refused by the API server too, when it tries", func(ctx SpecContext) {
		config, err := clientcmd.BuildConfigFromFlags("", w.kubeconfig)
		Expect(err).NotTo(HaveOccurred())
		operator, err := client.New(config, client.Options{Scheme: w.admin.Scheme()})
		Expect(err).NotTo(HaveOccurred())
		for _, attempt := range []client.Object{
			&rbacv1.ClusterRoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: w.name("try")},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
			},
			&rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: w.name("try"), Namespace: "kube-system"},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "rollcall-kubeconfig-publisher"},
			},
			&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: w.name("try")}},
		} {
			err := operator.Create(ctx, attempt, client.DryRunAll)
			Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%T: %v", attempt, err)
		}
	})

	It("have no wildcard, no escalate, no impersonate and no cluster-admin in config/rbac", func() {
		objects := rbacFiles()
		Expect(objects).To(ContainElement(HaveField("Name", "rollcall-manager")), "the files were read")
		for _, object := range objects {
			Expect(object.RoleRef.Name).NotTo(Equal("cluster-admin"), object.Name)
			for _, rule := range object.Rules {
				for _, word := range slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs, rule.ResourceNames, rule.NonResourceURLs) {
					Expect(word).NotTo(Or(ContainSubstring("*"), Equal("escalate"), Equal("impersonate")), object.Name)
				}
				if slices.Contains(rule.Verbs, "bind") || slices.Contains(rule.Verbs, "approve") {
					Expect(rule.ResourceNames).NotTo(BeEmpty(), "bind and approve are for what is named")
				}
				if object.Name != "rollcall-audit" { // Which reads there what API servers lost.
					Expect(rule.NonResourceURLs).To(BeEmpty())
				}
			}
		}
	})
}
