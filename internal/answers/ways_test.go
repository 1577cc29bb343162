// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package answers_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
)

// viaDebug is carol's way by her request for the Grant debug.
func viaDebug(snapshot answers.Snapshot) answers.Way {
	GinkgoHelper()
	ways := why(answers.Index(snapshot, now), "carol", execPods).Ways
	Expect(ways).To(HaveLen(1))
	return ways[0]
}

var _ = Describe("A way", func() {
	DescribeTable("ends with what ends first", func(ofUser, ofGrant, ofRequest, want *metav1.Time) {
		snapshot := company()
		snapshot.Users[1].Spec.ExpireTime, snapshot.Grants[1].Spec.ExpireTime = ofUser, ofGrant
		snapshot.AccessRequests[0].Status.ExpireTime = ofRequest
		Expect(viaDebug(snapshot).Until).To(Equal(want))
	},
		Entry("the User", in(1*time.Hour), in(2*time.Hour), in(3*time.Hour), in(time.Hour)),
		Entry("the Grant", in(3*time.Hour), in(1*time.Hour), in(2*time.Hour), in(time.Hour)),
		Entry("the request", in(2*time.Hour), in(3*time.Hour), in(1*time.Hour), in(time.Hour)),
		Entry("the only one that does", nil, in(time.Hour), nil, in(time.Hour)),
		Entry("nothing", nil, nil, nil, nil),
	)

	It("names those who approved, and nobody who did not", func() {
		snapshot := company()
		snapshot.AccessRequests[0].Status.Approvals[1].Decision = v1alpha1.DecisionDeny
		Expect(viaDebug(snapshot).Approvers).To(Equal([]string{"corp:alice"}))
	})

	DescribeTable("comes from Rollcall where labels and name both say so", func(
		name, request string, edit func(map[string]string), want answers.Via,
	) {
		b := managed(roleBinding("pay", name, "debug", users("corp:carol")...), "debug", request)
		edit(b.Labels)
		snapshot := company()
		snapshot.RoleBindings = []rbacv1.RoleBinding{b}
		Expect(viaDebug(snapshot).Via).To(Equal(want))
	},
		Entry("a Grant's", "rollcall:debug", "", as, answers.ViaGrant),
		Entry("a Grant's second", "rollcall:debug:1", "", as, answers.ViaGrant),
		Entry("a request's", "rollcall-request:carol-1", "carol-1", as, answers.ViaRequest),
		Entry("another's", "rollcall:debugger", "", as, answers.ViaUnmanaged),
		Entry("a request's by label alone", "rollcall:debug", "carol-1", as, answers.ViaUnmanaged),
		Entry("a request's by name alone", "rollcall-request:carol-1", "", as, answers.ViaUnmanaged),
		Entry("without the label of what is managed", "rollcall:debug", "",
			func(l map[string]string) { delete(l, v1alpha1.LabelManagedBy) }, answers.ViaUnmanaged),
		Entry("without a Grant", "rollcall:", "", func(l map[string]string) { delete(l, v1alpha1.LabelGrant) }, answers.ViaUnmanaged),
	)

	It("holds in a namespace where it holds everywhere", func() {
		snapshot := company()
		snapshot.ClusterRoleBindings = append(snapshot.ClusterRoleBindings, rbacv1.ClusterRoleBinding{
			ObjectMeta: named("all"), RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "debug"}, Subjects: users("corp:frank"),
		})
		Expect(why(answers.Index(snapshot, now), "frank", execPods).Ways).To(HaveExactElements(HaveField("Binding.Name", "all")))
	})

	It("of another namespace is no concern, even if its role is missing", func() {
		action := execPods
		action.Namespace = "shop"
		Expect(reasons(why(answers.Index(company(), now), "frank", action).Remarks)).To(BeEmpty())
	})
})

func as(map[string]string) {}

var _ = Describe("Groups", func() {
	It("that are not known here may have others in them", func() {
		snapshot := company()
		snapshot.Groups = nil
		snapshot.RoleBindings = []rbacv1.RoleBinding{roleBinding("pay", "b", "debug", groups("corp:leads")...)}
		who := answers.Index(snapshot, now).WhoCan(execPods)
		Expect(who.People).To(HaveLen(2))
		Expect(who.Others).To(HaveExactElements(HaveField("Subject", answers.Subject{Kind: "Group", Name: "corp:leads"})))
	})

	It("that are local reach their members before their status says so", func() {
		snapshot := company()
		snapshot.Groups = append(snapshot.Groups, v1alpha1.Group{
			ObjectMeta: named("locals"), Spec: v1alpha1.GroupSpec{GroupName: "locals", Members: []string{"frank"}},
		})
		snapshot.Grants = []v1alpha1.Grant{grant("debug", "debug", onRequest, toGroup("locals"))}
		Expect(why(answers.Index(snapshot, now), "frank", execPods).Offers).To(HaveExactElements(HaveField("Reaches", true)))
	})

	It("that a Grant binds hold on for members who may not act", func() {
		snapshot := company()
		snapshot.Users[3] = inactive(snapshot.Users[3], v1alpha1.ReasonSuspended, "spec.state is Suspended")
		snapshot.Users[3].Status.Certificate = nil
		snapshot.Users[3].Status.Groups = []string{"corp:everybody"}
		answer := why(answers.Index(snapshot, now), "erin", readPods)
		Expect(answer.Allowed).To(BeTrue())
		Expect(reasons(answer.Remarks)).To(Equal([]string{answers.RemarkInactive, answers.RemarkHolds}))
		Expect(reasons(answer.Ways[0].Remarks)).To(Equal([]string{answers.RemarkDepends}))
	})
})

var _ = Describe("An offer", func() {
	It("is to ask again where what was asked has ended", func() {
		snapshot := company()
		snapshot.AccessRequests[1].Status.EndTime = in(0)
		Expect(steps(why(answers.Index(snapshot, now), "dora", execPods).Offers)).To(HaveKeyWithValue("debug", []string{answers.StepRequest}))
	})

	It("is not made in a namespace that goes", func() {
		snapshot := company()
		snapshot.Namespaces[0].DeletionTimestamp = in(0)
		answer := why(answers.Index(snapshot, now), "frank", execPods)
		Expect(answer.Offers).To(BeEmpty())
		Expect(reasons(answer.Remarks)).To(ContainElement(answers.RemarkNoGrant))
	})
})
