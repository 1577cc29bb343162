// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/mirror"
)

// refs makes a person's groups call them otherwise than by their id.
func refs(p directory.Person, list ...string) directory.Person {
	p.Refs = list
	return p
}

// memberOf is a person whose own entry names groups.
func memberOf(p directory.Person, groups ...string) directory.Person {
	p.MemberOf = groups
	return p
}

var _ = Describe("Letter case of ids", func() {
	lower := snapshot(people(refs(person("ab-1", "alice"), "a")), group("cd-1", "payments", "a"))
	upper := snapshot(people(refs(person("AB-1", "alice"), "a")), group("CD-1", "payments", "a"))

	It("does not tell one from another, and changes nothing", func() {
		w := newWorld()
		w.read(lower)
		Expect(text(w.plan(upper))).To(BeEmpty())
		Expect(w.user("alice").Status.Identity.ID).To(Equal("ab-1"))
	})

	It("stays as it was when something else changes", func() {
		w := newWorld()
		w.read(lower)
		changed := snapshot(people(called(upper.People[0], "Alice", "")), upper.Groups[0])
		Expect(w.sync(changed)).To(Equal("user observe alice (changed) alice id=ab-1 Present name=\"Alice\" groups=\"payments\"\n"))
	})

	It("finds who was renamed, and who came back", func() {
		w := newWorld()
		w.read(lower)
		w.read(snapshot(nil))
		w.read(upper)
		Expect(w.state()).To(Equal([]string{
			"group payments = payments id=cd-1 Present", "user alice = alice id=ab-1 Present groups=\"payments\"",
		}))
		w.read(snapshot(people(person("AB-1", "alicia")), group("CD-1", "pay")))
		Expect(w.state()).To(Equal([]string{"group pay = pay id=CD-1 Present", "user alicia = alicia id=AB-1 Present"}))
	})

	It("does not make two of entries that share an id otherwise", func() {
		w := newWorld()
		twins := snapshot(people(person("ab-1", "alice"), person("AB-1", "bob"), person("2", "carol")),
			group("cd-1", "payments"), group("Cd-1", "chess"), group("3", "golf"))
		plan := w.plan(twins)
		Expect(plan.PeopleSkipped).To(Equal(mirror.Skipped{mirror.SkipSharedID: 2}))
		Expect(plan.GroupsSkipped).To(Equal(mirror.Skipped{mirror.SkipSharedID: 2}))
		w.read(twins)
		Expect(w.state()).To(Equal([]string{"group golf = golf id=3 Present", "user carol = carol id=2 Present"}))
	})

	It("does not let such an entry take the User of another", func() {
		w := newWorld()
		w.read(lower)
		w.read(snapshot(people(person("AB-1", "mallory"), refs(person("ab-1", "alice"), "a")), lower.Groups[0]))
		Expect(w.state()).To(ContainElement("user alice = alice id=ab-1 Present groups=\"payments\""))
		Expect(w.users).To(HaveLen(1))
	})

	It("knows who has a name by right where two entries have it", func() {
		w := newWorld()
		w.read(lower)
		w.read(snapshot(people(refs(person("AB-1", "alice"), "a"), person("9", "alice")), lower.Groups[0]))
		Expect(w.state()).To(ContainElement("user alice = alice id=ab-1 Present groups=\"payments\""))
	})

	It("disables who is disabled by the other case, though the entry cannot be mirrored", func() {
		w := newWorld()
		w.read(lower)
		w.read(snapshot(people(disabled(person("AB-1", "system:alice"))), lower.Groups[0]))
		Expect(w.user("alice").Status.Identity.State).To(BeEquivalentTo("Disabled"))
	})
})

var _ = Describe("Groups that a person's own entry names", func() {
	It("are theirs, with the groups around them", func() {
		w := newWorld()
		alice, bob := memberOf(person("a", "alice"), "1"), person("b", "bob")
		s := snapshot(people(alice, bob), group("1", "domain users"), group("2", "company", "1", "b"))
		w.read(s)
		Expect(w.user("alice").Status.Identity.Groups).To(Equal([]string{"company", "domain users"}))
		Expect(w.user("bob").Status.Identity.Groups).To(Equal([]string{"company"}))
		w.nested = false
		w.read(s)
		Expect(w.user("alice").Status.Identity.Groups).To(Equal([]string{"domain users"}))
	})

	It("are found by any name that a group has, and by none that it has not", func() {
		w := newWorld()
		users := group("1", "domain users")
		users.Refs = []string{"cn=domain users", "S-1-5-21-513"}
		w.read(snapshot(people(memberOf(person("a", "alice"), "S-1-5-21-513", "S-1-5-21-512", "")), users, group("2", "others")))
		Expect(w.user("alice").Status.Identity.Groups).To(Equal([]string{"domain users"}))
	})

	It("count once where the group lists the person too", func() {
		w := newWorld()
		w.read(snapshot(people(memberOf(person("a", "alice"), "1")), group("1", "payments", "a")))
		Expect(w.user("alice").Status.Identity.Groups).To(Equal([]string{"payments"}))
	})

	It("can be left", func() {
		w := guarded(10).granting("payments")
		in := but(staff(20), 20, func(p directory.Person) directory.Person { return memberOf(p, "1") })
		w.read(snapshot(in, group("1", "payments")))
		Expect(w.members("payments")).To(Equal(20))
		Expect(w.read(snapshot(staff(20), group("1", "payments")))).To(holds(0, 20, 20))
	})
})
