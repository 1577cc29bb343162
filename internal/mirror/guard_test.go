// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

var _ = Describe("Passing the loss guard", func() {
	var w *world
	half := snapshot(staff(100)[50:])
	BeforeEach(func() {
		w = guarded(10)
		w.read(snapshot(staff(100)))
	})

	It("takes the token of the plan", func() {
		w.read(half)
		w.accept()
		Expect(w.plan(half)).To(holdsNothing(50))
		Expect(w.read(half).Accepted).To(HaveLen(50))
		Expect(w.access()).To(Equal(50))
		Expect(w.dir.Status.Pending).To(BeNil())
		Expect(w.read(half)).To(holdsNothing(0))
	})

	DescribeTable("does not work with", func(token string) {
		w.read(half)
		w.dir.Annotations = map[string]string{v1alpha1.AnnotationAcceptLoss: token}
		Expect(w.read(half)).To(holds(0, 50, 50))
	},
		Entry("nothing", ""), Entry("anything", "yes"), Entry("another token", "0123456789abcdef"),
	)

	It("passes that plan and no other", func() {
		w.read(half)
		w.accept()
		Expect(w.plan(snapshot(staff(100)[51:]))).To(holds(0, 51, 51), "another one is gone")
		Expect(w.plan(snapshot(staff(100)[49:]))).To(holds(0, 49, 49), "one came back")
		Expect(w.plan(snapshot(staff(100)[:50]))).To(holds(0, 50, 50), "the other half is gone")
		Expect(w.plan(snapshot(but(staff(100), 50, renamed)))).To(holds(50, 50, 50), "the same people, by another way")
	})

	It("has one token for one plan, whatever else happens and whenever it is read", func() {
		token := held(w.read(half)).Token
		Expect(token).To(MatchRegexp("^[0-9a-f]{16}$"))
		w.now = w.now.Add(time.Hour)
		Expect(held(w.read(half)).Token).To(Equal(token))
		joined := append(staff(100)[50:], person("new", "new"))
		Expect(held(w.read(snapshot(joined, group("g", "chess", "p099")))).Token).To(Equal(token))
		Expect(held(w.read(snapshot(but(joined, 1, disabled)))).Token).To(Equal(token), "who is disabled does not wait")
		slices.Reverse(joined)
		Expect(held(w.read(snapshot(joined))).Token).To(Equal(token))
	})

	It("has another token for another plan", func() {
		tokens := map[string]bool{}
		for _, s := range []*directory.Snapshot{half, snapshot(staff(100)[51:]), snapshot(staff(100)[49:]), snapshot(staff(100)[:50])} {
			tokens[held(w.plan(s)).Token] = true
		}
		Expect(tokens).To(HaveLen(4))
	})

	It("has another token when the same happens again, so that what was accepted once is not accepted for ever", func() {
		first := held(w.read(half))
		w.accept()
		w.read(snapshot(staff(100)))
		w.now = w.now.Add(time.Minute)
		again := held(w.read(half))
		Expect(again.Token).NotTo(Equal(first.Token))
		Expect(again.StartTime.Time).To(Equal(first.StartTime.Add(time.Minute)))
		Expect(w.access()).To(Equal(100))
	})

	It("says since when it waits, in whole seconds", func() {
		w.now = w.now.Add(1500 * time.Millisecond)
		start := held(w.read(half)).StartTime
		Expect(start.Time).To(Equal(w.now.Truncate(time.Second)))
		w.now = w.now.Add(time.Hour)
		Expect(held(w.read(half)).StartTime).To(Equal(start))
	})

	It("passes the rest of the plan after some of its writes failed", func() {
		w.read(half)
		w.accept()
		plan := w.plan(half)
		w.guard.Accepted = plan.Accepted
		w.execute(plan, 20)
		Expect(w.access()).To(Equal(80))
		Expect(w.plan(snapshot(staff(100)[51:]))).To(holds(0, 31, 31), "but not what nobody accepted")
		Expect(w.read(half)).To(holdsNothing(30))
		Expect(w.access()).To(Equal(50))
		Expect(w.guard.Accepted).To(BeNil())
	})

	It("asks again for the rest of the plan after the operator was started anew", func() {
		w.read(half)
		w.accept()
		w.execute(w.plan(half), 20)
		Expect(w.read(half)).To(holds(0, 30, 30))
		w.accept()
		Expect(w.read(half)).To(holdsNothing(30))
	})

	It("names objects and not just their names", func() {
		before := held(w.plan(half)).Token
		w.user("p000").UID = "another"
		Expect(held(w.plan(half)).Token).NotTo(Equal(before))
	})
})

