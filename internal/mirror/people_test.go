// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/mirror"
)

// suffixed matches an object name that was told apart by a digest.
func suffixed(base string) string { return base + "-[0-9a-f]{8}" }

var _ = Describe("Importing people", func() {
	It("makes a User with label, spec and facts", func() {
		w := newWorld()
		alice := directory.Person{ID: "1", UserName: "alice", DisplayName: "Alice Ng", Email: "alice@corp.example", Refs: []string{"a"}}
		plan := w.plan(snapshot(people(alice), group("g1", "payments", "a")))
		Expect(plan.Users).To(HaveLen(1))
		Expect(plan.Users[0].Verb).To(Equal(mirror.Create))
		Expect(plan.Users[0].Object.ObjectMeta).To(Equal(metav1.ObjectMeta{
			Name: "alice", Labels: map[string]string{v1alpha1.LabelDirectory: "corp"},
		}))
		Expect(plan.Users[0].Object.Spec).To(Equal(v1alpha1.UserSpec{
			UserName: "alice", DirectoryRef: &v1alpha1.NameReference{Name: "corp"},
		}))
		Expect(plan.Users[0].Facts).To(Equal(v1alpha1.Identity{
			ID: "1", DisplayName: "Alice Ng", Email: "alice@corp.example",
			Groups: []string{"payments"}, State: v1alpha1.IdentityPresent,
		}))
		Expect(plan.UserCount).To(Equal(1))
		Expect(plan.GroupCount).To(Equal(1))
	})

	It("imports a disabled person as disabled", func() {
		w := newWorld()
		Expect(w.sync(snapshot(people(disabled(person("1", "alice")))))).To(Equal("user create alice (joined) alice id=1 Disabled\n"))
	})

	It("does nothing where nothing changed", func() {
		w := newWorld()
		s := snapshot(people(person("1", "alice"), disabled(person("2", "bob"))), group("g1", "payments", "1"))
		w.sync(s)
		Expect(text(w.plan(s))).To(BeEmpty())
		Expect(w.plan(s).UserCount).To(Equal(2))
	})

	It("writes changed facts", func() {
		w := newWorld()
		w.sync(snapshot(people(person("1", "alice"))))
		changed := person("1", "alice")
		changed.Email = "alice@corp.example"
		Expect(w.sync(snapshot(people(changed)))).To(Equal(
			"user observe alice (changed) alice id=1 Present mail=\"alice@corp.example\"\n"))
	})

	DescribeTable("makes what is written into status fit for it", func(displayName, want string) {
		p := person("1", "alice")
		p.DisplayName = displayName
		Expect(newWorld().plan(snapshot(people(p))).Users[0].Facts.DisplayName).To(Equal(want))
	},
		Entry("control characters", "Alice\n\tNg\x00", "Alice  Ng"),
		Entry("bytes that are no text", "Al\xffice", "Al?ice"),
		Entry("300 characters that take two bytes each", strings.Repeat("é", 300), strings.Repeat("é", 256)),
		Entry("nothing but space", " \n ", ""),
	)
})

var _ = Describe("People who leave", func() {
	var w *world
	both := snapshot(people(person("1", "alice"), person("2", "bob")), group("g1", "payments", "1", "2"))
	one := snapshot(people(person("2", "bob")), group("g1", "payments", "2"))

	BeforeEach(func() { w = newWorld() })

	It("stay as Missing, without groups, under Suspend", func() {
		w.sync(both)
		Expect(w.sync(one)).To(Equal("user observe alice (left) alice id=1 Missing\n"))
		Expect(text(w.plan(one))).To(BeEmpty())
	})

	It("are deleted under Delete", func() {
		w.deletingLeavers().sync(both)
		Expect(w.sync(one)).To(Equal("user delete alice (left)\n"))
	})

	It("are never deleted when they were declared", func() {
		w.deletingLeavers().declare("alice", "alice").sync(both)
		Expect(w.sync(one)).To(Equal("user observe alice (left) alice id=1 Missing\n"))
	})

	It("are not deleted when another Directory imported them", func() {
		w.deletingLeavers().declare("alice", "alice")
		w.users[0].Labels = map[string]string{v1alpha1.LabelDirectory: "elsewhere"}
		Expect(w.sync(one)).To(ContainSubstring("observe alice (left)"))
	})

	It("come back as the same User", func() {
		w.sync(both)
		w.sync(one)
		Expect(w.sync(both)).To(Equal("user observe alice (changed) alice id=1 Present groups=\"payments\"\n"))
	})

	It("all leave when the directory is empty", func() {
		w.sync(both)
		w.sync(snapshot(nil))
		Expect(w.state()).To(Equal([]string{
			"group payments = payments id=g1 Missing", "user alice = alice id=1 Missing", "user bob = bob id=2 Missing",
		}))
	})
})

