// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/attribution"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
)

var fingerprint = strings.Repeat("ab", 32)

// event is a request of corp:alice so many seconds after noon, with a certificate if there is one, allowed by the binding.
func event(seconds int, certificate, binding string) *auditv1.Event {
	e := &auditv1.Event{
		AuditID: "a", Verb: "list", User: authenticationv1.UserInfo{Username: "corp:alice"},
		RequestReceivedTimestamp: metav1.NewMicroTime(at(seconds)),
	}
	if certificate != "" {
		e.User.Extra = map[string]authenticationv1.ExtraValue{"authentication.kubernetes.io/credential-id": {"X509SHA256=" + certificate}}
	}
	if binding != "" {
		reason := fmt.Sprintf(`RBAC: allowed by RoleBinding %q of ClusterRole "edit" to User "corp:alice"`, binding+"/pay")
		e.Annotations = map[string]string{"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": reason}
	}
	return e
}

var _ = Describe("Facts", func() {
	var (
		s    *store.Store
		b    *book
		file string
	)
	BeforeEach(func(ctx SpecContext) {
		folder, err := os.MkdirTemp("", "rollcall-history-")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(os.RemoveAll, folder)
		file = filepath.Join(folder, "audit.db")
		s, err = store.Open(ctx, "sqlite:"+file)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { _ = s.Close() })
		b = newBook(map[string]store.Standing{})
	})
	// sees is what the recorder does with objects that it sees at a time.
	sees := func(ctx context.Context, seconds int, gone bool, objects ...client.Object) {
		GinkgoHelper()
		for _, object := range objects {
			e, err := b.plan([]observation{{object: object, gone: gone, at: at(seconds)}})
			Expect(err).NotTo(HaveOccurred())
			Expect(s.Record(ctx, e.changes, e.certificates)).To(Succeed())
			b.written(e)
		}
	}
	facts := func(ctx context.Context, e *auditv1.Event) attribution.Facts {
		GinkgoHelper()
		found, err := Facts(ctx, s, e)
		Expect(err).NotTo(HaveOccurred())
		return found
	}
	called := func(u *v1alpha1.User, username string) *v1alpha1.User {
		u.Status.Username = username
		return u
	}

	It("are none of what was never recorded", func(ctx SpecContext) {
		Expect(facts(ctx, event(0, fingerprint, "rollcall:looks"))).To(Equal(attribution.Facts{}))
	})

	It("lead from a certificate to its Session, as last known, and to the User, whatever they are called since", func(ctx SpecContext) {
		sees(ctx, 0, false, someone("alice", "u-1"), session("s-1", "cd", fingerprint))
		sees(ctx, 60, false, called(someone("alice", "u-1"), "corp:liz"))
		ended := session("s-1", "cd", fingerprint)
		ended.Status.EndReason = "Terminated"
		sees(ctx, 60, false, ended)
		sees(ctx, 90, true, ended)
		found := facts(ctx, event(30, fingerprint, ""))
		Expect(found.Issued).To(HaveValue(HaveField("Fingerprint", fingerprint)))
		Expect(found.Session).To(HaveValue(And(HaveField("Name", "alice-1"), HaveField("Status.EndReason", "Terminated"))))
		Expect(found.User).To(HaveValue(And(HaveField("Name", "alice"), HaveField("Status.Username", "corp:alice"))))
		found = facts(ctx, event(120, fingerprint, ""))
		Expect(found.User).To(HaveValue(HaveField("Status.Username", "corp:liz")), "the name in the certificate is the old one still")
	})

	It("do not take whoever a certificate was issued to for whoever shows it", func(ctx SpecContext) {
		mallory := session("s-1", fingerprint)
		mallory.Spec.Username, mallory.Spec.UserRef.UID = "corp:mallory", "u-2"
		sees(ctx, 0, false, someone("alice", "u-1"), someone("mallory", "u-2"), mallory)
		found := facts(ctx, event(30, fingerprint, ""))
		Expect(found.User).To(HaveValue(HaveField("Name", "alice")))
		Expect(found.Session.Spec.Username).To(Equal("corp:mallory"))
	})

	It("lead from a username to whoever was called so then, and to whom they impersonate", func(ctx SpecContext) {
		sees(ctx, 0, false, someone("alice", "u-1"), someone("bob", "u-2"))
		sees(ctx, 100, false, called(someone("alice", "u-1"), "corp:liz"))
		sees(ctx, 200, false, called(someone("alice2", "u-3"), "corp:alice"))
		acting := event(50, "", "")
		acting.ImpersonatedUser = &authenticationv1.UserInfo{Username: "corp:bob"}
		found := facts(ctx, acting)
		Expect(found.User).To(HaveValue(HaveField("Name", "alice")))
		Expect(found.Impersonated).To(HaveValue(HaveField("Name", "bob")))
		Expect(facts(ctx, event(110, "", "")).User).To(HaveValue(HaveField("Name", "alice")), "a moment later")
		Expect(facts(ctx, event(150, "", "")).User).To(BeNil(), "nobody was called so")
		Expect(facts(ctx, event(190, "", "")).User).To(HaveValue(HaveField("Name", "alice2")), "a moment before")
		Expect(facts(ctx, event(250, "", "")).User).To(HaveValue(HaveField("Name", "alice2")))
		Expect(facts(ctx, event(-60, "", "")).User).To(BeNil())
	})

	It("are of whoever had a username then, and of nobody who had it a moment before", func(ctx SpecContext) {
		sees(ctx, 0, false, someone("alice", "u-1"))
		sees(ctx, 10, false, called(someone("other", "u-2"), "corp:alice"))
		sees(ctx, 20, true, called(someone("other", "u-2"), "corp:alice"))
		Expect(facts(ctx, event(40, "", "")).User).To(HaveValue(HaveField("Name", "alice")))
	})

	It("are of the holder of a username that two have, whoever changed last", func(ctx SpecContext) {
		taken := called(someone("other", "u-2"), "corp:alice")
		taken.Status.Conditions[0].Status, taken.Status.Conditions[0].Reason = metav1.ConditionFalse, v1alpha1.ReasonUsernameTaken
		sees(ctx, 0, false, someone("alice", "u-1"), taken)
		taken = taken.DeepCopy()
		taken.Status.Groups = nil
		sees(ctx, 10, false, taken)
		Expect(facts(ctx, event(40, "", "")).User).To(HaveValue(HaveField("Name", "alice")))
	})

	It("lead from a binding to the Grant as of its generation, whatever that became", func(ctx SpecContext) {
		sees(ctx, 0, false, grant(2, "then"), binding("2", ""))
		sees(ctx, 5, false, grant(3, "now")) // and the binding is not made anew yet
		found := facts(ctx, event(30, "", "rollcall:looks"))
		Expect(found.Grant).To(HaveValue(And(HaveField("Generation", int64(2)), HaveField("Spec.Reason", "then"))))
		Expect(found.Binding).To(HaveValue(And(HaveField("Since", at(0).Local()), HaveField("Meta.UID", BeEquivalentTo("b-1")))))
		sees(ctx, 60, false, binding("3", ""))
		Expect(facts(ctx, event(90, "", "rollcall:looks")).Grant).To(HaveValue(HaveField("Spec.Reason", "now")))
		sees(ctx, 100, false, binding("4", ""))
		found = facts(ctx, event(110, "", "rollcall:looks"))
		Expect(found.Binding.MadeFor().Generation).To(Equal(int64(4)))
		Expect(found.Grant).To(BeNil(), "of that generation nothing was recorded")
	})

	It("are none of a binding that was no more, or is another's", func(ctx SpecContext) {
		sees(ctx, 0, false, grant(2, "then"), binding("2", ""))
		sees(ctx, 10, true, binding("2", ""))
		Expect(facts(ctx, event(39, "", "rollcall:looks")).Binding).NotTo(BeNil())
		Expect(facts(ctx, event(41, "", "rollcall:looks")).Binding).To(BeNil())
		Expect(facts(ctx, event(5, "", "rollcall:other")).Binding).To(BeNil())
	})

	It("take no Grant of another's name for the binding's", func(ctx SpecContext) {
		other := grant(2, "")
		other.Name = "other"
		sees(ctx, 0, false, other, binding("2", ""))
		Expect(facts(ctx, event(5, "", "rollcall:looks")).Grant).To(BeNil())
	})

	It("lead from a binding to the request, and whoever approved it, but not to one from later", func(ctx SpecContext) {
		sees(ctx, 0, false, grant(2, "then"), binding("2", "alice-7"))
		later := event(30, "", "rollcall-request:alice-7")
		Expect(facts(ctx, later).Request).To(BeNil())
		sees(ctx, 20, false, request())
		found := facts(ctx, later)
		Expect(found.Request).To(HaveValue(And(HaveField("Spec.Reason", "INC-7"), HaveField("Status.Approvals", HaveLen(1)))))
		Expect(found.Grant).NotTo(BeNil())
		over := request()
		over.Status.EndReason = "Expired"
		sees(ctx, 3600, false, over)
		Expect(facts(ctx, later).Request).To(HaveValue(HaveField("Status.EndReason", "")))
	})

	DescribeTable("are not told where somebody changed them", func(ctx SpecContext, change string) {
		sees(ctx, 0, false, someone("alice", "u-1"), session("s-1", fingerprint), grant(2, "then"), binding("2", "alice-7"), request())
		e := event(30, fingerprint, "rollcall-request:alice-7")
		Expect(facts(ctx, e).Request).NotTo(BeNil())
		past, err := sql.Open("sqlite", file)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(past.Close)
		result, err := past.ExecContext(ctx, change)
		Expect(err).NotTo(HaveOccurred())
		Expect(result.RowsAffected()).To(BeEquivalentTo(1))
		_, err = Facts(ctx, s, e)
		Expect(err).To(MatchError(store.ErrChanged))
	},
		Entry("a User", "UPDATE versions SET document = 'x' WHERE kind = 'User'"),
		Entry("a Session", "UPDATE versions SET document = 'x' WHERE kind = 'Session'"),
		Entry("a binding", "UPDATE versions SET document = 'x' WHERE kind = 'RoleBinding'"),
		Entry("a Grant", "UPDATE versions SET document = 'x' WHERE kind = 'Grant'"),
		Entry("a request", "UPDATE versions SET document = 'x' WHERE kind = 'AccessRequest'"),
		Entry("a certificate", "UPDATE certificates SET document = 'x'"),
		Entry("one version to another that was written, too",
			"UPDATE versions SET document = (SELECT document FROM versions WHERE kind = 'Grant') WHERE kind = 'AccessRequest'"),
	)
})