var _ = Describe("The loss guard and the disabled", func() {
	var w *world
	BeforeEach(func() {
		w = guarded(10)
		w.read(snapshot(staff(100)))
	})

	DescribeTable("lets them be disabled, unless these alone are too many", func(count int, asks bool) {
		plan := w.read(snapshot(but(staff(100), count, disabled)))
		if asks {
			Expect(plan).To(holds(0, count, count))
			Expect(w.access()).To(Equal(100))
			return
		}
		Expect(plan).To(holdsNothing(0), "they are no loss that anybody concluded")
		Expect(w.access()).To(Equal(100 - count))
	},
		Entry("one", 1, false), Entry("a tenth", 10, false), Entry("more", 11, true), Entry("all", 100, true),
	)

	It("disables one while hundreds vanish", func() {
		w := guarded(10)
		w.read(snapshot(staff(500)))
		plan := w.read(snapshot(but(staff(500)[400:], 1, disabled)))
		Expect(plan).To(holds(0, 400, 400))
		Expect(whys(plan.Users)).To(Equal([]string{"disabled"}))
		Expect(w.access()).To(Equal(499))
	})

	It("disables one while it holds others from before", func() {
		w.read(snapshot(staff(100)[50:]))
		w.read(snapshot(but(staff(100)[50:], 1, disabled)))
		Expect(w.user("p050").Status.Identity.State).To(Equal(v1alpha1.IdentityDisabled))
		Expect(w.access()).To(Equal(99))
	})

	It("adds them to those who are gone: a directory that loses people both ways loses as many", func() {
		Expect(w.plan(snapshot(but(staff(100)[5:], 5, disabled)))).To(holdsNothing(5))
		plan := w.plan(snapshot(but(staff(100)[5:], 6, disabled)))
		Expect(plan).To(holds(0, 5, 5))
		Expect(whys(plan.Users)).To(Equal(slices.Repeat([]string{"disabled"}, 6)))
	})

	It("does not let those who are gone hold up the disabled, neither now nor before", func() {
		w.hear(snapshot(staff(100)[10:]))
		plan := w.hear(snapshot(but(staff(100)[10:], 9, disabled)))
		Expect(plan).To(holdsNothing(0))
		Expect(w.access()).To(Equal(81))
	})

	It("holds both where both are too many, with one token", func() {
		s := snapshot(but(staff(100)[20:], 20, disabled))
		plan := w.read(s)
		Expect(plan).To(holds(0, 40, 40))
		Expect(w.access()).To(Equal(100))
		w.accept()
		Expect(w.read(s)).To(holdsNothing(20))
		Expect(w.access()).To(Equal(60))
	})

	It("holds people who expire together, when they do", func() {
		expiring := but(staff(100), 20, func(p directory.Person) directory.Person {
			p.ExpireTime = w.now.Add(time.Hour)
			return p
		})
		Expect(w.read(snapshot(expiring))).To(holdsNothing(0))
		w.now = w.now.Add(time.Hour)
		Expect(w.read(snapshot(expiring))).To(holds(0, 20, 20))
	})

	It("weighs them alone also where they lose a group or their name at the same time", func() {
		w := guarded(10).granting("all")
		w.read(snapshot(staff(20), group("g", "all", of(staff(20))...)))
		gone := but(staff(20), 20, disabled)
		Expect(w.read(snapshot(gone))).To(holds(0, 21, 20))
		Expect(w.access()).To(Equal(20))
		w.dir.Status.Pending, w.dir.Spec.UsernamePrefix = nil, new("new:")
		Expect(w.read(snapshot(gone, group("g", "all", of(staff(20))...)))).To(holds(0, 20, 20))
		Expect(w.access()).To(Equal(20))
	})

	It("disables those whose entry cannot be mirrored any more", func() {
		s := snapshot(but(staff(100), 2, func(p directory.Person) directory.Person {
			p.UserName = "system:" + p.UserName
			return disabled(p)
		}))
		Expect(w.read(s)).To(holdsNothing(0))
		Expect(w.access()).To(Equal(98))
	})
})

