// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package chronicle_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/chronicle"
	"github.com/rollcall-iam/rollcall/internal/ledger"
)

func TestChronicle(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Chronicle")
}

var (
	noon  = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	later = metav1.NewTime(noon.Add(time.Hour))
)

// changed are the entries of a change of one object, which all can be written.
func changed(kind string, before, after any) []*ledger.Entry {
	GinkgoHelper()
	c := chronicle.Change{Object: ledger.Object{Kind: kind, Name: "one", UID: "u"}, Time: noon}
	for _, side := range []struct {
		object any
		into   *[]byte
	}{{before, &c.Before}, {after, &c.After}} {
		if side.object != nil {
			document, err := json.Marshal(side.object)
			Expect(err).NotTo(HaveOccurred())
			*side.into = document
		}
	}
	entries, err := chronicle.Entries(c)
	Expect(err).NotTo(HaveOccurred())
	for _, e := range entries {
		_, err := e.Marshal()
		Expect(err).NotTo(HaveOccurred())
		Expect(e.Object).To(HaveValue(And(HaveField("Kind", kind), HaveField("UID", "u"))))
	}
	return entries
}

func kind(k ledger.Kind) gomegatypes.GomegaMatcher { return HaveField("Kind", k) }

func session(edit func(*v1alpha1.Session)) *v1alpha1.Session {
	s := &v1alpha1.Session{Spec: v1alpha1.SessionSpec{Username: "corp:alice", Custody: v1alpha1.CustodyClient}}
	s.CreationTimestamp = metav1.NewTime(noon.Add(-time.Minute))
	if edit != nil {
		edit(s)
	}
	return s
}

func ended(s *v1alpha1.Session) {
	s.Status.EndTime, s.Status.EndReason, s.Status.EndedBy = &later, "Terminated", "corp:admin"
	s.Spec.Termination = &v1alpha1.SessionTermination{By: "corp:admin", Reason: "INC-9"}
}

func binding(subjects ...string) *rbacv1.RoleBinding {
	b := &rbacv1.RoleBinding{RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "edit"}}
	b.Annotations = map[string]string{v1alpha1.AnnotationGrantGeneration: "3", "other": "x"}
	b.Labels = map[string]string{v1alpha1.LabelGrant: "edits", v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}
	for _, name := range subjects {
		b.Subjects = append(b.Subjects, rbacv1.Subject{Kind: rbacv1.UserKind, Name: name})
	}
	return b
}

