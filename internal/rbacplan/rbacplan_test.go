// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package rbacplan_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/rbacplan"
)

var _ = Describe("A Grant's window", func() {
	start, expire := now, now.Add(time.Hour)

	DescribeTable("is open from startTime until just before expireTime",
		func(g *v1alpha1.Grant, at time.Time, open bool, reason string, next time.Time) {
			gotOpen, gotReason, gotNext := rbacplan.Window(g, at)
			Expect(gotOpen).To(Equal(open))
			Expect(gotReason).To(Equal(reason))
			Expect(gotNext).To(Equal(next))
		},
		Entry("always", grant(), now, true, v1alpha1.ReasonApplied, time.Time{}),
		Entry("just before the start", grant(starts(start), expires(expire)), start.Add(-1), false, v1alpha1.ReasonNotStarted, start),
		Entry("at the start", grant(starts(start), expires(expire)), start, true, v1alpha1.ReasonApplied, expire),
		Entry("just before the end", grant(starts(start), expires(expire)), expire.Add(-1), true, v1alpha1.ReasonApplied, expire),
		Entry("at the end", grant(starts(start), expires(expire)), expire, false, v1alpha1.ReasonExpired, time.Time{}),
		Entry("after the end", grant(expires(expire)), expire.Add(time.Hour), false, v1alpha1.ReasonExpired, time.Time{}),
		Entry("from the start for ever", grant(starts(start)), start, true, v1alpha1.ReasonApplied, time.Time{}),
		Entry("never, where it ends before it starts", grant(starts(expire), expires(start)), start,
			false, v1alpha1.ReasonExpired, time.Time{}),
	)

	It("has bindings while it is open, and none before and after", func() {
		c := newCluster(starts(start), expires(expire))
		c.now = start.Add(-1)
		Expect(c.sync(people(0, 3), "a", "b")).To(BeEmpty())
		c.now = start
		Expect(c.sync(people(0, 3), "a", "b")).To(HaveLen(2))
		c.now = expire
		Expect(text(c.sync(people(0, 3), "a", "b"))).To(MatchRegexp(`^delete a/rollcall:g .*\ndelete b/rollcall:g .*\n$`))
		Expect(c.bindings).To(BeEmpty())
	})
})

