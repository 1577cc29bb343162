// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"context"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/installation"
)

// bindable lets the operator bind a role, as an administrator would who keeps a list of their own.
func (w *world) bindable(ctx context.Context, resource, role string) {
	GinkgoHelper()
	name := w.name("bindable")
	w.create(ctx,
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{rbacv1.GroupName}, Resources: []string{resource}, ResourceNames: []string{role}, Verbs: []string{"bind"},
		}}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
			Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: installation.Namespace, Name: installation.ServiceAccount}},
		})
}

// freeze stops a component of the control plane (0 is etcd, 1 the API server, 2 the controller manager) until the spec ends, or
// until it is thawed.
func (w *world) freeze(component int) (thaw func()) {
	GinkgoHelper()
	pid := w.plane.PIDs()[component]
	Expect(syscall.Kill(pid, syscall.SIGSTOP)).To(Succeed())
	thaw = func() { Expect(syscall.Kill(pid, syscall.SIGCONT)).To(Succeed()) }
	DeferCleanup(thaw)
	return thaw
}

// drift are specs of bindings that somebody else changed.
func drift(w *world) {
	BeforeAll(w.live)
	var (
		ann   string
		grant *v1alpha1.Grant
		place string
	)
	BeforeEach(func(ctx SpecContext) {
		ann, place = w.name("ann"), w.namespace(ctx, nil).Name
		grant = within(grantOf(w.name("grant"), users(ann)...), nil, place)
		w.create(ctx, localUser(ann), grant)
		w.binds(ctx, grant, place, ann)
		w.becomes(ctx, grant, ready, says(isTrue, v1alpha1.ReasonApplied))
	})
	ours := func() *rbacv1.RoleBinding {
		return &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: "rollcall:" + grant.Name}}
	}
	repaired := func(ctx SpecContext, wanted rbacv1.RoleBinding) {
		GinkgoHelper()
		Eventually(ctx, func(g Gomega) {
			now := ours()
			g.Expect(w.admin.Get(ctx, clientKey(now), now)).To(Succeed())
			g.Expect(now.Subjects).To(Equal(wanted.Subjects))
			g.Expect(now.RoleRef).To(Equal(wanted.RoleRef))
			g.Expect(now.Labels).To(Equal(wanted.Labels))
			g.Expect(now.OwnerReferences).To(HaveExactElements(
				SatisfyAll(HaveField("UID", grant.UID), HaveField("Controller", HaveValue(BeTrue())))))
		}).Should(Succeed())
		w.becomes(ctx, grant, ready, says(isTrue, v1alpha1.ReasonApplied))
	}

	DescribeTable("is repaired at once: someone", func(ctx SpecContext, change func(context.Context, *rbacv1.RoleBinding) error) {
		before := get(ctx, w, ours())
		Expect(change(ctx, before.DeepCopy())).To(Succeed())
		repaired(ctx, *before)
	},
		Entry("deletes a binding", func(ctx context.Context, b *rbacv1.RoleBinding) error { return w.admin.Delete(ctx, b) }),
		Entry("adds a user", func(ctx context.Context, b *rbacv1.RoleBinding) error {
			b.Subjects = append(b.Subjects, rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "mallory"})
			return w.admin.Update(ctx, b)
		}),
		Entry("adds a group", func(ctx context.Context, b *rbacv1.RoleBinding) error {
			b.Subjects = append(b.Subjects, rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: "system:authenticated"})
			return w.admin.Update(ctx, b)
		}),
		Entry("removes everyone", func(ctx context.Context, b *rbacv1.RoleBinding) error {
			b.Subjects = nil
			return w.admin.Update(ctx, b)
		}),
		Entry("replaces everyone", func(ctx context.Context, b *rbacv1.RoleBinding) error {
			b.Subjects = []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "mallory"}}
			return w.admin.Update(ctx, b)
		}),
		Entry("names the same user twice", func(ctx context.Context, b *rbacv1.RoleBinding) error {
			b.Subjects = append(b.Subjects, b.Subjects[0])
			return w.admin.Update(ctx, b)
		}),
		Entry("strips the labels", func(ctx context.Context, b *rbacv1.RoleBinding) error {
			b.Labels = nil
			return w.admin.Update(ctx, b)
		}),
		Entry("strips the Grant's label", func(ctx context.Context, b *rbacv1.RoleBinding) error {
			delete(b.Labels, v1alpha1.LabelGrant)
			return w.admin.Update(ctx, b)
		}),
		Entry("strips the label of who manages it", func(ctx context.Context, b *rbacv1.RoleBinding) error {
			delete(b.Labels, v1alpha1.LabelManagedBy)
			return w.admin.Update(ctx, b)
		}),
		Entry("gives it to another Grant by label", func(ctx context.Context, b *rbacv1.RoleBinding) error {
			b.Labels[v1alpha1.LabelGrant] = "another"
			return w.admin.Update(ctx, b)
		}),
		Entry("strips the owner", func(ctx context.Context, b *rbacv1.RoleBinding) error {
			b.OwnerReferences = nil
			return w.admin.Update(ctx, b)
		}),
	)

	It("leaves a foreign binding of our name alone, and says so, until it goes", func(ctx SpecContext) {
		other := w.namespace(ctx, nil)
		foreign := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: other.Name, Name: "rollcall:" + grant.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "mallory"}},
		}
		w.create(ctx, foreign)
		before := foreign.ResourceVersion
		change(ctx, w, grant, func(g *v1alpha1.Grant) { g.Spec.Namespaces.Names = []string{place, other.Name} })
		w.becomes(ctx, grant, stalled, says(isTrue, v1alpha1.ReasonBindingConflict, foreign.Name, other.Name))
		Expect(w.bound(ctx, place, foreign.Name)).NotTo(BeNil(), "the other namespace has its binding")
		Expect(get(ctx, w, foreign).ResourceVersion).To(Equal(before))

		Expect(w.admin.Delete(ctx, foreign)).To(Succeed())
		w.binds(ctx, grant, other.Name, ann)
		w.becomes(ctx, grant, ready, says(isTrue, v1alpha1.ReasonApplied))
	})

	It("leaves a foreign binding alone that only carries our labels", func(ctx SpecContext) {
		foreign := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: "mine", Labels: map[string]string{
				v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelGrant: grant.Name,
			}},
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"},
		}
		w.create(ctx, foreign)
		before := foreign.ResourceVersion
		change(ctx, w, localUser(ann), func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		w.binds(ctx, grant, place)
		Expect(get(ctx, w, foreign).ResourceVersion).To(Equal(before))
		Expect(get(ctx, w, grant).Status.Bindings).To(HaveValue(BeEquivalentTo(0)), "it does not count as the Grant's")
		Expect(w.admin.Delete(ctx, grant)).To(Succeed())
		Consistently(func() bool { return w.gone(ctx, foreign) }).Should(BeFalse(), "nobody deletes it")
	})
}