var _ = Describe("People whom the directory disables", func() {
	It("are disabled, keep their groups, and come back", func() {
		w := newWorld()
		alice, payments := person("1", "alice"), group("g1", "payments", "1")
		w.sync(snapshot(people(alice), payments))
		Expect(w.sync(snapshot(people(disabled(alice)), payments))).To(Equal(
			"user observe alice (disabled) alice id=1 Disabled groups=\"payments\"\n"))
		Expect(w.sync(snapshot(people(alice), payments))).To(Equal(
			"user observe alice (changed) alice id=1 Present groups=\"payments\"\n"))
	})
})

var _ = Describe("A renamed person", func() {
	var w *world
	before, after := snapshot(people(person("1", "alice"))), snapshot(people(person("1", "alicia")))

	BeforeEach(func() { w = newWorld() })

	It("gets a new User before the imported old one goes", func() {
		w.sync(before)
		Expect(w.sync(after)).To(Equal("user create alicia (joined) alicia id=1 Present\nuser delete alice (renamed)\n"))
		Expect(text(w.plan(after))).To(BeEmpty())
	})

	It("keeps suspension, expiry and kubeconfig", func() {
		w.sync(before)
		expire := metav1.NewTime(time.Date(2027, 1, 31, 18, 0, 0, 0, time.UTC))
		w.user("alice").Spec.State = v1alpha1.UserSuspended
		w.user("alice").Spec.ExpireTime = &expire
		w.user("alice").Spec.Kubeconfig = &v1alpha1.KubeconfigSpec{
			SecretRef: v1alpha1.SecretReference{Namespace: "ci", Name: "alice"}, DurationSeconds: 600,
		}
		want := w.user("alice").Spec.DeepCopy()
		want.UserName = "alicia"
		w.sync(after)
		Expect(w.user("alicia").Spec).To(Equal(*want))
		Expect(w.user("alice")).To(BeNil())
	})

	It("keeps the spec of the User that was declared, which then says how they are called now", func() {
		w.declare("git-alice", "alice").sync(before)
		Expect(w.sync(after)).To(Equal("user observe git-alice (replaced) alice id=1 Replaced now=\"alicia\"\n"))
		Expect(text(w.plan(after))).To(BeEmpty())
		Expect(w.sync(before)).To(Equal("user observe git-alice (changed) alice id=1 Present\n"))
	})

	It("is no longer called anything when they leave", func() {
		w.importingDeclared().declare("git-alice", "alice").sync(before)
		w.sync(after)
		Expect(w.sync(snapshot(nil))).To(Equal("user observe git-alice (left) alice id=1 Missing\n"))
	})

	It("is the User that is declared with the new name, beside the old one", func() {
		w.declare("git-alice", "alice").sync(before)
		w.sync(after)
		w.declare("git-alicia", "alicia").sync(after)
		Expect(w.state()).To(Equal([]string{
			"user git-alice = alice id=1 Replaced now=\"alicia\"", "user git-alicia = alicia id=1 Present",
		}))
		Expect(text(w.plan(after))).To(BeEmpty())
	})

	It("keeps the User of the new name when somebody else turns up with it, whichever User is older", func() {
		w.declare("git-alicia", "alicia").declare("git-alice", "alice").sync(before)
		w.sync(after)
		w.sync(snapshot(people(person("1", "alicia"), person("9", "alicia"))))
		Expect(w.plan(snapshot(people(person("1", "alicia"), person("9", "alicia")))).UserCount).To(Equal(1))
		Expect(w.state()).To(ContainElement("user git-alicia = alicia id=1 Present"))
	})

	It("follows when import is Declared, since the User was imported once", func() {
		w.sync(before)
		w.importingDeclared().sync(after)
		Expect(w.state()).To(Equal([]string{"user alicia = alicia id=1 Present"}))
	})

	It("stays under the old name while the new one belongs to somebody else", func() {
		w.sync(snapshot(people(person("1", "alice"), person("2", "bob"))))
		Expect(w.sync(snapshot(people(person("1", "bob"), person("2", "bob"))))).To(Equal(
			"people skipped: 1 with the name of another new entry\n"))
		Expect(w.state()).To(Equal([]string{"user alice = alice id=1 Present", "user bob = bob id=2 Present"}))
	})

	It("swaps with another, each keeping their own spec", func() {
		w.sync(snapshot(people(person("1", "alice"), person("2", "bob"))))
		w.user("bob").Spec.State = v1alpha1.UserSuspended
		swapped := snapshot(people(person("1", "bob"), person("2", "alice")))
		w.sync(swapped)
		Expect(w.users).To(HaveLen(2))
		for i := range w.users {
			u := &w.users[i]
			if u.Status.Identity.ID == "2" {
				Expect(u.Name).To(MatchRegexp(suffixed("alice")))
				Expect(u.Spec.State).To(Equal(v1alpha1.UserSuspended))
				continue
			}
			Expect(u.Name).To(MatchRegexp(suffixed("bob")))
			Expect(u.Spec.State).To(BeEmpty())
		}
		Expect(text(w.plan(swapped))).To(BeEmpty())
	})

	It("swaps with another without changing who is who, where both were declared", func() {
		w.declare("alice", "alice").declare("bob", "bob").sync(snapshot(people(person("1", "alice"), person("2", "bob"))))
		w.importingDeclared().sync(snapshot(people(person("1", "bob"), person("2", "alice"))))
		Expect(w.state()).To(Equal([]string{
			"user alice = alice id=1 Replaced now=\"bob\"", "user bob = bob id=2 Replaced now=\"alice\"",
		}))
	})
})

