// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package picture_test

import (
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/picture"
	"github.com/rollcall-iam/rollcall/test/golden"
)

const people = 5

func plainMark(mark string) string { return mark }

func tree(w *picture.World, kind, name string) string {
	GinkgoHelper()
	found := w.Of(kind, name, people)
	Expect(found).NotTo(BeNil())
	return found.Render(plainMark)
}

var _ = Describe("The tree", func() {
	DescribeTable("of the company's", func(kind, name string) {
		golden.Expect("tree-"+name+".txt", tree(company(), kind, name))
	},
		Entry("User in groups, with a request", picture.KindUser, "alice"),
		Entry("User who is suspended", picture.KindUser, "carol"),
		Entry("User whom Grants name", picture.KindUser, "dave"),
		Entry("User who is locked", picture.KindUser, "mallory"),
		Entry("large Group", picture.KindGroup, "payments"),
		Entry("Group that is gone from its directory", picture.KindGroup, "contractors"),
		Entry("Grant", picture.KindGrant, "payments-edit"),
		Entry("Grant on request", picture.KindGrant, "breakglass"),
		Entry("Grant that is over, to somebody who is gone", picture.KindGrant, "audit-2025"),
		Entry("Grant by label", picture.KindGrant, "deploy"),
	)

	It("is nil for what does not exist", func() {
		w := company()
		Expect(w.Of(picture.KindUser, "payments", people)).To(BeNil())
		Expect(w.Of(picture.KindGroup, "alice", people)).To(BeNil())
		Expect(w.Of(picture.KindGrant, "alice", people)).To(BeNil())
	})

	It("shows what objects say where the bindings could not be read", func() {
		w := company()
		w.RoleBindings, w.BindingsUnknown = nil, true
		Expect(tree(w, picture.KindGrant, "breakglass")).To(ContainSubstring("RoleBinding rollcall-request:breakglass-7wq2m in namespace pay"))
	})

	It("shows one more person rather than say that there is one more", func() {
		w := company()
		w.Users = slices.DeleteFunc(w.Users, func(u v1alpha1.User) bool { return u.Name >= "payer-03" })
		Expect(tree(w, picture.KindGroup, "payments")).To(SatisfyAll(ContainSubstring("payer-02"), Not(ContainSubstring("more"))))
	})

	It("does not name requests whose time is over, and locks that ended", func() {
		w := company()
		w.Now = now().Add(2 * time.Hour)
		Expect(tree(w, picture.KindUser, "alice")).NotTo(ContainSubstring("request/"))
		Expect(tree(w, picture.KindUser, "bob")).NotTo(ContainSubstring("locked"))
		w.Now = now().Add(-2 * time.Hour)
		Expect(tree(w, picture.KindUser, "bob")).To(ContainSubstring("[locked by old until 2026-07-01 11:00: over]"))
	})

	It("marks everybody in a group that is locked", func() {
		w := company()
		w.Locks = append(w.Locks, lock("all", v1alpha1.SubjectGroup, "oncall", "", nil))
		Expect(tree(w, picture.KindUser, "alice")).To(SatisfyAll(
			HavePrefix("user/alice  Alice Ng (corp:alice)  [locked by all]\n"),
			ContainSubstring("group/oncall  3 people  [locked by all]"),
		))
	})
})

var _ = Describe("What a name stands for", func() {
	It("is every kind that has it", func() {
		w := company()
		w.Users = append(w.Users, user("payments", ""))
		Expect(w.Find("payments")).To(Equal([]string{picture.KindUser, picture.KindGroup}))
		Expect(w.Find("breakglass")).To(Equal([]string{picture.KindGrant}))
		Expect(w.Find("nobody")).To(BeEmpty())
	})
})

var _ = Describe("The picture", func() {
	It("of the company is the same in every language, every time", func() {
		for range 3 {
			graph := company().Draw(nil)
			golden.Expect("company.dot", graph.DOT())
			golden.Expect("company.mmd", graph.Mermaid())
			golden.Expect("company.svg", graph.SVG())
		}
	})

	DescribeTable("of some objects shows what belongs to them", func(name string, targets ...picture.Target) {
		graph := company().Draw(targets)
		golden.Expect(name+".mmd", graph.Mermaid())
	},
		Entry("a person", "of-alice", picture.Target{Kind: picture.KindUser, Name: "alice"}),
		Entry("a group", "of-payments", picture.Target{Kind: picture.KindGroup, Name: "payments"}),
		Entry("a grant, and a person in it", "of-payments-edit-and-bob",
			picture.Target{Kind: picture.KindGrant, Name: "payments-edit"}, picture.Target{Kind: picture.KindUser, Name: "bob"}),
	)

	It("draws nobody in a box who is drawn beside it", func() {
		w := &picture.World{Now: now()}
		w.Groups = []v1alpha1.Group{group("large"), group("other"), group("small")}
		w.Users = []v1alpha1.User{
			user("a", "", "large", "small"), user("b", "", "large"), user("c", "", "large"), user("d", "", "large"),
			user("e", "", "large", "other"), user("f", "", "other"), user("g", "", "other"), user("h", "", "other"), user("i", "", "other"),
		}
		w.Grants = []v1alpha1.Grant{grant("all", "view", nil, groupSubject("other"), groupSubject("large"), groupSubject("small"))}
		// a is one of few, which leaves few others in large, which leaves few others in other.
		graph := w.Draw(nil)
		Expect(graph.Mermaid()).NotTo(ContainSubstring(`"4 people`))
		Expect(graph.Mermaid()).To(SatisfyAll(ContainSubstring(`("e<br/>`), ContainSubstring(`("i<br/>`)))
	})

	It("is empty where there is nothing", func() {
		graph := (&picture.World{}).Draw(nil)
		Expect(graph.Empty()).To(BeTrue())
		Expect(graph.SVG()).To(HavePrefix("<svg "))
		full := company().Draw(nil)
		Expect(full.Empty()).To(BeFalse())
	})
})
