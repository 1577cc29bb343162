// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package usage_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

var (
	looks = usage.Grant{UID: "g-looks", Name: "looks"}
	reads = usage.Grant{UID: "g-reads", Name: "reads"}
)

func ofLooks() rbacv1.RoleBinding { return binding("rollcall:looks", "looks", "g-looks") }

func ofReads() rbacv1.RoleBinding { return binding("rollcall:reads", "reads", "g-reads") }

var _ = Describe("A deed", func() {
	get := func() *usage.Deed { return deed(line(5), line(7)) }

	It("is allowed by one Grant alone", func() {
		Expect(usage.Weigh(get(), world(ofLooks()))).To(Equal(usage.Weighed{Grants: []usage.Grant{looks}, Alone: true, Fits: true}))
	})

	It("is allowed by one Grant alone, by two bindings of it", func() {
		Expect(usage.Weigh(get(), world(ofLooks(), binding("rollcall:looks:1", "looks", "g-looks")))).To(
			Equal(usage.Weighed{Grants: []usage.Grant{looks}, Alone: true, Fits: true}))
	})

	It("is allowed by two Grants, of which none is needed", func() {
		Expect(usage.Weigh(get(), world(ofReads(), ofLooks()))).To(Equal(usage.Weighed{Grants: []usage.Grant{looks, reads}, Fits: true}))
	})

	It("is allowed by a Grant and one of its name before, of which none is needed", func() {
		Expect(usage.Weigh(get(), world(ofLooks(), binding("rollcall:looks:1", "looks", "g-earlier")))).To(
			And(HaveField("Grants", HaveLen(2)), HaveField("Alone", false)))
	})

	It("is allowed by a Grant that is not needed, since another binding does as well", func() {
		Expect(usage.Weigh(get(), world(ofLooks(), binding("by-hand", "", "")))).To(
			Equal(usage.Weighed{Grants: []usage.Grant{looks}, Fits: true}))
	})

	It("is allowed by no Grant", func() {
		Expect(usage.Weigh(deed(line(0, allowed(byHand))), world(binding("by-hand", "", "")))).To(Equal(usage.Weighed{Fits: true}))
	})

	DescribeTable("does not fit a world", func(bindings ...rbacv1.RoleBinding) {
		Expect(usage.Weigh(get(), world(bindings...)).Fits).To(BeFalse())
	},
		Entry("in which nothing allows it"),
		Entry("in which something else does", ofReads()),
		Entry("in which the binding is of another role", func() rbacv1.RoleBinding {
			b := ofLooks()
			b.RoleRef.Kind = "Role"
			return b
		}(), ofReads()),
		Entry("in which the binding is in another namespace", func() rbacv1.RoleBinding {
			b := ofLooks()
			b.Namespace = "shop"
			return b
		}()),
		Entry("in which the binding names somebody else", func() rbacv1.RoleBinding {
			b := ofLooks()
			b.Subjects[0].Name = "corp:bob"
			return b
		}()),
	)

	It("does not fit a binding that is of another role by now, whatever that allows", func() {
		b := ofLooks()
		b.RoleRef.Name = "reads"
		w := answers.Index(answers.Snapshot{
			ClusterRoles: []rbacv1.ClusterRole{{ObjectMeta: metav1.ObjectMeta{Name: "reads"}, Rules: []rbacv1.PolicyRule{
				{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}},
			}}},
			RoleBindings: []rbacv1.RoleBinding{b},
		}, noon)
		Expect(usage.Weigh(get(), w)).To(Equal(usage.Weighed{Grants: []usage.Grant{looks}, Alone: true}))
	})

	It("fits by a group, too", func() {
		b := ofLooks()
		b.Subjects[0] = rbacv1.Subject{Kind: rbacv1.GroupKind, Name: "corp:payments"}
		reason := strings.ReplaceAll(byGrant, `User "corp:alice"`, `Group "corp:payments"`)
		Expect(usage.Weigh(deed(line(0, allowed(reason), groups("corp:payments"))), world(b))).To(
			And(HaveField("Fits", true), HaveField("Alone", true)))
		Expect(usage.Weigh(deed(line(0, allowed(reason))), world(b))).To(HaveField("Fits", false))
	})

	It("as somebody else fits where anything lets them, and is a use of that", func() {
		acting := deed(line(0, as("corp:bob")))
		Expect(usage.Weigh(acting, world())).To(Equal(usage.Weighed{}))
		everywhere := answers.Index(answers.Snapshot{
			ClusterRoles: []rbacv1.ClusterRole{{ObjectMeta: metav1.ObjectMeta{Name: "acts"}, Rules: []rbacv1.PolicyRule{{
				APIGroups: []string{""}, Resources: []string{"users"}, Verbs: []string{"impersonate"}, ResourceNames: []string{"corp:bob"},
			}}}},
			ClusterRoleBindings: []rbacv1.ClusterRoleBinding{{
				ObjectMeta: metav1.ObjectMeta{Name: "rollcall:looks", Labels: ofLooks().Labels, Annotations: ofLooks().Annotations},
				RoleRef:    rbacv1.RoleRef{Kind: "ClusterRole", Name: "acts"}, Subjects: ofLooks().Subjects,
			}},
		}, noon)
		Expect(usage.Weigh(acting, everywhere)).To(HaveField("Alone", true))
		Expect(usage.Weigh(deed(line(0, as("corp:carol"))), everywhere)).To(HaveField("Grants", BeEmpty()))
	})
})

