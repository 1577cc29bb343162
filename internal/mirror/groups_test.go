// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/mirror"
)

var _ = Describe("Groups", func() {
	var w *world

	BeforeEach(func() { w = newWorld() })

	It("are made with label, spec and facts", func() {
		plan := w.plan(snapshot(nil, group("g1", "payments")))
		Expect(plan.Groups).To(HaveLen(1))
		Expect(plan.Groups[0].Object.ObjectMeta).To(Equal(metav1.ObjectMeta{
			Name: "payments", Labels: map[string]string{v1alpha1.LabelDirectory: "corp"},
		}))
		Expect(plan.Groups[0].Object.Spec).To(Equal(v1alpha1.GroupSpec{
			GroupName: "payments", DirectoryRef: &v1alpha1.NameReference{Name: "corp"},
		}))
		Expect(plan.Groups[0].Facts).To(Equal(mirror.GroupFacts{ID: "g1", State: v1alpha1.IdentityPresent}))
	})

	It("follow a new name", func() {
		w.sync(snapshot(nil, group("g1", "payments")))
		Expect(w.sync(snapshot(nil, group("g1", "pay")))).To(Equal(
			"group create pay (appeared) pay id=g1 Present\ngroup delete payments (renamed)\n"))
	})

	It("that were declared keep their spec when they are renamed", func() {
		w.declareGroup("payments", "payments").sync(snapshot(nil, group("g1", "payments")))
		w.sync(snapshot(nil, group("g1", "pay")))
		Expect(w.state()).To(Equal([]string{"group payments = payments id=g1 Replaced"}))
	})

	It("that are gone are Missing under Suspend, deleted under Delete", func() {
		w.sync(snapshot(nil, group("g1", "payments")))
		w.sync(snapshot(nil))
		Expect(w.state()).To(Equal([]string{"group payments = payments id=g1 Missing"}))
		w.deletingLeavers().sync(snapshot(nil))
		Expect(w.state()).To(BeEmpty())
	})

	It("get their id back when it was lost", func() {
		w.sync(snapshot(nil, group("g1", "payments")))
		w.group("payments").Status.ID = ""
		Expect(w.sync(snapshot(nil, group("g1", "payments")))).To(Equal("group observe payments (changed) payments id=g1 Present\n"))
	})

	It("of a name that comes back with another id do not get the Group of the one before", func() {
		w.sync(snapshot(nil, group("g1", "payments")))
		w.sync(snapshot(nil, group("g2", "payments")))
		Expect(w.group("payments").Status.State).To(Equal(v1alpha1.IdentityReplaced))
		Expect(w.groups).To(HaveLen(2))
		Expect(w.groups[1].Name).To(MatchRegexp(suffixed("payments")))
	})
})

