// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package recommend_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/recommend"
	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/test/golden"
)

func TestRecommend(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Recommend")
}

// use is an action of somebody, so many times, on objects of these names, if any.
func use(requests int64, action answers.Action, names ...string) usage.Use {
	return usage.Use{Username: "alice", Action: action, Requests: requests, Names: names, Unnamed: len(names) == 0}
}

// everybody are rules as the cluster has them for everybody.
func everybody() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		{Verbs: []string{"create"}, APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"selfsubjectreviews"}},
		{Verbs: []string{"get"}, NonResourceURLs: []string{"/api", "/api/*", "/version"}},
		{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"configmaps"}, ResourceNames: []string{"ca", "cb"}},
	}
}

// month is what somebody did.
func month() []usage.Use {
	return []usage.Use{
		use(3, answers.Action{Verb: "list", Resource: "pods", Namespace: "pay"}),
		use(4, answers.Action{Verb: "get", Resource: "pods", Namespace: "pay"}, "web-1", "web-0"),
		use(1, answers.Action{Verb: "get", Resource: "services", Namespace: "pay"}, "web"),
		use(1, answers.Action{Verb: "list", Resource: "services", Namespace: "pay"}),
		use(2, answers.Action{Verb: "get", Resource: "pods", Subresource: "log", Namespace: "pay"}, "web-0"),
		use(1, answers.Action{Verb: "patch", APIGroup: "apps", Resource: "deployments", Namespace: "pay"}, "web"),
		use(1, answers.Action{Verb: "update", APIGroup: "apps", Resource: "deployments", Namespace: "pay"}, "web"),
		use(1, answers.Action{Verb: "create", APIGroup: "apps", Resource: "deployments", Namespace: "pay"}, "web"),
		use(1, answers.Action{Verb: "get", Resource: "secrets", Namespace: "shop"}, "db"),
		use(1, answers.Action{Verb: "get", Resource: "nodes"}, "n1"),
		use(1, answers.Action{Verb: "list", Resource: "pods"}),
		use(1, answers.Action{Verb: "impersonate", Resource: "users"}, "bob"),
		use(1, answers.Action{Verb: "get", Path: "/metrics"}),
		use(1, answers.Action{Verb: "get", Path: "/debug/pprof"}),
		use(7, answers.Action{Verb: "get", Path: "/api/v1"}),
		use(1, answers.Action{Verb: "create", APIGroup: "authentication.k8s.io", Resource: "selfsubjectreviews"}),
		use(1, answers.Action{Verb: "get", Resource: "configmaps", Namespace: "pay"}, "cb", "ca"),
	}
}

var _ = Describe("Roles for what somebody did", func() {
	propose := func(resourceNames bool) recommend.Proposal {
		return recommend.Propose(month(), recommend.Options{Name: "recommended-alice", ResourceNames: resourceNames, Everybody: everybody()})
	}

	It("are by namespace, without what everybody may do", func() {
		golden.ExpectYAML("month", propose(false))
	})

	It("are narrowed to names where that is asked for, and can be", func() {
		golden.ExpectYAML("month-names", propose(true))
	})

	It("are none where nothing was done but that", func() {
		p := recommend.Propose(month()[14:], recommend.Options{Name: "x", Everybody: everybody()})
		Expect(p.Empty()).To(BeTrue())
		Expect(p).To(Equal(recommend.Proposal{Everybodys: 9}))
		Expect(recommend.Propose(nil, recommend.Options{Name: "x"})).To(Equal(recommend.Proposal{}))
	})

	It("hold what only some objects of everybody's are", func() {
		p := recommend.Propose([]usage.Use{use(1, answers.Action{Verb: "get", Resource: "configmaps", Namespace: "pay"}, "ca", "other")},
			recommend.Options{Everybody: everybody()})
		Expect(p.Roles).To(HaveLen(1))
	})

	It("are there where nothing is known of names, and nothing is in a namespace", func() {
		p := recommend.Propose([]usage.Use{{Action: answers.Action{Verb: "get", Resource: "nodes"}, Requests: 1}},
			recommend.Options{ResourceNames: true, Everybody: everybody()})
		Expect(p.Empty()).To(BeFalse())
		Expect(p.ClusterRole.Rules).To(HaveExactElements(HaveField("ResourceNames", BeEmpty())))
	})

	DescribeTable("hold no star that somebody asked for", func(action answers.Action) {
		p := recommend.Propose([]usage.Use{use(5, action)}, recommend.Options{Name: "x"})
		Expect(p).To(Equal(recommend.Proposal{Odd: 5}))
	},
		Entry("as a resource", answers.Action{Verb: "get", Resource: "*", Namespace: "pay"}),
		Entry("as a group", answers.Action{Verb: "get", APIGroup: "*", Resource: "pods"}),
		Entry("as a subresource", answers.Action{Verb: "get", Resource: "pods", Subresource: "*"}),
		Entry("in a path", answers.Action{Verb: "get", Path: "/healthz*"}),
		Entry("for all paths", answers.Action{Verb: "get", Path: "/*"}),
		Entry("as a verb", answers.Action{Verb: "*", Resource: "pods"}),
		Entry("or what is about nothing", answers.Action{Verb: "get"}),
		Entry("or does nothing", answers.Action{Resource: "pods"}),
	)

	It("are for all paths below a first part, as uses are, but for those that everybody may", func() {
		p := recommend.Propose([]usage.Use{
			use(1, answers.Action{Verb: "get", Path: "/api/*"}), use(1, answers.Action{Verb: "get", Path: "/debug/*"}),
		}, recommend.Options{Name: "r", Everybody: everybody()})
		Expect(p.ClusterRole.Rules).To(HaveExactElements(HaveField("NonResourceURLs", []string{"/debug/*"})))
	})

	DescribeTable("are narrowed to few names, taken together", func(verb string, narrowed bool, counts ...int) {
		uses := make([]usage.Use, 0, len(counts))
		n := 0
		for _, count := range counts {
			of := use(1, answers.Action{Verb: verb, Resource: "pods", Namespace: "pay"})
			of.Unnamed = false
			for range count {
				of.Names = append(of.Names, fmt.Sprintf("p%d", n))
				n++
			}
			uses = append(uses, of)
		}
		p := recommend.Propose(uses, recommend.Options{ResourceNames: true})
		if !narrowed {
			n = 0
		}
		Expect(p.Roles[0].Rules[0].ResourceNames).To(HaveLen(n))
	},
		Entry("of one use", "get", true, 5),
		Entry("of two", "get", true, 5, usage.MostNames-5),
		Entry("not of more", "get", false, 5, usage.MostNames-4),
		Entry("not where they are created", "create", false, 1),
		Entry("not where they are deleted all at once", "deletecollection", false, 1),
	)
})

