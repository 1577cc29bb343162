// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"maps"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
)

// importingGranted is a world that mirrors those only whom Grants reach.
func importingGranted() *world {
	w := newWorld()
	w.dir.Spec.Import = v1alpha1.ImportGranted
	return w
}

// grantingUsers names people, directly or as a local Group does.
func (w *world) grantingUsers(names ...string) *world {
	w.granted.Users = set(names...)
	return w
}

// objects are the names of what the cluster holds, sorted, people first.
func (w *world) objects() []string {
	users, groups := map[string]bool{}, map[string]bool{}
	for i := range w.users {
		users[w.users[i].Name] = true
	}
	for i := range w.groups {
		groups["group "+w.groups[i].Name] = true
	}
	return append(slices.Sorted(maps.Keys(users)), slices.Sorted(maps.Keys(groups))...)
}

var _ = Describe("Importing whom Grants reach", func() {
	var w *world
	// a, b and c are in a chain of groups, d is in a group of their own, and e in none.
	s := snapshot(
		people(person("a", "alice"), person("b", "bob"), person("c", "carol"), person("d", "dave"), person("e", "eve")),
		group("1", "inner", "a"), group("2", "middle", "1", "b"), group("3", "outer", "2", "c"), group("4", "other", "d"),
	)
	BeforeEach(func() { w = importingGranted() })

	DescribeTable("finds", func(users, groups, found []string) {
		w.granting(groups...).grantingUsers(users...)
		plan := w.read(s)
		Expect(w.objects()).To(HaveExactElements(found))
		Expect(plan.UserCount + plan.GroupCount).To(Equal(len(found)))
		Expect(text(w.plan(s))).To(BeEmpty())
	},
		Entry("nobody where there is no Grant", nil, nil, nil),
		Entry("a person who is named, without their groups", []string{"alice"}, nil, []string{"alice"}),
		Entry("several people", []string{"eve", "alice"}, nil, []string{"alice", "eve"}),
		Entry("a group and those in it", nil, []string{"inner"}, []string{"alice", "group inner"}),
		Entry("a group, the groups in it, and those in any of them", nil, []string{"middle"},
			[]string{"alice", "bob", "group inner", "group middle"}),
		Entry("all in the outermost", nil, []string{"outer"},
			[]string{"alice", "bob", "carol", "group inner", "group middle", "group outer"}),
		Entry("what several Grants name, each once", []string{"alice", "eve"}, []string{"inner", "other"},
			[]string{"alice", "dave", "eve", "group inner", "group other"}),
		Entry("nobody whom the directory does not have", []string{"nobody"}, []string{"nothing"}, nil),
		Entry("no group by a person's name, and nobody by a group's", []string{"inner"}, []string{"alice"}, nil),
	)

	It("does not go into nested groups where the directory's are flat", func() {
		w.nested = false
		w.granting("middle").read(s)
		Expect(w.objects()).To(Equal([]string{"bob", "group middle"}))
	})

	It("says of people all groups that they are in, mirrored or not", func() {
		w.granting("inner").read(s)
		Expect(w.user("alice").Status.Identity.Groups).To(Equal([]string{"inner", "middle", "outer"}))
	})

	It("finds those whose own entry names the group", func() {
		w.granting("users").read(snapshot(people(memberOf(person("a", "alice"), "g"), person("b", "bob")), group("g", "users")))
		Expect(w.objects()).To(Equal([]string{"alice", "group users"}))
	})

	It("imports the disabled as such", func() {
		w.grantingUsers("alice").read(snapshot(people(disabled(person("a", "alice")))))
		Expect(w.state()).To(Equal([]string{"user alice = alice id=a Disabled"}))
	})

	It("follows Grants as they come and go, which nobody is asked about", func() {
		w.dir.Spec.Leavers.MaxLossPercent = nil
		many := snapshot(staff(20), group("g", "all", of(staff(20))...))
		w.granting("all").read(many)
		Expect(w.users).To(HaveLen(20))
		plan := w.granting().read(many)
		Expect(plan).To(holdsNothing(0))
		Expect(plan.UserCount + plan.GroupCount).To(BeZero())
		Expect(whys(plan.Users)).To(HaveEach("released"))
		Expect(w.objects()).To(BeEmpty())
		Expect(text(w.plan(many))).To(BeEmpty())
		w.grantingUsers("p007").read(many)
		Expect(w.objects()).To(Equal([]string{"p007"}))
	})

	It("keeps whom another Grant reaches", func() {
		w.granting("middle").grantingUsers("alice").read(s)
		w.granting().read(s)
		Expect(w.objects()).To(Equal([]string{"alice"}))
	})

	It("lets nobody be released before the rest of a plan is written", func() {
		w.granting("inner").read(s)
		w.granting("other")
		Expect(w.sync(s)).To(HavePrefix("user delete alice (released)\nuser create dave (joined)"))
	})
})