var _ = Describe("Membership", func() {
	// groupsOf is what the plan says of each person, by login name.
	groupsOf := func(w *world, s *directory.Snapshot) map[string][]string {
		w.sync(s)
		found := map[string][]string{}
		for i := range w.users {
			found[w.users[i].Spec.UserName] = w.users[i].Status.Identity.Groups
		}
		return found
	}
	alice, bob := person("a", "alice"), person("b", "bob")

	It("is sorted and without doubles", func() {
		s := snapshot(people(alice), group("1", "zoo", "a", "a"), group("2", "art", "a", "3"), group("3", "mid", "a"))
		Expect(groupsOf(newWorld(), s)).To(Equal(map[string][]string{"alice": {"art", "mid", "zoo"}}))
	})

	It("goes through groups in groups", func() {
		s := snapshot(people(alice, bob), group("1", "inner", "a"), group("2", "middle", "1", "b"), group("3", "outer", "2"))
		Expect(groupsOf(newWorld(), s)).To(Equal(map[string][]string{
			"alice": {"inner", "middle", "outer"}, "bob": {"middle", "outer"},
		}))
	})

	It("does not with nesting Flat", func() {
		w := newWorld()
		w.nested = false
		s := snapshot(people(alice, bob), group("1", "inner", "a"), group("2", "outer", "1", "b"))
		Expect(groupsOf(w, s)).To(Equal(map[string][]string{"alice": {"inner"}, "bob": {"outer"}}))
	})

	It("ends in cycles", func() {
		s := snapshot(people(alice, bob),
			group("1", "one", "2", "a"), group("2", "two", "3"), group("3", "three", "1", "b"), group("4", "self", "4", "b"))
		Expect(groupsOf(newWorld(), s)).To(Equal(map[string][]string{
			"alice": {"one", "three", "two"}, "bob": {"one", "self", "three", "two"},
		}))
	})

	It("ignores members that lead nowhere", func() {
		s := snapshot(people(alice), group("1", "one", "nobody", "", "a"), group("2", "two", "nobody"))
		Expect(groupsOf(newWorld(), s)).To(Equal(map[string][]string{"alice": {"one"}}))
	})

	It("does not join groups that have nothing to be called by", func() {
		one, two := group("1", "one", "a"), group("2", "two", "")
		one.Refs = nil
		Expect(groupsOf(newWorld(), snapshot(people(alice), one, two))).To(Equal(map[string][]string{"alice": {"one"}}))
	})

	It("goes through groups whose own name cannot be mirrored", func() {
		s := snapshot(people(alice), group("1", "system:inner", "a"), group("2", "outer", "1"))
		Expect(groupsOf(newWorld(), s)).To(Equal(map[string][]string{"alice": {"outer"}}))
	})

	It("follows what a person is called by, if that is more than one", func() {
		twice := directory.Person{ID: "1", UserName: "alice", Refs: []string{"alice", "al"}}
		s := snapshot(people(twice), group("1", "one", "al"), group("2", "two", "alice", "al"), group("3", "three", "Alice"))
		Expect(groupsOf(newWorld(), s)).To(Equal(map[string][]string{"alice": {"one", "two"}}))
	})

	It("is cut at what status can hold", func() {
		groups := make([]directory.Group, 4100)
		for i := range groups {
			groups[i] = group(fmt.Sprintf("id-%d", i), fmt.Sprintf("g%04d", i), "a")
		}
		Expect(groupsOf(newWorld(), snapshot(people(alice), groups...))["alice"]).To(And(
			HaveLen(4096), HaveEach(MatchRegexp(`^g[0-4]\d{3}$`))))
	})

	Describe("of a group that is not mirrored", func() {
		It("does not count as that of the mirrored one with its name", func() {
			w := newWorld()
			w.sync(snapshot(people(alice, bob), group("1", "payments", "a")))
			s := snapshot(people(alice, bob), group("1", "payments", "a"), group("9", "payments", "b"))
			Expect(groupsOf(w, s)).To(Equal(map[string][]string{"alice": {"payments"}, "bob": nil}))
		})

		It("does not count when it was renamed to a name that is in use", func() {
			w := newWorld()
			before := []directory.Group{group("1", "payments", "a"), group("2", "chess", "b")}
			w.sync(snapshot(people(alice, bob), before...))
			s := snapshot(people(alice, bob), group("1", "payments", "a"), group("2", "payments", "b"))
			Expect(groupsOf(w, s)).To(Equal(map[string][]string{"alice": {"payments"}, "bob": {"chess"}}))
		})

		It("counts under the name of its Group, which stays, when its own cannot be mirrored any more", func() {
			w := newWorld()
			w.sync(snapshot(people(alice), group("1", "payments", "a"), group("2", "chess", "a")))
			s := snapshot(people(alice), group("1", "system:masters", "a"), group("2", "", "a"))
			Expect(groupsOf(w, s)).To(Equal(map[string][]string{"alice": {"chess", "payments"}}))
			Expect(w.group("payments").Status.State).To(Equal(v1alpha1.IdentityPresent))
		})

		It("does not count by the name that the Group of such an entry keeps", func() {
			w := newWorld()
			w.sync(snapshot(people(alice, bob), group("1", "payments", "a")))
			s := snapshot(people(alice, bob), group("1", "system:masters", "a"), group("2", "payments", "b"))
			Expect(groupsOf(w, s)).To(Equal(map[string][]string{"alice": {"payments"}, "bob": nil}))
			Expect(groupsOf(w, s)).To(Equal(map[string][]string{"alice": {"payments"}, "bob": nil}))
		})

		It("does not count without an id", func() {
			Expect(groupsOf(newWorld(), snapshot(people(alice), group("", "payments", "a")))).To(Equal(map[string][]string{"alice": nil}))
		})
	})
})
