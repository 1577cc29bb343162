// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package rbacplan_test

import (
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/rbacplan"
)

// settle plans for what there is, and does as planned.
func (c *cluster) settle(in rbacplan.Input) []rbacplan.Change {
	GinkgoHelper()
	in.Existing = slices.Clone(c.bindings)
	if in.Template.Holder == (rbacplan.Holder{}) {
		in.Template = rbacplan.OfGrant(c.grant)
	}
	changes := rbacplan.Plan(in)
	for _, change := range changes {
		c.execute(change)
	}
	in.Existing = slices.Clone(c.bindings)
	Expect(rbacplan.Plan(in)).To(BeEmpty(), "the next plan")
	return changes
}

// groups are those that each binding names.
func (c *cluster) groups() map[string][]string {
	groups := map[string][]string{}
	for i := range c.bindings {
		groups[c.bindings[i].Namespace+"/"+c.bindings[i].Name] = c.bindings[i].Groups
	}
	return groups
}

// verbs are what a plan does to which binding.
func verbs(changes []rbacplan.Change) []string {
	list := make([]string, len(changes))
	for i, change := range changes {
		list[i] = fmt.Sprintf("%s %s/%s", change.Verb, change.Binding.Namespace, change.Binding.Name)
	}
	return list
}

var _ = Describe("Groups that bindings name", func() {
	ops, both := []string{"corp:ops"}, []string{"corp:dev", "corp:ops"}

	DescribeTable("are in the first binding of each place, and in no other", func(people []string, want map[string][]string) {
		c := newCluster()
		c.settle(rbacplan.Input{Usernames: people, Groups: both, Places: []string{"a", "b"}})
		Expect(c.groups()).To(Equal(want))
		Expect(c.named("a")).To(HaveExactElements(people))
	},
		Entry("without people", nil, map[string][]string{"a/rollcall:g": both, "b/rollcall:g": both}),
		Entry("with people", people(0, 3), map[string][]string{"a/rollcall:g": both, "b/rollcall:g": both}),
		Entry("with more people than one binding names", people(0, 1001), map[string][]string{
			"a/rollcall:g": both, "a/rollcall:g:1": nil, "b/rollcall:g": both, "b/rollcall:g:1": nil,
		}),
	)

	It("are in the first binding though everybody left it", func() {
		c := newCluster()
		c.settle(rbacplan.Input{Usernames: people(0, 1001), Places: []string{"a"}})
		c.settle(rbacplan.Input{Usernames: people(1000, 1001), Places: []string{"a"}})
		Expect(c.sizes()).To(Equal(map[string]int{"a/rollcall:g:1": 1}))
		changes := c.settle(rbacplan.Input{Usernames: people(1000, 1001), Groups: ops, Places: []string{"a"}})
		Expect(verbs(changes)).To(Equal([]string{"create a/rollcall:g"}))
		Expect(c.sizes()).To(Equal(map[string]int{"a/rollcall:g": 0, "a/rollcall:g:1": 1}))
		changes = c.settle(rbacplan.Input{Usernames: people(1000, 1001), Places: []string{"a"}})
		Expect(verbs(changes)).To(Equal([]string{"delete a/rollcall:g"}))
	})

	DescribeTable("change where they are, and nothing else does", func(before, after []string) {
		c := newCluster()
		c.settle(rbacplan.Input{Usernames: people(0, 1001), Groups: before, Places: []string{"a", "b"}})
		changes := c.settle(rbacplan.Input{Usernames: people(0, 1001), Groups: after, Places: []string{"a", "b"}})
		Expect(verbs(changes)).To(Equal([]string{"update a/rollcall:g", "update b/rollcall:g"}))
		Expect(c.binding("a", "rollcall:g").Groups).To(HaveExactElements(after))
		Expect(c.named("a")).To(Equal(people(0, 1001)))
	},
		Entry("one comes", ops, both),
		Entry("one goes", both, ops),
		Entry("the first comes", nil, ops),
		Entry("the last goes", ops, nil),
		Entry("one becomes another", ops, []string{"corp:dev"}),
	)

	It("go with the last of people and groups, and with the place", func() {
		c := newCluster()
		c.settle(rbacplan.Input{Groups: ops, Places: []string{"", "a"}})
		Expect(verbs(c.settle(rbacplan.Input{Groups: ops, Places: []string{"a"}}))).To(Equal([]string{"delete /rollcall:g"}))
		Expect(verbs(c.settle(rbacplan.Input{Places: []string{"a"}}))).To(Equal([]string{"delete a/rollcall:g"}))
		Expect(c.bindings).To(BeEmpty())
	})

	It("are put back where someone put them into another binding", func() {
		c := newCluster()
		c.settle(rbacplan.Input{Usernames: people(0, 1001), Groups: ops, Places: []string{"a"}})
		c.binding("a", "rollcall:g").Groups, c.binding("a", "rollcall:g:1").Groups = nil, ops
		c.settle(rbacplan.Input{Usernames: people(0, 1001), Groups: ops, Places: []string{"a"}})
		Expect(c.groups()).To(Equal(map[string][]string{"a/rollcall:g": ops, "a/rollcall:g:1": nil}))
	})
})

