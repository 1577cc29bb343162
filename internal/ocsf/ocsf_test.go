// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ocsf_test

import (
	"encoding/json"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/internal/ocsf"
)

var (
	at = time.Date(2026, 11, 23, 12, 0, 0, 5e6, time.UTC)
	by = ocsf.Product{Version: "v1.2.3"}
)

func entry(kind ledger.Kind, object, namespace, name string, edit func(*ledger.Entry)) *ledger.Entry {
	e := &ledger.Entry{
		Time: at, Kind: kind, Object: &ledger.Object{Kind: object, Namespace: namespace, Name: name, UID: "uid-of-" + name, Generation: 2},
	}
	edit(e)
	return e
}

func raw(text string) json.RawMessage { return json.RawMessage(text) }

const (
	began = `{"userRef":{"name":"alice","uid":"u-1"},"username":"corp:alice","identityID":"id-1","device":"laptop","custody":"Client",` +
		`"keyFingerprint":"aa","authentication":{"method":"OIDC","time":"2026-11-23T12:00:00Z","issuer":"https://idp.example",` +
		`"amr":["pwd","mfa"]}}`
	byLDAP = `{"userRef":{"name":"alice","uid":"u-1"},"username":"corp:alice","custody":"Client",` +
		`"authentication":{"method":"LDAP","time":"2026-11-23T12:00:00Z"}}`
	certificate = `{"fingerprint":"f00d","serialNumber":"12","notBefore":"2026-11-23T12:00:00Z","notAfter":"2026-11-23T12:15:00Z",` +
		`"groups":["corp:payments","rollcall:managed"],"keyFingerprint":"aa","user":{"name":"alice","uid":"u-1"},"identityID":"id-1",` +
		`"custody":"Client","authentication":{"method":"LDAP","time":"2026-11-23T12:00:00Z"}}`
	binding = `{"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"edit"},` +
		`"made":{"rollcall.dev/grant":"alice-edits"},"subjects":["Group corp:leads","ServiceAccount ci/robot","User corp:alice"]}`
	active = `{"spec":{"userName":"alice","directoryRef":{"name":"corp"}},"identity":{"id":"id-1","displayName":"Alice Ng",` +
		`"email":"alice@example.com"},"groups":["corp:leads"],"active":{"type":"Active","status":"True","reason":"Active","message":"present"}}`
	locked = `{"spec":{"userName":"alice"},"active":{"type":"Active","status":"False","reason":"Locked","message":"Lock \"leak\""}}`
	gone   = `{"spec":{"userName":"alice"},"active":{"type":"Active","status":"False","reason":"Suspended","message":"by Git"}}`
)

func user(before, after string) func(*ledger.Entry) {
	return func(e *ledger.Entry) {
		e.Whom = "corp:alice"
		if before != "" {
			e.Before = raw(before)
		}
		if after != "" {
			e.After = raw(after)
		}
	}
}

func changed(whom, why, before, after string) func(*ledger.Entry) {
	return func(e *ledger.Entry) {
		user(before, after)(e)
		e.Whom, e.Why = whom, why
	}
}

