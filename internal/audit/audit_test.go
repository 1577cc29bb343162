// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/rollcall-iam/rollcall/internal/audit"
)

// told is an event as Kubernetes 1.37 writes it into its log.
const told = `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"5a2f0b8e-2f0c-4f0e-9d5b-0d4a3b1c2d3e",` +
	`"stage":"ResponseComplete","requestURI":"/api/v1/namespaces/pay/pods","verb":"list","user":{"username":"corp:alice",` +
	`"groups":["rollcall:managed","system:authenticated"],"extra":{"authentication.kubernetes.io/credential-id":` +
	`["X509SHA256=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]}},"sourceIPs":["127.0.0.1"],` +
	`"userAgent":"kubectl/v1.37.2","objectRef":{"resource":"pods","namespace":"pay","apiVersion":"v1"},"responseStatus":{"metadata":{},` +
	`"code":200},"requestReceivedTimestamp":"2026-11-26T20:00:00.123456Z","stageTimestamp":"2026-11-26T20:00:00.125000Z",` +
	`"annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"RBAC: allowed by RoleBinding ` +
	`\"rollcall:looks/pay\" of ClusterRole \"edit\" to User \"corp:alice\""}}`

// list wraps events as the webhook backend does, which leaves out the kind of each.
func list(events ...string) []byte {
	for i := range events {
		events[i] = strings.Replace(events[i], `"kind":"Event","apiVersion":"audit.k8s.io/v1",`, "", 1)
	}
	return []byte(`{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[` + strings.Join(events, ",") + `]}`)
}

func read(raw string) audit.Line {
	GinkgoHelper()
	line, err := audit.ReadLine([]byte(raw))
	Expect(err).NotTo(HaveOccurred())
	return line
}

var _ = Describe("An event", func() {
	It("says who did what with which credential, and by which binding", func() {
		line := read(told)
		Expect(line.Event.User.Username).To(Equal("corp:alice"))
		Expect(audit.Fingerprint(&line.Event)).To(HaveLen(64))
		Expect(audit.Credential(&line.Event)).To(HavePrefix("X509SHA256="))
		Expect(audit.Impersonated(&line.Event)).To(BeEmpty())
		Expect(audit.DecisionOf(&line.Event)).To(HaveField("Allow", HaveValue(Equal(audit.Allow{
			Kind: "RoleBinding", Namespace: "pay", Name: "rollcall:looks",
			Role:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"},
			Subject: rbacv1.Subject{Kind: "User", Name: "corp:alice"},
		}))))
	})

	It("is the same, whether a log or a webhook tells it", func() {
		lines, bad, err := audit.ReadList(list(told))
		Expect(err).NotTo(HaveOccurred())
		Expect(bad).To(BeZero())
		Expect(lines).To(HaveExactElements(HaveField("Key", read(told).Key)))
	})

	DescribeTable("is another where anything differs that a client cannot choose", func(old, changed string) {
		other := read(strings.Replace(told, old, changed, 1))
		Expect(other.Key).NotTo(Equal(read(told).Key))
		prefix := audit.Prefix("5a2f0b8e-2f0c-4f0e-9d5b-0d4a3b1c2d3e")
		Expect(other.Key[:len(prefix)]).To(Equal(prefix[:]), "and yet of the same audit id")
	},
		Entry("the stage", "ResponseComplete", "ResponseStarted"),
		Entry("the time", "20:00:00.123456", "20:00:00.123457"),
		Entry("the time of the stage", "20:00:00.125000", "20:00:00.125001"),
		Entry("who it was", `"username":"corp:alice"`, `"username":"corp:mallory"`),
		Entry("what it was", `"verb":"list"`, `"verb":"delete"`),
		Entry("where it was", "/api/v1/namespaces/pay/pods", "/api/v1/namespaces/pay/secrets"),
	)

	It("need not have a verb: the API server gives none to methods that it does not know", func() {
		Expect(read(strings.Replace(told, `"verb":"list",`, `"verb":"",`, 1)).Event.Verb).To(BeEmpty())
	})

	It("is kept on one line", func() {
		var spread bytes.Buffer
		Expect(json.Indent(&spread, []byte(told), "", "  ")).To(Succeed())
		line := read(spread.String())
		Expect(line.Raw).NotTo(ContainElement(byte('\n')))
		Expect(line.Raw).To(MatchJSON(told))
	})

	DescribeTable("is refused, with what is wrong", func(raw, complaint string) {
		_, err := audit.ReadLine([]byte(raw))
		Expect(err).To(MatchError(audit.ErrNotEvents))
		Expect(err).To(MatchError(ContainSubstring(complaint)))
	},
		Entry("cut off", told[:len(told)-40], "JSON"),
		Entry("nothing", "", "JSON"),
		Entry("no object", "null", "auditID"),
		Entry("of another kind", strings.Replace(told, `"kind":"Event"`, `"kind":"Pod"`, 1), `kind is "Pod"`),
		Entry("of an old version", strings.Replace(told, "audit.k8s.io/v1", "audit.k8s.io/v1beta1", 1), "v1beta1"),
		Entry("without a stage", strings.Replace(told, `"stage":"ResponseComplete",`, "", 1), "stage"),
		Entry("without a time", strings.Replace(told, `"stageTimestamp":"2026-11-26T20:00:00.125000Z",`, "", 1), "stageTimestamp"),
	)

	It("that is none costs the others of its list nothing", func() {
		lines, bad, err := audit.ReadList(list(told, `{"level":"Metadata"}`, "7", `{"stageTimestamp":"noon"}`,
			" \n"+strings.Replace(told, "5a2f", "6a2f", 1)+" "))
		Expect(err).NotTo(HaveOccurred())
		Expect(lines).To(HaveLen(2))
		for _, line := range lines {
			Expect(string(line.Raw)).To(And(HavePrefix("{"), HaveSuffix("}"), Not(ContainSubstring("\n"))))
		}
		Expect(bad.Items).To(Equal(3))
		Expect(bad.First).To(MatchError(ContainSubstring("items[1]")))
	})

	DescribeTable("is in a list, and in nothing else", func(body string) {
		_, _, err := audit.ReadList([]byte(body))
		Expect(err).To(MatchError(audit.ErrNotEvents))
	},
		Entry("cut off", string(list(told))[:300]), Entry("one event", told), Entry("nothing", ""), Entry("an array", "["+told+"]"),
		Entry("of an old version", strings.Replace(string(list(told)), "audit.k8s.io/v1", "audit.k8s.io/v1alpha1", 1)),
		Entry("with something behind it", string(list(told))+"{}"),
		Entry("whose items are none", strings.Replace(string(list(told)), "[", "7,[", 1)),
		Entry("with an item that is no JSON", string(list(told, "{]"))), Entry("with an item that never ends", string(list(told, "{"))),
	)
})