var _ = Describe("While nobody new may come", func() {
	It("leavers go, and nobody comes", func() {
		c := newCluster()
		c.settle(rbacplan.Input{Usernames: people(0, 5), Places: []string{"a"}})
		c.settle(rbacplan.Input{Usernames: people(2, 9), NobodyNew: true, Places: []string{"a"}})
		Expect(c.named("a")).To(Equal(people(2, 5)))
		c.settle(rbacplan.Input{Usernames: people(0, 9), NobodyNew: true, Places: []string{"a"}})
		Expect(c.named("a")).To(Equal(people(2, 5)), "who left is new")
		c.settle(rbacplan.Input{Usernames: people(0, 9), Places: []string{"a"}})
		Expect(c.named("a")).To(Equal(people(0, 9)))
	})

	It("each place counts for itself", func() {
		c := newCluster()
		c.settle(rbacplan.Input{Usernames: people(0, 3), Places: []string{"a"}})
		c.settle(rbacplan.Input{Usernames: people(0, 3), Places: []string{"a", "b"}})
		c.binding("a", "rollcall:g").Usernames = people(0, 2)
		c.binding("b", "rollcall:g").Usernames = people(1, 3)
		c.settle(rbacplan.Input{Usernames: people(0, 9), NobodyNew: true, Places: []string{"a", "b", "new"}})
		Expect(c.named("a")).To(Equal(people(0, 2)))
		Expect(c.named("b")).To(Equal(people(1, 3)))
		Expect(c.sizes()).NotTo(HaveKey("new/rollcall:g"))
	})

	It("everyone keeps their binding, and an empty one goes", func() {
		c := newCluster()
		c.settle(rbacplan.Input{Usernames: people(0, 2500), Places: []string{"a"}})
		changes := c.settle(rbacplan.Input{Usernames: append(people(0, 1000), people(2100, 9000)...), NobodyNew: true, Places: []string{"a"}})
		Expect(verbs(changes)).To(Equal([]string{"delete a/rollcall:g:1", "update a/rollcall:g:2"}))
		Expect(c.sizes()).To(Equal(map[string]int{"a/rollcall:g": 1000, "a/rollcall:g:2": 400}))
	})

	It("nobody is there where nobody was", func() {
		c := newCluster()
		Expect(c.settle(rbacplan.Input{Usernames: people(0, 3), NobodyNew: true, Places: []string{"a"}})).To(BeEmpty())
	})

	It("a place may go, and whom someone else named stays out", func() {
		c := newCluster()
		c.settle(rbacplan.Input{Usernames: people(0, 2), Places: []string{"a", "b"}})
		c.binding("a", "rollcall:g").Usernames = []string{"mallory", "u00000"}
		c.settle(rbacplan.Input{Usernames: people(0, 9), NobodyNew: true, Places: []string{"a"}})
		Expect(c.sizes()).To(Equal(map[string]int{"a/rollcall:g": 1}))
		Expect(c.named("a")).To(Equal(people(0, 1)))
	})

	It("leaves the list of people as it was given", func() {
		c := newCluster()
		c.settle(rbacplan.Input{Usernames: people(0, 2), Places: []string{"a"}})
		given := people(0, 9)
		c.settle(rbacplan.Input{Usernames: given, NobodyNew: true, Places: []string{"a"}})
		Expect(given).To(Equal(people(0, 9)))
	})
})

