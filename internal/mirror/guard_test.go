// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/mirror"
)

// guarded is a world that asks where more than so many percent would lose access.
func guarded(percent int32) *world {
	w := newWorld()
	w.dir.Spec.Leavers.MaxLossPercent = &percent
	return w
}

func (w *world) granting(groups ...string) *world {
	w.granted.Groups = set(groups...)
	return w
}

func set(names ...string) map[string]bool {
	found := map[string]bool{}
	for _, name := range names {
		found[name] = true
	}
	return found
}

// staff are n people: p000, p001 and so on, whose ids are their names.
func staff(n int) []directory.Person {
	list := make([]directory.Person, n)
	for i := range list {
		list[i] = person(fmt.Sprintf("p%03d", i), fmt.Sprintf("p%03d", i))
	}
	return list
}

// but is people with the first n of them changed.
func but(list []directory.Person, n int, how func(directory.Person) directory.Person) []directory.Person {
	changed := slices.Clone(list)
	for i := range n {
		changed[i] = how(changed[i])
	}
	return changed
}

func renamed(p directory.Person) directory.Person {
	p.UserName = "now-" + p.UserName
	return p
}

// of are the ids of people.
func of(list []directory.Person) []string {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	return ids
}

// access counts the people who have it.
func (w *world) access() int {
	return len(slices.DeleteFunc(slices.Clone(w.users), func(u v1alpha1.User) bool {
		return u.Status.Identity == nil || u.Status.Identity.State != v1alpha1.IdentityPresent || u.Spec.State == v1alpha1.UserSuspended
	}))
}

func (w *world) suspend(n int) {
	for i := range n {
		w.users[i].Spec.State = v1alpha1.UserSuspended
	}
}

// members counts the people whose status says that they are in a group.
func (w *world) members(group string) int {
	return len(slices.DeleteFunc(slices.Clone(w.users), func(u v1alpha1.User) bool {
		return u.Status.Identity == nil || !slices.Contains(u.Status.Identity.Groups, group)
	}))
}

// holds matches a plan of which the guard holds so much.
func holds(create, update, withdraw int) gomegatypes.GomegaMatcher {
	return HaveField("Held", HaveValue(HaveField("Pending", SatisfyAll(
		HaveField("Create", HaveValue(BeEquivalentTo(create))),
		HaveField("Update", HaveValue(BeEquivalentTo(update))),
		HaveField("Withdraw", HaveValue(BeEquivalentTo(withdraw)))))))
}

// holdsNothing matches a plan by which so many people lose access, those apart who are disabled.
func holdsNothing(losses int) gomegatypes.GomegaMatcher {
	return SatisfyAll(HaveField("Held", BeNil()), HaveField("Lost", HaveLen(losses)))
}

func held(plan mirror.Plan) *v1alpha1.PendingPlan {
	GinkgoHelper()
	Expect(plan.Held).NotTo(BeNil())
	return &plan.Held.Pending
}

