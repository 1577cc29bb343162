// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
)

func TestHistory(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "History")
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

func moment(seconds int) metav1.Time { return metav1.NewTime(at(seconds)) }

// made is metadata of an object that was made an hour before noon, and changed since.
func made(name string, uid types.UID) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, UID: uid, Generation: 2, CreationTimestamp: moment(-3600)}
}

func condition(kind, reason string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: reason, LastTransitionTime: moment(0)}
}

func someone(name string, uid types.UID) *v1alpha1.User {
	u := &v1alpha1.User{ObjectMeta: made(name, uid)}
	u.Spec.UserName, u.Spec.DirectoryRef = name, &v1alpha1.NameReference{Name: "corp"}
	u.Status.Username, u.Status.Groups = "corp:"+name, []string{"corp:payments"}
	u.Status.Identity = &v1alpha1.Identity{ID: "id-" + name}
	u.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionActive, v1alpha1.ReasonActive)}
	return u
}

// session of alice, with so many certificates.
func session(uid types.UID, fingerprints ...string) *v1alpha1.Session {
	s := &v1alpha1.Session{ObjectMeta: made("alice-1", uid)}
	s.Spec.UserRef, s.Spec.Username = v1alpha1.UserReference{Name: "alice", UID: "u-1"}, "corp:alice"
	for _, fingerprint := range fingerprints {
		s.Status.Certificates = append(s.Status.Certificates, v1alpha1.SessionCertificate{Fingerprint: fingerprint, NotAfter: moment(900)})
	}
	return s
}

func grant(generation int64, reason string) *v1alpha1.Grant {
	g := &v1alpha1.Grant{ObjectMeta: made("looks", "g-1")}
	g.Generation, g.Spec.Reason = generation, reason
	return g
}

func request() *v1alpha1.AccessRequest {
	r := &v1alpha1.AccessRequest{ObjectMeta: made("alice-7", "r-1")}
	r.Spec.Reason = "INC-7"
	r.Status.Approvals = []v1alpha1.GivenApproval{{Approver: "corp:bob", Decision: v1alpha1.DecisionApprove, Time: moment(-60)}}
	return r
}

// binding of the Grant as of a generation, or of the request for it, to corp:alice in the namespace pay.
func binding(generation, request string) *rbacv1.RoleBinding {
	b := &rbacv1.RoleBinding{
		ObjectMeta: made("rollcall:looks", "b-1"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "corp:alice"}},
	}
	b.Namespace, b.Generation = "pay", 0 // Bindings have none.
	b.Labels = map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelGrant: "looks"}
	b.Annotations = map[string]string{v1alpha1.AnnotationGrantUID: "g-1", v1alpha1.AnnotationGrantGeneration: generation}
	if request != "" {
		b.Name, b.Labels[v1alpha1.LabelRequest], b.Annotations[v1alpha1.AnnotationRequestUID] = "rollcall-request:"+request, request, "r-1"
	}
	return b
}

func versioned(object client.Object) store.Version {
	GinkgoHelper()
	v, err := versionOf(object)
	Expect(err).NotTo(HaveOccurred())
	return v
}
