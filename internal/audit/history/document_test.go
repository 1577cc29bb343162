// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"maps"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

// changed has a table's edit be one of the type of the object.
func changed[T client.Object](object T, edit func(T)) func() (before, after client.Object) {
	return func() (before, after client.Object) {
		other, ok := object.DeepCopyObject().(T)
		Expect(ok).To(BeTrue())
		edit(other)
		return object, other
	}
}

func clusterBinding() *rbacv1.ClusterRoleBinding {
	b := binding("3", "")
	b.Namespace = ""
	return &rbacv1.ClusterRoleBinding{ObjectMeta: b.ObjectMeta, RoleRef: b.RoleRef, Subjects: b.Subjects}
}

// anyhow is what happens to objects of all kinds and means nothing.
func anyhow(object client.Object) {
	object.SetResourceVersion("999")
	object.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "kubectl"}})
	object.SetFinalizers([]string{"example.com/x"})
	object.SetOwnerReferences([]metav1.OwnerReference{{Name: "x"}})
	object.SetLabels(with(object.GetLabels(), "example.com/team", "a"))
	object.SetAnnotations(with(object.GetAnnotations(), "kubectl.kubernetes.io/last-applied-configuration", "{}"))
}

func with(before map[string]string, key, value string) map[string]string {
	all := map[string]string{key: value}
	maps.Copy(all, before)
	return all
}

var _ = Describe("What an object is remembered as", func() {
	DescribeTable("is the same where that means nothing", func(change func() (before, after client.Object)) {
		before, after := change()
		Expect(before).NotTo(Equal(after))
		Expect(string(versioned(after).Document)).To(Equal(string(versioned(before).Document)))
	},
		Entry("a User's metadata", changed(someone("alice", "u-1"), func(u *v1alpha1.User) { anyhow(u) })),
		Entry("a Session's metadata", changed(session("s-1"), func(s *v1alpha1.Session) { anyhow(s) })),
		Entry("a Grant's metadata", changed(grant(1, ""), func(g *v1alpha1.Grant) { anyhow(g) })),
		Entry("a request's metadata", changed(request(), func(r *v1alpha1.AccessRequest) { anyhow(r) })),
		Entry("a binding's metadata", changed(binding("3", ""), func(b *rbacv1.RoleBinding) { anyhow(b) })),
		Entry("a cluster's binding's metadata", changed(clusterBinding(), func(b *rbacv1.ClusterRoleBinding) { anyhow(b) })),
		Entry("when a person was seen", changed(someone("alice", "u-1"), func(u *v1alpha1.User) {
			u.Status.LastSeenTime, u.Status.ObservedGeneration, u.Status.Grants = new(moment(1)), new(int64(2)), []string{"looks"}
			u.Status.Certificate = &v1alpha1.Certificate{}
			u.Status.Conditions = append(u.Status.Conditions, condition(v1alpha1.ConditionReady, "Ready"))
		})),
		Entry("when a Session was seen, and renewed", changed(session("s-1", "a"), func(s *v1alpha1.Session) {
			s.Status.LastSeenTime, s.Status.LastRenewTime, s.Status.LastVouchedTime = new(moment(1)), new(moment(1)), new(moment(1))
			s.Status.Issued = new(int32(2))
			s.Status.Certificates = append(s.Status.Certificates, v1alpha1.SessionCertificate{Fingerprint: "b"})
			s.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionActive, "Active")}
		})),
		Entry("what became of a Grant", changed(grant(1, ""), func(g *v1alpha1.Grant) {
			g.Status.ObservedGeneration = new(int64(1))
			g.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionReady, "Ready")}
		})),
		Entry("how far a request was read", changed(request(), func(r *v1alpha1.AccessRequest) {
			r.Status.ObservedGeneration = new(int64(1))
			r.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionReady, "Ready")}
		})),
	)

	DescribeTable("is another where that means something", func(change func() (before, after client.Object)) {
		before, after := change()
		Expect(string(versioned(after).Document)).NotTo(Equal(string(versioned(before).Document)))
	},
		Entry("a User's username", changed(someone("alice", "u-1"), func(u *v1alpha1.User) { u.Status.Username = "corp:liz" })),
		Entry("a User's groups", changed(someone("alice", "u-1"), func(u *v1alpha1.User) { u.Status.Groups = nil })),
		Entry("who a User is", changed(someone("alice", "u-1"), func(u *v1alpha1.User) { u.Status.Identity.ID = "id-2" })),
		Entry("a User's spec", changed(someone("alice", "u-1"), func(u *v1alpha1.User) { u.Spec.ExpireTime = new(moment(1)) })),
		Entry("whether a User may act", changed(someone("alice", "u-1"), func(u *v1alpha1.User) {
			u.Status.Conditions[0].Status, u.Status.Conditions[0].Reason = metav1.ConditionFalse, v1alpha1.ReasonLocked
		})),
		Entry("a Session's end", changed(session("s-1"), func(s *v1alpha1.Session) { s.Status.EndTime = new(moment(1)) })),
		Entry("why", changed(session("s-1"), func(s *v1alpha1.Session) { s.Status.EndReason = "Idle" })),
		Entry("by whom", changed(session("s-1"), func(s *v1alpha1.Session) { s.Status.EndedBy = "corp:bob" })),
		Entry("a Grant's spec", changed(grant(1, "a"), func(g *v1alpha1.Grant) { g.Spec.Reason = "b" })),
		Entry("an approval", changed(request(), func(r *v1alpha1.AccessRequest) { r.Status.Approvals = nil })),
		Entry("a request's end", changed(request(), func(r *v1alpha1.AccessRequest) { r.Status.EndReason = "Expired" })),
		Entry("whether a request gives anything", changed(request(), func(r *v1alpha1.AccessRequest) {
			r.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionActive, v1alpha1.ReasonActive)}
		})),
		Entry("whom a binding is to", changed(binding("3", ""), func(b *rbacv1.RoleBinding) { b.Subjects[0].Name = "corp:bob" })),
		Entry("which generation it is of", changed(binding("3", ""), func(b *rbacv1.RoleBinding) {
			b.Annotations[v1alpha1.AnnotationGrantGeneration] = "4"
		})),
		Entry("whose it is", changed(binding("3", ""), func(b *rbacv1.RoleBinding) { delete(b.Labels, v1alpha1.LabelManagedBy) })),
		Entry("a cluster's", changed(clusterBinding(), func(b *rbacv1.ClusterRoleBinding) { b.RoleRef.Name = "view" })),
	)

	It("is found by its names", func() {
		Expect(versioned(someone("alice", "u-1"))).To(And(HaveField("Kind", "User"), HaveField("UID", "u-1"), HaveField("Name", "alice"),
			HaveField("Alias", "corp:alice"), HaveField("Generation", int64(2))))
		Expect(versioned(binding("3", ""))).To(And(HaveField("Kind", "RoleBinding"), HaveField("Namespace", "pay"),
			HaveField("Name", "rollcall:looks"), HaveField("Alias", "")))
	})

	It("leaves the object as it is", func() {
		r := request()
		r.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionReady, "Ready")}
		before := r.DeepCopy()
		versioned(r)
		Expect(r).To(Equal(before))
	})

	It("is nothing for other kinds", func() {
		_, err := versionOf(&corev1.Secret{})
		Expect(err).To(MatchError(ContainSubstring("*v1.Secret is not remembered")))
	})
})