var _ = Describe("The loss guard", func() {
	const asked, unasked = true, false

	DescribeTable("asks where too many are gone", func(percent int32, people, leavers int, asks bool) {
		w := guarded(percent)
		w.read(snapshot(staff(people)))
		plan := w.read(snapshot(staff(people)[leavers:]))
		if asks {
			Expect(plan).To(holds(0, leavers, leavers))
			Expect(plan.Held.Of).To(Equal(people))
			Expect(plan.Lost).To(BeEmpty())
			Expect(w.access()).To(Equal(people))
			return
		}
		Expect(plan).To(holdsNothing(leavers))
		Expect(w.access()).To(Equal(people - leavers))
	},
		Entry("a tenth", int32(10), 100, 10, unasked),
		Entry("one more than a tenth", int32(10), 100, 11, asked),
		Entry("just under a tenth of an odd number", int32(10), 109, 10, unasked),
		Entry("just over it", int32(10), 109, 11, asked),
		Entry("five of many", int32(10), 12, 5, unasked),
		Entry("six, where that is more than a tenth", int32(10), 59, 6, asked),
		Entry("six, where that is a tenth", int32(10), 60, 6, unasked),
		Entry("half of a few", int32(10), 10, 5, unasked),
		Entry("half of four", int32(10), 4, 2, unasked),
		Entry("more than half of a few", int32(10), 9, 5, asked),
		Entry("two of three", int32(10), 3, 2, asked),
		Entry("both", int32(10), 2, 2, asked),
		Entry("one of two", int32(10), 2, 1, unasked),
		Entry("the only one", int32(10), 1, 1, unasked),
		Entry("five, where none may go", int32(0), 100, 5, unasked),
		Entry("six, where none may go", int32(0), 100, 6, asked),
		Entry("half, where half may go", int32(50), 100, 50, unasked),
		Entry("more, where half may go", int32(50), 100, 51, asked),
		Entry("most, where more may go", int32(80), 100, 80, unasked),
		Entry("more than may go, where that is most", int32(80), 100, 81, asked),
		Entry("everybody, where nobody shall be asked", int32(100), 100, 100, unasked),
	)

	It("asks at a tenth by default", func() {
		w := guarded(0)
		w.dir.Spec.Leavers = v1alpha1.LeaversSpec{}
		w.read(snapshot(staff(100)))
		Expect(w.plan(snapshot(staff(100)[10:]))).To(holdsNothing(10))
		Expect(w.plan(snapshot(staff(100)[11:]))).To(holds(0, 11, 11))
	})

	It("asks before it deletes as before it marks people missing", func() {
		w := guarded(10).deletingLeavers()
		w.read(snapshot(staff(100)))
		Expect(w.read(snapshot(nil))).To(holds(0, 100, 100))
		Expect(w.users).To(HaveLen(100))
		w.accept()
		Expect(w.read(snapshot(nil))).To(holdsNothing(100))
		Expect(w.users).To(BeEmpty())
	})

	It("lets joiners in and other changes happen meanwhile", func() {
		w := guarded(10)
		w.read(snapshot(staff(100), group("g", "chess")))
		mailed := but(staff(100)[50:], 1, func(p directory.Person) directory.Person {
			p.Email = "p050@corp.example"
			return p
		})
		plan := w.read(snapshot(append(mailed, person("new", "new")), group("g", "chess", "new", "p051"), group("h", "golf")))
		Expect(plan).To(holds(0, 50, 50))
		Expect(whys(plan.Users)).To(ConsistOf("joined", "changed", "changed"))
		Expect(whys(plan.Groups)).To(ConsistOf("appeared"))
		Expect(w.access()).To(Equal(101))
		Expect(w.user("new").Status.Identity.Groups).To(Equal([]string{"chess"}))
		Expect(w.user("p051").Status.Identity.Groups).To(Equal([]string{"chess"}))
		Expect(w.user("p050").Status.Identity.Email).To(Equal("p050@corp.example"))
	})

	It("does not count the suspended, neither among those who go nor among those who stay", func() {
		w := guarded(10)
		w.read(snapshot(staff(60)))
		w.suspend(30)
		Expect(w.plan(snapshot(staff(60)[33:]))).To(holdsNothing(3))
		Expect(w.plan(snapshot(staff(60)[35:]))).To(holdsNothing(5))
		Expect(w.plan(snapshot(staff(60)[36:]))).To(holds(0, 6, 6))
		Expect(w.plan(snapshot(staff(60)[36:])).Held.Of).To(Equal(30))
		Expect(w.plan(snapshot(staff(60)[30:]))).To(holdsNothing(0))
	})

	It("does not count people who were out before", func() {
		w := guarded(10)
		w.read(snapshot(but(staff(60), 30, disabled)))
		Expect(w.plan(snapshot(staff(60)[35:]))).To(holdsNothing(5))
		Expect(w.plan(snapshot(staff(60)[36:]))).To(holds(0, 6, 6))
	})

	It("counts a name that was given to somebody else as gone, whom it lets in", func() {
		w := guarded(10)
		w.read(snapshot(staff(20)))
		others := but(staff(20), 6, func(p directory.Person) directory.Person { return person("other-"+p.ID, p.UserName) })
		plan := w.read(snapshot(others))
		Expect(plan).To(holds(0, 6, 6))
		Expect(whys(plan.Users)).To(Equal(slices.Repeat([]string{"joined"}, 6)))
		Expect(w.user("p000").Status.Identity).To(HaveValue(HaveField("State", v1alpha1.IdentityPresent)))
		Expect(w.access()).To(Equal(26))
	})

	Describe("bit by bit between two full reads", func() {
		It("lets no more go than at once", func() {
			w := guarded(10)
			w.read(snapshot(staff(100)))
			Expect(w.hear(snapshot(staff(100)[6:]))).To(holdsNothing(6))
			Expect(w.hear(snapshot(staff(100)[10:]))).To(holdsNothing(4))
			Expect(w.hear(snapshot(staff(100)[11:]))).To(holds(0, 1, 1))
			Expect(w.access()).To(Equal(90))
		})

		It("lets as many go where these are deleted, or renamed", func() {
			w := guarded(10).deletingLeavers()
			w.read(snapshot(staff(100)))
			Expect(w.hear(snapshot(staff(100)[9:]))).To(holdsNothing(9))
			Expect(w.users).To(HaveLen(91))
			Expect(w.plan(snapshot(staff(100)[10:]))).To(holdsNothing(1))
			Expect(w.plan(snapshot(staff(100)[11:]))).To(holds(0, 2, 2))
			w = guarded(10)
			w.read(snapshot(staff(100)))
			Expect(w.hear(snapshot(but(staff(100), 9, renamed)))).To(holdsNothing(9))
			Expect(w.plan(snapshot(but(staff(100), 10, renamed)))).To(holdsNothing(1))
			Expect(w.plan(snapshot(but(staff(100), 11, renamed)))).To(holds(2, 2, 2))
		})

		It("counts a person once, however often they lose something", func() {
			w := guarded(10).granting("a", "b")
			groups := func(a, b int) *directory.Snapshot {
				return snapshot(staff(100), group("a", "a", of(staff(100)[a:])...), group("b", "b", of(staff(100)[b:])...))
			}
			w.read(groups(0, 0))
			Expect(w.hear(groups(8, 0))).To(holdsNothing(8))
			Expect(w.hear(groups(8, 8))).To(holdsNothing(8))
			Expect(w.hear(groups(8, 8+3)).Held).NotTo(BeNil())
		})

		It("counts a full read's own losses too", func() {
			w := guarded(10)
			w.read(snapshot(staff(100)))
			w.hear(snapshot(staff(100)[6:]))
			Expect(w.read(snapshot(staff(100)[11:]))).To(holds(0, 5, 5))
		})

		It("begins anew with a full read", func() {
			w := guarded(10)
			w.read(snapshot(staff(100)))
			w.hear(snapshot(staff(100)[10:]))
			w.read(snapshot(staff(100)[10:]))
			Expect(w.hear(snapshot(staff(100)[19:]))).To(holdsNothing(9))
			Expect(w.hear(snapshot(staff(100)[20:]))).To(holds(0, 1, 1), "ten of 81 and 9")
		})
	})

	Describe("once it holds", func() {
		var w *world
		BeforeEach(func() {
			w = guarded(10)
			w.read(snapshot(staff(100)))
			Expect(w.read(snapshot(staff(100)[50:]))).To(holds(0, 50, 50))
		})

		It("holds the last ones while a directory fills again", func() {
			Expect(w.read(snapshot(staff(100)[3:]))).To(holds(0, 3, 3))
			Expect(w.read(snapshot(staff(100)[1:]))).To(holds(0, 1, 1))
			Expect(w.access()).To(Equal(100))
		})

		It("holds them after the operator was started anew", func() {
			w.guard = mirror.Guard{}
			Expect(w.plan(snapshot(staff(100)[1:]))).To(holds(0, 1, 1))
		})

		It("lets go when nobody is lost any more", func() {
			Expect(w.read(snapshot(staff(100)))).To(holdsNothing(0))
			Expect(w.dir.Status.Pending).To(BeNil())
			Expect(w.read(snapshot(staff(100)[3:]))).To(holdsNothing(3))
		})

		It("weighs anew when the spec has changed", func() {
			w.dir.Generation++
			Expect(w.plan(snapshot(staff(100)[50:]))).To(holds(0, 50, 50))
			Expect(w.plan(snapshot(staff(100)[3:]))).To(holdsNothing(3))
		})

		It("asks no more when the spec says so", func() {
			w.dir.Generation++
			w.dir.Spec.Leavers.MaxLossPercent = new(int32(100))
			Expect(w.plan(snapshot(staff(100)[50:]))).To(holdsNothing(50))
		})

		It("holds one who is renamed or leaves a granted group as it does those who are gone", func() {
			w.granting("pay")
			w.read(snapshot(staff(100), group("g", "pay", "p099")))
			Expect(w.dir.Status.Pending).To(BeNil())
			w.read(snapshot(staff(100)[50:], group("g", "pay", "p099")))
			Expect(w.read(snapshot(but(staff(100), 1, renamed), group("g", "pay")))).To(holds(1, 2, 2))
		})
	})
})