var _ = Describe("A reason", func() {
	decision := func(verdict, reason string) audit.Decision {
		return audit.DecisionOf(&auditv1.Event{Annotations: map[string]string{
			"authorization.k8s.io/decision": verdict, "authorization.k8s.io/reason": reason,
		}})
	}

	DescribeTable("names what allowed it", func(reason string, want audit.Allow) {
		want.Role.APIGroup = rbacv1.GroupName
		Expect(decision("allow", reason).Allow).To(HaveValue(Equal(want)))
	},
		Entry(nil, `RBAC: allowed by ClusterRoleBinding "rollcall:ops" of ClusterRole "view" to Group "corp:ops"`, audit.Allow{
			Kind: "ClusterRoleBinding", Name: "rollcall:ops", Role: rbacv1.RoleRef{Kind: "ClusterRole", Name: "view"},
			Subject: rbacv1.Subject{Kind: "Group", Name: "corp:ops"},
		}),
		Entry(nil, `RBAC: allowed by RoleBinding "robots/ci" of Role "deploy" to ServiceAccount "robot/build"`, audit.Allow{
			Kind: "RoleBinding", Namespace: "ci", Name: "robots", Role: rbacv1.RoleRef{Kind: "Role", Name: "deploy"},
			Subject: rbacv1.Subject{Kind: "ServiceAccount", Namespace: "build", Name: "robot"},
		}),
		Entry("with quotes in a name", `RBAC: allowed by ClusterRoleBinding "a" of ClusterRole "b" to User "x\" of \"y"`, audit.Allow{
			Kind: "ClusterRoleBinding", Name: "a", Role: rbacv1.RoleRef{Kind: "ClusterRole", Name: "b"},
			Subject: rbacv1.Subject{Kind: "User", Name: `x" of "y`},
		}),
		Entry("with a slash in a name", `RBAC: allowed by ClusterRoleBinding "a" of ClusterRole "b" to User "cn/with/slash"`, audit.Allow{
			Kind: "ClusterRoleBinding", Name: "a", Role: rbacv1.RoleRef{Kind: "ClusterRole", Name: "b"},
			Subject: rbacv1.Subject{Kind: "User", Name: "cn/with/slash"},
		}),
	)

	It("that is none of RBAC's is left as it is", func() {
		for _, reason := range []string{
			"", "node authorizer", "RBAC: allowed by", `RBAC: allowed by Role "x"`,
			`RBAC: allowed by RoleBinding "a/b" of Role "c" to User "d" and more`,
			`RBAC: allowed by Thing "a" of Role "c" to User "d"`, `RBAC: allowed by RoleBinding "a/b of Role "c" to User "d"`,
		} {
			got := decision("allow", reason)
			Expect(got).To(Equal(audit.Decision{Allowed: true, Reason: reason}))
		}
	})

	It("of a refusal names no binding", func() {
		Expect(decision("forbid", "no")).To(Equal(audit.Decision{Forbidden: true, Reason: "no"}))
		Expect(decision("", "")).To(Equal(audit.Decision{}))
	})
})