var _ = Describe("The loss guard and renames", func() {
	var w *world
	BeforeEach(func() {
		w = guarded(10)
		w.read(snapshot(staff(100)))
	})

	It("lets a few be renamed", func() {
		Expect(w.read(snapshot(but(staff(100), 10, renamed)))).To(holdsNothing(10))
		Expect(w.user("now-p009")).NotTo(BeNil())
		Expect(w.user("p009")).To(BeNil())
	})

	It("holds those of many, whose new Users wait too", func() {
		s := snapshot(but(append(staff(100), person("new", "new")), 11, renamed))
		plan := w.read(s)
		Expect(plan).To(holds(11, 11, 11))
		Expect(whys(plan.Users)).To(Equal([]string{"joined"}))
		Expect(w.user("now-p000")).To(BeNil())
		Expect(w.user("p000").Status.Identity.State).To(Equal(v1alpha1.IdentityPresent))
		w.accept()
		Expect(w.read(s)).To(holdsNothing(11))
		Expect(w.user("now-p000")).NotTo(BeNil())
		Expect(w.access()).To(Equal(101))
	})

	It("counts those whose Users stay because they were declared, or have a certificate", func() {
		for i := range 11 {
			w.users[i].Labels = nil
			w.certify(w.users[11+i].Name, time.Hour)
		}
		Expect(w.plan(snapshot(but(staff(100), 11, renamed)))).To(holds(0, 11, 11))
		Expect(w.plan(snapshot(but(staff(100), 22, renamed)))).To(holds(11, 22, 22))
		Expect(w.plan(snapshot(but(staff(100), 10, renamed)))).To(holdsNothing(10))
	})

	It("holds people who swap their names as they are, and makes nobody another", func() {
		swapped := staff(100)
		for i := 0; i < 12; i += 2 {
			swapped[i].UserName, swapped[i+1].UserName = swapped[i+1].UserName, swapped[i].UserName
		}
		Expect(w.read(snapshot(swapped))).To(holds(12, 12, 12))
		Expect(w.user("p000").Status.Identity).To(HaveValue(Equal(v1alpha1.Identity{ID: "p000", State: v1alpha1.IdentityPresent})))
		w.accept()
		Expect(w.read(snapshot(swapped))).To(holdsNothing(12))
		for i := range w.users {
			id := w.users[i].Status.Identity.ID
			at := slices.IndexFunc(swapped, func(p directory.Person) bool { return p.ID == id })
			Expect(w.users[i].Spec.UserName).To(Equal(swapped[at].UserName))
		}
		Expect(w.access()).To(Equal(100))
		Expect(text(w.plan(snapshot(swapped)))).To(BeEmpty())
	})

	It("lets everybody change anything else", func() {
		s := snapshot(but(staff(100), 100, func(p directory.Person) directory.Person {
			p.DisplayName, p.Email = "Dr. "+p.UserName, p.UserName+"@corp.example"
			return p
		}), group("g", "all", of(staff(100))...))
		Expect(w.read(s)).To(holdsNothing(0))
		Expect(w.members("all")).To(Equal(100))
	})
})

