// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package answers_test

import (
	"fmt"
	"math/rand/v2"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
)

// dice throw RBAC of few names, so that much of it meets.
type dice struct{ *rand.Rand }

func (d dice) one(of ...string) string { return of[d.IntN(len(of))] }

func (d dice) some(of ...string) []string {
	var list []string
	for _, text := range of {
		if d.IntN(2) == 0 {
			list = append(list, text)
		}
	}
	return list
}

func (d dice) rules() []rbacv1.PolicyRule {
	rules := make([]rbacv1.PolicyRule, 1+d.IntN(3))
	for i := range rules {
		rules[i] = rbacv1.PolicyRule{
			Verbs: d.some("get", "create", "*"), APIGroups: d.some("", "apps"), Resources: d.some("pods", "pods/log", "*/log"),
			ResourceNames: d.some("web"), NonResourceURLs: d.some("/healthz", "/api/*"),
		}
	}
	return rules
}

func (d dice) subjects() []rbacv1.Subject {
	list := append(users(d.some("corp:alice", "corp:bob", "system:serviceaccount:ci:robot")...),
		groups(d.some("corp:leads", "system:authenticated")...)...)
	if d.IntN(3) == 0 {
		list = append(list, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: d.one("ci", ""), Name: "robot"})
	}
	return list
}

func (d dice) snapshot() answers.Snapshot {
	var s answers.Snapshot
	s.Users = []v1alpha1.User{user("alice", "corp:leads"), user("bob"), user("carol", "corp:leads", "corp:payments")}
	for _, name := range []string{"view", "edit"} {
		s.ClusterRoles = append(s.ClusterRoles, clusterRole(name, d.rules()...))
	}
	for _, namespace := range d.some("pay", "shop") {
		role := rbacv1.Role{ObjectMeta: named("view"), Rules: d.rules()}
		role.Namespace = namespace
		s.Roles = append(s.Roles, role)
	}
	for i := range 2 + d.IntN(6) {
		b := roleBinding(d.one("pay", "shop"), fmt.Sprintf("rollcall:looks:%d", i), d.one("view", "edit", "gone"), d.subjects()...)
		b.RoleRef.Kind = d.one("ClusterRole", "Role")
		if d.IntN(2) == 0 {
			b = managed(b, "looks", "")
			b.Annotations = map[string]string{v1alpha1.AnnotationGrantUID: "g-looks"}
		}
		s.RoleBindings = append(s.RoleBindings, b)
	}
	for i := range d.IntN(3) {
		s.ClusterRoleBindings = append(s.ClusterRoleBindings, rbacv1.ClusterRoleBinding{
			ObjectMeta: named(fmt.Sprintf("all-%d", i)), RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: d.one("view", "edit")},
			Subjects: d.subjects(),
		})
	}
	return s
}

func (d dice) action() answers.Action {
	if d.IntN(4) == 0 {
		return answers.Action{Verb: "get", Path: d.one("/healthz", "/api/v1", "/metrics")}
	}
	return answers.Action{
		Verb: d.one("get", "create"), APIGroup: d.one("", "apps"), Resource: "pods", Subresource: d.one("", "log"),
		Name: d.one("", "web", "db"), Namespace: d.one("pay", "shop", ""),
	}
}

var _ = Describe("What allows something to whoever comes with a name and groups", func() {
	It("is what allows it to the person", func() {
		random := dice{rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), 3))}
		allowed := 0
		for range 3000 {
			w := answers.Index(random.snapshot(), now)
			who, action := random.one("alice", "bob", "carol"), random.action()
			answer := why(w, who, action)
			// The API server adds a group.
			allowing := w.Allowing(answer.Person.Username, append(answer.Person.Groups, "system:authenticated"), action)
			Expect(allowing == nil).To(Equal(!answer.Allowed))
			ways, found := map[answers.Binding]answers.Role{}, map[answers.Binding]answers.Role{}
			for _, way := range answer.Ways {
				ways[way.Binding] = way.Role
			}
			for _, a := range allowing {
				Expect(found).NotTo(HaveKey(a.Binding), "each is there once")
				found[a.Binding] = a.Role
				if a.Grant == "" {
					Expect(a.GrantUID).To(BeEmpty())
				} else {
					Expect(a).To(And(HaveField("Grant", "looks"), HaveField("GrantUID", "g-looks")))
				}
			}
			Expect(found).To(Equal(ways), "%s: %s", who, action)
			for _, way := range answer.Ways {
				Expect(allowing).To(ContainElement(And(HaveField("Binding", way.Binding), HaveField("Grant", way.Grant))))
			}
			if answer.Allowed {
				allowed++
			}
		}
		Expect(allowed).To(And(BeNumerically(">", 200), BeNumerically("<", 2800)), "there is something to compare")
	})

	It("is so for those whom no User stands for", func() {
		w := answers.Index(company(), now)
		Expect(w.Allowing("ext:x", []string{"ext:team"}, answers.Action{
			Verb: "create", Resource: "pods", Subresource: "exec", Namespace: "shop",
		})).To(HaveExactElements(And(HaveField("Name", "old"), HaveField("Grant", ""), HaveField("Role.Name", "debug"))))
		Expect(w.Allowing("system:serviceaccount:ci:robot", nil, readPods)).To(HaveExactElements(HaveField("Name", "by-hand")))
		Expect(w.Allowing("ext:x", nil, readPods)).To(BeEmpty())
	})

	It("is one binding, that names somebody by name and by groups", func() {
		snapshot := company()
		snapshot.RoleBindings = []rbacv1.RoleBinding{
			roleBinding("pay", "b", "view", append(users("corp:alice"), groups("corp:leads", "corp:payments")...)...),
		}
		Expect(answers.Index(snapshot, now).Allowing("corp:alice", []string{"corp:leads", "corp:payments"}, readPods)).To(HaveLen(1))
	})

	It("is of a Grant where labels and name both say so", func() {
		snapshot := company()
		for i := range snapshot.RoleBindings {
			snapshot.RoleBindings[i].Annotations = map[string]string{v1alpha1.AnnotationGrantUID: "g-1"}
		}
		Expect(answers.Index(snapshot, now).Allowing("corp:mallory", nil, readPods)).To(
			HaveExactElements(And(HaveField("Name", "by-hand"), HaveField("Grant", ""), HaveField("GrantUID", ""))))
	})
})