var _ = Describe("The name in a Grant", func() {
	var w *world
	BeforeEach(func() { w = importingGranted() })

	It("is that of the object which somebody would get, with a suffix where that is needed", func() {
		s := snapshot(people(person("1", "Alice Ng"), person("2", "bob")), group("g", "Ops Team", "2"))
		all := newWorld()
		all.read(s)
		names := all.objects()
		Expect(names).To(HaveExactElements(MatchRegexp(suffixed("alice-ng")), "bob", MatchRegexp("group "+suffixed("ops-team"))))
		w.grantingUsers(names[0]).granting(names[2][len("group "):]).read(s)
		Expect(w.objects()).To(Equal(names))
		Expect(text(w.plan(s))).To(BeEmpty())
	})

	It("is not the directory's name of somebody", func() {
		w.grantingUsers("Alice Ng", "alice-ng").read(snapshot(people(person("1", "Alice Ng"))))
		Expect(w.objects()).To(BeEmpty())
	})

	It("is not that of somebody whose object would have a suffix because another directory's object has the name", func() {
		w.others = []string{"alice", "payments"}
		s := snapshot(people(person("1", "alice")), group("g", "payments", "1"))
		w.grantingUsers("alice").granting("payments").read(s)
		Expect(w.objects()).To(BeEmpty())
	})

	It("is the one with the suffix then", func() {
		all := newWorld()
		all.others = []string{"alice"}
		s := snapshot(people(person("1", "alice")))
		all.read(s)
		w.others = []string{"alice"}
		w.grantingUsers(all.objects()...).read(s)
		Expect(w.objects()).To(Equal(all.objects()))
		Expect(text(w.plan(s))).To(BeEmpty())

		By("being free again")
		w.others = nil
		Expect(text(w.plan(s))).To(BeEmpty(), "who has an object keeps it")
		w.users = nil
		w.read(s)
		Expect(text(w.plan(s))).To(BeEmpty(), "whatever it makes of that, it does not change its mind each time")
	})

	It("is that of the object which was declared for somebody, whatever it is called", func() {
		s := snapshot(people(person("1", "alice"), person("2", "bob")), group("g", "payments", "1", "2"))
		w.declareGroup("team-pay", "payments").granting("team-pay").read(s)
		Expect(w.objects()).To(Equal([]string{"alice", "bob", "group team-pay"}))
		Expect(text(w.plan(s))).To(BeEmpty())
		w.granting("payments").read(s)
		Expect(w.objects()).To(Equal([]string{"group team-pay"}), "which is what payments is called here")
	})

	It("does not follow somebody who is renamed", func() {
		w.grantingUsers("alice").read(snapshot(people(person("1", "alice"))))
		after := snapshot(people(person("1", "alicia")))
		w.read(after)
		Expect(w.objects()).To(BeEmpty())
		Expect(text(w.plan(after))).To(BeEmpty())
		w.grantingUsers("alicia").read(after)
		Expect(w.objects()).To(Equal([]string{"alicia"}))
	})

	It("is not that of another entry which has the name now", func() {
		w.grantingUsers("alice").read(snapshot(people(person("1", "alice"))))
		another := snapshot(people(person("2", "alice")))
		w.read(another)
		Expect(w.state()).To(Equal([]string{"user alice = alice id=1 Replaced"}))
		Expect(text(w.plan(another))).To(BeEmpty())
	})
})

