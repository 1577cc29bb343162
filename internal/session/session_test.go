// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package session_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gomegatypes "github.com/onsi/gomega/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/proof"
	"github.com/rollcall-iam/rollcall/internal/session"
)

// dawn is when the Session of these specs began.
var dawn = time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return dawn.Add(d) }

func stamp(d time.Duration) *metav1.Time { return new(metav1.NewTime(at(d))) }

// alices is a Session of alice that was renewed once, with the facts that let it go on.
func alices() session.Facts {
	return session.Facts{
		Session: &v1alpha1.Session{
			ObjectMeta: metav1.ObjectMeta{Name: "alice-1", CreationTimestamp: *stamp(0)},
			Spec: v1alpha1.SessionSpec{
				UserRef: v1alpha1.UserReference{Name: "alice", UID: "1"}, Username: "corp:alice", Custody: v1alpha1.CustodyClient,
				MaxDurationSeconds: 7200, IdleTimeoutSeconds: 1800,
			},
			Status: v1alpha1.SessionStatus{LastRenewTime: stamp(10 * time.Minute)},
		},
		User: &v1alpha1.User{
			ObjectMeta: metav1.ObjectMeta{Name: "alice", UID: "1"},
			Status:     v1alpha1.UserStatus{Username: "corp:alice", Conditions: active(metav1.ConditionTrue, v1alpha1.ReasonActive)},
		},
	}
}

const laptopKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHLb3TmW3kgXhDf1E1HIMFN5fi7ywbS6mh4YkBeGK5w7"

// onLaptop is a Session that began with laptopKey, whose User now enrols a key for that device.
func onLaptop(f *session.Facts, key string) {
	f.Session.Spec.Device = "laptop"
	f.Session.Spec.Authentication.Method = v1alpha1.MethodDeviceKey
	f.Session.Spec.Authentication.Subject = proof.DeviceFingerprint(laptopKey)
	f.User.Spec.Devices = []v1alpha1.Device{{Name: "laptop", PublicKey: key + " alice@laptop"}}
}

func active(status metav1.ConditionStatus, reason string) []metav1.Condition {
	return []metav1.Condition{{Type: v1alpha1.ConditionActive, Status: status, Reason: reason}}
}

func goesOn(recheck time.Duration) gomegatypes.GomegaMatcher {
	return SatisfyAll(HaveField("Reason", v1alpha1.ReasonActive), HaveField("EndTime", BeZero()), HaveField("Recheck", Equal(at(recheck))))
}

func ended(reason string, when time.Duration, words string) gomegatypes.GomegaMatcher {
	return SatisfyAll(HaveField("Reason", reason), HaveField("EndTime", BeTemporally("==", at(when))),
		HaveField("Message", ContainSubstring(words)), HaveField("Recheck", BeZero()))
}