var _ = Describe("A name that comes back with another id", func() {
	first, second := snapshot(people(person("1", "alice"))), snapshot(people(person("2", "alice")))

	It("does not get the User of the one before", func() {
		w := newWorld()
		w.sync(first)
		w.sync(second)
		Expect(w.user("alice").Status.Identity).To(Equal(&v1alpha1.Identity{ID: "1", State: v1alpha1.IdentityReplaced}))
		Expect(w.users).To(HaveLen(2))
		Expect(w.users[1].Name).To(MatchRegexp(suffixed("alice")))
		Expect(w.users[1].Status.Identity.ID).To(Equal("2"))
		Expect(text(w.plan(second))).To(BeEmpty())
	})

	It("does not get it when the one before had left long ago", func() {
		w := newWorld()
		w.sync(first)
		w.sync(snapshot(nil))
		w.sync(second)
		Expect(w.user("alice").Status.Identity.State).To(Equal(v1alpha1.IdentityReplaced))
	})

	It("does not get a declared User either", func() {
		w := newWorld().importingDeclared().declare("alice", "alice")
		w.sync(first)
		Expect(w.sync(second)).To(Equal("user observe alice (replaced) alice id=1 Replaced\n"))
		Expect(w.sync(snapshot(nil))).To(Equal("user observe alice (left) alice id=1 Missing\n"))
	})

	It("is a new User with nothing of the old one's, under Delete", func() {
		w := newWorld().deletingLeavers()
		w.sync(first)
		w.user("alice").Spec.Kubeconfig = &v1alpha1.KubeconfigSpec{DurationSeconds: 600}
		Expect(w.sync(second)).To(HavePrefix("user delete alice (left)\nuser create alice-"))
		Expect(w.users).To(HaveLen(1))
		Expect(w.users[0].Spec.Kubeconfig).To(BeNil())
	})
})

