// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package directory_test

import (
	"cmp"
	"slices"
	"unsafe"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/directory"
)

func person(key string, refs ...string) *directory.Person {
	return &directory.Person{Key: key, UserName: refs[0], Refs: refs}
}

func group(key, ref string, members ...string) *directory.Group {
	return &directory.Group{Key: key, Name: ref, Refs: []string{ref}, Members: members}
}

func came[T *directory.Person | *directory.Group](entry T) directory.Change {
	switch entry := any(entry).(type) {
	case *directory.Person:
		return directory.Change{Person: entry}
	case *directory.Group:
		return directory.Change{Group: entry}
	default:
		return directory.Change{}
	}
}

func gone(key string) directory.Change { return directory.Change{Gone: key} }

// sorted is what a replica holds, in order.
func sorted(r *directory.Replica) directory.Snapshot {
	s := *r.Snapshot()
	slices.SortFunc(s.People, func(a, b directory.Person) int { return cmp.Compare(a.Key, b.Key) })
	slices.SortFunc(s.Groups, func(a, b directory.Group) int { return cmp.Compare(a.Key, b.Key) })
	for i := range s.Groups {
		s.Groups[i].Members = slices.Sorted(slices.Values(s.Groups[i].Members))
	}
	return s
}

// members are those of each group, by its key.
func members(r *directory.Replica) map[string][]string {
	all := map[string][]string{}
	for _, g := range sorted(r).Groups {
		all[g.Key] = g.Members
	}
	return all
}