var _ = Describe("The loss guard and groups", func() {
	var w *world
	full := snapshot(staff(20), group("g", "pay", of(staff(20))...), group("h", "chess", of(staff(20))...))
	BeforeEach(func() {
		w = guarded(10).granting("pay")
		w.read(full)
	})

	DescribeTable("holds what many lose with a group that a Grant names", func(s *directory.Snapshot, create, update, withdraw int) {
		Expect(w.read(s)).To(holds(create, update, withdraw))
		Expect(w.members("pay")).To(Equal(20))
		Expect(w.group("pay").Status).To(SatisfyAll(HaveField("State", v1alpha1.IdentityPresent), HaveField("ID", "g")))
		w.accept()
		Expect(w.read(s)).To(holdsNothing(withdraw))
		Expect(w.read(s)).To(holdsNothing(0))
	},
		Entry("that lost its members", snapshot(staff(20), group("g", "pay"), full.Groups[1]), 0, 20, 20),
		Entry("that lost some of them", snapshot(staff(20), group("g", "pay", of(staff(14))...), full.Groups[1]), 0, 6, 6),
		Entry("that is gone", snapshot(staff(20), full.Groups[1]), 0, 21, 20),
		Entry("that was renamed", snapshot(staff(20), group("g", "salaries", of(staff(20))...), full.Groups[1]), 1, 21, 20),
		Entry("that was replaced by another of its name",
			snapshot(staff(20), group("other", "pay", of(staff(20))...), full.Groups[1]), 0, 21, 20),
	)

	DescribeTable("does not ask about a group that no Grant names", func(s *directory.Snapshot) {
		Expect(w.granting("golf").read(s)).To(holdsNothing(0))
		Expect(w.plan(s).Users).To(BeEmpty())
	},
		Entry("that lost its members", snapshot(staff(20), group("g", "pay"), full.Groups[1])),
		Entry("that is gone", snapshot(staff(20), full.Groups[1])),
		Entry("that was renamed", snapshot(staff(20), group("g", "salaries", of(staff(20))...), full.Groups[1])),
		Entry("that was replaced", snapshot(staff(20), group("other", "pay", of(staff(20))...), full.Groups[1])),
	)

	It("lets nobody into a group that it keeps by another entry of its name", func() {
		w := guarded(10).granting("pay")
		w.read(snapshot(staff(20), group("g", "pay", of(staff(15))...)))
		replaced := snapshot(staff(20), group("other", "pay", "p017", "p018"))
		Expect(w.read(replaced)).To(holds(0, 16, 15))
		Expect(w.members("pay")).To(Equal(15))
		Expect(text(w.plan(replaced))).To(BeEmpty())
		w.accept()
		w.read(replaced)
		Expect(w.group("pay").Status.State).To(Equal(v1alpha1.IdentityReplaced))
		Expect(text(w.plan(replaced))).To(BeEmpty())
	})

	It("has one token, whatever other groups somebody joins meanwhile", func() {
		token := held(w.read(snapshot(staff(20), group("g", "pay"), full.Groups[1]))).Token
		joined := snapshot(staff(20), group("g", "pay"), full.Groups[1], group("i", "golf", "p003"))
		Expect(held(w.read(joined)).Token).To(Equal(token))
	})

	It("lets a few leave", func() {
		Expect(w.read(snapshot(staff(20), group("g", "pay", of(staff(20)[5:])...), full.Groups[1]))).To(holdsNothing(5))
		Expect(w.members("pay")).To(Equal(15))
	})

	It("goes by the name of the Group's object, not by that of the directory's group", func() {
		w := guarded(10).granting("team-pay").declareGroup("team-pay", "pay")
		w.read(full)
		Expect(w.read(snapshot(staff(20), group("g", "pay"), full.Groups[1]))).To(holds(0, 20, 20))
	})

	It("holds what people lose because a group in a granted one goes", func() {
		w := guarded(10).granting("company")
		w.read(snapshot(staff(20), group("i", "team", of(staff(20))...), group("o", "company", "i")))
		Expect(w.members("company")).To(Equal(20))
		Expect(w.read(snapshot(staff(20), group("i", "team", of(staff(20))...), group("o", "company")))).To(holds(0, 20, 20))
		Expect(w.members("company")).To(Equal(20))
	})

	It("counts a person once", func() {
		w.granting("pay", "chess")
		Expect(w.plan(snapshot(staff(20)[6:]))).To(holds(0, 22, 20), "six are gone, and everybody's groups")
		Expect(w.plan(snapshot(staff(20), group("g", "pay"), group("h", "chess")))).To(holds(0, 20, 20))
	})

	It("does not count the suspended", func() {
		w.suspend(15)
		Expect(w.read(snapshot(staff(20), full.Groups[1]))).To(holdsNothing(5))
		Expect(w.group("pay").Status.State).To(Equal(v1alpha1.IdentityMissing))
	})

	It("does not count a Group that was missing before", func() {
		w.group("pay").Status.State = v1alpha1.IdentityMissing
		for i := range w.users {
			w.users[i].Status.Identity.Groups = []string{"chess"}
		}
		Expect(w.deletingLeavers().plan(snapshot(staff(20), full.Groups[1]))).To(holdsNothing(0))
	})
})