var _ = Describe("Declared people", func() {
	It("are the only User of a person when they were there before the import", func() {
		w := newWorld().declare("git-alice", "alice")
		Expect(w.sync(snapshot(people(person("1", "alice"))))).To(Equal("user observe git-alice (changed) alice id=1 Present\n"))
	})

	It("are the only ones with import Declared", func() {
		w := newWorld().importingDeclared().declare("alice", "alice").declareGroup("payments", "payments")
		s := snapshot(people(person("1", "alice"), person("2", "bob")), group("g1", "payments", "1"), group("g2", "other", "2"))
		Expect(w.sync(s)).To(Equal(
			"user observe alice (changed) alice id=1 Present groups=\"payments\"\ngroup observe payments (changed) payments id=g1 Present\n"))
		Expect(w.plan(s).UserCount).To(Equal(1))
		Expect(w.plan(s).GroupCount).To(Equal(1))
	})

	It("are missing while no entry has their name, then found", func() {
		w := newWorld().declare("alice", "alice")
		Expect(w.sync(snapshot(nil))).To(Equal("user observe alice (left) alice id=? Missing\n"))
		Expect(w.sync(snapshot(people(person("1", "alice"))))).To(Equal("user observe alice (changed) alice id=1 Present\n"))
	})

	It("of one name are one person: the older has them", func() {
		w := newWorld().declare("older", "alice").declare("younger", "alice")
		s := snapshot(people(person("1", "alice")))
		w.sync(s)
		Expect(w.state()).To(Equal([]string{"user older = alice id=1 Present", "user younger = alice id=? Missing"}))
		Expect(text(w.plan(s))).To(BeEmpty())
	})

	It("do not keep a second one from following", func() {
		w := newWorld()
		w.sync(snapshot(people(person("1", "alice"))))
		w.declare("git", "alice")
		w.sync(snapshot(people(person("1", "alice"))))
		Expect(w.state()).To(Equal([]string{"user alice = alice id=1 Present", "user git = alice id=? Missing"}))
	})
})

var _ = Describe("A User with a certificate that is still valid", func() {
	var w *world

	BeforeEach(func() {
		w = newWorld().deletingLeavers()
		w.sync(snapshot(people(person("1", "alice"))))
		w.certify("alice", time.Hour)
	})

	It("keeps the name after its person left, until the certificate has expired", func() {
		another := snapshot(people(person("2", "alice")))
		w.sync(another)
		Expect(w.user("alice").Status.Identity.State).To(Equal(v1alpha1.IdentityReplaced))
		w.now = w.now.Add(time.Hour - time.Second)
		Expect(text(w.plan(another))).To(BeEmpty())
		w.now = w.now.Add(time.Second)
		Expect(w.sync(another)).To(Equal("user delete alice (left)\n"))
	})

	It("is Missing where nobody has the name", func() {
		w.sync(snapshot(nil))
		Expect(w.user("alice").Status.Identity.State).To(Equal(v1alpha1.IdentityMissing))
	})

	It("stays beside the User of its person's new name", func() {
		renamed := snapshot(people(person("1", "alicia")))
		w.sync(renamed)
		Expect(w.state()).To(Equal([]string{
			"user alice = alice id=1 Replaced now=\"alicia\"", "user alicia = alicia id=1 Present",
		}))
		Expect(text(w.plan(renamed))).To(BeEmpty())
		w.now = w.now.Add(time.Hour)
		Expect(w.sync(renamed)).To(Equal("user delete alice (renamed)\n"))
	})

	It("carries the latest spec on when its person is renamed again", func() {
		w.sync(snapshot(people(person("1", "alicia"))))
		w.user("alicia").Spec.State = v1alpha1.UserSuspended
		w.sync(snapshot(people(person("1", "ali"))))
		Expect(w.user("ali").Spec.State).To(Equal(v1alpha1.UserSuspended))
	})
})

var _ = Describe("An object that is being deleted", func() {
	It("is not deleted again, and not counted any more", func() {
		w := newWorld()
		w.dir.Spec.Leavers.Policy = v1alpha1.LeaversDelete
		w.sync(snapshot([]directory.Person{person("1", "alice"), person("2", "bob")}, group("g", "pay")))
		w.user("alice").DeletionTimestamp = new(metav1.NewTime(w.now))
		w.user("alice").Finalizers = []string{"example.com/waits"}
		w.group("pay").DeletionTimestamp = new(metav1.NewTime(w.now))
		plan := w.plan(snapshot([]directory.Person{person("2", "bob")}))
		Expect(plan.Users).To(BeEmpty())
		Expect(plan.Groups).To(BeEmpty())
		Expect(plan.Lost).To(BeEmpty())
	})
})
