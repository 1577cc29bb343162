// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package attribution_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/attribution"
	"github.com/rollcall-iam/rollcall/test/golden"
)

var _ = Describe("An explanation", func() {
	It("leads from an event to person, certificate, session, binding and Grant", func() {
		golden.ExpectYAML("grant", attribution.Explain(event(), facts()))
	})
	It("leads to the request, and to who approved it, by time", func() {
		golden.ExpectYAML("request", attribution.Explain(event(decided("allow", allowed("rollcall-request:alice-7"))), facts(requested)))
	})

	DescribeTable("says what somebody is, by their name alone where no User stands for them", func(username string, want attribution.Kind) {
		x := attribution.Explain(event(by(username)), facts(nobody))
		Expect(x.Actor).To(Equal(attribution.Actor{Kind: want, Username: username, Groups: []string{"system:authenticated"}}))
	},
		Entry("a workload", "system:serviceaccount:ci:robot", attribution.ServiceAccount),
		Entry("a kubelet", "system:node:worker-1", attribution.Node),
		Entry("a part of Kubernetes", "system:kube-scheduler", attribution.Component),
		Entry("no name", "system:anonymous", attribution.Component),
		Entry("no prefix of ours", "system:serviceaccounts", attribution.Component),
		Entry("somebody", "corp:alice", attribution.Unknown), Entry("nothing", "", attribution.Unknown),
	)

	DescribeTable("says what is known of a person", func(edit func(*v1alpha1.User), want attribution.Actor) {
		of := user("alice")
		edit(of)
		want.Kind, want.Username, want.User, want.UID = attribution.Person, "corp:alice", "alice", "u-1"
		want.Groups = []string{v1alpha1.ManagedGroup, "system:authenticated"}
		Expect(attribution.Explain(event(), facts(func(f *attribution.Facts) { f.User = of })).Actor).To(Equal(want))
	},
		Entry("of a directory", func(*v1alpha1.User) {},
			attribution.Actor{Directory: "corp", IdentityID: "id-1", DisplayName: "Alice Ng", Email: "alice@corp.example"}),
		Entry("of a directory that was not read yet", func(u *v1alpha1.User) { u.Status.Identity = nil }, attribution.Actor{Directory: "corp"}),
		Entry("of none", func(u *v1alpha1.User) { u.Spec.DirectoryRef, u.Status.Identity = nil, nil }, attribution.Actor{}),
	)

	It("tells whom somebody acted as, of people as such", func() {
		isBob := func(f *attribution.Facts) { f.Impersonated = user("bob") }
		x := attribution.Explain(event(impersonating("corp:bob", "corp:ops")), facts(isBob))
		Expect(x.Actor.User).To(Equal("alice"))
		Expect(x.ActedAs).To(HaveValue(And(HaveField("User", "bob"), HaveField("Username", "corp:bob"),
			HaveField("Groups", []string{"corp:ops"}), HaveField("Kind", attribution.Person))))
		Expect(attribution.Explain(event(), facts()).ActedAs).To(BeNil())
		x = attribution.Explain(event(impersonating("system:serviceaccount:ci:robot")), facts())
		Expect(x.ActedAs).To(HaveValue(HaveField("Kind", attribution.ServiceAccount)))
	})

	DescribeTable("tells what was done, as the authorizer was asked", func(edit func(*auditv1.Event), want answers.Action) {
		Expect(attribution.ActionOf(event(edit))).To(Equal(want))
	},
		Entry("with a resource", func(*auditv1.Event) {}, answers.Action{Verb: "list", Resource: "pods", Namespace: "pay"}),
		Entry("with a part of one object", func(e *auditv1.Event) {
			e.Verb = "patch"
			e.ObjectRef = &auditv1.ObjectReference{APIGroup: "apps", Resource: "deployments", Subresource: "scale", Name: "web", Namespace: "pay"}
		}, answers.Action{Verb: "patch", APIGroup: "apps", Resource: "deployments", Subresource: "scale", Name: "web", Namespace: "pay"}),
		Entry("with a path", func(e *auditv1.Event) { e.Verb, e.ObjectRef, e.RequestURI = "get", nil, "/healthz?verbose=1" },
			answers.Action{Verb: "get", Path: "/healthz"}),
	)

	It("tells the answer, where there was one", func() {
		Expect(attribution.Explain(event(), facts()).Event.Code).To(BeEquivalentTo(200))
		begun := event(func(e *auditv1.Event) { e.Stage, e.ResponseStatus = auditv1.StageRequestReceived, nil })
		Expect(attribution.Explain(begun, facts()).Event).To(And(HaveField("Code", int32(0)), HaveField("Stage", "RequestReceived")))
	})

	It("tells how a session ended", func() {
		x := attribution.Explain(event(), facts(func(f *attribution.Facts) {
			f.Session.Status = v1alpha1.SessionStatus{EndTime: in(time.Minute), EndReason: "Terminated", EndedBy: "corp:bob"}
		}))
		Expect(x.Session).To(HaveValue(And(HaveField("Ended", HaveValue(Equal(*in(time.Minute)))), HaveField("EndReason", "Terminated"),
			HaveField("EndedBy", "corp:bob"))))
	})

	It("tells no more of a certificate than its fingerprint, where it was not issued here, and nothing of other credentials", func() {
		unknown := func(f *attribution.Facts) { f.Issued, f.Session = nil, nil }
		x := attribution.Explain(event(), facts(unknown))
		Expect(x.Certificate).To(Equal(&attribution.Certificate{Fingerprint: fingerprint}))
		Expect(x.Session).To(BeNil())
		x = attribution.Explain(event(by("corp:alice")), facts(unknown))
		Expect(x.Certificate).To(BeNil())
	})
})

