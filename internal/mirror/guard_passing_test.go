// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
)

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