var _ = Describe("A use", func() {
	get := func() *usage.Deed { return deed(line(5), line(7)) }
	used := usage.Use{
		Grant: "g-looks", Username: "corp:alice", Action: answers.Action{Verb: "get", Resource: "pods", Namespace: "pay"},
		Names: []string{"p"}, Requests: 2, First: moment(5), Last: moment(7),
	}
	needed, last := used, moment(7)
	needed.Needed = &last
	of := func(u usage.Use, grant string) usage.Use {
		u.Grant = grant
		return u
	}

	DescribeTable("is of", func(weighed usage.Weighed, known *usage.Grant, want ...usage.Use) {
		Expect(usage.Uses(get(), weighed, known)).To(Equal(want))
	},
		Entry("a Grant that alone allowed it", usage.Weighed{Grants: []usage.Grant{looks}, Alone: true, Fits: true}, nil, needed),
		Entry("a Grant beside others", usage.Weighed{Grants: []usage.Grant{looks}, Fits: true}, nil, used),
		Entry("each of two Grants", usage.Weighed{Grants: []usage.Grant{looks, reads}, Fits: true}, nil, used, of(used, "g-reads")),
		Entry("no Grant", usage.Weighed{Fits: true}, nil, of(used, "")),
		Entry("no Grant where nothing fits, and nothing is known", usage.Weighed{}, nil, of(used, "")),
		Entry("the Grant that is known, where nothing fits, which is needed then", usage.Weighed{}, &looks, needed),
		Entry("the Grant that is known alone, where others are found", usage.Weighed{Grants: []usage.Grant{reads}, Alone: true}, &looks,
			needed),
		Entry("what is found, where that does not fit and none is known", usage.Weighed{Grants: []usage.Grant{reads}, Alone: true}, nil,
			of(needed, "g-reads")),
		Entry("what is found, where that fits, whatever is known", usage.Weighed{Grants: []usage.Grant{looks}, Fits: true}, &reads, used),
	)

	It("is none of what was not allowed", func() {
		weighed := usage.Weighed{Grants: []usage.Grant{looks}, Alone: true, Fits: true}
		Expect(usage.Uses(deed(line(0, decided("forbid", ""))), weighed, &looks)).To(BeEmpty())
		Expect(usage.Uses(deed(line(0, allowed(""))), weighed, &looks)).To(BeEmpty())
	})

	It("of many objects at once has no name", func() {
		Expect(usage.Uses(deed(line(0, verb("list"), object("pods", "", ""))), usage.Weighed{Fits: true}, nil)).To(
			HaveExactElements(And(HaveField("Names", BeEmpty()), HaveField("Unnamed", true))))
	})

	It("is to the second", func() {
		d := get()
		d.First, d.Last = d.First.Add(999_999_999), d.Last.Add(999_999_999)
		Expect(usage.Uses(d, usage.Weighed{Grants: []usage.Grant{looks}, Alone: true, Fits: true}, nil)).To(Equal([]usage.Use{needed}))
	})

	It("has no name that no object can have", func() {
		for length, names := range map[int][]string{253: {strings.Repeat("n", 253)}, 254: nil} {
			d := get()
			d.Action.Name = strings.Repeat("n", length)
			Expect(usage.Uses(d, usage.Weighed{Fits: true}, nil)).To(HaveExactElements(And(
				HaveField("Names", names), HaveField("Unnamed", names == nil))))
		}
	})

	DescribeTable("of a path is one of all that is below its first part", func(path, want string) {
		d := get()
		d.Action = answers.Action{Verb: "get", Path: path}
		Expect(usage.Uses(d, usage.Weighed{Fits: true}, nil)).To(HaveExactElements(HaveField("Action.Path", want)))
	},
		Entry(nil, "/healthz", "/healthz"), Entry(nil, "/version/", "/version/"), Entry(nil, "/api/v1", "/api/*"),
		Entry(nil, "/logs/kube/x.log", "/logs/*"), Entry(nil, "/", "/"), Entry(nil, "", ""), Entry(nil, "//x", "//*"),
	)

	It("is of somebody whose requests are long in a few words", func() {
		for _, text := range []string{strings.Repeat("x", 9000), strings.Repeat("<\x00ü", 3000)} {
			d := get()
			d.Action = answers.Action{Verb: "get", Path: "/" + text}
			uses := usage.Uses(d, usage.Weighed{Fits: true}, nil)
			Expect(len(uses[0].Action.Path)).To(And(BeNumerically(">", 50), BeNumerically("<", 1000)))
			Expect(uses[0].Action.Path).To(HavePrefix("/" + text[:20]))
		}
		d := get()
		d.Action = answers.Action{Verb: "get", APIGroup: strings.Repeat("g", 253), Resource: strings.Repeat("r", 63), Namespace: "pay"}
		Expect(usage.Uses(d, usage.Weighed{Fits: true}, nil)).To(HaveExactElements(HaveField("Action", d.Action)), "no name is that long")
	})
})

