// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package session_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/session"
)

var _ = Describe("A credential id", func() {
	DescribeTable("stands for", func(id, fingerprint string, certificate bool) {
		found, is := session.Fingerprint(id)
		Expect(is).To(Equal(certificate))
		if is {
			Expect(found).To(Equal(fingerprint))
			Expect(session.CredentialID(found)).To(Equal(id))
		}
	},
		Entry("a certificate", "X509SHA256=ab12", "ab12", true),
		Entry("a token of a ServiceAccount", "JTI=4ef6...", "", false),
		Entry("nothing", "", "", false),
	)
	DescribeTable("holds a fingerprint as API servers write it", func(text string, valid bool) {
		Expect(session.ValidFingerprint(text)).To(Equal(valid))
	},
		Entry("of 64 digits", strings.Repeat("0a", 32), true),
		Entry("too short", strings.Repeat("0a", 31), false),
		Entry("too long", strings.Repeat("0a", 33), false),
		Entry("in capitals", strings.Repeat("0A", 32), false),
		Entry("of other letters", strings.Repeat("0g", 32), false),
		Entry("empty", "", false),
	)
})

var _ = Describe("A Lock in endedBy", func() {
	It("is found again", func() {
		name, lock := session.LockThatEnded(session.EndedByLock("lost-laptop"))
		Expect(lock).To(BeTrue())
		Expect(name).To(Equal("lost-laptop"))
	})
	DescribeTable("is none", func(endedBy string) {
		_, lock := session.LockThatEnded(endedBy)
		Expect(lock).To(BeFalse())
	},
		Entry("where a person ended it", "alice"), Entry("where nobody did", ""), Entry("where somebody is called so", "Lock smith"),
	)
})

var _ = Describe("A denial", func() {
	of := func(custody v1alpha1.Custody) *v1alpha1.Session {
		return &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: "alice-1"}, Spec: v1alpha1.SessionSpec{Custody: custody}}
	}
	It("is none while the Session goes on", func() {
		Expect(session.Denial(of(v1alpha1.CustodyClient), session.Verdict{Reason: v1alpha1.ReasonActive, Message: "m"})).To(BeEmpty())
	})
	DescribeTable("says why, and what to do", func(custody v1alpha1.Custody, reason, message, want string) {
		Expect(session.Denial(of(custody), session.Verdict{Reason: reason, Message: message})).To(Equal(want))
	},
		Entry("terminated", v1alpha1.CustodyClient, v1alpha1.ReasonTerminated, `ended by "bob": lost laptop`,
			`Rollcall: your session alice-1 has ended (Terminated): ended by "bob": lost laptop; to begin another: kubectl rollcall login`),
		Entry("idle", v1alpha1.CustodyClient, v1alpha1.ReasonIdle, "quiet",
			"Rollcall: your session alice-1 has ended (Idle): quiet; to begin another: kubectl rollcall login"),
		Entry("locked", v1alpha1.CustodyClient, v1alpha1.ReasonLocked, `kept out by Lock "x"`,
			`Rollcall: your session alice-1 has ended (Locked): kept out by Lock "x"; ask whoever administers this cluster`),
		Entry("of somebody who may not act", v1alpha1.CustodyClient, v1alpha1.ReasonUserInactive, "gone",
			"Rollcall: your session alice-1 has ended (UserInactive): gone; ask whoever administers this cluster"),
		Entry("of a kubeconfig Secret", v1alpha1.CustodyServer, v1alpha1.ReasonExpired, "long",
			"Rollcall: your session alice-1 has ended (Expired): long; the kubeconfig Secret that it came from is not good any more"),
		Entry("for a reason that would move a terminal's cursor", v1alpha1.CustodyClient, v1alpha1.ReasonTerminated, "a\x1b[2Jb\nc",
			"Rollcall: your session alice-1 has ended (Terminated): a [2Jb c; to begin another: kubectl rollcall login"),
	)
})
