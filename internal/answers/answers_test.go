// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package answers_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/test/golden"
)

var (
	readPods = answers.Action{Verb: "get", Resource: "pods", Namespace: "pay"}
	execPods = answers.Action{Verb: "create", Resource: "pods", Subresource: "exec", Namespace: "pay"}
	metrics  = answers.Action{Verb: "get", Path: "/metrics"}
)

func access(w *answers.World, who string) answers.Access {
	GinkgoHelper()
	answer, err := w.Access(who)
	Expect(err).NotTo(HaveOccurred())
	return answer
}

func why(w *answers.World, who string, action answers.Action) answers.Why {
	GinkgoHelper()
	answer, err := w.Why(who, action)
	Expect(err).NotTo(HaveOccurred())
	return answer
}

// steps are the reasons of an offer's steps, by Grant.
func steps(offers []answers.Offer) map[string][]string {
	all := map[string][]string{}
	for _, offer := range offers {
		all[offer.Grant] = nil
		for _, step := range offer.Steps {
			all[offer.Grant] = append(all[offer.Grant], step.Reason)
		}
	}
	return all
}

func reasons(remarks []answers.Remark) []string {
	list := make([]string, len(remarks))
	for i, r := range remarks {
		list[i] = r.Reason
	}
	return list
}

var _ = Describe("Answers", func() {
	var w *answers.World
	BeforeEach(func() { w = answers.Index(company(), now) })

	It("show what a person has: by Grants and requests, directly and through groups", func() {
		golden.ExpectYAML("access-alice", access(w, "alice"))
		golden.ExpectYAML("access-carol", access(w, "carol"))
	})
	It("show what holds on for somebody who is locked out", func() { golden.ExpectYAML("access-mallory", access(w, "corp:mallory")) })
	It("show who can", func() {
		golden.ExpectYAML("whocan-pods", w.WhoCan(readPods))
		golden.ExpectYAML("whocan-metrics", w.WhoCan(metrics))
		golden.ExpectYAML("whocan-exec-anywhere", w.WhoCanAnywhere(execPods))
	})
	It("explain why, through a request and its approvers", func() { golden.ExpectYAML("why-carol-exec", why(w, "carol", execPods)) })
	It("explain why not", func() {
		golden.ExpectYAML("why-frank-exec", why(w, "frank", execPods))
		golden.ExpectYAML("why-dora-exec", why(w, "dora", execPods))
		golden.ExpectYAML("why-mallory-exec", why(w, "mallory", execPods))
	})

	It("are the same, in whatever order the cluster was read", func() {
		shuffled := company()
		r := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), 1))
		shuffle(r, shuffled.Users)
		shuffle(r, shuffled.Grants)
		shuffle(r, shuffled.RoleBindings)
		shuffle(r, shuffled.AccessRequests)
		shuffle(r, shuffled.Locks)
		for i := range shuffled.RoleBindings {
			shuffle(r, shuffled.RoleBindings[i].Subjects)
		}
		other := answers.Index(shuffled, now)
		for _, u := range shuffled.Users {
			Expect(access(other, u.Name)).To(Equal(access(w, u.Name)))
			Expect(why(other, u.Name, execPods)).To(Equal(why(w, u.Name, execPods)))
		}
		Expect(other.WhoCan(readPods)).To(Equal(w.WhoCan(readPods)))
	})

	It("do not know strangers", func() {
		_, err := w.Access("trudy")
		Expect(err).To(MatchError(ContainSubstring(`"trudy"`)))
		_, err = w.Why("corp:trudy", readPods)
		Expect(err).To(MatchError(ContainSubstring(`"corp:trudy"`)))
	})

	It("take a person by username, and of two the one whose it is", func() {
		snapshot := company()
		first, second := user("a-second"), user("b-first")
		first.Status.Username, second.Status.Username = "corp:twin", "corp:twin"
		first = inactive(first, v1alpha1.ReasonUsernameTaken, "taken")
		snapshot.Users = append(snapshot.Users, first, second)
		Expect(access(answers.Index(snapshot, now), "corp:twin").Person.Name).To(Equal("b-first"))
	})

	It("give nothing to whoever has no username yet", func() {
		snapshot := company()
		snapshot.Users = append(snapshot.Users, v1alpha1.User{ObjectMeta: named("new")})
		answer := why(answers.Index(snapshot, now), "new", metrics)
		Expect(answer.Allowed).To(BeFalse())
		Expect(reasons(answer.Remarks)).To(ContainElement(answers.RemarkInactive))
	})

	It("warn of a binding that outlives its Grant, its request, or the person's part in it", func() {
		snapshot := company()
		snapshot.Grants, snapshot.AccessRequests = snapshot.Grants[:1], nil
		snapshot.Grants[0].Spec.Subjects = snapshot.Grants[0].Spec.Subjects[1:]
		snapshot.RoleBindings[2].Annotations = map[string]string{v1alpha1.AnnotationApprovers: "corp:alice,corp:dora"}
		answer := access(answers.Index(snapshot, now), "carol")
		Expect(answer.Ways).To(HaveLen(3))
		Expect(reasons(answer.Ways[0].Remarks)).To(Equal([]string{answers.RemarkNotNamed}))
		Expect(reasons(answer.Ways[1].Remarks)).To(Equal([]string{answers.RemarkGrantNotFound, answers.RemarkGrantNotFound}))
		Expect(answer.Ways[1].Approvers).To(Equal([]string{"corp:alice", "corp:dora"}))
	})

	DescribeTable("tell how to get there", func(edit func(*answers.Snapshot, *v1alpha1.Grant), who string, want []string) {
		snapshot := company()
		snapshot.RoleBindings = nil
		g := grant("debug", "debug", nil, toGroup("payments"))
		edit(&snapshot, &g)
		snapshot.Grants = []v1alpha1.Grant{g}
		got := steps(why(answers.Index(snapshot, now), who, execPods).Offers)
		if want == nil {
			Expect(got).To(BeEmpty())
		} else {
			Expect(got).To(Equal(map[string][]string{"debug": want}))
		}
	},
		Entry("be in the group", keep, "frank", []string{answers.StepJoin}),
		Entry("be in the group, and get a credential that says so",
			spec(func(s *v1alpha1.GrantSpec) { s.SubjectMode = v1alpha1.SubjectModeGroups }), "frank",
			[]string{answers.StepJoin, answers.StepRenew}),
		Entry("be named", spec(func(s *v1alpha1.GrantSpec) { s.Subjects = []v1alpha1.Subject{toUser("alice")} }), "frank",
			[]string{answers.StepJoin}),
		Entry("wait for the binding", keep, "carol", []string{answers.StepRepair}),
		Entry("wait for the binding of a group",
			spec(func(s *v1alpha1.GrantSpec) { s.SubjectMode = v1alpha1.SubjectModeGroups }), "carol", []string{answers.StepRepair}),
		Entry("wait until it begins", spec(func(s *v1alpha1.GrantSpec) { s.StartTime = in(time.Hour) }), "carol", []string{answers.StepWait}),
		Entry("have it extended", spec(func(s *v1alpha1.GrantSpec) { s.ExpireTime = in(0) }), "carol", []string{answers.StepExtend}),
		Entry("ask", spec(onRequest), "alice", []string{answers.StepRequest}),
		Entry("wait for approval", spec(onRequest), "dora", []string{answers.StepApprove}),
		Entry("be let in, and ask", spec(onRequest), "mallory", []string{answers.StepActivate, answers.StepRequest}),
		Entry("not by a Grant that goes", func(_ *answers.Snapshot, g *v1alpha1.Grant) { g.DeletionTimestamp = in(0) }, "frank", nil),
		Entry("not by one for other namespaces", spec(func(s *v1alpha1.GrantSpec) { s.Namespaces.Names = []string{"shop"} }), "frank", nil),
		Entry("not by one of another role", spec(func(s *v1alpha1.GrantSpec) { s.RoleRef.Name = "view" }), "frank", nil),
		Entry("not in a namespace that is not there", func(s *answers.Snapshot, _ *v1alpha1.Grant) { s.Namespaces = nil }, "frank", nil),
		Entry("by a selector", func(s *answers.Snapshot, g *v1alpha1.Grant) {
			s.Namespaces[0].Labels = map[string]string{"team": "pay"}
			g.Spec.Namespaces = &v1alpha1.NamespaceSet{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "pay"}}}
		}, "frank", []string{answers.StepJoin}),
		Entry("everywhere", spec(func(s *v1alpha1.GrantSpec) { s.Scope, s.Namespaces = v1alpha1.ScopeCluster, nil }), "frank",
			[]string{answers.StepJoin}),
		Entry("by a Role of that namespace", func(s *answers.Snapshot, g *v1alpha1.Grant) {
			g.Spec.RoleRef.Kind, g.Spec.RoleRef.Name = v1alpha1.RoleKindRole, "local"
			s.Roles = []rbacv1.Role{{
				ObjectMeta: metav1.ObjectMeta{Namespace: "pay", Name: "local"}, Rules: []rbacv1.PolicyRule{rule("", "*", "*")},
			}}
		}, "frank", []string{answers.StepJoin}),
	)

	It("tell what a Grant says of itself", func() {
		snapshot := company()
		snapshot.RoleBindings = nil
		g := grant("debug", "debug", nil, toUser("frank"))
		g.Status.Conditions = condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonRoleNotBindable, "no bind")
		snapshot.Grants = []v1alpha1.Grant{g}
		Expect(why(answers.Index(snapshot, now), "frank", execPods).Offers[0].Steps).To(HaveExactElements(
			HaveField("Message", "the Grant is not ready (RoleNotBindable): no bind")))
	})

	It("are there at once for ten thousand people and thousands of bindings", func() {
		snapshot := enterprise()
		begun := time.Now()
		w := answers.Index(snapshot, now)
		Expect(w.WhoCan(readPods).People).To(HaveLen(10000))
		Expect(why(w, "u00042", readPods).Allowed).To(BeTrue())
		Expect(access(w, "u00042").Ways).NotTo(BeEmpty())
		Expect(time.Since(begun)).To(BeNumerically("<", 3*time.Second), "some 0.1 s alone on a machine")
	})
})