var _ = Describe("What allowed it", func() {
	explained := func(e *auditv1.Event, f attribution.Facts) attribution.Authorization {
		return attribution.Explain(e, f).Authorization
	}

	DescribeTable("is nothing", func(verdict, reason string, want attribution.Verdict) {
		Expect(explained(event(decided(verdict, reason)), facts())).To(Equal(attribution.Authorization{Verdict: want, Reason: reason}))
	},
		Entry("where it was forbidden", "forbid", `RBAC: role "x" not found`, attribution.Forbidden),
		Entry("where nobody was asked", "", "", attribution.NotAsked),
		Entry("where another authorizer did", "allow", "node authorizer", attribution.Allowed),
	)

	It("is a binding of nobody's where none was recorded, with what RBAC says of it", func() {
		a := explained(event(decided("allow", allowed("by-hand"))), facts(func(f *attribution.Facts) { f.Binding = nil }))
		Expect(a).To(Equal(attribution.Authorization{
			Verdict: attribution.Allowed, Reason: allowed("by-hand"), Via: answers.ViaUnmanaged,
			Binding: &attribution.Binding{Binding: answers.Binding{Kind: "RoleBinding", Namespace: "pay", Name: "by-hand"}},
			Role:    &answers.Role{Kind: "ClusterRole", Name: "edit"}, Subject: &answers.Subject{Kind: "User", Name: "corp:alice"},
		}))
	})

	DescribeTable("is a binding that was recorded, and yet no Grant's", func(edit func(*metav1.ObjectMeta)) {
		a := explained(event(), facts(func(f *attribution.Facts) { edit(&f.Binding.Meta) }))
		Expect(a.Via).To(Equal(answers.ViaUnmanaged))
		Expect(a.Binding).To(HaveValue(And(HaveField("UID", "b-1"), HaveField("Since", HaveValue(Equal(*in(-time.Minute)))))))
		Expect(a.Grant).To(BeNil())
		Expect(a.Request).To(BeNil())
	},
		Entry("with no label of ours", func(m *metav1.ObjectMeta) { m.Labels = nil }),
		Entry("with our labels on a name that we do not give", func(m *metav1.ObjectMeta) { m.Name = "by-hand" }),
		Entry("with the label of a request on the name of a Grant", func(m *metav1.ObjectMeta) { m.Labels[v1alpha1.LabelRequest] = "alice-7" }),
	)

	It("is a Grant as of the generation that the binding says", func() {
		a := explained(event(), facts())
		Expect(a.Via).To(Equal(answers.ViaGrant))
		Expect(a.Grant).To(HaveValue(And(HaveField("Name", "looks"), HaveField("UID", "g-1"), HaveField("Generation", int64(3)),
			HaveField("Reason", "CHG-1: on call"))))
		a = explained(event(), facts(func(f *attribution.Facts) { f.Grant = nil }))
		Expect(a.Grant).To(Equal(&attribution.Grant{Name: "looks", UID: "g-1", Generation: 3}))
	})

	It("is a request, whose approvers the binding names where it was not recorded itself", func() {
		a := explained(event(), facts(requested, func(f *attribution.Facts) { f.Request = nil }))
		Expect(a.Via).To(Equal(answers.ViaRequest))
		Expect(a.Grant).To(HaveValue(HaveField("Generation", int64(3))))
		Expect(a.Request).To(Equal(&attribution.Request{Name: "alice-7", UID: "r-1", Approvals: []v1alpha1.GivenApproval{
			{Approver: "corp:bob", Decision: v1alpha1.DecisionApprove}, {Approver: "corp:carol", Decision: v1alpha1.DecisionApprove},
		}}))
	})

	It("is a request that nobody had to approve", func() {
		a := explained(event(), facts(requested, func(f *attribution.Facts) {
			f.Request = nil
			delete(f.Binding.Meta.Annotations, v1alpha1.AnnotationApprovers)
		}))
		Expect(a.Request).To(Equal(&attribution.Request{Name: "alice-7", UID: "r-1"}))
	})
})
