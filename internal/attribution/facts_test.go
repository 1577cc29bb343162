// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package attribution_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/rollcall-iam/rollcall/internal/attribution"
	"github.com/rollcall-iam/rollcall/internal/audit"
)

// version is the binding as it was from then until then, around now; until 0 it is so.
func version(uid types.UID, since, until time.Duration) attribution.BindingVersion {
	v := *binding("rollcall:looks", "")
	v.Meta.UID, v.Since = uid, now.Add(since)
	if until != 0 {
		v.Until = now.Add(until)
	}
	return v
}

func allow(kind, namespace, name string) *audit.Allow {
	return &audit.Allow{
		Kind: "RoleBinding", Namespace: "pay", Name: "rollcall:looks", Role: rbacv1.RoleRef{Kind: "ClusterRole", Name: "edit"},
		Subject: rbacv1.Subject{Kind: kind, Namespace: namespace, Name: name},
	}
}

var alice = allow("User", "", "corp:alice")

var _ = Describe("Of the versions of a binding", func() {
	const slack, hour = attribution.Slack, time.Hour
	DescribeTable("is picked", func(want types.UID, versions ...attribution.BindingVersion) {
		picked := attribution.Pick(versions, alice, now)
		if want == "" {
			Expect(picked).To(BeNil())
			return
		}
		Expect(picked).To(HaveValue(HaveField("Meta.UID", want)))
	},
		Entry("none of none", types.UID("")),
		Entry("the one that held then", types.UID("held"), version("later", time.Second, 0), version("held", -hour, time.Second),
			version("before", -2*hour, -hour)),
		Entry("the one that holds since", types.UID("holds"), version("holds", -hour, 0), version("before", -2*hour, -hour)),
		Entry("one that began later: the authorizer was faster than the recorder", types.UID("later"), version("later", slack, 0)),
		Entry("one that had ended: the authorizer was slower", types.UID("ended"), version("ended", -hour, -slack)),
		Entry("none that began much later", types.UID(""), version("later", slack+1, 0)),
		Entry("none that had ended long before", types.UID(""), version("ended", -hour, -slack-1)),
		Entry("the nearest of two", types.UID("near"), version("far", 20*time.Second, 0), version("near", -hour, -10*time.Second)),
		Entry("the nearest of two, in whatever order", types.UID("near"),
			version("near", -hour, -10*time.Second), version("far", 20*time.Second, 0)),
		Entry("the newer, at the moment of the change", types.UID("newer"), version("newer", 0, 0), version("older", -hour, 0-time.Nanosecond)),
	)

	DescribeTable("none is picked that is about something else", func(edit func(*attribution.BindingVersion)) {
		other := version("other", -hour, 0)
		edit(&other)
		Expect(attribution.Pick([]attribution.BindingVersion{other}, alice, now)).To(BeNil())
		Expect(attribution.Pick([]attribution.BindingVersion{other, version("near", slack, 0)}, alice, now)).To(
			HaveValue(HaveField("Meta.UID", types.UID("near"))), "not even where it is nearer")
	},
		Entry("another role", func(b *attribution.BindingVersion) { b.RoleRef.Name = "view" }),
		Entry("another kind of role", func(b *attribution.BindingVersion) { b.RoleRef.Kind = "Role" }),
		Entry("another subject", func(b *attribution.BindingVersion) { b.Subjects[0].Name = "corp:bob" }),
		Entry("another kind of subject", func(b *attribution.BindingVersion) { b.Subjects[0].Kind = "Group" }),
		Entry("no subject", func(b *attribution.BindingVersion) { b.Subjects = nil }),
	)

	DescribeTable("ServiceAccounts are known", func(namespace, asked string, want bool) {
		v := version("b-1", -hour, 0)
		v.Subjects = []rbacv1.Subject{{Kind: "User", Name: "corp:bob"}, {Kind: "ServiceAccount", Namespace: namespace, Name: "robot"}}
		picked := attribution.Pick([]attribution.BindingVersion{v}, allow("ServiceAccount", asked, "robot"), now)
		Expect(picked != nil).To(Equal(want))
		Expect(v.Subjects[1].Namespace).To(Equal(namespace), "and left as they are")
	},
		Entry("by their namespace", "ci", "ci", true), Entry("in no other", "ci", "pay", false),
		Entry("in the binding's own, without one", "", "pay", true), Entry("in no other, without one", "", "ci", false),
	)
})

var _ = Describe("What a binding was made for", func() {
	It("is read out of it", func() {
		Expect(binding("rollcall-request:alice-7", "alice-7").MadeFor()).To(Equal(attribution.MadeFor{
			Grant: "looks", GrantUID: "g-1", Generation: 3, Request: "alice-7", RequestUID: "r-1", Approvers: []string{"corp:bob", "corp:carol"},
		}))
	})
	It("is nothing of what is not the operator's", func() {
		Expect(binding("by-hand", "").MadeFor()).To(Equal(attribution.MadeFor{}))
	})
	It("has no approvers where there is no request", func() {
		b := binding("rollcall:looks", "")
		b.Meta.Annotations["iam.rollcall.dev/approvers"], b.Meta.Annotations["iam.rollcall.dev/request-uid"] = "corp:bob", "r-1"
		b.Meta.Annotations["iam.rollcall.dev/grant-generation"] = "three"
		Expect(b.MadeFor()).To(Equal(attribution.MadeFor{Grant: "looks", GrantUID: "g-1"}))
	})
})