func keep(*answers.Snapshot, *v1alpha1.Grant) {}

func spec(edit func(*v1alpha1.GrantSpec)) func(*answers.Snapshot, *v1alpha1.Grant) {
	return func(_ *answers.Snapshot, g *v1alpha1.Grant) { edit(&g.Spec) }
}

func shuffle[T any](r *rand.Rand, list []T) {
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

// enterprise has 10,000 people, each in 20 groups, 2,000 Grants with a binding each, and one binding of everybody.
func enterprise() answers.Snapshot {
	snapshot := company()
	everybody := make([]string, 10000)
	for i := range everybody {
		u := user(fmt.Sprintf("u%05d", i))
		for g := range 20 {
			u.Status.Groups = append(u.Status.Groups, fmt.Sprintf("corp:g%04d", (i+g*97)%2000))
		}
		everybody[i] = u.Status.Username
		snapshot.Users = append(snapshot.Users, u)
	}
	snapshot.RoleBindings = nil
	for i := range 2000 {
		name := fmt.Sprintf("g%04d", i)
		snapshot.Groups = append(snapshot.Groups, group(name))
		snapshot.Grants = append(snapshot.Grants, grant(name, "view", nil, toGroup(name)))
		members := make([]string, 0, 20)
		for p := i % 500; p < 10000; p += 500 {
			members = append(members, everybody[p])
		}
		snapshot.RoleBindings = append(snapshot.RoleBindings,
			managed(roleBinding("pay", "rollcall:"+name, "view", users(members...)...), name, ""))
	}
	snapshot.RoleBindings = append(snapshot.RoleBindings, roleBinding("pay", "everybody", "view", users(everybody...)...))
	return snapshot
}

func BenchmarkEnterprise(b *testing.B) {
	snapshot := enterprise()
	w := answers.Index(snapshot, now)
	b.Run("Index", func(b *testing.B) {
		for b.Loop() {
			answers.Index(snapshot, now)
		}
	})
	b.Run("WhoCan", func(b *testing.B) {
		for b.Loop() {
			w.WhoCan(readPods)
		}
	})
	b.Run("Why", func(b *testing.B) {
		for b.Loop() {
			_, _ = w.Why("u00042", readPods)
		}
	})
}

var _ = Describe("JSON", func() {
	It("has names in lower camel case, and lists that are never null", func() {
		w := answers.Index(answers.Snapshot{Users: []v1alpha1.User{{ObjectMeta: named("new")}}}, now)
		text, err := json.Marshal([]any{w.WhoCan(readPods), access(w, "new")})
		Expect(err).NotTo(HaveOccurred())
		Expect(text).To(MatchJSON(`[
			{"action": {"verb": "get", "resource": "pods", "namespace": "pay"}, "people": []},
			{"person": {"name": "new", "active": false}, "ways": [],
			 "remarks": [{"reason": "Inactive", "message": "User \"new\" has no username (yet)"}]}
		]`))
	})
})