// one is an element of a list.
func one(r *rand.Rand, list ...string) string { return list[r.IntN(len(list))] }

// chance is something that somebody may do. Few words make things meet.
func chance(r *rand.Rand) usage.Use {
	u := usage.Use{Username: "alice", Requests: 1, Unnamed: true}
	if r.IntN(6) == 0 {
		u.Action = answers.Action{Verb: one(r, "get", "post"), Path: one(r, "/a", "/a/b", "/metrics")}
		return u
	}
	u.Action = answers.Action{
		Verb:     one(r, "get", "list", "create", "patch", "deletecollection", "impersonate"),
		APIGroup: one(r, "", "apps"), Resource: one(r, "pods", "secrets", "jobs"), Subresource: one(r, "", "", "log"),
		Namespace: one(r, "", "pay", "shop"),
	}
	if r.IntN(2) == 0 {
		u.Unnamed = r.IntN(4) == 0
		for range 1 + r.IntN(3) {
			u.Names = append(u.Names, one(r, "a", "b", "c"))
		}
		slices.Sort(u.Names)
		u.Names = slices.Compact(u.Names)
	}
	return u
}

// world is one in which alice has these roles and nothing else.
func world(roles []rbacv1.Role, all *rbacv1.ClusterRole) *answers.World {
	snapshot := answers.Snapshot{Users: []v1alpha1.User{{
		ObjectMeta: metav1.ObjectMeta{Name: "alice"}, Status: v1alpha1.UserStatus{Username: "alice"},
	}}, Roles: roles}
	alice := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "alice"}}
	for _, role := range roles {
		snapshot.RoleBindings = append(snapshot.RoleBindings, rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: role.Namespace, Name: "b"}, Subjects: alice,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		})
	}
	if all != nil {
		snapshot.ClusterRoles = []rbacv1.ClusterRole{*all}
		snapshot.ClusterRoleBindings = []rbacv1.ClusterRoleBinding{{
			ObjectMeta: metav1.ObjectMeta{Name: "b"}, Subjects: alice,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: all.Name},
		}}
	}
	return answers.Index(snapshot, metav1.Now().Time)
}

// refused are the uses that a world does not allow.
func refused(w *answers.World, uses []usage.Use) (list []answers.Action) {
	GinkgoHelper()
	for i := range uses {
		var actions []answers.Action
		if uses[i].Unnamed {
			actions = append(actions, uses[i].Action)
		}
		for _, name := range uses[i].Names {
			action := uses[i].Action
			action.Name = name
			actions = append(actions, action)
		}
		for _, action := range actions {
			answer, err := w.Why("alice", action)
			Expect(err).NotTo(HaveOccurred())
			if !answer.Allowed {
				list = append(list, action)
			}
		}
	}
	return list
}

