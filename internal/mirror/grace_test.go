// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
)

// patient is a world where an entry may be missing for a minute.
func patient() *world {
	w := newWorld()
	w.dir.Spec.Leavers.GraceSeconds = new(int32(60))
	return w
}

var _ = Describe("Grace for people", func() {
	var w *world
	both := snapshot(people(person("1", "alice"), person("2", "bob")), group("g", "payments", "1", "2"))
	one := snapshot(people(person("2", "bob")), group("g", "payments", "2"))
	BeforeEach(func() {
		w = patient()
		w.read(both)
	})

	It("keeps a person and their groups, and writes since when they are missing", func() {
		Expect(w.sync(one)).To(Equal(
			"user observe alice (missing) alice id=1 Present groups=\"payments\" missing since 12:00:00\n"))
		Expect(text(w.plan(one))).To(BeEmpty())
	})

	It("writes that in whole seconds, as status holds it", func() {
		w.now = w.now.Add(1500 * time.Millisecond)
		w.sync(one)
		Expect(w.user("alice").Status.Identity.MissingTime.Time).To(Equal(w.now.Truncate(time.Second)))
		Expect(text(w.plan(one))).To(BeEmpty())
	})

	DescribeTable("ends when it is over", func(w *world, gone string) {
		w.dir.Spec.Leavers.GraceSeconds = new(int32(60))
		w.read(both)
		w.read(one)
		w.now = w.now.Add(time.Minute - time.Nanosecond)
		Expect(text(w.plan(one))).To(BeEmpty())
		w.now = w.now.Add(time.Nanosecond)
		Expect(w.sync(one)).To(Equal(gone))
		Expect(text(w.plan(one))).To(BeEmpty())
	},
		Entry("with leavers suspended", newWorld(), "user observe alice (left) alice id=1 Missing\n"),
		Entry("with leavers deleted", newWorld().deletingLeavers(), "user delete alice (left)\n"),
		Entry("with what was declared", newWorld().deletingLeavers().declare("alice", "alice"),
			"user observe alice (left) alice id=1 Missing\n"),
	)

	It("does not go on from where it was when somebody came back meanwhile", func() {
		w.read(one)
		w.now = w.now.Add(40 * time.Second)
		Expect(w.sync(both)).To(Equal("user observe alice (changed) alice id=1 Present groups=\"payments\"\n"))
		w.now = w.now.Add(40 * time.Second)
		Expect(w.sync(one)).To(ContainSubstring("missing since 12:01:20"))
		w.now = w.now.Add(40 * time.Second)
		Expect(text(w.plan(one))).To(BeEmpty())
	})

	It("takes people as they are when they come back", func() {
		w.read(one)
		back := snapshot(people(disabled(person("1", "alice")), person("2", "bob")), group("g", "payments", "2"))
		Expect(w.sync(back)).To(Equal("user observe alice (disabled) alice id=1 Disabled\n"))
	})

	It("finds people who come back by another name", func() {
		w.read(one)
		w.sync(snapshot(people(person("1", "alicia"), person("2", "bob"))))
		Expect(w.user("alice")).To(BeNil())
		Expect(w.user("alicia").Status.Identity).To(HaveValue(HaveField("MissingTime", BeNil())))
	})

	It("is not for the disabled, neither when they are disabled nor when they are gone then", func() {
		Expect(w.sync(snapshot(people(disabled(person("1", "alice")), person("2", "bob")), one.Groups[0]))).To(
			ContainSubstring("alice id=1 Disabled"))
		Expect(w.sync(one)).To(Equal("user observe alice (left) alice id=1 Missing\n"))
	})

	It("ends with the entry of somebody who is disabled by it, though it cannot be mirrored", func() {
		w.read(one)
		w.read(snapshot(people(disabled(person("1", "system:alice")), person("2", "bob")), one.Groups[0]))
		Expect(w.user("alice").Status.Identity).To(HaveValue(SatisfyAll(
			HaveField("State", v1alpha1.IdentityDisabled), HaveField("MissingTime", BeNil()))))
	})

	It("is not for Users whose entry was never there", func() {
		w.declare("nobody", "nobody")
		Expect(w.sync(both)).To(Equal("user observe nobody (left) nobody id=? Missing\n"))
	})

	It("is for the suspended as for others, who are in the directory's groups as well", func() {
		w.user("alice").Spec.State = v1alpha1.UserSuspended
		w.sync(one)
		Expect(w.user("alice").Status.Identity.State).To(Equal(v1alpha1.IdentityPresent))
	})

	It("lets somebody else with the name in meanwhile, as another User", func() {
		another := snapshot(people(person("9", "alice"), person("2", "bob")), one.Groups[0])
		w.sync(another)
		Expect(w.state()).To(ContainElements(
			"user alice = alice id=1 Present groups=\"payments\" missing since 12:00:00", HaveSuffix("alice id=9 Present")))
		w.now = w.now.Add(time.Minute)
		Expect(w.sync(another)).To(Equal("user observe alice (replaced) alice id=1 Replaced\n"))
	})

	It("can be made shorter and longer while it runs", func() {
		w.read(one)
		w.now = w.now.Add(30 * time.Second)
		w.dir.Spec.Leavers.GraceSeconds = new(int32(30))
		Expect(text(w.plan(one))).To(Equal("user observe alice (left) alice id=1 Missing\n"))
		w.dir.Spec.Leavers.GraceSeconds = new(int32(0))
		Expect(text(w.plan(one))).To(Equal("user observe alice (left) alice id=1 Missing\n"))
		w.dir.Spec.Leavers.GraceSeconds = new(int32(90))
		w.now = w.now.Add(59 * time.Second)
		Expect(text(w.plan(one))).To(BeEmpty())
	})

	It("does not keep the loss guard from asking when it is over, and not before", func() {
		w := patient()
		w.dir.Spec.Leavers.MaxLossPercent = nil
		w.read(snapshot(staff(20)))
		Expect(w.read(snapshot(nil))).To(holdsNothing(0))
		Expect(w.access()).To(Equal(20))
		w.now = w.now.Add(time.Minute)
		Expect(w.read(snapshot(nil))).To(holds(0, 20, 20))
		Expect(w.read(snapshot(staff(20)))).To(holdsNothing(0))
		Expect(w.state()).To(HaveEach(HaveSuffix("Present")))
	})
})