var _ = DescribeTable("A Session", func(change func(*session.Facts), now time.Duration, verdict gomegatypes.GomegaMatcher) {
	facts := alices()
	change(&facts)
	decided := session.Decide(facts, at(now))
	Expect(decided).To(verdict)
	Expect(decided.Active()).To(Equal(decided.EndTime.IsZero()))
},
	Entry("goes on until it is idle", func(*session.Facts) {}, 39*time.Minute, goesOn(40*time.Minute)),
	Entry("is idle when nothing was renewed for so long", func(*session.Facts) {}, 40*time.Minute,
		ended(v1alpha1.ReasonIdle, 40*time.Minute, "30m0s")),
	Entry("was idle since then, whenever somebody looks", func(*session.Facts) {}, 90*time.Minute,
		ended(v1alpha1.ReasonIdle, 40*time.Minute, "log in again")),
	Entry("is not idle while the API server sees it", func(f *session.Facts) { f.Session.Status.LastSeenTime = stamp(30 * time.Minute) },
		50*time.Minute, goesOn(60*time.Minute)),
	Entry("lasts no longer than it may, whatever is renewed",
		func(f *session.Facts) { f.Session.Status.LastRenewTime = stamp(119 * time.Minute) }, 120*time.Minute,
		ended(v1alpha1.ReasonExpired, 2*time.Hour, "2h0m0s")),
	Entry("goes on until then", func(f *session.Facts) { f.Session.Status.LastRenewTime = stamp(119 * time.Minute) }, 119*time.Minute,
		goesOn(2*time.Hour)),
	Entry("counts from the operator's clock where that is ahead of the API server's", func(f *session.Facts) {
		f.Session.Spec.Authentication.Time = *stamp(3 * time.Hour)
		f.Session.Status.LastRenewTime = stamp(3 * time.Hour)
	}, 3*time.Hour, goesOn(3*time.Hour+30*time.Minute)),
	Entry("counts from the operator's clock where that is hours behind: nobody gets more time than there is", func(f *session.Facts) {
		f.Session.Spec.Authentication.Method, f.Session.Spec.Authentication.Time = v1alpha1.MethodLDAP, *stamp(-5 * time.Hour)
		f.Session.Status.LastRenewTime = stamp(-3*time.Hour - time.Minute)
	}, -3*time.Hour, ended(v1alpha1.ReasonExpired, -3*time.Hour, "2h0m0s")),
	Entry("has not begun when somebody logged in at their identity provider long before", func(f *session.Facts) {
		f.Session.Spec.Authentication.Method, f.Session.Spec.Authentication.Time = v1alpha1.MethodOIDC, *stamp(-5 * time.Hour)
	}, 39*time.Minute, goesOn(40*time.Minute)),
	Entry("waits ten minutes for its first certificate", func(f *session.Facts) { f.Session.Status.LastRenewTime = nil },
		9*time.Minute, goesOn(10*time.Minute)),
	Entry("ends when none was asked for", func(f *session.Facts) { f.Session.Status.LastRenewTime = nil }, 10*time.Minute,
		ended(v1alpha1.ReasonIdle, 10*time.Minute, "no certificate was asked for")),
	Entry("lasts for as long as its Secret is wanted, where nothing bounds it", func(f *session.Facts) {
		f.Session.Spec.MaxDurationSeconds, f.Session.Spec.IdleTimeoutSeconds = 0, 0
	}, 1000*time.Hour, SatisfyAll(HaveField("Reason", v1alpha1.ReasonActive), HaveField("Recheck", BeZero()))),
	Entry("is ended by somebody", func(f *session.Facts) {
		f.Session.Spec.Termination = &v1alpha1.SessionTermination{By: "corp:bob", Reason: "laptop lost"}
	}, 20*time.Minute, SatisfyAll(
		ended(v1alpha1.ReasonTerminated, 20*time.Minute, `ended by "corp:bob": laptop lost`), HaveField("By", "corp:bob"))),
	Entry("is ended by the person", func(f *session.Facts) {
		f.Session.Spec.Termination = &v1alpha1.SessionTermination{By: "corp:alice"}
	}, 20*time.Minute, ended(v1alpha1.ReasonTerminated, 20*time.Minute, "logged out")),
	Entry("is ended by being deleted", func(f *session.Facts) { f.Session.DeletionTimestamp = stamp(0) }, 20*time.Minute,
		ended(v1alpha1.ReasonTerminated, 20*time.Minute, "deleted")),
	Entry("is ended by a Lock", func(f *session.Facts) {
		f.Locks = []v1alpha1.Lock{{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, {ObjectMeta: metav1.ObjectMeta{Name: "b"}}}
	}, 20*time.Minute, SatisfyAll(ended(v1alpha1.ReasonLocked, 20*time.Minute, `Lock "a", Lock "b"`), HaveField("By", `Lock "a"`))),
	Entry("ends with its User", func(f *session.Facts) { f.User = nil }, 20*time.Minute,
		ended(v1alpha1.ReasonUserInactive, 20*time.Minute, `"alice" is gone`)),
	Entry("ends when its User may not act", func(f *session.Facts) {
		f.User.Status.Conditions = active(metav1.ConditionFalse, v1alpha1.ReasonSuspended)
	}, 20*time.Minute, ended(v1alpha1.ReasonUserInactive, 20*time.Minute, v1alpha1.ReasonSuspended)),
	Entry("goes on while nobody knows whether they may", func(f *session.Facts) {
		f.User.Status.Conditions = active(metav1.ConditionUnknown, v1alpha1.ReasonDirectoryPending)
	}, 20*time.Minute, goesOn(40*time.Minute)),
	Entry("ends when its User is called otherwise", func(f *session.Facts) { f.User.Status.Username = "corp:alison" }, 20*time.Minute,
		ended(v1alpha1.ReasonUserInactive, 20*time.Minute, "another username")),
	Entry("goes on while its device is enrolled", func(f *session.Facts) { onLaptop(f, laptopKey) }, 20*time.Minute, goesOn(40*time.Minute)),
	Entry("ends when its device is no longer enrolled", func(f *session.Facts) { onLaptop(f, laptopKey); f.User.Spec.Devices = nil },
		20*time.Minute, ended(v1alpha1.ReasonTerminated, 20*time.Minute, `no longer enrols device "laptop"`)),
	Entry("ends when its device has another key", func(f *session.Facts) { onLaptop(f, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA") },
		20*time.Minute, ended(v1alpha1.ReasonTerminated, 20*time.Minute, "with the key that it began with")),
	Entry("does not begin again, with its Lock lifted and its clock set back", func(f *session.Facts) {
		f.Session.Status.EndTime = stamp(15 * time.Minute)
		f.Session.Status.EndReason, f.Session.Status.EndedBy = v1alpha1.ReasonLocked, `Lock "a"`
	}, 12*time.Minute, SatisfyAll(ended(v1alpha1.ReasonLocked, 15*time.Minute, "it has ended"), HaveField("By", `Lock "a"`))),
	Entry("says what was said when it ended", func(f *session.Facts) {
		f.Session.Status.EndTime, f.Session.Status.EndReason = stamp(15*time.Minute), v1alpha1.ReasonIdle
		f.Session.Status.Conditions = []metav1.Condition{{
			Type: v1alpha1.ConditionActive, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonIdle, Message: "as it was told",
		}}
	}, time.Hour, ended(v1alpha1.ReasonIdle, 15*time.Minute, "as it was told")),
)

var _ = Describe("The certificates of a Session", func() {
	certificate := func(name string, until time.Duration) v1alpha1.SessionCertificate {
		return v1alpha1.SessionCertificate{Fingerprint: name, NotAfter: *stamp(until)}
	}
	names := func(certificates []v1alpha1.SessionCertificate) string {
		all := ""
		for _, c := range certificates {
			all += c.Fingerprint
		}
		return all
	}
	row := func(letters string, until time.Duration) (all []v1alpha1.SessionCertificate) {
		for _, letter := range letters {
			all = append(all, certificate(string(letter), until))
		}
		return all
	}

	It("are those that are valid, and the last four that are not", func() {
		all := append(row("abcdef", time.Minute), row("xyz", time.Hour)...)
		Expect(names(session.With(all, certificate("n", time.Hour), at(2*time.Minute)))).To(Equal("cdefxyzn"))
		Expect(names(session.With(all, certificate("n", time.Hour), at(0)))).To(Equal("abcdefxyzn"), "all are valid")
		Expect(names(session.With(nil, certificate("n", time.Hour), at(0)))).To(Equal("n"))
		Expect(names(all)).To(Equal("abcdefxyz"), "what was given is as it was")
	})

	It("are never so many that a valid one is forgotten", func() {
		valid := row("abcdefghijklmno", time.Hour) // 15
		Expect(session.Full(valid, at(0))).To(BeFalse())
		full := session.With(append(row("z", time.Minute), valid...), certificate("p", time.Hour), at(2*time.Minute))
		Expect(names(full)).To(Equal("abcdefghijklmnop"), "the one that has expired makes room")
		Expect(session.Full(full, at(2*time.Minute))).To(BeTrue())
		Expect(session.Full(full, at(time.Hour))).To(BeFalse())
	})

	It("are held by a Lock only if each that is valid is", func() {
		lock := v1alpha1.Lock{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Status: v1alpha1.LockStatus{
			Credentials: []string{session.CredentialID("x"), session.CredentialID("y")},
		}}
		Expect(session.LockedBy([]v1alpha1.Lock{lock}, row("xy", time.Hour), at(0))).To(Equal("a"))
		Expect(session.LockedBy([]v1alpha1.Lock{lock}, row("xyz", time.Hour), at(0))).To(BeEmpty())
		Expect(session.LockedBy([]v1alpha1.Lock{lock}, append(row("z", time.Minute), row("xy", time.Hour)...), at(time.Minute))).To(Equal("a"))
		Expect(session.LockedBy([]v1alpha1.Lock{lock}, row("xy", time.Minute), at(time.Minute))).To(BeEmpty(), "nothing is left to hold")
		Expect(session.LockedBy(nil, row("x", time.Hour), at(0))).To(BeEmpty())
	})
})