// lesser are a proposal's roles with one thing less, each: a verb, a group, a resource, a path or a name.
func lesser(p recommend.Proposal, visit func(what string, roles []rbacv1.Role, all *rbacv1.ClusterRole)) {
	of := func(rule *rbacv1.PolicyRule) map[string]*[]string {
		return map[string]*[]string{
			"verb": &rule.Verbs, "group": &rule.APIGroups, "resource": &rule.Resources, "path": &rule.NonResourceURLs,
			"name": &rule.ResourceNames,
		}
	}
	each := func(rules []rbacv1.PolicyRule, visit func(string, []rbacv1.PolicyRule)) {
		for i := range rules {
			for what, list := range of(&rules[i]) {
				for j, gone := range *list {
					less := (&rbacv1.Role{Rules: rules}).DeepCopy().Rules
					shorter := of(&less[i])[what]
					*shorter = slices.Delete(slices.Clone(*shorter), j, j+1)
					if len(*shorter) == 0 {
						less = slices.Delete(less, i, i+1) // A rule without names would be for all of them.
					}
					visit(fmt.Sprintf("%s %q of %v", what, gone, rules[i]), less)
				}
			}
		}
	}
	for i := range p.Roles {
		each(p.Roles[i].Rules, func(what string, rules []rbacv1.PolicyRule) {
			roles := slices.Clone(p.Roles)
			roles[i].Rules = rules
			visit(what, roles, p.ClusterRole)
		})
	}
	if p.ClusterRole != nil {
		each(p.ClusterRole.Rules, func(what string, rules []rbacv1.PolicyRule) {
			all := p.ClusterRole.DeepCopy()
			all.Rules = rules
			visit(what, p.Roles, all)
		})
	}
}

// A role of a namespace does not make up for one of all: what was done in a namespace is in its role even where the ClusterRole has it,
// since the one may be granted without the other. So a place is looked at by itself.
var _ = DescribeTable("Roles for anything", func(resourceNames bool) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		uses := make([]usage.Use, 1+r.IntN(14))
		for i := range uses {
			uses[i] = chance(r)
		}
		p := recommend.Propose(uses, recommend.Options{Name: "r", ResourceNames: resourceNames})
		Expect(refused(world(p.Roles, p.ClusterRole), uses)).To(BeEmpty(), "seed %d: enough", seed)
		Expect(p.Requests).To(BeEquivalentTo(len(uses)))
		for _, namespace := range []string{"", "pay", "shop"} {
			here := slices.DeleteFunc(slices.Clone(uses), func(u usage.Use) bool { return u.Action.Namespace != namespace })
			of := recommend.Propose(here, recommend.Options{Name: "r", ResourceNames: resourceNames})
			lesser(of, func(what string, roles []rbacv1.Role, all *rbacv1.ClusterRole) {
				Expect(refused(world(roles, all), here)).NotTo(BeEmpty(), "seed %d: nobody needs %s", seed, what)
			})
			mergeable(of)
			Expect(same(of, p, namespace)).To(BeTrue(), "seed %d: one place says nothing of another", seed)
		}
		shuffled := slices.Clone(uses)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		Expect(recommend.Propose(shuffled, recommend.Options{Name: "r", ResourceNames: resourceNames})).To(Equal(p))
	}
},
	Entry("are enough, and no more", false),
	Entry("are enough, and no more, with names", true),
)

// mergeable expects that no two rules could be one.
func mergeable(p recommend.Proposal) {
	GinkgoHelper()
	var lists [][]rbacv1.PolicyRule
	for _, role := range p.Roles {
		lists = append(lists, role.Rules)
	}
	if p.ClusterRole != nil {
		lists = append(lists, p.ClusterRole.Rules)
	}
	for _, rules := range lists {
		seen := map[string]bool{}
		for _, rule := range rules {
			byVerbs := fmt.Sprint("verbs", rule.Verbs, rule.APIGroups, rule.ResourceNames, rule.NonResourceURLs != nil)
			byWhat := fmt.Sprint("what", rule.APIGroups, rule.Resources, rule.ResourceNames, rule.NonResourceURLs)
			Expect(seen).NotTo(HaveKey(byVerbs))
			Expect(seen).NotTo(HaveKey(byWhat))
			seen[byVerbs], seen[byWhat] = true, true
		}
	}
}

// same says whether the proposal of a namespace alone is in that of all.
func same(of, all recommend.Proposal, namespace string) bool {
	if namespace == "" {
		return of.ClusterRole.String() == all.ClusterRole.String()
	}
	here := slices.DeleteFunc(slices.Clone(all.Roles), func(r rbacv1.Role) bool { return r.Namespace != namespace })
	return fmt.Sprint(of.Roles) == fmt.Sprint(here)
}