var _ = Describe("Grace for groups", func() {
	var w *world
	alice, bob := person("a", "alice"), person("b", "bob")
	full := snapshot(people(alice, bob), group("1", "payments", "a"), group("2", "chess", "b"))
	without := snapshot(people(alice, bob), group("2", "chess", "b"))
	BeforeEach(func() {
		w = patient()
		w.read(full)
	})

	It("keeps the group, and its members in it", func() {
		Expect(w.sync(without)).To(Equal("group observe payments (missing) payments id=1 Present missing since 12:00:00\n"))
		Expect(w.user("alice").Status.Identity.Groups).To(Equal([]string{"payments"}))
		Expect(text(w.plan(without))).To(BeEmpty())
	})

	It("lets its members into others", func() {
		w.sync(snapshot(people(alice, bob), group("2", "chess", "a")))
		Expect(w.user("alice").Status.Identity.Groups).To(Equal([]string{"chess", "payments"}))
		Expect(w.user("bob").Status.Identity.Groups).To(BeEmpty())
	})

	It("keeps its members in the groups that it was in", func() {
		w := patient()
		w.read(snapshot(people(alice), group("1", "team", "a"), group("2", "company", "1")))
		w.sync(snapshot(people(alice), group("2", "company", "1")))
		Expect(w.user("alice").Status.Identity.Groups).To(Equal([]string{"company", "team"}))
	})

	It("does not keep its members in groups that they are taken out of themselves", func() {
		w := patient()
		w.read(snapshot(people(alice, bob), group("1", "payments", "a"), group("2", "admins", "a")))
		taken := w.copy()
		taken.sync(snapshot(people(alice, bob), group("2", "admins", "b")))
		Expect(taken.user("alice").Status.Identity.Groups).To(Equal([]string{"payments"}))
		w.sync(snapshot(people(alice, bob), group("2", "admins")))
		Expect(w.user("alice").Status.Identity.Groups).To(Equal([]string{"payments"}), "nobody is left there")
	})

	It("lets nobody in by another entry of its name", func() {
		another := snapshot(people(alice, bob), group("9", "payments", "b"), group("2", "chess", "b"))
		w.read(another)
		Expect(w.group("payments").Status.State).To(Equal(v1alpha1.IdentityPresent))
		Expect(w.user("bob").Status.Identity.Groups).To(Equal([]string{"chess"}))
		Expect(text(w.plan(another))).To(BeEmpty(), "neither then nor once that has a Group of its own")
		w.now = w.now.Add(time.Minute)
		w.read(another)
		Expect(w.group("payments").Status.State).To(Equal(v1alpha1.IdentityReplaced))
		Expect(w.user("bob").Status.Identity.Groups).To(Equal([]string{"chess", "payments"}))
	})

	It("ends when it is over", func() {
		w.read(without)
		w.now = w.now.Add(time.Minute - time.Nanosecond)
		Expect(text(w.plan(without))).To(BeEmpty())
		w.now = w.now.Add(time.Nanosecond)
		Expect(w.sync(without)).To(Equal(
			"user observe alice (changed) alice id=a Present\ngroup observe payments (gone) payments id=1 Missing\n"))
		Expect(text(w.plan(without))).To(BeEmpty())
	})

	It("ends when the group comes back", func() {
		w.read(without)
		Expect(w.sync(full)).To(Equal("group observe payments (changed) payments id=1 Present\n"))
		Expect(text(w.plan(full))).To(BeEmpty())
	})

	It("does not keep anybody who is disabled", func() {
		w.sync(snapshot(people(disabled(alice), bob), group("2", "chess", "b")))
		Expect(w.user("alice").Status.Identity.State).To(Equal(v1alpha1.IdentityDisabled))
	})

	It("is not for Groups whose entry was never there, or that are missing already", func() {
		Expect(w.declareGroup("nothing", "nothing").sync(full)).To(Equal("group observe nothing (gone) nothing id=? Missing\n"))
		w.dir.Spec.Leavers.GraceSeconds = nil
		w.read(without)
		w.dir.Spec.Leavers.GraceSeconds = new(int32(60))
		Expect(text(w.plan(without))).To(BeEmpty())
		Expect(w.deletingLeavers().sync(without)).To(ContainSubstring("group delete payments (gone)\n"))
	})
})

