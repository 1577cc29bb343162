// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// Facts are what was found in a cluster. What is absent is nil, and no error.
type Facts struct {
	// Plugin is the version of whoever looked.
	Plugin string
	// Caller is whom the API server takes them for.
	Caller string
	Server Server
	// Namespace and ServiceAccount are the operator's.
	Namespace, ServiceAccount string

	// Kinds by the names of their CustomResourceDefinitions; those that are not there are absent.
	Kinds          Read[map[string]*unstructured.Unstructured]
	Policies       Read[[]admissionv1.ValidatingAdmissionPolicy]
	PolicyBindings Read[[]admissionv1.ValidatingAdmissionPolicyBinding]
	Deployment     Read[*appsv1.Deployment]
	Pods           Read[[]corev1.Pod]
	Lease          Read[*coordinationv1.Lease]
	// Allowed says of rights whether the operator has them.
	Allowed      Read[map[Right]bool]
	Installation Read[*v1alpha1.Installation]
	Directories  Read[[]v1alpha1.Directory]
	// People says, kind by kind, what is not Ready.
	People []Read[*Tally]
	// Login and Audit are how they were found from here; nil where there is no such service.
	Login, Audit *Endpoint
}

// Server is how the API server answered.
type Server struct {
	// Version as it says, URL as the kubeconfig has it.
	Version, URL string
	// Date is what its clock said, to the second, between Sent and Received of ours.
	Date, Sent, Received time.Time
}

// Endpoint is a service of the operator's, seen from here.
type Endpoint struct {
	URL string
	// Err is why it could not be reached.
	Err string
	// NotAfter of its certificate.
	NotAfter time.Time
	// Untrusted is why its certificate is not to be trusted; empty where it is. Own says that it is by the operator's own authority.
	Untrusted string
	Own       bool
}

// Expected is what this plugin was built with.
type Expected struct {
	Kinds          []unstructured.Unstructured
	Policies       []admissionv1.ValidatingAdmissionPolicy
	PolicyBindings []admissionv1.ValidatingAdmissionPolicyBinding
	Roles          []rbacv1.Role
	RoleBindings   []rbacv1.RoleBinding
}

// installed is how to install a folder of config in which there is nothing to be set, by the way by which the cluster's operator was.
func (f *Facts) installed(folder string) []string {
	if byHelm := f.upgraded(); byHelm != nil {
		return byHelm
	}
	return []string{"kubectl apply --server-side --force-conflicts -k config/" + folder}
}

// upgraded is how Helm installs everything anew, with the settings that there are; nil where the operator did not come by Helm.
func (f *Facts) upgraded() []string {
	d := f.Deployment.Value
	if d == nil || d.Labels["helm.sh/chart"] == "" {
		return nil
	}
	return []string{command("helm", "upgrade", d.Labels["app.kubernetes.io/instance"], "charts/rollcall", "-n", f.Namespace,
		"--reset-then-reuse-values")}
}

// age is how long ago something was, by the API server's clock.
func (f *Facts) age(t time.Time) time.Duration { return f.Server.Date.Sub(t) }