var _ = Describe("The loss guard and the prefix", func() {
	var w *world
	BeforeEach(func() {
		w = guarded(10)
		w.read(snapshot(staff(20)))
		Expect(w.dir.Status.UsernamePrefix).To(HaveValue(Equal("corp:")))
		w.dir.Spec.UsernamePrefix = new("oidc:")
		w.dir.Generation++
	})

	It("holds another one, which renames everybody", func() {
		plan := w.read(snapshot(staff(20)))
		Expect(plan).To(holds(0, 0, 20))
		Expect(plan.UsernamePrefix).To(Equal("corp:"))
		Expect(w.dir.UsernamePrefix()).To(Equal("corp:"))
	})

	It("lets it in when it is accepted", func() {
		w.read(snapshot(staff(20)))
		w.accept()
		Expect(w.read(snapshot(staff(20)))).To(holdsNothing(20))
		Expect(w.dir.UsernamePrefix()).To(Equal("oidc:"))
		Expect(w.read(snapshot(staff(20)))).To(holdsNothing(0))
	})

	It("lets go when the old one is back", func() {
		w.read(snapshot(staff(20)))
		w.dir.Spec.UsernamePrefix = nil
		w.dir.Generation++
		Expect(w.read(snapshot(staff(20)))).To(holdsNothing(0))
		Expect(w.dir.Status.Pending).To(BeNil())
	})

	It("has another token for another one", func() {
		first := held(w.read(snapshot(staff(20)))).Token
		w.dir.Spec.UsernamePrefix = new("ldap:")
		w.dir.Generation++
		Expect(held(w.read(snapshot(staff(20)))).Token).NotTo(Equal(first))
	})

	It("lets joiners in under the old one meanwhile", func() {
		plan := w.read(snapshot(append(staff(20), person("new", "new"))))
		Expect(plan).To(holds(0, 0, 20))
		Expect(whys(plan.Users)).To(Equal([]string{"joined"}))
	})

	It("does not ask where nobody has access, or where it never asks", func() {
		w.suspend(20)
		Expect(w.plan(snapshot(staff(20))).UsernamePrefix).To(Equal("oidc:"))
		w = guarded(100)
		w.read(snapshot(staff(20)))
		w.dir.Spec.UsernamePrefix = new("")
		Expect(w.read(snapshot(staff(20)))).To(holdsNothing(20))
		Expect(w.dir.UsernamePrefix()).To(BeEmpty())
	})

	It("takes that of the spec where none is in force, as before the first read", func() {
		w.dir.Status.UsernamePrefix = nil
		plan := w.read(snapshot(staff(20)))
		Expect(plan).To(holdsNothing(0))
		Expect(plan.UsernamePrefix).To(Equal("oidc:"))
	})

	It("leaves that for groups alone, which no binding names", func() {
		w.dir.Spec.UsernamePrefix = nil
		w.dir.Spec.GroupPrefix = new("oidc:")
		Expect(w.read(snapshot(staff(20)))).To(holdsNothing(0))
	})
})

