// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package attribution_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/attribution"
)

func TestAttribution(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Attribution")
}

var (
	now         = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	fingerprint = strings.Repeat("ab", 32)
)

func in(d time.Duration) *metav1.Time { return &metav1.Time{Time: now.Add(d)} }

// allowed is the reason that RBAC gives where a RoleBinding in the namespace pay lets corp:alice edit.
func allowed(binding string) string {
	return fmt.Sprintf(`RBAC: allowed by RoleBinding %q of ClusterRole "edit" to User "corp:alice"`, binding+"/pay")
}

func decided(verdict, reason string) func(*auditv1.Event) {
	return func(e *auditv1.Event) {
		e.Annotations = map[string]string{"authorization.k8s.io/decision": verdict, "authorization.k8s.io/reason": reason}
	}
}

func by(username string, groups ...string) func(*auditv1.Event) {
	return func(e *auditv1.Event) {
		e.User = authenticationv1.UserInfo{Username: username, Groups: append(groups, "system:authenticated")}
	}
}

func impersonating(username string, groups ...string) func(*auditv1.Event) {
	return func(e *auditv1.Event) {
		e.ImpersonatedUser = &authenticationv1.UserInfo{Username: username, Groups: groups}
	}
}

// event is alice's, with a certificate of hers, allowed by the binding of a Grant; and what is done to that.
func event(edits ...func(*auditv1.Event)) *auditv1.Event {
	e := &auditv1.Event{
		AuditID: "5a2f0b8e", Stage: auditv1.StageResponseComplete, Verb: "list", RequestURI: "/api/v1/namespaces/pay/pods?limit=500",
		User: authenticationv1.UserInfo{
			Username: "corp:alice", Groups: []string{v1alpha1.ManagedGroup, "system:authenticated"},
			Extra: map[string]authenticationv1.ExtraValue{"authentication.kubernetes.io/credential-id": {"X509SHA256=" + fingerprint}},
		},
		SourceIPs: []string{"192.0.2.7"}, UserAgent: "kubectl/v1.37.2",
		ObjectRef:      &auditv1.ObjectReference{Resource: "pods", Namespace: "pay", APIVersion: "v1"},
		ResponseStatus: &metav1.Status{Code: 200},

		RequestReceivedTimestamp: metav1.NewMicroTime(now), StageTimestamp: metav1.NewMicroTime(now.Add(time.Millisecond)),
	}
	decided("allow", allowed("rollcall:looks"))(e)
	for _, edit := range edits {
		edit(e)
	}
	return e
}

func user(name string) *v1alpha1.User {
	u := &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "u-1"}}
	u.Spec.DirectoryRef = &v1alpha1.NameReference{Name: "corp"}
	u.Status.Username = "corp:" + name
	u.Status.Identity = &v1alpha1.Identity{ID: "id-1", DisplayName: "Alice Ng", Email: "alice@corp.example"}
	return u
}

func session() *v1alpha1.Session {
	s := &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: "alice-1", UID: "s-1", CreationTimestamp: *in(-time.Hour)}}
	s.Spec = v1alpha1.SessionSpec{
		UserRef: v1alpha1.UserReference{Name: "alice", UID: "u-1"}, Username: "corp:alice", Device: "laptop", KeyFingerprint: "cd",
		Custody:        v1alpha1.CustodyClient,
		Authentication: v1alpha1.SessionAuthentication{Method: v1alpha1.MethodLDAP, Time: *in(-time.Hour)},
	}
	return s
}

// binding is what the operator makes in the namespace pay, of a Grant, or of a request for it.
func binding(name, request string) *attribution.BindingVersion {
	b := &attribution.BindingVersion{
		Kind: "RoleBinding", RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "corp:alice"}}, Since: now.Add(-time.Minute),
		Meta: metav1.ObjectMeta{
			Namespace: "pay", Name: name, UID: "b-1",
			Labels:      map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelGrant: "looks"},
			Annotations: map[string]string{v1alpha1.AnnotationGrantUID: "g-1", v1alpha1.AnnotationGrantGeneration: "3"},
		},
	}
	if request != "" {
		b.Meta.Labels[v1alpha1.LabelRequest] = request
		b.Meta.Annotations[v1alpha1.AnnotationRequestUID], b.Meta.Annotations[v1alpha1.AnnotationApprovers] = "r-1", "corp:bob,corp:carol"
	}
	return b
}

func request() *v1alpha1.AccessRequest {
	r := &v1alpha1.AccessRequest{ObjectMeta: metav1.ObjectMeta{Name: "alice-7", UID: "r-1"}}
	r.Spec.Reason, r.Spec.Ticket = "payments are stuck", "INC-7"
	r.Status.ExpireTime = in(time.Hour)
	approval := func(approver string, decision v1alpha1.Decision, ago time.Duration) v1alpha1.GivenApproval {
		return v1alpha1.GivenApproval{Approver: approver, Decision: decision, Time: *in(-ago)}
	}
	r.Status.Approvals = []v1alpha1.GivenApproval{
		approval("corp:anna", v1alpha1.DecisionApprove, time.Minute), approval("corp:mallory", v1alpha1.DecisionDeny, 4*time.Minute),
		approval("corp:carol", v1alpha1.DecisionApprove, 2*time.Minute), approval("corp:bob", v1alpha1.DecisionApprove, 2*time.Minute),
	}
	return r
}

// facts are everything about alice's event; and what is done to them.
func facts(edits ...func(*attribution.Facts)) attribution.Facts {
	f := attribution.Facts{
		Issued: &v1alpha1.SessionCertificate{
			Fingerprint: fingerprint, SerialNumber: "0f", NotBefore: *in(-10 * time.Minute), NotAfter: *in(5 * time.Minute), Predecessor: "ef",
		},
		Session: session(), User: user("alice"), Binding: binding("rollcall:looks", ""),
		Grant: &v1alpha1.Grant{ObjectMeta: metav1.ObjectMeta{Name: "looks", UID: "g-1", Generation: 3}, Spec: v1alpha1.GrantSpec{
			Reason: "CHG-1: on call", ExpireTime: in(time.Hour), Subjects: []v1alpha1.Subject{{Kind: v1alpha1.SubjectGroup, Name: "payments"}},
		}},
	}
	for _, edit := range edits {
		edit(&f)
	}
	return f
}

// requested is what is known where a request gave it.
func requested(f *attribution.Facts) {
	f.Binding, f.Request = binding("rollcall-request:alice-7", "alice-7"), request()
}

// nobody is what is known of those who come with no certificate, as no User, by no binding that was recorded.
func nobody(f *attribution.Facts) { *f = attribution.Facts{} }