var _ = Describe("The bindings of a Grant", func() {
	It("carry labels, owner, role and people", func() {
		c := newCluster()
		c.grant.Spec.RoleRef = v1alpha1.RoleReference{Kind: v1alpha1.RoleKindRole, Name: "deployer"}
		c.grant.Generation = 7
		Expect(c.plan([]string{"corp:alice", "corp:bob"}, "pay")).To(Equal([]rbacplan.Change{{
			Verb: rbacplan.Create,
			Binding: rbacplan.Binding{
				Namespace: "pay", Name: "rollcall:g",
				Template: rbacplan.Template{
					Holder:  rbacplan.Holder{Kind: "Grant", Name: "g", UID: "uid-g"},
					RoleRef: rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "Role", Name: "deployer"},
					Labels: map[string]string{
						"app.kubernetes.io/managed-by": "rollcall", "iam.rollcall.dev/grant": "g",
					},
					Annotations: map[string]string{
						"iam.rollcall.dev/grant-uid": "uid-g", "iam.rollcall.dev/grant-generation": "7",
					},
				},
				Usernames: []string{"corp:alice", "corp:bob"},
			},
		}}))
	})

	It("are in the cluster, or in each namespace", func() {
		c := newCluster()
		c.sync(people(0, 1), "")
		Expect(c.sizes()).To(Equal(map[string]int{"/rollcall:g": 1}))
		c.sync(people(0, 1), "a", "b")
		Expect(c.sizes()).To(Equal(map[string]int{"a/rollcall:g": 1, "b/rollcall:g": 1}))
	})

	It("are none where it reaches nobody", func() {
		c := newCluster()
		Expect(c.sync(nil, "a")).To(BeEmpty())
		c.sync(people(0, 2), "a")
		c.sync(nil, "a")
		Expect(c.bindings).To(BeEmpty())
	})

	It("come and go with the places", func() {
		c := newCluster()
		c.sync(people(0, 2), "a", "b")
		Expect(text(c.sync(people(0, 2), "b", "c"))).To(MatchRegexp(`^delete a/rollcall:g .*\ncreate c/rollcall:g .*\n$`))
		Expect(c.sync(people(0, 2))).To(HaveLen(2))
		Expect(c.bindings).To(BeEmpty())
	})

	It("change only where the people change", func() {
		c := newCluster()
		c.sync(people(0, 3), "a", "b")
		c.binding("b", "rollcall:g").Usernames = people(0, 2)
		changes := c.sync(people(0, 3), "a", "b")
		Expect(changes).To(HaveLen(1))
		Expect(changes[0].Verb).To(Equal(rbacplan.Update))
		Expect(changes[0].Binding.Namespace).To(Equal("b"))
	})

	It("are made anew, deleted first, when the role is another", func() {
		c := newCluster()
		c.sync(people(0, 2), "a", "b")
		c.grant.Spec.RoleRef.Name = "view"
		changes := c.sync(people(0, 2), "a", "b")
		Expect(changes).To(HaveLen(4))
		Expect(changes[0].Verb).To(Equal(rbacplan.Delete))
		Expect(changes[1].Verb).To(Equal(rbacplan.Delete))
		Expect(c.binding("a", "rollcall:g").RoleRef.Name).To(Equal("view"))
	})

	It("are made anew where they are of an earlier Grant of that name", func() {
		c := newCluster()
		c.sync(people(0, 2), "a")
		c.grant.UID = "uid-2"
		Expect(text(c.sync(people(0, 2), "a"))).To(MatchRegexp(`^delete a/rollcall:g .*owner=uid-g .*\ncreate a/rollcall:g .*owner=uid-2 `))
	})

	DescribeTable("are repaired in place", func(damage func(*rbacplan.Binding)) {
		c := newCluster()
		c.sync(people(0, 3), "a", "b")
		want := slices.Clone(c.bindings)
		damage(c.binding("a", "rollcall:g"))
		changes := c.sync(people(0, 3), "a", "b")
		Expect(changes).To(HaveLen(1))
		Expect(changes[0].Verb).To(Equal(rbacplan.Update))
		Expect(c.bindings).To(Equal(want))
		Expect(c.plan(people(0, 3), "a", "b")).To(BeEmpty())
	},
		Entry("when someone adds a person", func(b *rbacplan.Binding) { b.Usernames = people(0, 4) }),
		Entry("when someone removes a person", func(b *rbacplan.Binding) { b.Usernames = people(1, 3) }),
		Entry("when someone removes everybody", func(b *rbacplan.Binding) { b.Usernames = nil }),
		Entry("when someone names a person twice", func(b *rbacplan.Binding) { b.Usernames = append(people(0, 3), "u00002") }),
		Entry("when someone adds a group or service account", func(b *rbacplan.Binding) { b.Foreign = true }),
		Entry("when someone takes the Grant's label", func(b *rbacplan.Binding) { b.Labels = nil }),
		Entry("when someone gives it another Grant's label", func(b *rbacplan.Binding) {
			b.Labels = map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelGrant: "other"}
		}),
		Entry("when someone takes the owner", func(b *rbacplan.Binding) { b.Holder = rbacplan.Holder{} }),
		Entry("when someone adds a group of people", func(b *rbacplan.Binding) { b.Groups = []string{"corp:all"} }),
		Entry("when someone says that another Grant gave it", func(b *rbacplan.Binding) {
			b.Annotations = map[string]string{v1alpha1.AnnotationGrantUID: "uid-other", v1alpha1.AnnotationGrantGeneration: "0"}
		}),
	)

	It("do not include those that merely carry its label", func() {
		c := newCluster()
		stolen := labelled("a", "mine", "uid-of-another", people(0, 1)...)
		alike := stolen
		alike.Name, alike.Holder.UID = "rollcall:g2", ""
		c.bindings = []rbacplan.Binding{stolen, alike}
		c.sync(people(0, 2), "a")
		c.sync(people(0, 2))
		Expect(c.bindings).To(Equal([]rbacplan.Binding{stolen, alike}))
	})

	DescribeTable("include what it owns under no shard's name, which goes", func(name string) {
		c := newCluster()
		c.bindings = []rbacplan.Binding{labelled("a", name, "uid-g", people(0, 2)...)}
		c.sync(people(0, 2), "a")
		Expect(c.sizes()).To(Equal(map[string]int{"a/rollcall:g": 2}))
	},
		Entry("another name", "mine"),
		Entry("shard 0 by number", "rollcall:g:0"),
		Entry("a leading zero", "rollcall:g:01"),
		Entry("a sign", "rollcall:g:+1"),
		Entry("a negative one", "rollcall:g:-1"),
		Entry("no number", "rollcall:g:"),
		Entry("more than a number holds", "rollcall:g:99999999999999999999"),
	)
})