var _ = Describe("Too many names", func() {
	DescribeTable("are more than 100 000", func(usernames, places int, want bool) {
		Expect(rbacplan.TooMany(usernames, places)).To(Equal(want))
	},
		Entry("nobody nowhere", 0, 0, false),
		Entry("many nowhere", 1_000_000, 0, false),
		Entry("nobody in many places", 0, 1_000_000, false),
		Entry("exactly, in one place", 100_000, 1, false),
		Entry("one more, in one place", 100_001, 1, true),
		Entry("exactly, in many places", 100, 1000, false),
		Entry("one place more", 100, 1001, true),
		Entry("one person more", 101, 1000, true),
		Entry("one person, in as many places", 1, 100_000, false),
		Entry("one person, in one place more", 1, 100_001, true),
		Entry("just below, where it does not divide", 33_333, 3, false),
		Entry("just above, where it does not divide", 33_334, 3, true),
		Entry("more than an integer holds", 1<<62, 1<<62, true),
	)

	It("are told by multiplication", func() {
		for places := 1; places <= 400; places++ {
			for usernames := rbacplan.MaxNames/places - 2; usernames <= rbacplan.MaxNames/places+2; usernames++ {
				Expect(rbacplan.TooMany(usernames, places)).To(Equal(usernames*places > rbacplan.MaxNames), "%d in %d", usernames, places)
			}
		}
	})
})

// asked is request g, named as the Grant.
func asked() *v1alpha1.AccessRequest {
	return &v1alpha1.AccessRequest{ObjectMeta: metav1.ObjectMeta{Name: "g", UID: "uid-r", Generation: 4}}
}

var _ = Describe("The bindings of a request", func() {
	It("carry labels, owner, role, and who approved it", func() {
		g := grant()
		g.Generation = 7
		want := rbacplan.Template{
			Holder:  rbacplan.Holder{Kind: "AccessRequest", Name: "g", UID: "uid-r"},
			RoleRef: rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "edit"},
			Labels: map[string]string{
				"app.kubernetes.io/managed-by": "rollcall", "iam.rollcall.dev/grant": "g", "iam.rollcall.dev/request": "g",
			},
			Annotations: map[string]string{
				"iam.rollcall.dev/grant-uid": "uid-g", "iam.rollcall.dev/grant-generation": "7", "iam.rollcall.dev/request-uid": "uid-r",
				"iam.rollcall.dev/approvers": "corp:carol,corp:bob",
			},
		}
		Expect(rbacplan.OfRequest(asked(), g, []string{"corp:carol", "corp:bob"})).To(Equal(want))
		delete(want.Annotations, "iam.rollcall.dev/approvers")
		Expect(rbacplan.OfRequest(asked(), g, nil)).To(Equal(want), "approved by nobody yet")
	})

	It("follow who approved it", func() {
		c := newCluster()
		in := rbacplan.Input{Usernames: people(0, 1), Places: []string{"a"}, Template: rbacplan.OfRequest(asked(), c.grant, nil)}
		c.settle(in)
		in.Template = rbacplan.OfRequest(asked(), c.grant, []string{"corp:bob"})
		Expect(verbs(c.settle(in))).To(Equal([]string{"update a/rollcall-request:g"}))
	})

	It("are not those of a Grant of the same name", func() {
		c := newCluster()
		given := rbacplan.Input{Usernames: people(0, 1001), Places: []string{"a"}}
		c.settle(given)
		request := rbacplan.Input{Usernames: people(0, 1), Places: []string{"a"}, Template: rbacplan.OfRequest(asked(), c.grant, nil)}
		c.settle(request)
		Expect(c.sizes()).To(Equal(map[string]int{"a/rollcall:g": 1000, "a/rollcall:g:1": 1, "a/rollcall-request:g": 1}))
		Expect(c.settle(given)).To(BeEmpty())
		all := slices.Clone(c.bindings)
		Expect(rbacplan.After(holder(), all, nil)).To(HaveLen(2))
		Expect(rbacplan.After(request.Template.Holder, all, nil)).To(HaveLen(1))
		Expect(verbs(rbacplan.Withdraw(rbacplan.Holder{Kind: rbacplan.KindRequest, Name: "g"}, all))).To(
			Equal([]string{"delete a/rollcall-request:g"}))
		Expect(verbs(rbacplan.Withdraw(rbacplan.Holder{Kind: rbacplan.KindGrant, Name: "g"}, all))).To(
			Equal([]string{"delete a/rollcall:g", "delete a/rollcall:g:1"}))
		request.Usernames, request.Places = nil, nil
		Expect(verbs(c.settle(request))).To(Equal([]string{"delete a/rollcall-request:g"}))
	})

	DescribeTable("are not those of others whose names are alike", func(kind rbacplan.Kind, name string) {
		others := []rbacplan.Binding{
			labelled("a", "rollcall:g", "uid-g"), labelled("a", "rollcall:g:1", "uid-g"), labelled("a", "rollcall-request:r:2", "uid-r"),
		}
		Expect(rbacplan.Withdraw(rbacplan.Holder{Kind: kind, Name: name}, others)).To(BeEmpty())
	},
		Entry("the beginning of a name", rbacplan.KindRequest, "g"),
		Entry("more than a name", rbacplan.KindGrant, "g1"),
		Entry("a Grant of a request's name", rbacplan.KindGrant, "r"),
		Entry("a request of a longer name", rbacplan.KindRequest, "r:2:3"),
	)

	It("end with it, wherever they are", func() {
		c := newCluster()
		template := rbacplan.OfRequest(asked(), c.grant, nil)
		c.settle(rbacplan.Input{Usernames: people(0, 1), Places: []string{"", "a", "b"}, Template: template})
		c.settle(rbacplan.Input{Template: rbacplan.Template{Holder: template.Holder}})
		Expect(c.bindings).To(BeEmpty())
	})
})

