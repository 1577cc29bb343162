// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package integration_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
)

const (
	isTrue  = metav1.ConditionTrue
	isFalse = metav1.ConditionFalse
	ready   = v1alpha1.ConditionReady
	stalled = v1alpha1.ConditionStalled
	active  = v1alpha1.ConditionActive
)

// grantsLive are specs of Grants with the operator at work.
func grantsLive(w *world) {
	BeforeAll(w.live)
	var ann, bob string
	BeforeEach(func(ctx SpecContext) {
		ann, bob = w.name("ann"), w.name("bob")
		w.create(ctx, localUser(ann), localUser(bob))
	})

	It("give a role everywhere, which the API server then grants", func(ctx SpecContext) {
		grant := grantOf(w.name("grant"), users(ann)...)
		w.create(ctx, grant)
		w.binds(ctx, grant, "", ann)
		w.becomes(ctx, grant, ready, says(isTrue, v1alpha1.ReasonApplied, "1 people in 1 bindings"))

		config, err := w.plane.User(ann)
		Expect(err).NotTo(HaveOccurred())
		Eventually(ctx, func() error {
			_, err := kubernetes.NewForConfigOrDie(config).CoreV1().ConfigMaps("kube-system").List(ctx, metav1.ListOptions{})
			return err
		}).Should(Succeed())
		Eventually(ctx, func() []string { return get(ctx, w, localUser(ann)).Status.Grants }).Should(Equal([]string{grant.Name}))
	})

	It("label what they generate, own it, and copy nothing", func(ctx SpecContext) {
		grant := grantOf(w.name("grant"), users(ann)...)
		grant.Labels, grant.Annotations = map[string]string{"argocd.argoproj.io/instance": "app"}, map[string]string{"note": "mine"}
		w.create(ctx, grant)
		w.binds(ctx, grant, "", ann)
		b := get(ctx, w, binding("", "rollcall:"+grant.Name))
		Expect(b.GetLabels()).To(Equal(map[string]string{
			"app.kubernetes.io/managed-by": "rollcall", "iam.rollcall.dev/grant": grant.Name,
		}))
		Expect(b.GetAnnotations()).To(Equal(map[string]string{
			"iam.rollcall.dev/grant-uid": string(grant.UID), "iam.rollcall.dev/grant-generation": "1",
		}), "where it comes from")
		Expect(b.GetOwnerReferences()).To(ConsistOf(SatisfyAll(HaveField("Kind", "Grant"), HaveField("UID", grant.UID))))
	})

	It("follow namespaces as they come, are labelled, are no longer, and go", func(ctx SpecContext) {
		team := map[string]string{"team": w.name("team")}
		named, selected, other := w.namespace(ctx, nil), w.namespace(ctx, team), w.namespace(ctx, nil)
		both := w.namespace(ctx, team)
		grant := within(grantOf(w.name("grant"), users(ann)...), team, named.Name, both.Name)
		w.create(ctx, grant)
		for _, namespace := range []*corev1.Namespace{named, selected, both} {
			w.binds(ctx, grant, namespace.Name, ann)
		}
		w.becomes(ctx, grant, ready, says(isTrue, v1alpha1.ReasonApplied, "1 people in 3 bindings"))
		Expect(w.bound(ctx, other.Name, "rollcall:"+grant.Name)).To(BeNil())

		By("labelling one that was there, and making a new one")
		change(ctx, w, other, func(n *corev1.Namespace) { n.Labels["team"] = team["team"] })
		late := w.namespace(ctx, team)
		w.binds(ctx, grant, other.Name, ann)
		w.binds(ctx, grant, late.Name, ann)

		By("taking labels away, also from one that is named")
		change(ctx, w, other, func(n *corev1.Namespace) { delete(n.Labels, "team") })
		change(ctx, w, both, func(n *corev1.Namespace) { delete(n.Labels, "team") })
		w.binds(ctx, grant, other.Name)
		Consistently(func() []string { return w.bound(ctx, both.Name, "rollcall:"+grant.Name) }).ShouldNot(BeNil(), "it is named still")

		By("deleting one")
		Expect(w.admin.Delete(ctx, late)).To(Succeed())
		Eventually(ctx, func() bool { return w.gone(ctx, late) }).Should(BeTrue())
		w.becomes(ctx, grant, ready, says(isTrue, v1alpha1.ReasonApplied, "1 people in 3 bindings"))
	})

	It("work without the namespaces that are not there, and heal when they come", func(ctx SpecContext) {
		here, absent := w.namespace(ctx, nil), w.name("absent")
		grant := within(grantOf(w.name("grant"), users(ann)...), nil, here.Name, absent)
		w.create(ctx, grant)
		w.becomes(ctx, grant, ready, says(isFalse, v1alpha1.ReasonNamespaceNotFound, absent))
		w.binds(ctx, grant, here.Name, ann)
		w.create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: absent}})
		w.becomes(ctx, grant, ready, says(isTrue, v1alpha1.ReasonApplied))
		w.binds(ctx, grant, absent, ann)
	})

	It("work without the subjects that are not there, and heal when they come", func(ctx SpecContext) {
		cyd, team := w.name("cyd"), w.name("team")
		subjects := append(users(ann, cyd), v1alpha1.Subject{Kind: v1alpha1.SubjectGroup, Name: team})
		grant := grantOf(w.name("grant"), subjects...)
		w.create(ctx, grant)
		w.becomes(ctx, grant, ready, says(isFalse, v1alpha1.ReasonSubjectNotFound, `User "`+cyd+`"`, `Group "`+team+`"`))
		w.binds(ctx, grant, "", ann)

		w.create(ctx, localUser(cyd))
		w.binds(ctx, grant, "", ann, cyd)
		w.becomes(ctx, grant, ready, SatisfyAll(
			says(isFalse, v1alpha1.ReasonSubjectNotFound, team), HaveField("Message", Not(ContainSubstring(cyd)))))
		w.create(ctx, localGroup(team, bob))
		w.binds(ctx, grant, "", ann, bob, cyd)
		w.becomes(ctx, grant, ready, says(isTrue, v1alpha1.ReasonApplied))

		By("deleting one")
		w.delete(ctx, localUser(cyd))
		w.binds(ctx, grant, "", ann, bob)
		w.becomes(ctx, grant, ready, says(isFalse, v1alpha1.ReasonSubjectNotFound, cyd))
	})

	It("wait until it is known whether their subjects may act, and are ready when they may not", func(ctx SpecContext) {
		directory := pausedDirectory(w.name("directory"))
		w.create(ctx, directory)
		dee := member(w.name("dee"), "dee", directory.Name)
		w.create(ctx, dee)
		w.becomes(ctx, dee, active, says(metav1.ConditionUnknown, v1alpha1.ReasonDirectoryPending))
		grant := grantOf(w.name("grant"), users(dee.Name)...)
		w.create(ctx, grant)
		w.becomes(ctx, grant, ready, says(isFalse, v1alpha1.ReasonSubjectPending, `User "`+dee.Name+`"`))
		change(ctx, w, dee, func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		w.becomes(ctx, grant, ready, says(isTrue, v1alpha1.ReasonApplied, "0 people in 0 bindings"))

		By("doing the same with a group")
		crew := localGroup(w.name("crew"))
		crew.Spec.DirectoryRef = &v1alpha1.NameReference{Name: directory.Name}
		w.create(ctx, crew)
		grant = grantOf(w.name("grant"), v1alpha1.Subject{Kind: v1alpha1.SubjectGroup, Name: crew.Name})
		w.create(ctx, grant)
		w.becomes(ctx, crew, ready, says(isFalse, v1alpha1.ReasonDirectoryPending))
		w.becomes(ctx, grant, ready, says(isFalse, v1alpha1.ReasonSubjectPending, `Group "`+crew.Name+`"`))
		w.delete(ctx, directory)
		w.becomes(ctx, crew, ready, says(isFalse, v1alpha1.ReasonDirectoryUnknown))
		w.becomes(ctx, grant, ready, says(isTrue, v1alpha1.ReasonApplied, "0 people in 0 bindings"))
	})

	It("wait for a ClusterRole that is not there, and heal when it comes", func(ctx SpecContext) {
		role := w.name("role")
		w.bindable(ctx, "clusterroles", role)
		grant := grantOf(w.name("grant"), users(ann)...)
		grant.Spec.RoleRef.Name = role
		w.create(ctx, grant)
		w.becomes(ctx, grant, ready, says(isFalse, v1alpha1.ReasonRoleNotFound, role))
		Expect(w.bound(ctx, "", "rollcall:"+grant.Name)).To(BeNil())

		w.create(ctx, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: role}})
		w.becomes(ctx, grant, ready, says(isTrue, v1alpha1.ReasonApplied))
		w.binds(ctx, grant, "", ann)
	})

	It("bind a Role where it is, and heal when it comes elsewhere", func(ctx SpecContext) {
		role, one, two := w.name("role"), w.namespace(ctx, nil), w.namespace(ctx, nil)
		w.bindable(ctx, "roles", role)
		w.create(ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: one.Name, Name: role}})
		grant := within(grantOf(w.name("grant"), users(ann)...), nil, one.Name, two.Name)
		grant.Spec.RoleRef = v1alpha1.RoleReference{Kind: v1alpha1.RoleKindRole, Name: role}
		w.create(ctx, grant)
		w.becomes(ctx, grant, ready, says(isFalse, v1alpha1.ReasonRoleNotFound, role, two.Name))
		w.binds(ctx, grant, one.Name, ann)
		Expect(w.bound(ctx, two.Name, "rollcall:"+grant.Name)).To(BeNil())

		w.create(ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: two.Name, Name: role}})
		w.becomes(ctx, grant, ready, says(isTrue, v1alpha1.ReasonApplied))
		w.binds(ctx, grant, two.Name, ann)
	})

	It("say which ClusterRole to edit for a role that may not be bound, and heal once it is", func(ctx SpecContext) {
		role := w.name("role")
		w.create(ctx, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: role}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"delete"}},
		}})
		grant := grantOf(w.name("grant"), users(ann)...)
		grant.Spec.RoleRef.Name = role
		w.create(ctx, grant)
		w.becomes(ctx, grant, stalled, says(isTrue, v1alpha1.ReasonRoleNotBindable, role, `ClusterRole "rollcall-bindable-roles"`))
		w.becomes(ctx, grant, ready, says(isFalse, v1alpha1.ReasonRoleNotBindable))
		Expect(w.bound(ctx, "", "rollcall:"+grant.Name)).To(BeNil())

		list := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "rollcall-bindable-roles"}}
		change(ctx, w, list, func(r *rbacv1.ClusterRole) { r.Rules[0].ResourceNames = append(r.Rules[0].ResourceNames, role) })
		w.becomes(ctx, grant, ready, says(isTrue, v1alpha1.ReasonApplied))
		w.binds(ctx, grant, "", ann)
		Expect(w.condition(ctx, grant, stalled)).To(BeZero(), "Stalled is gone, not False")
	})

	It("never give cluster-admin", func(ctx SpecContext) {
		grant := grantOf(w.name("grant"), users(ann)...)
		grant.Spec.RoleRef.Name = "cluster-admin"
		w.create(ctx, grant)
		w.becomes(ctx, grant, stalled, says(isTrue, v1alpha1.ReasonRoleNotBindable, "cluster-admin"))
		Expect(w.bound(ctx, "", "rollcall:"+grant.Name)).To(BeNil())
	})

	It("say what is wrong with a selector that the CRD lets through", func(ctx SpecContext) {
		grant := within(grantOf(w.name("grant"), users(ann)...), map[string]string{"team": "no label!"}, "default")
		w.create(ctx, grant)
		w.becomes(ctx, grant, stalled, says(isTrue, v1alpha1.ReasonInvalidConfig, "spec.namespaces.selector"))
		w.binds(ctx, grant, "default", ann)
	})

	It("move when their namespaces change, and say of which generation they are", func(ctx SpecContext) {
		one, two := w.namespace(ctx, nil), w.namespace(ctx, nil)
		grant := within(grantOf(w.name("grant"), users(ann)...), nil, one.Name)
		w.create(ctx, grant)
		w.binds(ctx, grant, one.Name, ann)
		change(ctx, w, grant, func(g *v1alpha1.Grant) { within(g, nil, two.Name) })
		w.binds(ctx, grant, two.Name, ann)
		w.binds(ctx, grant, one.Name)
		Expect(get(ctx, w, binding(two.Name, "rollcall:"+grant.Name)).GetAnnotations()).To(
			HaveKeyWithValue("iam.rollcall.dev/grant-generation", "2"))
		Eventually(ctx, func() []v1alpha1.AppliedBinding { return get(ctx, w, grant).Status.Applied }).Should(
			HaveExactElements(v1alpha1.AppliedBinding{Namespace: two.Name, Name: "rollcall:" + grant.Name}))
	})

	It("open and close on time by themselves", func(ctx SpecContext) {
		now := clock.RealClock{}.Now()
		grant := grantOf(w.name("grant"), users(ann)...)
		grant.Spec.StartTime = &metav1.Time{Time: now.Add(2 * time.Second)}
		grant.Spec.ExpireTime = &metav1.Time{Time: now.Add(4 * time.Second)}
		w.create(ctx, grant)
		w.becomes(ctx, grant, ready, says(isTrue, v1alpha1.ReasonNotStarted))
		Expect(w.bound(ctx, "", "rollcall:"+grant.Name)).To(BeNil())
		w.binds(ctx, grant, "", ann)
		w.becomes(ctx, grant, ready, says(isTrue, v1alpha1.ReasonExpired))
		Expect(w.bound(ctx, "", "rollcall:"+grant.Name)).To(BeNil())
		Eventually(ctx, func() []string { return get(ctx, w, localUser(ann)).Status.Grants }).Should(BeEmpty())
	})

	It("leave out a suspended person at once, and nobody else", func(ctx SpecContext) {
		grant := grantOf(w.name("grant"), users(ann, bob)...)
		w.create(ctx, grant)
		w.binds(ctx, grant, "", ann, bob)
		change(ctx, w, localUser(ann), func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserSuspended })
		w.binds(ctx, grant, "", bob)
		change(ctx, w, localUser(ann), func(u *v1alpha1.User) { u.Spec.State = v1alpha1.UserActive })
		w.binds(ctx, grant, "", ann, bob)
	})

	It("take their bindings with them, without waiting for the garbage collector", func(ctx SpecContext) {
		namespace := w.namespace(ctx, nil)
		grant := within(grantOf(w.name("grant"), users(ann)...), nil, namespace.Name)
		w.create(ctx, grant)
		w.binds(ctx, grant, namespace.Name, ann)
		w.freeze(2)
		mark := w.mark()
		Expect(w.admin.Delete(ctx, grant)).To(Succeed())
		w.binds(ctx, grant, namespace.Name)
		Expect(w.writes(mark)).To(ContainElement("delete rolebindings " + namespace.Name + "/rollcall:" + grant.Name))
	})

	It("are others when they come back under the same name", func(ctx SpecContext) {
		grant := grantOf(w.name("grant"), users(ann)...)
		w.create(ctx, grant)
		w.binds(ctx, grant, "", ann)
		first := grant.UID
		Expect(w.admin.Delete(ctx, grant)).To(Succeed())
		again := grantOf(grant.Name, users(bob)...)
		w.create(ctx, again)
		Expect(again.UID).NotTo(Equal(first))
		w.binds(ctx, again, "", bob)
		Eventually(ctx, func() []metav1.OwnerReference {
			return get(ctx, w, binding("", "rollcall:"+again.Name)).GetOwnerReferences()
		}).Should(ConsistOf(HaveField("UID", again.UID)))
		Consistently(func() []string { return w.bound(ctx, "", "rollcall:"+again.Name) }).ShouldNot(BeNil(),
			"the garbage collector has no business with it")
	})
}