var _ = Describe("Shards", func() {
	DescribeTable("hold a thousand each", func(count int, sizes map[string]int) {
		c := newCluster()
		c.sync(people(0, count), "a")
		Expect(c.sizes()).To(Equal(sizes))
		Expect(c.named("a")).To(Equal(people(0, count)))
	},
		Entry("one person", 1, map[string]int{"a/rollcall:g": 1}),
		Entry("999", 999, map[string]int{"a/rollcall:g": 999}),
		Entry("1000", 1000, map[string]int{"a/rollcall:g": 1000}),
		Entry("1001", 1001, map[string]int{"a/rollcall:g": 1000, "a/rollcall:g:1": 1}),
		Entry("2500", 2500, map[string]int{"a/rollcall:g": 1000, "a/rollcall:g:1": 1000, "a/rollcall:g:2": 500}),
	)

	DescribeTable("change one at a time when one person comes or goes", func(usernames []string, changed string) {
		c := newCluster()
		c.sync(people(0, 2500), "a")
		changes := c.sync(usernames, "a")
		Expect(changes).To(HaveLen(1))
		Expect(changes[0].Verb).To(Equal(rbacplan.Update))
		Expect(changes[0].Binding.Name).To(Equal(changed))
		Expect(c.named("a")).To(Equal(usernames))
	},
		Entry("the first leaves", people(1, 2500), "rollcall:g"),
		Entry("the last leaves", people(0, 2499), "rollcall:g:2"),
		Entry("one in the middle leaves", slices.Delete(people(0, 2500), 1500, 1501), "rollcall:g:1"),
		Entry("one who comes first by name", append([]string{"a"}, people(0, 2500)...), "rollcall:g:2"),
		Entry("one who comes last by name", append(people(0, 2500), "z"), "rollcall:g:2"),
	)

	It("are filled from the lowest gap", func() {
		c := newCluster()
		c.sync(people(0, 2500), "a")
		c.sync(people(10, 2500), "a")
		c.sync(append(people(10, 2500), "z1", "z2"), "a")
		Expect(c.binding("a", "rollcall:g").Usernames).To(HaveLen(992))
		Expect(c.binding("a", "rollcall:g").Usernames).To(ContainElements("z1", "z2"))
	})

	It("begin anew where the last one is full", func() {
		c := newCluster()
		c.sync(people(0, 1000), "a")
		Expect(text(c.sync(people(0, 1001), "a"))).To(HavePrefix("create a/rollcall:g:1 "))
	})

	It("go when they are empty, and their place is taken again", func() {
		c := newCluster()
		c.sync(people(0, 2500), "a")
		Expect(text(c.sync(append(people(0, 1000), people(2000, 2500)...), "a"))).To(MatchRegexp(`^delete a/rollcall:g:1 [^\n]*\n$`))
		Expect(c.sizes()).To(Equal(map[string]int{"a/rollcall:g": 1000, "a/rollcall:g:2": 500}))
		c.sync(people(0, 2500), "a")
		Expect(c.sizes()).To(Equal(map[string]int{"a/rollcall:g": 1000, "a/rollcall:g:1": 1000, "a/rollcall:g:2": 500}))
	})

	It("keep everyone's place however few are left, so that nobody's access is interrupted", func() {
		c := newCluster()
		c.sync(people(0, 3000), "a")
		few := []string{"u00000", "u01000", "u02000"}
		Expect(c.sync(few, "a")).To(HaveEach(HaveField("Verb", rbacplan.Update)))
		Expect(c.sizes()).To(Equal(map[string]int{"a/rollcall:g": 1, "a/rollcall:g:1": 1, "a/rollcall:g:2": 1}))
		Expect(c.plan(few, "a")).To(BeEmpty())
	})

	It("are cut to size where someone put more into one", func() {
		c := newCluster()
		c.sync(people(0, 1000), "a")
		c.binding("a", "rollcall:g").Usernames = people(0, 1500)
		c.sync(people(0, 1500), "a")
		Expect(c.sizes()).To(Equal(map[string]int{"a/rollcall:g": 1000, "a/rollcall:g:1": 500}))
	})

	It("name everyone once where someone is in two", func() {
		for range 10 {
			c := newCluster()
			c.sync(people(0, 2500), "a")
			c.binding("a", "rollcall:g:2").Usernames = append([]string{"u00999"}, people(2000, 2500)...)
			changes := c.sync(people(0, 2500), "a")
			Expect(changes).To(HaveLen(1))
			Expect(changes[0].Binding.Name).To(Equal("rollcall:g:2"), "the lower shard keeps them")
			Expect(c.named("a")).To(Equal(people(0, 2500)))
		}
	})

	It("are named and found by their number", func() {
		edit := rbacplan.Holder{Kind: rbacplan.KindGrant, Name: "payments-edit"}
		Expect(edit.BindingName(0)).To(Equal("rollcall:payments-edit"))
		Expect(edit.BindingName(12)).To(Equal("rollcall:payments-edit:12"))
		asked := rbacplan.Holder{Kind: rbacplan.KindRequest, Name: "payments-edit"}
		Expect(asked.BindingName(0)).To(Equal("rollcall-request:payments-edit"))
	})
})