var _ = Describe("A User whom no Grant reaches any more", func() {
	var w *world
	s := snapshot(people(person("a", "alice"), person("b", "bob")), group("g", "payments", "a", "b"))
	BeforeEach(func() {
		w = importingGranted().granting("payments")
		w.read(s)
		w.granting()
	})

	DescribeTable("stays where something was set on it that would be lost", func(alter func(*v1alpha1.UserSpec)) {
		alter(&w.user("alice").Spec)
		w.read(s)
		Expect(w.objects()).To(Equal([]string{"alice"}))
		Expect(w.access()).To(BeNumerically("<=", 1))
		Expect(text(w.plan(s))).To(BeEmpty())

		By("renaming them")
		renamed := snapshot(people(person("a", "alicia"), person("b", "bob")), s.Groups[0])
		want := *w.user("alice").Spec.DeepCopy()
		want.UserName = "alicia"
		w.read(renamed)
		Expect(w.objects()).To(Equal([]string{"alicia"}))
		Expect(w.user("alicia").Spec).To(Equal(want))
		Expect(text(w.plan(renamed))).To(BeEmpty())
	},
		Entry("a suspension", func(spec *v1alpha1.UserSpec) { spec.State = v1alpha1.UserSuspended }),
		Entry("an end", func(spec *v1alpha1.UserSpec) { spec.ExpireTime = new(metav1.Now()) }),
		Entry("a kubeconfig", func(spec *v1alpha1.UserSpec) { spec.Kubeconfig = &v1alpha1.KubeconfigSpec{DurationSeconds: 600} }),
	)

	It("goes where the spec says what it would say anyway", func() {
		w.user("alice").Spec.State = v1alpha1.UserActive
		w.read(s)
		Expect(w.objects()).To(BeEmpty())
	})

	It("stays until its certificate has expired", func() {
		w.certify("alice", time.Hour)
		w.read(s)
		Expect(w.state()).To(HaveExactElements(HavePrefix("user alice = alice id=a Present")))
		Expect(text(w.plan(s))).To(BeEmpty())
		w.now = w.now.Add(time.Hour)
		Expect(w.sync(s)).To(Equal("user delete alice (released)\n"))
	})

	It("stays where it was declared", func() {
		w.user("alice").Labels = nil
		w.group("payments").Labels = map[string]string{v1alpha1.LabelDirectory: "elsewhere"}
		w.read(s)
		Expect(w.objects()).To(Equal([]string{"alice", "group payments"}))
		Expect(text(w.plan(s))).To(BeEmpty())
	})

	It("goes the way of all leavers when the entry is gone too", func() {
		w.granting("payments").read(snapshot(people(person("b", "bob")), s.Groups[0]))
		Expect(w.user("alice").Status.Identity.State).To(Equal(v1alpha1.IdentityMissing))
	})

	It("goes when everybody was imported before", func() {
		w = newWorld()
		w.dir.Spec.Leavers.MaxLossPercent = nil
		many := snapshot(staff(50), group("g", "all", of(staff(50))...), group("h", "some", of(staff(50)[:20])...))
		w.granting("some").read(many)
		Expect(w.users).To(HaveLen(50))
		w.dir.Spec.Import = v1alpha1.ImportGranted
		w.dir.Generation++
		Expect(w.read(many)).To(holdsNothing(0))
		Expect(w.users).To(HaveLen(20))
		Expect(w.groups).To(HaveLen(1))
		Expect(text(w.plan(many))).To(BeEmpty())
	})
})