var _ = Describe("Uses that are added up", func() {
	use := func(seconds int, names ...string) usage.Use {
		return usage.Use{
			Grant: "g", Username: "u", Action: answers.Action{Verb: "get", Resource: "pods"}, Names: names, Requests: 1,
			First: moment(seconds), Last: moment(seconds), Unnamed: len(names) == 0,
		}
	}
	sum := func(uses ...usage.Use) usage.Use {
		GinkgoHelper()
		all := usage.Tally(uses)
		Expect(all).To(HaveLen(1))
		return all[0]
	}

	It("have as many requests, and are from the first to the last", func() {
		Expect(sum(use(5, "b"), use(1, "a"), use(3, "b"))).To(And(HaveField("Requests", int64(3)), HaveField("First", moment(1)),
			HaveField("Last", moment(5)), HaveField("Names", []string{"a", "b"}), HaveField("Unnamed", false), HaveField("Needed", BeNil())))
	})

	It("were needed when the last of them was that was", func() {
		one, two := use(1, "a"), use(2, "a")
		early, late := moment(1), moment(2)
		one.Needed = &early
		Expect(sum(one, two).Needed).To(HaveValue(Equal(early)))
		Expect(sum(two, one).Needed).To(HaveValue(Equal(early)))
		two.Needed = &late
		Expect(sum(one, two).Needed).To(HaveValue(Equal(late)))
		Expect(sum(two, one).Needed).To(HaveValue(Equal(late)))
	})

	It("have so many names, and say that there are more", func() {
		uses := make([]usage.Use, 0, usage.MostNames+1)
		for i := range usage.MostNames {
			uses = append(uses, use(i, fmt.Sprintf("n%d", usage.MostNames-i)))
		}
		Expect(sum(uses...)).To(And(HaveField("Names", HaveLen(usage.MostNames)), HaveField("Unnamed", false)))
		more := sum(append(uses, use(9, "n0"))...)
		Expect(more).To(And(HaveField("Names", HaveLen(usage.MostNames)), HaveField("Unnamed", true)))
		Expect(more.Names[0]).To(Equal("n0"))
		Expect(sum(use(0), use(1, "a"))).To(And(HaveField("Names", []string{"a"}), HaveField("Unnamed", true)))
	})

	It("are of one Grant, username and action each, in that order", func() {
		other := func(edit func(*usage.Use)) usage.Use {
			u := use(0, "a")
			edit(&u)
			return u
		}
		uses := []usage.Use{
			other(func(u *usage.Use) { u.Grant = "h" }), other(func(u *usage.Use) { u.Username = "v" }),
			other(func(u *usage.Use) { u.Action.Namespace = "pay" }), other(func(u *usage.Use) { u.Action.Verb = "list" }), use(0, "a"),
		}
		all := usage.Tally(slices.Concat(uses, uses))
		Expect(all).To(HaveLen(len(uses)))
		keys := make([]usage.Key, len(all))
		for i := range all {
			Expect(all[i].Requests).To(Equal(int64(2)))
			keys[i] = all[i].Key()
		}
		Expect(keys).To(Equal([]usage.Key{uses[4].Key(), uses[3].Key(), uses[2].Key(), uses[1].Key(), uses[0].Key()}))
	})

	It("come to the same in whatever order, and in whatever parts", func() {
		random := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), 2))
		for range 300 {
			uses := make([]usage.Use, 1+random.IntN(40))
			for i := range uses {
				uses[i] = use(random.IntN(50))
				uses[i].Grant, uses[i].Requests = fmt.Sprintf("g%d", random.IntN(3)), random.Int64N(5)
				if random.IntN(3) > 0 {
					uses[i].Names, uses[i].Unnamed = []string{fmt.Sprintf("n%02d", random.IntN(12))}, false
				}
				if random.IntN(2) > 0 {
					uses[i].Needed = new(moment(random.IntN(50)))
				}
			}
			before := slices.Clone(uses)
			whole := usage.Tally(uses)
			Expect(uses).To(Equal(before), "nothing given is changed")
			cut := random.IntN(len(uses) + 1)
			Expect(usage.Tally(slices.Concat(usage.Tally(uses[:cut]), usage.Tally(uses[cut:])))).To(Equal(whole))
			random.Shuffle(len(uses), func(i, j int) { uses[i], uses[j] = uses[j], uses[i] })
			Expect(usage.Tally(uses)).To(Equal(whole))
		}
	})
})