var _ = Describe("Withdrawing a Grant that is gone", func() {
	It("deletes its bindings, and no others", func() {
		c := newCluster()
		c.sync(people(0, 1001), "b", "a")
		others := []rbacplan.Binding{
			labelled("a", "theirs", "uid-of-another"),
			labelled("a", "rollcall:g2", "uid-of-g2"),
			labelled("a", "rollcall:g:0", "uid-g"),
			labelled("a", "rollcall:g:x", "uid-g"),
		}
		c.bindings = append(c.bindings, others...)
		for _, change := range rbacplan.Withdraw(holder(), c.bindings) {
			Expect(change.Verb).To(Equal(rbacplan.Delete))
			c.execute(change)
		}
		Expect(c.bindings).To(Equal(others))
	})

	It("deletes those too that lost their owner, which nothing else would collect", func() {
		c := newCluster()
		c.sync(people(0, 1), "a")
		c.bindings[0].Holder = rbacplan.Holder{}
		Expect(rbacplan.Withdraw(holder(), c.bindings)).To(HaveLen(1))
	})

	It("is sorted", func() {
		c := newCluster()
		c.sync(people(0, 1001), "b", "a")
		slices.Reverse(c.bindings)
		Expect(text(rbacplan.Withdraw(holder(), c.bindings))).To(MatchRegexp(
			`^delete a/rollcall:g [^\n]*\ndelete a/rollcall:g:1 [^\n]*\ndelete b/rollcall:g [^\n]*\ndelete b/rollcall:g:1 [^\n]*\n$`))
	})
})

var _ = Describe("What there is after a plan", func() {
	It("is ours, and what was done to them", func() {
		c := newCluster()
		c.sync(people(0, 1001), "a", "b")
		c.bindings = append(c.bindings, labelled("a", "theirs", "uid-of-another"))
		changes := c.plan(people(0, 1), "b", "c")
		Expect(rbacplan.After(holder(), c.bindings, nil)).To(HaveLen(4))
		Expect(rbacplan.After(holder(), c.bindings, changes)).To(HaveLen(2))
		Expect(rbacplan.After(holder(), c.bindings, changes[:1])).To(HaveLen(3))
	})
})

var _ = Describe("The order of a plan", func() {
	It("is deletions, updates, creations, each by place and name", func() {
		c := newCluster()
		c.sync(people(0, 2500), "b", "c", "d")
		c.binding("c", "rollcall:g:1").Foreign = true
		changes := c.plan(people(0, 2000), "a", "c", "d")
		keys := make([]string, len(changes))
		for i, change := range changes {
			keys[i] = fmt.Sprintf("%s %s/%s", change.Verb, change.Binding.Namespace, change.Binding.Name)
		}
		Expect(keys).To(Equal([]string{
			"delete b/rollcall:g", "delete b/rollcall:g:1", "delete b/rollcall:g:2", "delete c/rollcall:g:2", "delete d/rollcall:g:2",
			"update c/rollcall:g:1", "create a/rollcall:g", "create a/rollcall:g:1",
		}))
	})

	It("is the same every time", func() {
		c := newCluster()
		places := []string{"a", "b", "c", "d", "e", "f"}
		c.sync(people(0, 10), places...)
		want := text(c.plan(people(5, 15)))
		for range 20 {
			Expect(text(c.plan(people(5, 15)))).To(Equal(want))
		}
	})
})