var _ = Describe("A replica", func() {
	var r *directory.Replica

	BeforeEach(func() {
		r = directory.NewReplica(&directory.Snapshot{
			People: []directory.Person{*person("1", "alice"), *person("2", "bob"), *person("3", "carol")},
			Groups: []directory.Group{
				*group("10", "payments", "alice", "bob"), *group("20", "platform", "payments", "carol"), *group("30", "empty"),
			},
		})
	})

	It("is what was read", func() {
		Expect(sorted(r)).To(Equal(directory.Snapshot{
			People: []directory.Person{*person("1", "alice"), *person("2", "bob"), *person("3", "carol")},
			Groups: []directory.Group{
				*group("10", "payments", "alice", "bob"), *group("20", "platform", "carol", "payments"), {
					Key: "30", Name: "empty", Refs: []string{"empty"},
				},
			},
		}))
	})

	It("calls a member as they call themselves, by one string for all lists that they are in", func() {
		elsewhere := func(s string) string { return string([]byte(s)) }
		s := sorted(directory.NewReplica(&directory.Snapshot{
			People: []directory.Person{*person("1", "alice")},
			Groups: []directory.Group{
				*group("10", "payments", elsewhere("alice")), *group("20", "platform", elsewhere("alice"), elsewhere("payments"), "nobody"),
			},
		}))
		Expect(s.Groups[1].Members).To(Equal([]string{"alice", "nobody", "payments"}))
		for _, is := range [][2]string{
			{s.Groups[0].Members[0], s.People[0].Refs[0]},
			{s.Groups[1].Members[0], s.People[0].Refs[0]},
			{s.Groups[1].Members[2], s.Groups[0].Refs[0]},
		} {
			Expect(unsafe.StringData(is[0])).To(BeIdenticalTo(unsafe.StringData(is[1])))
		}
	})

	It("takes who came and what changed", func() {
		changed := person("1", "alice")
		changed.Disabled = true
		r.Apply([]directory.Change{came(person("4", "dave")), came(changed), came(group("30", "empty", "dave")), came(group("40", "new"))})
		Expect(sorted(r).People).To(HaveExactElements(*changed, HaveField("Key", "2"), HaveField("Key", "3"), *person("4", "dave")))
		Expect(members(r)).To(And(HaveKeyWithValue("30", []string{"dave"}), HaveKey("40"), HaveLen(4)))
	})

	It("loses who went", func() {
		r.Apply([]directory.Change{gone("2"), gone("30"), gone("no one")})
		Expect(sorted(r).People).To(HaveExactElements(HaveField("Key", "1"), HaveField("Key", "3")))
		Expect(members(r)).To(Equal(map[string][]string{"10": {"alice"}, "20": {"carol", "payments"}}))
	})

	It("is the same when it is told again", func() {
		changes := []directory.Change{
			came(person("1", "alicia")), gone("2"), came(person("4", "dave")), came(group("20", "infra", "payments", "dave")), gone("30"),
		}
		r.Apply(changes)
		once := sorted(r)
		for i := range changes {
			r.Apply(changes[i:])
			Expect(sorted(r)).To(Equal(once))
		}
	})

	It("makes changes in their order", func() {
		r.Apply([]directory.Change{came(person("1", "alicia")), came(person("1", "alix")), gone("2"), came(person("2", "bob"))})
		Expect(members(r)).To(HaveKeyWithValue("10", []string{"alix"}))
		Expect(sorted(r).People).To(HaveLen(3))
	})

	It("keeps a person in their groups under another name", func() {
		r.Apply([]directory.Change{came(person("1", "alicia"))})
		Expect(members(r)).To(Equal(map[string][]string{"10": {"alicia", "bob"}, "20": {"carol", "payments"}, "30": nil}))
	})

	It("lets no one into the groups of someone who had their name", func() {
		r.Apply([]directory.Change{gone("1"), came(person("4", "alice"))})
		Expect(members(r)).To(HaveKeyWithValue("10", []string{"bob"}))
		r.Apply([]directory.Change{came(person("2", "robert")), came(person("5", "bob"))})
		Expect(members(r)).To(HaveKeyWithValue("10", []string{"robert"}))
	})

	It("lets people hand on their names, one after the other", func() {
		r.Apply([]directory.Change{came(person("2", "bobby")), came(person("1", "bob")), came(person("3", "alice"))})
		Expect(members(r)).To(Equal(map[string][]string{"10": {"bob", "bobby"}, "20": {"alice", "payments"}, "30": nil}))
	})

	It("keeps a group in its groups under another name, and loses it there when it goes", func() {
		r.Apply([]directory.Change{came(group("10", "payers", "alice", "bob"))})
		Expect(members(r)).To(HaveKeyWithValue("20", []string{"carol", "payers"}))
		r.Apply([]directory.Change{gone("10"), came(group("40", "payers"))})
		Expect(members(r)).To(HaveKeyWithValue("20", []string{"carol"}))
	})

	It("believes a group that was told after its members", func() {
		r.Apply([]directory.Change{gone("1"), came(person("4", "alice")), came(group("10", "payments", "alice", "bob"))})
		Expect(members(r)).To(HaveKeyWithValue("10", []string{"alice", "bob"}))
	})

	It("does not know who is meant where a group lists a name that was somebody else's", func() {
		Expect(r.Apply([]directory.Change{came(person("1", "alicia")), came(person("4", "alice")), gone("2")})).To(BeFalse())
		Expect(r.Apply([]directory.Change{came(group("20", "platform", "alicia", "carol"))})).To(BeFalse())
		Expect(r.Apply([]directory.Change{came(group("20", "platform", "alice"))})).To(BeTrue())
		Expect(r.Apply([]directory.Change{came(group("30", "empty", "bob"))})).To(BeTrue())
	})

	It("lists nobody twice", func() {
		r.Apply([]directory.Change{came(group("10", "payments", "alicia", "alice")), came(person("1", "alicia"))})
		Expect(members(r)).To(HaveKeyWithValue("10", []string{"alicia"}))
	})

	DescribeTable("follows who has several names", func(before, after, lists, want []string) {
		r.Apply([]directory.Change{came(person("1", before...)), came(group("10", "payments", lists...))})
		r.Apply([]directory.Change{came(person("1", after...))})
		Expect(members(r)).To(HaveKeyWithValue("10", want))
	},
		Entry("one stays", []string{"dn=a", "sid"}, []string{"dn=b", "sid"}, []string{"dn=a"}, []string{"dn=b"}),
		Entry("and is listed by it", []string{"dn=a", "sid"}, []string{"dn=b", "sid"}, []string{"sid"}, []string{"sid"}),
		Entry("one more", []string{"a"}, []string{"a", "b"}, []string{"a"}, []string{"a"}),
		Entry("one less", []string{"a", "b"}, []string{"a"}, []string{"a", "b"}, []string{"a"}),
		Entry("in another order", []string{"a", "b"}, []string{"b", "a"}, []string{"a", "b"}, []string{"a", "b"}),
	)

	It("changes neither what it was made of nor what it gave", func() {
		read := &directory.Snapshot{
			People: []directory.Person{*person("1", "alice")}, Groups: []directory.Group{*group("10", "g", "alice", "bob")},
		}
		other := directory.NewReplica(read)
		gave := other.Snapshot()
		told := group("20", "h", "alice")
		other.Apply([]directory.Change{came(told), came(person("1", "alicia")), gone("10")})
		Expect(read.Groups[0].Members).To(Equal([]string{"alice", "bob"}))
		Expect(gave.Groups[0].Members).To(Equal([]string{"alice", "bob"}))
		Expect(told.Members).To(Equal([]string{"alice"}))
	})
})
