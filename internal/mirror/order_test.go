// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/mirror"
)

// whys are the reasons of changes in their order.
func whys[Object, Facts any](changes []mirror.Change[Object, Facts]) []string {
	list := make([]string, len(changes))
	for i := range changes {
		list[i] = changes[i].Why
	}
	return list
}

var _ = Describe("The order of a plan", func() {
	// The names are chosen so that the order of names is the other way round.
	before := snapshot(people(person("r", "a-renamed"), person("c", "b-changed"), person("d", "y-disabled"), person("l", "z-left")))
	changed := person("c", "b-changed")
	changed.Email = "b@corp.example"
	after := snapshot(people(person("r", "c-renamed"), person("j", "a-joined"), changed, disabled(person("d", "y-disabled"))))

	DescribeTable("of Users is withdraw, give, clean up", func(w *world) {
		w.sync(before)
		plan := w.plan(after)
		Expect(whys(plan.Users)).To(Equal([]string{"disabled", "left", "joined", "changed", "joined", "renamed"}))
		phases := mirror.Cut(plan.Users)
		Expect(whys(phases.Withdraw)).To(Equal([]string{"disabled", "left"}))
		Expect(whys(phases.Give)).To(Equal([]string{"joined", "changed", "joined"}))
		Expect(whys(phases.CleanUp)).To(Equal([]string{"renamed"}))
	},
		Entry("with leavers suspended", newWorld()),
		Entry("with leavers deleted", newWorld().deletingLeavers()),
	)

	DescribeTable("of Groups is withdraw, give, clean up", func(w *world, gone string) {
		w.sync(snapshot(nil, group("r", "a-renamed"), group("l", "z-left")))
		lines := w.sync(snapshot(nil, group("r", "c-renamed"), group("j", "b-joined")))
		Expect(strings.Split(strings.TrimSpace(lines), "\n")).To(Equal([]string{
			gone,
			"group create b-joined (appeared) b-joined id=j Present",
			"group create c-renamed (appeared) c-renamed id=r Present",
			"group delete a-renamed (renamed)",
		}))
	},
		Entry("with leavers suspended", newWorld(), "group observe z-left (gone) z-left id=l Missing"),
		Entry("with leavers deleted", newWorld().deletingLeavers(), "group delete z-left (gone)"),
	)

	It("of Groups counts one that is found as given", func() {
		w := newWorld().declareGroup("a-found", "found")
		w.sync(snapshot(nil, group("l", "z-left")))
		phases := mirror.Cut(w.plan(snapshot(nil, group("f", "found"))).Groups)
		Expect(whys(phases.Withdraw)).To(Equal([]string{"gone"}))
		Expect(whys(phases.Give)).To(Equal([]string{"changed"}))
	})

	It("of Users counts lost groups as withdrawn, and groups won as given", func() {
		w := newWorld()
		w.sync(snapshot(people(person("1", "alice"), person("2", "bob")), group("g", "payments", "1"), group("h", "chess")))
		plan := w.plan(snapshot(people(person("1", "alice"), person("2", "bob")), group("g", "payments"), group("h", "chess", "1", "2")))
		phases := mirror.Cut(plan.Users)
		Expect(phases.Withdraw).To(HaveLen(1))
		Expect(phases.Withdraw[0].Object.Name).To(Equal("alice"))
		Expect(phases.Give).To(HaveLen(1))
		Expect(phases.Give[0].Object.Name).To(Equal("bob"))
	})

	It("does not depend on the order of the snapshot", func() {
		w := newWorld()
		w.sync(before)
		reversed := &directory.Snapshot{}
		for i := range after.People {
			reversed.People = append(reversed.People, after.People[len(after.People)-1-i])
		}
		Expect(text(w.plan(reversed))).To(Equal(text(w.plan(after))))
	})

	It("is counted by what happened", func() {
		w := newWorld()
		w.sync(before)
		Expect(mirror.Count(w.plan(after).Users)).To(Equal(map[string]int{
			"disabled": 1, "left": 1, "joined": 2, "changed": 1, "renamed": 1,
		}))
	})

	It("has phases that are empty when there is nothing to do in them", func() {
		w := newWorld()
		Expect(mirror.Cut(w.plan(snapshot(nil)).Users)).To(BeZero())
		phases := mirror.Cut(w.plan(before).Users)
		Expect(phases.Withdraw).To(BeEmpty())
		Expect(phases.Give).To(HaveLen(4))
		Expect(phases.CleanUp).To(BeEmpty())
		w.sync(before)
		phases = mirror.Cut(w.plan(snapshot(nil)).Users)
		Expect(phases.Withdraw).To(HaveLen(4))
		Expect(phases.Give).To(BeEmpty())
	})
})

var _ = Describe("A crash", func() {
	It("between making a User and writing its status is healed by name", func() {
		w := newWorld()
		s := snapshot(people(person("1", "alice")))
		w.execute(w.plan(s), 1)
		Expect(w.state()).To(Equal([]string{"user alice = alice unseen"}))
		Expect(w.sync(s)).To(Equal("user observe alice (changed) alice id=1 Present\n"))
	})

	It("between making a User with a suffix and writing its status makes no second one", func() {
		w := newWorld()
		s := snapshot(people(person("1", "Alice Ng")))
		w.execute(w.plan(s), 1)
		w.sync(s)
		Expect(w.users).To(HaveLen(1))
		Expect(w.users[0].Status.Identity.ID).To(Equal("1"))
	})

	It("between making the User of the new name and deleting the old one is healed", func() {
		w := newWorld()
		w.sync(snapshot(people(person("1", "alice"))))
		w.user("alice").Spec.State = v1alpha1.UserSuspended
		after := snapshot(people(person("1", "alicia")))
		w.execute(w.plan(after), 1)
		Expect(w.sync(after)).To(Equal("user observe alicia (changed) alicia id=1 Present\nuser delete alice (renamed)\n"))
		Expect(w.user("alicia").Spec.State).To(Equal(v1alpha1.UserSuspended))
	})

	It("after the status of the User of the new name is healed", func() {
		w := newWorld()
		w.sync(snapshot(people(person("1", "alice"))))
		after := snapshot(people(person("1", "alicia")))
		w.execute(w.plan(after), 2)
		Expect(w.sync(after)).To(Equal("user delete alice (renamed)\n"))
	})

	It("in the middle of a rename is healed when the name changes back", func() {
		w := newWorld()
		before := snapshot(people(person("1", "alice")))
		w.sync(before)
		w.execute(w.plan(snapshot(people(person("1", "alicia")))), 2)
		w.sync(before)
		Expect(w.state()).To(Equal([]string{"user alice = alice id=1 Present"}))
	})

	It("that left an object which nobody claims any more is healed", func() {
		w := newWorld()
		w.execute(w.plan(snapshot(people(person("1", "alice")))), 1)
		w.sync(snapshot(nil))
		Expect(w.state()).To(Equal([]string{"user alice = alice id=? Missing"}))
		w.deletingLeavers().sync(snapshot(nil))
		Expect(w.users).To(BeEmpty())
	})

	It("between making a Group and writing its status is healed by name", func() {
		w := newWorld()
		s := snapshot(nil, group("1", "payments"))
		w.execute(w.plan(s), 1)
		Expect(w.sync(s)).To(Equal("group observe payments (changed) payments id=1 Present\n"))
	})
})