// Whatever comes, it is an error or an event that reads the same again.
func FuzzReadLine(f *testing.F) {
	for _, seed := range []string{told, "", "{}", "null", told[:100], `{"auditID":"\u0000"}`, strings.ToUpper(told), "[" + told + "]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		line, err := audit.ReadLine(raw)
		if err != nil {
			return
		}
		again, err := audit.ReadLine(line.Raw)
		if err != nil || again.Key != line.Key || bytes.IndexByte(line.Raw, '\n') >= 0 {
			t.Fatalf("%q: %v: %q", raw, err, line.Raw)
		}
		audit.DecisionOf(&line.Event)
		_ = audit.Fingerprint(&line.Event)
	})
}

func FuzzReadList(f *testing.F) {
	f.Add(list(told, told))
	f.Add([]byte(`{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[1,null,{}]}`))
	f.Add([]byte(`{"items":[], "metadata":{"x":[1]},"kind":"EventList","apiVersion":"audit.k8s.io/v1"} {`))
	f.Fuzz(func(t *testing.T, body []byte) {
		lines, bad, err := audit.ReadList(body)
		if err != nil && len(lines)+bad.Items > 0 {
			t.Fatalf("%q: an error, and yet %d lines", body, len(lines))
		}
		if err == nil && !json.Valid(body) {
			t.Fatalf("%q: no JSON, and yet no error", body)
		}
		for _, line := range lines {
			again, err := audit.ReadLine(line.Raw)
			if err != nil || again.Key != line.Key {
				t.Fatalf("%q: an event of a list is none by itself, or another: %v", line.Raw, err)
			}
		}
	})
}

var _ = It("A line is shown to be among those of a root, and no other line, nor at another place", func() {
	var lines []byte
	for size := range uint64(40) {
		lines = fmt.Appendf(lines, "%d\n", size)
		root := audit.Root(lines)
		for index := range size + 1 {
			i, err := audit.Include(lines, index)
			Expect(err).NotTo(HaveOccurred())
			Expect(i.Size).To(Equal(size + 1))
			Expect(i.Root(fmt.Append(nil, index))).To(Equal(root[:]))
			Expect(i.Root(fmt.Append(nil, index+1))).NotTo(Equal(root[:]))
			i.Index = (index + 1) % i.Size
			if elsewhere, err := i.Root(fmt.Append(nil, index)); err == nil && size > 0 {
				Expect(elsewhere).NotTo(Equal(root[:]))
			}
		}
		_, err := audit.Include(lines, size+1)
		Expect(err).To(MatchError(ContainSubstring("there is no line")))
	}
	_, err := audit.Include(nil, 0)
	Expect(err).To(HaveOccurred())
})

// A reason that is understood is the one that RBAC would write.
func FuzzReason(f *testing.F) {
	f.Add(`RBAC: allowed by RoleBinding "a/b" of Role "c" to User "d"`)
	f.Add(`RBAC: allowed by ClusterRoleBinding "a" of ClusterRole "c" to ServiceAccount "d/e"`)
	f.Fuzz(func(t *testing.T, reason string) {
		allow := audit.DecisionOf(&auditv1.Event{Annotations: map[string]string{
			"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": reason,
		}}).Allow
		if allow == nil {
			return
		}
		names := fmt.Sprint(allow.Name, allow.Namespace, allow.Role.Name, allow.Subject.Name, allow.Subject.Namespace)
		if len(names) > len(reason) {
			t.Fatalf("%q: more is named than was said: %+v", reason, allow)
		}
	})
}