var _ = Describe("A change", func() {
	It("of what others made is theirs to tell", func() {
		theirs := binding("corp:alice")
		delete(theirs.Labels, v1alpha1.LabelManagedBy)
		Expect(changed("RoleBinding", nil, theirs)).To(BeEmpty())
		Expect(changed("ClusterRoleBinding", theirs, nil)).To(BeEmpty())
		Expect(changed("RoleBinding", theirs, binding("corp:alice"))).To(HaveLen(1))
		Expect(changed("ClusterRole", nil, &rbacv1.ClusterRole{})).To(BeEmpty())
		Expect(changed("Role", &rbacv1.Role{}, nil)).To(BeEmpty())
	})

	It("of a Session is that it began, that it ended, and that its record went", func() {
		Expect(changed("Session", nil, session(nil))).To(HaveExactElements(HaveValue(And(kind(ledger.SessionBegun),
			HaveField("Who", "corp:alice"), HaveField("Whom", "corp:alice"), HaveField("Time", BeTemporally("==", noon.Add(-time.Minute)))))))
		Expect(changed("Session", session(nil), session(ended))).To(HaveExactElements(HaveValue(And(kind(ledger.SessionEnded),
			HaveField("Who", "corp:admin"), HaveField("Whom", "corp:alice"), HaveField("Why", "Terminated: INC-9"),
			HaveField("Time", BeTemporally("==", later.Time))))))
		Expect(changed("Session", nil, session(ended))).To(HaveExactElements(HaveValue(kind(ledger.SessionBegun)),
			HaveValue(kind(ledger.SessionEnded))))
		Expect(changed("Session", session(ended), nil)).To(HaveExactElements(HaveValue(kind(ledger.SessionRemoved))))
		Expect(changed("Session", session(ended), session(ended))).To(BeEmpty())
		Expect(changed("Session", nil, nil)).To(BeEmpty())
	})

	It("of a binding is who came into it, and who went out of it", func() {
		given := changed("RoleBinding", nil, binding("corp:alice", "corp:bob"))
		Expect(given).To(HaveExactElements(HaveValue(kind(ledger.AccessGiven))))
		Expect(given[0].After).To(MatchJSON(`{"roleRef":{"apiGroup":"","kind":"ClusterRole","name":"edit"},
			"made":{"iam.rollcall.dev/grant":"edits","iam.rollcall.dev/grant-generation":"3"},"subjects":["User corp:alice","User corp:bob"]}`))
		both := changed("RoleBinding", binding("corp:alice", "corp:bob"), binding("corp:bob", "corp:carol"))
		Expect(both).To(HaveExactElements(
			HaveValue(And(kind(ledger.AccessWithdrawn), HaveField("After", ContainSubstring(`["User corp:alice"]`)))),
			HaveValue(And(kind(ledger.AccessGiven), HaveField("After", ContainSubstring(`["User corp:carol"]`))))))
		Expect(changed("ClusterRoleBinding", binding("corp:alice"), nil)).To(HaveExactElements(HaveValue(kind(ledger.AccessWithdrawn))))
		Expect(changed("RoleBinding", binding("corp:alice"), binding("corp:alice"))).To(BeEmpty())
	})

	It("of a binding is also what it is there for", func() {
		regrown := binding("corp:alice")
		regrown.Annotations[v1alpha1.AnnotationGrantGeneration] = "4"
		entries := changed("RoleBinding", binding("corp:alice"), regrown)
		Expect(entries).To(HaveExactElements(HaveValue(kind(ledger.BindingChanged))))
		Expect(string(entries[0].Before)).To(ContainSubstring(`"iam.rollcall.dev/grant-generation":"3"`))
		Expect(string(entries[0].After)).To(ContainSubstring(`"iam.rollcall.dev/grant-generation":"4"`))
	})

	It("of a large binding is as many entries as it takes, and each name is in one", func() {
		names := make([]string, 1000)
		for i := range names {
			names[i] = fmt.Sprintf("corp:%s%04d", strings.Repeat("x", 300), i)
		}
		entries := changed("RoleBinding", nil, binding(names...))
		Expect(len(entries)).To(BeNumerically(">", 10))
		told := map[string]int{}
		for _, e := range entries {
			var said struct{ Subjects []string }
			Expect(json.Unmarshal(e.After, &said)).To(Succeed())
			for _, name := range said.Subjects {
				told[name]++
			}
		}
		Expect(told).To(HaveLen(1000))
		Expect(told).To(HaveEach(1))
	})

	DescribeTable("of what is described shows it before and after", func(name string, before, after any, want ledger.Kind, whom, why string) {
		for _, sides := range [][2]any{{nil, after}, {before, after}, {before, nil}} {
			entries := changed(name, sides[0], sides[1])
			Expect(entries).To(HaveLen(1))
			e := entries[0]
			Expect(e).To(HaveValue(And(kind(want), HaveField("Whom", whom), HaveField("Why", why))))
			Expect(e.Before == nil).To(Equal(sides[0] == nil))
			Expect(e.After == nil).To(Equal(sides[1] == nil))
		}
		Expect(changed(name, after, after)).To(BeEmpty())
	},
		Entry("a User", "User", &v1alpha1.User{Status: v1alpha1.UserStatus{Username: "corp:alice"}},
			&v1alpha1.User{Status: v1alpha1.UserStatus{Username: "corp:alice", Groups: []string{"corp:ops"}}},
			ledger.UserChanged, "corp:alice", ""),
		Entry("a Grant", "Grant", &v1alpha1.Grant{Spec: v1alpha1.GrantSpec{Reason: "CHG-1"}},
			&v1alpha1.Grant{Spec: v1alpha1.GrantSpec{Reason: "CHG-1", ExpireTime: &later}}, ledger.GrantChanged, "", "CHG-1"),
		Entry("a Lock", "Lock", &v1alpha1.Lock{Spec: v1alpha1.LockSpec{Reason: "leak"}},
			&v1alpha1.Lock{Spec: v1alpha1.LockSpec{Reason: "leak", ExpireTime: &later}}, ledger.LockChanged, "", "leak"),
		Entry("a request", "AccessRequest", &v1alpha1.AccessRequest{Spec: v1alpha1.AccessRequestSpec{UserName: "corp:carol", Reason: "INC-7"}},
			&v1alpha1.AccessRequest{
				Spec:   v1alpha1.AccessRequestSpec{UserName: "corp:carol", Reason: "INC-7"},
				Status: v1alpha1.AccessRequestStatus{Approvals: []v1alpha1.GivenApproval{{Approver: "corp:alice"}}},
			}, ledger.RequestChanged, "corp:carol", "INC-7"),
		Entry("a Directory", "Directory", &v1alpha1.Directory{},
			&v1alpha1.Directory{Spec: v1alpha1.DirectorySpec{LDAP: &v1alpha1.LDAPSource{}}},
			ledger.DirectoryChanged, "", ""),
	)

	It("of a Directory is also that somebody accepted a loss, once", func() {
		accepts := func(token string) *v1alpha1.Directory {
			return &v1alpha1.Directory{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.AnnotationAcceptLoss: token}}}
		}
		Expect(changed("Directory", &v1alpha1.Directory{}, accepts("t1"))).To(HaveExactElements(
			HaveValue(And(kind(ledger.LossAccepted), HaveField("After", MatchJSON(`{"token":"t1"}`))))))
		Expect(changed("Directory", accepts("t1"), accepts("t1"))).To(BeEmpty())
		Expect(changed("Directory", accepts("t1"), accepts("t2"))).To(HaveLen(1))
		Expect(changed("Directory", accepts("t1"), &v1alpha1.Directory{})).To(BeEmpty())
	})

	It("that is too long to be shown has its digest", func() {
		long := &v1alpha1.User{}
		for i := range 2000 {
			long.Status.Groups = append(long.Status.Groups, fmt.Sprintf("corp:a-group-with-a-long-name-%d", i))
		}
		other := long.DeepCopy()
		other.Status.Groups[1999] = "corp:another"
		entries := changed("User", long, other)
		Expect(entries).To(HaveLen(1))
		Expect(entries[0].Before).To(MatchRegexp(`^\{"bytes":\d+,"sha256":"[0-9a-f]{64}"\}$`))
		Expect(entries[0].After).NotTo(Equal(entries[0].Before))
	})

	It("of what the ledger does not know, or what is no object, is an error", func() {
		_, err := chronicle.Entries(chronicle.Change{Object: ledger.Object{Kind: "Pod"}})
		Expect(err).To(MatchError(ContainSubstring("knows no Pod")))
		for _, name := range []string{"Session", "RoleBinding", "User", "Directory"} {
			_, err := chronicle.Entries(chronicle.Change{Object: ledger.Object{Kind: name}, After: []byte("no JSON")})
			Expect(err).To(HaveOccurred())
			_, err = chronicle.Entries(chronicle.Change{Object: ledger.Object{Kind: name}, Before: []byte("no JSON")})
			Expect(err).To(HaveOccurred())
		}
	})
})