var _ = Describe("The loss guard, where a server is behind", func() {
	var w *world
	BeforeEach(func() {
		w = guarded(10)
		w.read(snapshot(staff(100)))
		w.guard.Behind = true
	})

	It("holds everything: whom it would let in may have been kept out since", func() {
		plan := w.hear(snapshot(append(but(staff(100)[1:], 1, disabled), person("new", "new"))))
		Expect(plan).To(holds(1, 2, 2))
		Expect(plan.Users).To(BeEmpty())
		Expect(w.access()).To(Equal(100))
	})

	It("lets nobody back in, and nobody into a group", func() {
		w.guard.Behind = false
		w.granting("pay")
		w.read(snapshot(but(staff(100), 1, disabled), group("g", "pay")))
		w.guard.Behind = true
		plan := w.hear(snapshot(staff(100), group("g", "pay", "p000")))
		Expect(plan).To(holds(0, 1, 0))
		Expect(w.access()).To(Equal(99))
	})

	It("has nothing to hold where nothing is otherwise", func() {
		Expect(w.hear(snapshot(staff(100)))).To(holdsNothing(0))
	})

	It("lets a loss pass that is accepted", func() {
		s := snapshot(but(staff(100)[1:], 1, disabled))
		w.hear(s)
		w.accept()
		Expect(w.hear(s).Held).To(BeNil())
		Expect(w.access()).To(Equal(98))
	})

	It("holds even where nobody wants to be asked", func() {
		w.dir.Spec.Leavers.MaxLossPercent = new(int32(100))
		Expect(w.hear(snapshot(staff(100)[1:]))).To(holds(0, 1, 1))
	})

	It("doubts whom it called disabled, until the directory says so again", func() {
		s := snapshot(but(staff(100), 1, disabled))
		plan := w.hear(s)
		Expect(plan).To(holds(0, 1, 1))
		Expect(plan.Held.Doubted).To(Equal(map[string]bool{"p000": true}))
		w.guard.Behind, w.guard.Doubted = false, plan.Held.Doubted
		Expect(w.hear(s)).To(holds(0, 1, 1))
		w.guard.Doubted = nil
		Expect(w.hear(s)).To(holdsNothing(0))
		Expect(w.access()).To(Equal(99))
	})

	It("goes on once it is not behind any more", func() {
		w.hear(snapshot(staff(100)[1:]))
		w.guard.Behind = false
		Expect(w.hear(snapshot(staff(100)))).To(holdsNothing(0))
		Expect(w.hear(snapshot(staff(100)[1:]))).To(holdsNothing(1))
	})
})

var _ = Describe("A certificate", func() {
	It("keeps the name of someone whom the guard let go", func() {
		w := guarded(10).deletingLeavers()
		w.read(snapshot(staff(20)))
		w.users[0].Status.Certificate = &v1alpha1.Certificate{LastNotAfter: metav1.NewTime(w.now.Add(time.Hour))}
		w.read(snapshot(nil))
		w.accept()
		w.read(snapshot(nil))
		Expect(w.state()).To(Equal([]string{"user p000 = p000 id=p000 Missing"}))
		w.now = w.now.Add(time.Hour)
		Expect(w.read(snapshot(nil))).To(holdsNothing(0))
		Expect(w.users).To(BeEmpty())
	})
})
