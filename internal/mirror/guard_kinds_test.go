// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
)

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