var _ = Describe("An entry of the ledger, for a SIEM", func() {
	DescribeTable("is an event of a class, as the schema says", func(e *ledger.Entry, golden string, types ...float64) {
		lines, err := ocsf.Of(e, by)
		Expect(err).NotTo(HaveOccurred())
		got := make([]float64, 0, len(lines))
		uids := map[any]bool{}
		for _, line := range lines {
			event := expectEvent(line)
			got = append(got, event["type_uid"].(float64))
			Expect(event["time"]).To(BeEquivalentTo(at.UnixMilli()))
			uids[event["metadata"].(map[string]any)["uid"]] = true
		}
		Expect(got).To(Equal(types))
		Expect(uids).To(HaveLen(len(lines)), "no two events have one uid")
		again, err := ocsf.Of(e, by)
		Expect(err).NotTo(HaveOccurred())
		Expect(again).To(Equal(lines))
		expectGolden(golden, lines)
	},
		Entry("a certificate", entry(ledger.CertificateIssued, "Session", "", "alice-1", user("", certificate)),
			"certificate-issued", 300301.0),
		Entry("a proof by an identity provider", entry(ledger.SessionBegun, "Session", "", "alice-1", func(e *ledger.Entry) {
			e.Who, e.Whom, e.After = "corp:alice", "corp:alice", raw(began)
		}), "session-begun", 300201.0),
		Entry("a proof by a directory", entry(ledger.SessionBegun, "Session", "", "alice-1", user("", byLDAP)), "session-begun-ldap", 300201.0),
		Entry("the end, by somebody", entry(ledger.SessionEnded, "Session", "", "alice-1", func(e *ledger.Entry) {
			e.Who, e.Whom, e.Why = "corp:bob", "corp:alice", "Terminated: lost"
		}), "session-ended", 300202.0),
		Entry("the end, by a Lock", entry(ledger.SessionEnded, "Session", "", "alice-1", func(e *ledger.Entry) {
			e.Who, e.Whom, e.Why = "Lock leak", "corp:alice", "Locked"
		}), "session-ended-lock", 300202.0),
		Entry("the end of the object", entry(ledger.SessionRemoved, "Session", "", "alice-1", user("", "")), "session-removed", 300404.0),
		Entry("access given", entry(ledger.AccessGiven, "RoleBinding", "pay", "rollcall:alice-edits", changed("", "", "", binding)),
			"access-given", 300601.0, 300501.0, 300501.0),
		Entry("access withdrawn, everywhere", entry(ledger.AccessWithdrawn, "ClusterRoleBinding", "", "rollcall:x",
			changed("", "", "", binding)), "access-withdrawn", 300602.0, 300502.0, 300502.0),
		Entry("a Grant declared", entry(ledger.GrantChanged, "Grant", "", "g", changed("", "CHG-1", "", `{"scope":"Cluster"}`)),
			"grant-created", 300401.0),
		Entry("a Grant declared otherwise", entry(ledger.GrantChanged, "Grant", "", "g",
			changed("", "CHG-1", `{"scope":"Cluster"}`, `{"scope":"Namespaces"}`)), "grant-changed", 300403.0),
		Entry("a Grant removed", entry(ledger.GrantChanged, "Grant", "", "g", changed("", "CHG-1", `{"scope":"Cluster"}`, "")),
			"grant-removed", 300404.0),
		Entry("a request", entry(ledger.RequestChanged, "AccessRequest", "", "r", changed("corp:alice", "INC-7", "", `{"spec":{}}`)),
			"request-made", 300401.0),
		Entry("a Lock", entry(ledger.LockChanged, "Lock", "", "leak", changed("", "key on a bus", "", `{"target":{}}`)), "lock-set", 300401.0),
		Entry("a Directory", entry(ledger.DirectoryChanged, "Directory", "", "corp", changed("", "", `{"a":1}`, `{"a":2}`)),
			"directory-changed", 300403.0),
		Entry("a loss that was accepted", entry(ledger.LossAccepted, "Directory", "", "corp", changed("", "", "", `{"token":"t"}`)),
			"loss-accepted", 300403.0),
		Entry("a person who came", entry(ledger.UserChanged, "User", "", "alice", user("", active)), "user-created", 300101.0),
		Entry("a person who went", entry(ledger.UserChanged, "User", "", "alice", user(active, "")), "user-removed", 300106.0),
		Entry("a person who was locked out", entry(ledger.UserChanged, "User", "", "alice", user(active, locked)), "user-locked", 300109.0),
		Entry("a person who was let in again", entry(ledger.UserChanged, "User", "", "alice", user(locked, active)), "user-unlocked", 300112.0),
		Entry("a person who may act no more", entry(ledger.UserChanged, "User", "", "alice", user(active, gone)), "user-disabled", 300105.0),
		Entry("a person who may act again", entry(ledger.UserChanged, "User", "", "alice", user(gone, active)), "user-enabled", 300102.0),
		Entry("a person who is described otherwise", entry(ledger.UserChanged, "User", "", "alice",
			user(`{"spec":{"userName":"alice"}}`, `{"sha256":"ab","bytes":30000}`)), "user-changed", 300199.0),
		Entry("a person of whom there is too much to say", entry(ledger.UserChanged, "User", "", "alice",
			user(active, `{"sha256":"ab","bytes":30000}`)), "user-long", 300199.0),
	)

	It("has every text as it was, and shows none that a reader would not see", func() {
		const why = "a\x1b[2J \u202e b\u0085\u2028 \U000E0041 \U0001F510 \"\\ é"
		lines, err := ocsf.Of(entry(ledger.LockChanged, "Lock", "", "l", changed("", why, "", `{"a":"`+"\u202e\U000E0041"+`"}`)), by)
		Expect(err).NotTo(HaveOccurred())
		event := expectEvent(lines[0])
		Expect(event["comment"]).To(Equal(why))
		Expect(event["entity_result"]).To(HaveKeyWithValue("data", HaveKeyWithValue("a", "\u202e\U000E0041")))
		Expect(event["message"]).To(HavePrefix(`LockChanged, Lock l: a\x1b[2J`))
	})

	It("is left out where it is about the ledger itself", func() {
		Expect(ocsf.Of(&ledger.Entry{Time: at, Kind: ledger.AuditBatch, After: raw(`{"batch":1}`)}, by)).To(BeEmpty())
	})
})

// FuzzLine: whatever is in an entry, each event is one line.
func FuzzLine(f *testing.F) {
	for _, after := range []string{
		began, certificate, binding, active, locked, `[]`, `{"subjects":["Group a\u0007","x"]}`, "{\"a\":\"\u2028\u0085\xff\"}",
	} {
		f.Add(string(ledger.AccessGiven), "corp:\x1b[2J", "corp:alice\u202e", "why\n\"", "Grant", "", "g\u0000", after, after)
	}
	for _, kind := range []ledger.Kind{ledger.UserChanged, ledger.SessionBegun, ledger.CertificateIssued, ledger.LockChanged, "New"} {
		f.Add(string(kind), "a", "b", "c", "d", "e", "f", active, "")
	}
	f.Fuzz(func(t *testing.T, kind, who, whom, why, object, namespace, name, before, after string) {
		e := &ledger.Entry{
			Time: at, Kind: ledger.Kind(kind), Who: who, Whom: whom, Why: why,
			Object: &ledger.Object{Kind: object, Namespace: namespace, Name: name},
		}
		if before != "" {
			e.Before = raw(before)
		}
		if after != "" {
			e.After = raw(after)
		}
		lines, err := ocsf.Of(e, by)
		if _, marshalled := e.Marshal(); (err == nil) != (marshalled == nil) {
			t.Fatalf("%v, and as an entry of the ledger %v", err, marshalled)
		}
		for _, line := range lines {
			if what := flaw(line); what != "" {
				t.Fatalf("%s: %q", what, line)
			}
		}
	})
}