var _ = Describe("Whatever happens to people, places and bindings", func() {
	It("everyone is named once, no shard is too large, and the next plan is empty", func() {
		everyone, places := people(0, 4200), []string{"", "a", "b"}
		for seed := range uint64(12) {
			r := rand.New(rand.NewPCG(seed, 3))
			c := newCluster()
			for step := range 8 {
				share := r.Float64()
				usernames := slices.DeleteFunc(slices.Clone(everyone), func(string) bool { return r.Float64() > share })
				where := slices.DeleteFunc(slices.Clone(places), func(string) bool { return r.IntN(3) == 0 })
				damage(r, c)
				c.sync(usernames, where...)
				for _, place := range places {
					if slices.Contains(where, place) {
						Expect(c.named(place)).To(Equal(usernames), "seed %d, step %d, place %q", seed, step, place)
					} else {
						Expect(c.named(place)).To(BeEmpty())
					}
				}
				for name, size := range c.sizes() {
					Expect(size).To(And(BeNumerically(">", 0), BeNumerically("<=", 1000)), name)
				}
				Expect(c.plan(usernames, where...)).To(BeEmpty())
			}
		}
	})
})

// damage does to some bindings what people with kubectl do.
func damage(r *rand.Rand, c *cluster) {
	for i := range c.bindings {
		b := &c.bindings[i]
		switch r.IntN(12) {
		case 0:
			b.Usernames = nil
		case 1:
			b.Usernames = slices.Sorted(slices.Values(append(people(0, 900), b.Usernames...)))
		case 2:
			b.Holder = rbacplan.Holder{}
		case 3:
			b.RoleRef.Name = "cluster-admin"
		case 4:
			b.Foreign = true
		}
	}
}

var _ = Describe("The story of", func() {
	It("an on-call grant that opens, moves, changes hands and ends", func() {
		c := newCluster(starts(now), expires(now.Add(48*time.Hour)))
		c.grant.Name, c.grant.UID = "on-call", "uid-on-call"
		var b strings.Builder
		tell := func(what string, usernames []string, places ...string) {
			fmt.Fprintf(&b, "%s:\n%s\n", what, text(c.sync(usernames, places...)))
		}
		c.now = now.Add(-time.Second)
		tell("before it starts", []string{"corp:alice", "corp:bob"}, "pay", "web")
		c.now = now
		tell("it starts", []string{"corp:alice", "corp:bob"}, "pay", "web")
		tell("bob leaves", []string{"corp:alice"}, "pay", "web")
		tell("web goes, api comes", []string{"corp:alice"}, "api", "pay")
		c.binding("pay", "rollcall:on-call").Foreign = true
		c.binding("api", "rollcall:on-call").RoleRef.Name = "cluster-admin"
		tell("someone tampers", []string{"corp:alice"}, "api", "pay")
		tell("a large group joins", append([]string{"corp:alice"}, people(0, 1000)...), "api", "pay")
		tell("nothing happens", append([]string{"corp:alice"}, people(0, 1000)...), "api", "pay")
		c.now = now.Add(48 * time.Hour)
		tell("it ends", append([]string{"corp:alice"}, people(0, 1000)...), "api", "pay")
		expectGolden("on-call", b.String())
	})
})

var _ = Describe("A change", func() {
	It("says whom a binding names no more, and nobody who stays", func() {
		c := newCluster()
		c.sync([]string{"corp:alice", "corp:bob", "corp:carol"}, "pay")
		changes := c.sync([]string{"corp:alice", "corp:dora"}, "pay")
		Expect(changes).To(HaveExactElements(HaveField("Dropped", []string{"corp:bob", "corp:carol"})))
		Expect(c.sync([]string{"corp:alice", "corp:dora", "corp:erin"}, "pay")).To(HaveExactElements(HaveField("Dropped", BeEmpty())))

		By("making it anew for another role")
		c.grant.Spec.RoleRef.Name = "other"
		Expect(c.sync([]string{"corp:alice", "corp:dora"}, "pay")).To(HaveExactElements(
			HaveField("Dropped", []string{"corp:erin"}), HaveField("Dropped", BeEmpty())))

		By("withdrawing all")
		Expect(rbacplan.Withdraw(rbacplan.OfGrant(c.grant).Holder, c.bindings)).To(
			HaveExactElements(HaveField("Dropped", []string{"corp:alice", "corp:dora"})))
		Expect(c.sync(nil, "pay")).To(HaveExactElements(HaveField("Dropped", []string{"corp:alice", "corp:dora"})))
	})
})
