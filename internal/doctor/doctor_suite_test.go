// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor_test

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/config"
	"github.com/rollcall-iam/rollcall/internal/doctor"
)

func TestDoctor(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The doctor")
}

// date is what the API server's clock says.
func date() time.Time { return time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC) }

func ago(d time.Duration) metav1.Time { return metav1.NewTime(date().Add(-d)) }

func expected() *doctor.Expected {
	GinkgoHelper()
	objects, err := config.Read()
	Expect(err).NotTo(HaveOccurred())
	want := doctor.Expected(*objects)
	return &want
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: ago(time.Hour)}
}

// healthy is an installation in which everything works, with all that it can have.
func healthy() *doctor.Facts {
	GinkgoHelper()
	f := &doctor.Facts{
		Plugin: "v1.2.3", Caller: "admin", Namespace: "rollcall-system", ServiceAccount: "rollcall-controller-manager",
		Server: doctor.Server{
			Version: "v1.37.2", URL: "https://api.example.com", Date: date(), Sent: date().Add(100 * time.Millisecond),
			Received: date().Add(200 * time.Millisecond),
		},
	}
	want := expected()
	f.Kinds.Value = map[string]*unstructured.Unstructured{}
	for i := range want.Kinds {
		live := want.Kinds[i].DeepCopy()
		Expect(unstructured.SetNestedSlice(live.Object, []any{map[string]any{"type": "Established", "status": "True"}},
			"status", "conditions")).To(Succeed())
		f.Kinds.Value[live.GetName()] = live
	}
	f.Policies.Value, f.PolicyBindings.Value = want.Policies, want.PolicyBindings
	f.Allowed.Value = map[doctor.Right]bool{}
	for _, right := range want.Rights(f.Namespace) {
		f.Allowed.Value[right] = true
	}
	for _, right := range tooMuch() {
		f.Allowed.Value[right] = false
	}
	f.Deployment.Value = &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace, Name: doctor.DeploymentName},
		Spec:       appsv1.DeploymentSpec{Replicas: new(int32(2))},
		Status:     appsv1.DeploymentStatus{ReadyReplicas: 2, UpdatedReplicas: 2},
	}
	f.Lease.Value = lease("one_5c0ffee", 2*time.Second, 2*time.Second)
	f.Installation.Value = &v1alpha1.Installation{Status: v1alpha1.InstallationStatus{
		Version: "v1.2.3", Signer: "CA", LoginURL: "https://login.example.com",
		Authority: &v1alpha1.InstallationAuthority{NotAfter: metav1.NewTime(date().AddDate(0, 10, 0))},
		Audit:     &v1alpha1.InstallationAudit{URL: "https://audit.example.com:9445", Namespace: f.Namespace},
		Conditions: []metav1.Condition{
			condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReconciled, "all is well"),
			condition(v1alpha1.ConditionSignerReady, metav1.ConditionTrue, v1alpha1.ReasonSigns, "the API server accepted a certificate"),
			condition(v1alpha1.ConditionAuthorityCurrent, metav1.ConditionTrue, v1alpha1.ReasonCurrent, "the authority has most of its life"),
			condition(v1alpha1.ConditionCredentialsChecked, metav1.ConditionTrue, v1alpha1.ReasonWebhookAsked, "API servers ask the webhook"),
			condition(v1alpha1.ConditionAuditReceived, metav1.ConditionTrue, v1alpha1.ReasonReceived, "what API servers log arrives"),
		},
	}}
	f.Directories.Value = []v1alpha1.Directory{*directoryOf("corp")}
	f.Login = &doctor.Endpoint{URL: "https://login.example.com", NotAfter: date().AddDate(0, 0, 60)}
	f.Audit = &doctor.Endpoint{URL: "https://audit.example.com:9445", NotAfter: date().AddDate(0, 0, 20), Own: true}
	users := &doctor.Tally{Resource: "users"}
	add(users, "alice", 0, condition(v1alpha1.ConditionReady, metav1.ConditionTrue, "Reconciled", ""))
	add(users, "bob", 0, condition(v1alpha1.ConditionReady, metav1.ConditionTrue, "Reconciled", ""))
	f.People = []doctor.Read[*doctor.Tally]{{Value: users}, {Value: &doctor.Tally{Resource: "grants"}}}
	return f
}

// tooMuch are rights that no operator should have.
func tooMuch() []doctor.Right {
	return []doctor.Right{
		{Verb: "*", Group: "*", Resource: "*"},
		{Verb: "escalate", Group: "rbac.authorization.k8s.io", Resource: "clusterroles"},
		{Verb: "bind", Group: "rbac.authorization.k8s.io", Resource: "clusterroles", Name: "cluster-admin"},
		{Verb: "impersonate", Resource: "users"},
		{Verb: "impersonate", Resource: "groups"},
		{Verb: "list", Resource: "secrets"},
		{Verb: "get", Resource: "secrets"},
		{Verb: "watch", Resource: "secrets"},
		{Verb: "escalate", Group: "rbac.authorization.k8s.io", Resource: "roles"},
		{Verb: "bind", Group: "rbac.authorization.k8s.io", Resource: "roles"},
		{Verb: "bind", Group: "rbac.authorization.k8s.io", Resource: "clusterroles"},
		{Verb: "impersonate", Resource: "serviceaccounts"},
		{Verb: "impersonate", Group: "authentication.k8s.io", Resource: "uids"},
		{Verb: "impersonate", Group: "authentication.k8s.io", Resource: "userextras", Subresource: "scopes"},
		{Verb: "create", Resource: "serviceaccounts", Subresource: "token"},
		{Verb: "approve", Group: "certificates.k8s.io", Resource: "signers"},
		{Verb: "approve", Group: "certificates.k8s.io", Resource: "signers", Name: "kubernetes.io/kubelet-serving"},
		{Verb: "approve", Group: "certificates.k8s.io", Resource: "signers", Name: "kubernetes.io/kube-apiserver-client-kubelet"},
	}
}

// lease was renewed so long ago by the operator's clock, and by the API server's.
func lease(holder string, said, written time.Duration) *coordinationv1.Lease {
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{
			{Manager: "kubectl", Time: new(ago(0)), FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{}}}`)},
			{Manager: "rollcall", Time: new(ago(written)), FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:renewTime":{}}}`)},
		}},
		Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder, RenewTime: new(metav1.NewMicroTime(date().Add(-said)))},
	}
}

func directoryOf(name string) *v1alpha1.Directory {
	return &v1alpha1.Directory{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.DirectorySpec{SyncIntervalSeconds: 300},
		Status: v1alpha1.DirectoryStatus{
			LastSyncTime: new(ago(time.Minute)),
			Conditions: []metav1.Condition{
				condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSynced, "12 users and 3 groups are mirrored"),
				condition(v1alpha1.ConditionChangesWatched, metav1.ConditionTrue, v1alpha1.ReasonSyncrepl, "changes arrive"),
			},
		},
	}
}

// add counts an object that was looked at, made so long ago.
func add(t *doctor.Tally, name string, made time.Duration, conditions ...metav1.Condition) {
	t.Add(&metav1.ObjectMeta{Name: name, CreationTimestamp: ago(made)}, conditions, new(int64(0)))
}

// about is the one check about something.
func about(r *doctor.Report, what string) doctor.Check {
	GinkgoHelper()
	for _, c := range r.Checks {
		if c.About == what {
			return c
		}
	}
	Fail("there is no check about " + what)
	return doctor.Check{}
}

// waiting is a Pod that does not start.
func waiting(reason, message string) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "one"},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
			{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}},
		}},
	}
}