var _ = Describe("What there is after some of a plan", func() {
	It("is by place and name, whatever the order in which it was found and done", func() {
		c := newCluster()
		c.settle(rbacplan.Input{Usernames: people(0, 2500), Places: []string{"", "b"}})
		found := slices.Clone(c.bindings)
		slices.Reverse(found)
		done := rbacplan.Plan(rbacplan.Input{
			Template: rbacplan.OfGrant(c.grant), Usernames: people(1, 2000), Places: []string{"b", "a"}, Existing: found,
		})
		want := []string{"/rollcall:g:2", "a/rollcall:g", "a/rollcall:g:1", "b/rollcall:g", "b/rollcall:g:1", "b/rollcall:g:2"}
		places := func(bindings []rbacplan.Binding) []string {
			list := make([]string, len(bindings))
			for i := range bindings {
				list[i] = bindings[i].Namespace + "/" + bindings[i].Name
			}
			return list
		}
		done = slices.DeleteFunc(done, func(change rbacplan.Change) bool {
			return change.Verb == rbacplan.Delete && change.Binding.Name == "rollcall:g:2"
		})
		after := rbacplan.After(holder(), found, done)
		Expect(places(after)).To(Equal(want))
		Expect(after[3].Usernames).To(Equal(people(1, 1000)), "as it was updated")
		slices.Reverse(done)
		slices.Reverse(found)
		Expect(places(rbacplan.After(holder(), found, done))).To(Equal(want))
	})

	It("has the new binding where one was made anew", func() {
		c := newCluster()
		c.settle(rbacplan.Input{Usernames: people(0, 1), Places: []string{"a"}})
		existing := slices.Clone(c.bindings)
		c.grant.Spec.RoleRef.Name = "view"
		done := c.settle(rbacplan.Input{Usernames: people(0, 1), Places: []string{"a"}})
		Expect(rbacplan.After(holder(), existing, done)).To(HaveExactElements(HaveField("RoleRef.Name", "view")))
		Expect(rbacplan.After(holder(), existing, done[:1])).To(BeEmpty())
	})
})
