// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package usage_test

import (
	"math/rand/v2"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

var _ = Describe("What people did", func() {
	counts := func(deeds []usage.Deed) []int64 {
		all := make([]int64, len(deeds))
		for i := range deeds {
			all[i] = deeds[i].Requests
		}
		return all
	}

	It("is who, in which groups, what, by what, and when", func() {
		Expect(usage.Collect([]audit.Line{line(5, groups("corp:payments", "system:authenticated"))})).To(HaveExactElements(And(
			HaveField("Username", "corp:alice"), HaveField("Groups", []string{"corp:payments", "system:authenticated"}),
			HaveField("Action", answers.Action{Verb: "get", Resource: "pods", Namespace: "pay", Name: "p"}),
			HaveField("Outcome", usage.Allowed), HaveField("Allow", HaveValue(HaveField("Name", "rollcall:looks"))),
			HaveField("Requests", int64(1)), HaveField("First", BeTemporally("==", at(5))), HaveField("Last", BeTemporally("==", at(5))),
		)))
	})

	It("is taken together within a minute of the clock", func() {
		Expect(usage.Collect([]audit.Line{line(0), line(59), line(30), line(60), line(-1)})).To(HaveExactElements(
			And(HaveField("Requests", int64(1)), HaveField("Last", BeTemporally("==", at(-1)))),
			And(HaveField("Requests", int64(3)), HaveField("First", BeTemporally("==", at(0))), HaveField("Last", BeTemporally("==", at(59)))),
			And(HaveField("Requests", int64(1)), HaveField("First", BeTemporally("==", at(60)))),
		))
	})

	DescribeTable("is another deed", func(edits ...func(*auditv1.Event)) {
		Expect(counts(usage.Collect([]audit.Line{line(0), line(1, edits...), line(2)}))).To(Equal([]int64{2, 1}))
	},
		Entry("of somebody else", username("corp:bob")),
		Entry("of somebody in other groups", groups("corp:leads")),
		Entry("with another verb", verb("delete")),
		Entry("on another object", object("pods", "", "q")),
		Entry("on another part of it", object("pods", "log", "p")),
		Entry("by another binding", allowed(byOther)),
		Entry("that was forbidden", decided("forbid", "")),
		Entry("that nobody was asked about", decided("", "")),
		Entry("as somebody else", as("corp:bob")),
	)

	It("is in groups that cannot be mistaken for others", func() {
		Expect(usage.Collect([]audit.Line{line(0, groups("a", "b")), line(1, groups("a b")), line(2, groups("a,b"))})).To(HaveLen(3))
	})

	DescribeTable("is not looked at", func(edit func(*auditv1.Event)) { Expect(usage.Collect([]audit.Line{line(0, edit)})).To(BeEmpty()) },
		Entry("of a workload", username("system:serviceaccount:ci:robot")),
		Entry("of a node", username("system:node:n1")),
		Entry("of nobody", username("system:anonymous")),
		Entry("of no name", username("")),
		Entry("before anything was decided", stage(auditv1.StageRequestReceived)),
	)

	It("is looked at of those whose names only look like those of Kubernetes", func() {
		Expect(usage.Collect([]audit.Line{line(0, username("systemd")), line(1, username("corp:system:x"))})).To(HaveLen(2))
	})

	It("counts when it ends, and is known while it goes on", func() {
		watch := []audit.Line{
			line(0, stage(auditv1.StageRequestReceived)), line(0, stage(auditv1.StageResponseStarted)), line(0),
			line(1, stage(auditv1.StageResponseStarted)), line(2, stage(auditv1.StagePanic)),
		}
		Expect(deed(watch...)).To(HaveValue(And(HaveField("Requests", int64(2)), HaveField("Last", BeTemporally("==", at(2))))))
		Expect(deed(line(1, stage(auditv1.StageResponseStarted)))).To(HaveValue(HaveField("Requests", int64(0))))
	})

	DescribeTable("is what the authorizer was asked about", func(want answers.Action, edits ...func(*auditv1.Event)) {
		Expect(deed(line(0, edits...)).Action).To(Equal(want))
	},
		Entry("what is created has no name yet", answers.Action{Verb: "create", Resource: "pods", Namespace: "pay"}, verb("create")),
		Entry("what is created of something has its name",
			answers.Action{Verb: "create", Resource: "pods", Subresource: "exec", Namespace: "pay", Name: "p"},
			verb("create"), object("pods", "exec", "p")),
		Entry("what is changed has a name", answers.Action{Verb: "patch", Resource: "pods", Namespace: "pay", Name: "p"}, verb("patch")),
		Entry("a path, without what is asked of it", answers.Action{Verb: "get", Path: "/healthz"}, path("/healthz?verbose=1")),
		Entry("who acts as somebody", answers.Action{Verb: "impersonate", Resource: "users", Name: "corp:bob"}, as("corp:bob")),
		Entry("who acts as a workload",
			answers.Action{Verb: "impersonate", Resource: "serviceaccounts", Namespace: "ci", Name: "robot"},
			as("system:serviceaccount:ci:robot")),
		Entry("who acts as what is no workload", answers.Action{Verb: "impersonate", Resource: "users", Name: "system:serviceaccount:ci"},
			as("system:serviceaccount:ci")),
		Entry("who acts as somebody whose name has colons", answers.Action{Verb: "impersonate", Resource: "users", Name: "ci:robot:x"},
			as("ci:robot:x")),
	)

	It("as somebody else takes a right for everything that they are", func() {
		e := as("corp:bob")
		deeds := usage.Collect([]audit.Line{line(0, e, decided("forbid", ""), func(e *auditv1.Event) {
			e.ImpersonatedUser.Groups, e.ImpersonatedUser.UID = []string{"corp:leads", "system:authenticated"}, "u-1"
			e.ImpersonatedUser.Extra = map[string]authenticationv1.ExtraValue{"scopes": {"a"}}
		})})
		told := make([]string, len(deeds))
		for i := range deeds {
			Expect(deeds[i]).To(And(HaveField("Outcome", usage.Allowed), HaveField("Requests", int64(1)), HaveField("Besides", i > 0)))
			told[i] = deeds[i].Action.String()
		}
		Expect(told).To(Equal([]string{
			`impersonate users "corp:bob"`, `impersonate groups "corp:leads"`, `impersonate uids.authentication.k8s.io "u-1"`,
			`impersonate userextras.authentication.k8s.io/scopes "a"`,
		}))
	})

	It("as somebody else takes two rights where that is constrained", func() {
		deeds := usage.Collect([]audit.Line{line(0, as("corp:bob"), func(e *auditv1.Event) {
			e.AuthenticationMetadata = &auditv1.AuthenticationMetadata{ImpersonationConstraint: "impersonate:user-info"}
		})})
		Expect(deeds).To(HaveExactElements(
			HaveField("Action", answers.Action{
				Verb: "impersonate:user-info", APIGroup: "authentication.k8s.io", Resource: "users", Name: "corp:bob",
			}),
			HaveField("Action", answers.Action{Verb: "impersonate-on:user-info:get", Resource: "pods", Namespace: "pay", Name: "p"}),
		))
	})

	It("as somebody else is no use of what allowed that one", func() {
		Expect(deed(line(0, as("corp:bob")))).To(HaveValue(And(
			HaveField("Username", "corp:alice"), HaveField("Outcome", usage.Allowed), HaveField("Allow", BeNil()))))
		Expect(deed(line(0, as("corp:bob"), decided("", "")))).To(HaveValue(HaveField("Outcome", usage.Allowed)), "whatever was decided then")
	})

	DescribeTable("was", func(want usage.Outcome, known bool, edits ...func(*auditv1.Event)) {
		d := deed(line(0, edits...))
		Expect(d.Outcome).To(Equal(want))
		Expect(d.Allow != nil).To(Equal(known))
	},
		Entry("allowed by RBAC", usage.Allowed, true),
		Entry("forbidden", usage.Forbidden, false, decided("forbid", byGrant)),
		Entry("allowed by another authorizer", usage.Other, false, allowed("")),
		Entry("allowed for a reason that only looks like RBAC's", usage.Other, false, allowed(byGrant+" and more")),
		Entry("allowed, since it succeeded, where nothing tells what was decided", usage.Allowed, false, decided("", ""), answered(200)),
		Entry("allowed, by something else, where that is told", usage.Other, false, allowed(""), answered(200)),
		Entry("refused, or it failed, where nothing tells what was decided", usage.Other, false, decided("", ""), answered(403)),
		Entry("not answered, where nothing tells what was decided", usage.Other, false, decided("", ""), answered(0)),
		Entry("allowed without anybody being asked", usage.Other, false, decided("", "")),
	)

	It("is in the order of time, and then of names", func() {
		deeds := usage.Collect([]audit.Line{line(70), line(10, username("b")), line(10, username("a")), line(-70), line(9, username("z"))})
		Expect(deeds).To(HaveExactElements(
			HaveField("First", BeTemporally("==", at(-70))), HaveField("Username", "z"), HaveField("Username", "a"), HaveField("Username", "b"),
			HaveField("First", BeTemporally("==", at(70))),
		))
	})

	It("is the same, however it is shuffled, and counts each request once", func() {
		random := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), 1))
		names := []string{"corp:alice", "corp:bob", "system:node:n", "corp:carol"}
		for range 50 {
			lines, people := make([]audit.Line, 0, 60), 0
			for n := range cap(lines) {
				who := names[random.IntN(len(names))]
				if who != "system:node:n" {
					people++
				}
				// No two begin at the same time: what does, is in the order in which it came.
				lines = append(lines, line(n*3, username(who), object("pods", "", []string{"p", "q"}[random.IntN(2)])))
			}
			deeds := usage.Collect(lines)
			total := int64(0)
			for _, n := range counts(deeds) {
				total += n
			}
			Expect(total).To(BeEquivalentTo(people))
			random.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
			Expect(usage.Collect(lines)).To(Equal(deeds))
		}
	})

	It("is nothing of nothing", func() { Expect(usage.Collect(nil)).To(BeEmpty()) })
})