var _ = Describe("The loss guard and people who are there only as Grants reach them", func() {
	var w *world
	full := snapshot(staff(40), group("g", "pay", of(staff(20))...))
	BeforeEach(func() {
		w = importingGranted().granting("pay")
		w.dir.Spec.Leavers.MaxLossPercent = nil
		w.read(full)
		Expect(w.users).To(HaveLen(20))
	})

	It("asks where the directory takes too many out of the group", func() {
		Expect(w.read(snapshot(staff(40), group("g", "pay", of(staff(5))...)))).To(holds(0, 15, 15))
		Expect(w.users).To(HaveLen(20))
		Expect(w.members("pay")).To(Equal(20))
		w.accept()
		Expect(w.read(snapshot(staff(40), group("g", "pay", of(staff(5))...)))).To(holdsNothing(15))
		Expect(w.users).To(HaveLen(5))
	})

	It("counts whom it takes out as lost", func() {
		Expect(w.hear(snapshot(staff(40), group("g", "pay", of(staff(20)[3:])...)))).To(holdsNothing(3))
		Expect(w.hear(snapshot(staff(40), group("g", "pay", of(staff(20)[6:])...)))).To(holds(0, 3, 3))
	})

	It("asks where the group is gone, or renamed", func() {
		Expect(w.plan(snapshot(staff(40)))).To(holds(0, 21, 20))
		Expect(held(w.plan(snapshot(staff(40), group("g", "salaries", of(staff(20))...)))).Withdraw).To(HaveValue(BeEquivalentTo(20)))
		Expect(held(w.plan(snapshot(staff(40), group("other", "pay", of(staff(20))...)))).Withdraw).To(HaveValue(BeEquivalentTo(20)))
	})

	It("asks about those who are named one by one too", func() {
		w.granting().grantingUsers(of(staff(20))...).read(full)
		Expect(w.users).To(HaveLen(20))
		Expect(w.read(snapshot(staff(40)[6:]))).To(holds(0, 6, 6))
	})

	It("lets people in and asks nobody when the Grant names another group", func() {
		other := snapshot(staff(40), full.Groups[0], group("h", "chess", of(staff(40)[20:])...))
		Expect(w.granting("chess").read(other)).To(holdsNothing(0))
		Expect(w.user("p019")).To(BeNil())
		Expect(w.user("p020")).NotTo(BeNil())
	})
})

var _ = Describe("Importing whom Grants reach, after a crash", func() {
	It("ends where it would have ended", func() {
		s := snapshot(people(person("a", "alice"), person("b", "bob")), group("1", "inner", "a"), group("2", "outer", "1", "b"))
		for writes := 1; writes < 9; writes++ {
			w := importingGranted().granting("outer")
			w.execute(w.plan(s), writes)
			w.read(s)
			Expect(w.objects()).To(Equal([]string{"alice", "bob", "group inner", "group outer"}))
			Expect(text(w.plan(s))).To(BeEmpty())
			w.granting()
			w.execute(w.plan(s), writes)
			w.read(s)
			Expect(w.objects()).To(BeEmpty())
		}
	})

	It("releases what nobody knows yet", func() {
		w := importingGranted().grantingUsers("alice")
		s := snapshot(people(person("a", "alice")))
		w.execute(w.plan(s), 1)
		w.grantingUsers().read(s)
		Expect(w.objects()).To(BeEmpty())
	})
})

var _ = Describe("Whom Grants reach", func() {
	It("does not matter to the other ways of import, nor to what was declared", func() {
		s := snapshot(people(person("a", "alice"), person("b", "bob")), group("g", "payments", "a"))
		all := newWorld().granting("payments")
		all.read(s)
		Expect(all.objects()).To(Equal([]string{"alice", "bob", "group payments"}))
		declared := newWorld().importingDeclared().granting("payments").declare("bob", "bob")
		declared.read(s)
		Expect(declared.objects()).To(Equal([]string{"bob"}))
		Expect(declared.access()).To(Equal(1))
	})

	It("is weighed by id where somebody has an object by another name", func() {
		w := newWorld()
		w.read(snapshot(people(person("1", "alice"))))
		w.certify("alice", time.Hour)
		w.read(snapshot(people(person("1", "alicia"))))
		w.dir.Spec.Import = v1alpha1.ImportGranted
		w.grantingUsers("alicia").read(snapshot(people(person("1", "alicia"))))
		Expect(w.state()).To(Equal([]string{
			"user alice = alice id=1 Replaced now=\"alicia\"", "user alicia = alicia id=1 Present",
		}))
		w.now = w.now.Add(time.Hour)
		w.read(snapshot(people(person("1", "alicia"))))
		Expect(w.objects()).To(Equal([]string{"alicia"}))
	})

	It("is nobody whose entry cannot be mirrored", func() {
		w := importingGranted().granting("payments").grantingUsers("root")
		twin := []directory.Person{person("1", "twin"), person("2", "twin"), person("", "root"), person("3", "system:x")}
		w.read(snapshot(twin, group("g", "payments", "1", "2", "3", "")))
		Expect(w.objects()).To(Equal([]string{"group payments"}))
	})
})