var _ = Describe("People who expire", func() {
	expiring := func(at time.Time) *directory.Snapshot {
		p := person("1", "alice")
		p.ExpireTime = at
		return snapshot(people(p))
	}

	It("are disabled from that very moment on", func() {
		w := newWorld()
		s := expiring(w.now.Add(time.Hour))
		w.read(s)
		w.now = w.now.Add(time.Hour - time.Nanosecond)
		Expect(text(w.plan(s))).To(BeEmpty())
		w.now = w.now.Add(time.Nanosecond)
		Expect(w.sync(s)).To(Equal("user observe alice (disabled) alice id=1 Disabled\n"))
		Expect(text(w.plan(s))).To(BeEmpty())
		Expect(w.sync(expiring(w.now.Add(time.Second)))).To(Equal("user observe alice (changed) alice id=1 Present\n"))
	})

	It("are imported as disabled afterwards, and have no grace", func() {
		w := patient()
		Expect(w.sync(expiring(w.now))).To(Equal("user create alice (joined) alice id=1 Disabled\n"))
		Expect(w.sync(snapshot(nil))).To(Equal("user observe alice (left) alice id=1 Missing\n"))
	})
})

var _ = Describe("The time to look again", func() {
	var w *world
	at := func(id string, after time.Duration) directory.Person {
		p := person(id, "name-"+id)
		p.ExpireTime = w.now.Add(after)
		return p
	}
	BeforeEach(func() { w = patient() })

	It("is never where nothing changes by itself", func() {
		Expect(w.plan(snapshot(staff(3), group("g", "all"))).Recheck).To(BeZero())
		Expect(w.plan(snapshot(people(at("1", -time.Hour), at("2", 0)))).Recheck).To(BeZero(), "they have expired")
	})

	It("is when the next person expires", func() {
		s := snapshot(people(at("1", 2*time.Hour), at("2", time.Hour), at("3", -time.Hour), person("4", "name-4")))
		Expect(w.read(s).Recheck).To(Equal(w.now.Add(time.Hour)))
		first := w.now
		w.now = first.Add(time.Hour)
		Expect(w.read(s).Recheck).To(Equal(first.Add(2 * time.Hour)))
	})

	It("is when the grace of the first who is missing ends", func() {
		first := w.now
		w.read(snapshot(people(person("1", "alice"), person("2", "bob"))))
		w.read(snapshot(people(person("2", "bob"))))
		w.now = first.Add(10 * time.Second)
		w.read(snapshot(nil))
		Expect(w.plan(snapshot(nil)).Recheck).To(Equal(first.Add(time.Minute)))
		w.now = first.Add(time.Minute)
		Expect(w.read(snapshot(nil)).Recheck).To(Equal(first.Add(70 * time.Second)))
		w.now = first.Add(70 * time.Second)
		Expect(w.read(snapshot(nil)).Recheck).To(BeZero())
		Expect(w.plan(snapshot(nil)).Recheck).To(BeZero())
	})

	It("is when a group's grace ends", func() {
		w.read(snapshot(nil, group("g", "payments")))
		w.read(snapshot(nil))
		Expect(w.plan(snapshot(nil)).Recheck).To(Equal(w.now.Add(time.Minute)))
	})

	It("is known as soon as somebody is missing", func() {
		w.read(snapshot(people(person("1", "alice")), group("g", "payments")))
		Expect(w.plan(snapshot(nil, group("g", "payments"))).Recheck).To(Equal(w.now.Add(time.Minute)))
		Expect(w.plan(snapshot(people(person("1", "alice")))).Recheck).To(Equal(w.now.Add(time.Minute)))
	})
})
