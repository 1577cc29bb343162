// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/usage"
	"github.com/rollcall-iam/rollcall/internal/wire"
	"github.com/rollcall-iam/rollcall/test/golden"
)

// desk is the audit service, and as much of an API server as it takes to get there.
type desk struct {
	server *httptest.Server
	ca     *authority

	mutex sync.Mutex
	// asked are the questions.
	asked []string
	// answer is what the audit service says to all of them, and status how.
	answer any
	status int
}

func startDesk(answer any) (*desk, *machine) {
	GinkgoHelper()
	d := &desk{ca: newAuthority(), answer: answer, status: http.StatusOK}
	d.server = httptest.NewUnstartedServer(d)
	d.server.TLS = &tls.Config{Certificates: []tls.Certificate{d.ca.server()}}
	d.server.StartTLS()
	DeferCleanup(func() { d.server.CloseClientConnections(); d.server.Close() })
	m := newMachine()
	kubeconfig, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"clusters": []any{map[string]any{"name": "c", "cluster": map[string]any{
			"server": d.server.URL, "certificate-authority-data": d.ca.pem,
		}}},
		"contexts": []any{map[string]any{"name": "c", "context": map[string]any{"cluster": "c", "user": "u"}}},
		"users":    []any{map[string]any{"name": "u", "user": map[string]any{"token": "my own"}}},
	})
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(m.path("kubeconfig"), kubeconfig, 0o600)).To(Succeed())
	return d, m
}

// ServeHTTP implements http.Handler.
func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, status := d.answers(r)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if text, ok := answer.(string); ok {
		_, _ = fmt.Fprintln(w, text)
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (d *desk) answers(r *http.Request) (answer any, status int) {
	const group = "iam.rollcall.dev"
	gv := metav1.GroupVersionForDiscovery{GroupVersion: group + "/v1alpha1", Version: "v1alpha1"}
	one := metav1.APIGroup{
		TypeMeta: metav1.TypeMeta{Kind: "APIGroup", APIVersion: "v1"}, Name: group, Versions: []metav1.GroupVersionForDiscovery{gv},
		PreferredVersion: gv,
	}
	resources := func(groupVersion string, all ...metav1.APIResource) metav1.APIResourceList {
		return metav1.APIResourceList{
			TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: groupVersion, APIResources: all,
		}
	}
	if r.Header.Get("Authorization") == "Bearer for questions" {
		d.mutex.Lock()
		defer d.mutex.Unlock()
		d.asked = append(d.asked, r.URL.RequestURI())
		return d.answer, d.status
	}
	switch r.URL.Path {
	case "/api":
		return metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}}, http.StatusOK
	case "/apis":
		return metav1.APIGroupList{
			TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}, Groups: []metav1.APIGroup{one},
		}, http.StatusOK
	case "/apis/" + group:
		return one, http.StatusOK
	case "/api/v1":
		return resources("v1", metav1.APIResource{Name: "serviceaccounts", Kind: "ServiceAccount", Namespaced: true}), http.StatusOK
	case "/apis/" + group + "/v1alpha1":
		return resources(gv.GroupVersion, metav1.APIResource{Name: "installations", Kind: "Installation"}), http.StatusOK
	case "/apis/" + group + "/v1alpha1/installations/rollcall":
		installation := v1alpha1.Installation{TypeMeta: metav1.TypeMeta{APIVersion: gv.GroupVersion, Kind: "Installation"}}
		installation.Name = v1alpha1.InstallationName
		installation.Status.Audit = &v1alpha1.InstallationAudit{URL: d.server.URL, Namespace: "rollcall-system", CABundle: d.ca.pem}
		return installation, http.StatusOK
	case "/api/v1/namespaces/rollcall-system/serviceaccounts/rollcall-auditor/token":
		return authenticationv1.TokenRequest{
			TypeMeta: metav1.TypeMeta{APIVersion: "authentication.k8s.io/v1", Kind: "TokenRequest"},
			Status:   authenticationv1.TokenRequestStatus{Token: "for questions"},
		}, http.StatusCreated
	default:
		return metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: "Failure", Code: http.StatusNotFound},
			http.StatusNotFound
	}
}

// minutes is a time, so many minutes after noon.
func minutes(n int) metav1.Time {
	return metav1.NewTime(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Minute))
}

func covered(share float64, gaps ...usage.Gap) usage.Coverage {
	return usage.Coverage{Since: minutes(-30 * 24 * 60), Until: minutes(0), Share: share, Gaps: gaps}
}

func judged(name string, class v1alpha1.GrantUsage, message string, last *metav1.Time, requests int64, people int) wire.GrantUsage {
	return wire.GrantUsage{
		Name: name, UID: "g-" + name, Usage: class, Message: message, Total: usage.Total{Requests: requests, People: people, Last: last},
	}
}

// all are Grants of each kind, by name.
func all() *wire.Usage {
	used, redundant := minutes(-1), minutes(-90)
	return &wire.Usage{Coverage: covered(1), Items: []wire.GrantUsage{
		judged("a-used", v1alpha1.GrantUsed, "last needed at 2026-07-01T11:59:00Z", &used, 1234, 5),
		judged("b-unknown", v1alpha1.GrantUnknown, "not used yet; it gives something only since 2026-06-30T12:00:00Z", nil, 0, 0),
		judged("c-redundant", v1alpha1.GrantRedundant, "last used at 2026-07-01T10:30:00Z; whatever was done", &redundant, 7, 1),
		judged("d-unused", v1alpha1.GrantUnused, "not used since 2026-06-01T12:00:00Z", nil, 0, 0),
		judged("e-unused", v1alpha1.GrantUnused, "not used since 2026-06-01T12:00:00Z", nil, 0, 0),
	}}
}

// one is a Grant, and what was done by it.
func one() *wire.Usage {
	last, needed := minutes(-1), minutes(-1)
	g := judged("payments-admin", v1alpha1.GrantUsed, "last needed at 2026-07-01T11:59:00Z", &last, 17, 2)
	g.Subjects = []string{"corp:alice", "corp:bob", "corp:carol", "corp:dora"}
	pods := answers.Action{Verb: "get", Resource: "pods", Namespace: "pay"}
	g.Uses = []usage.Use{
		{Username: "corp:alice", Action: pods, Names: []string{"db", "web"}, Requests: 12, First: minutes(-300), Last: last, Needed: &needed},
		{Username: "corp:bob", Action: pods, Names: []string{"db"}, Unnamed: true, Requests: 4, First: minutes(-2), Last: minutes(-2)},
		{
			Username: "corp:bob", Action: answers.Action{Verb: "get", Path: "/metrics"}, Unnamed: true, Requests: 1,
			First: minutes(-9), Last: minutes(-9),
		},
	}
	return &wire.Usage{Coverage: covered(0.731,
		usage.Gap{Since: minutes(-60), Until: minutes(-50), Reason: "Silent", Message: "nothing came from 10.0.0.1"},
		usage.Gap{Since: minutes(-20), Until: minutes(-10), Reason: "Lost", Message: "10.0.0.2 could not deliver 7 events"},
	), Items: []wire.GrantUsage{g}}
}

var _ = Describe("What is used", func() {
	expect := func(m *machine, file string, args ...string) {
		GinkgoHelper()
		result := m.runs(args...)
		Expect(result.Code).To(BeZero(), result.Err)
		golden.Expect(file+".golden", result.Out+"--- beside it ---\n"+result.Err)
	}

	It("is told of one Grant, and who does not use it, and what is not known", func() {
		d, m := startDesk(one())
		expect(m, "usage", "usage", "payments-admin")
		Expect(d.asked).To(Equal([]string{"/audit/v1/usage?days=30&grant=payments-admin"}))
	})

	It("is told of a Grant that nobody uses", func() {
		answer := all()
		answer.Items = answer.Items[3:4]
		for i := range 10 {
			answer.Items[0].Subjects = append(answer.Items[0].Subjects, fmt.Sprintf("corp:p%d", i))
		}
		_, m := startDesk(answer)
		expect(m, "usage-unused", "usage", "d-unused", "--days", "3650")
	})

	It("is listed by what somebody should look at first", func() {
		d, m := startDesk(all())
		expect(m, "unused", "unused", "--days=1")
		expect(m, "unused-all", "unused", "--all")
		Expect(d.asked).To(Equal([]string{"/audit/v1/usage?days=1", "/audit/v1/usage?days=30"}))
	})

	It("is said to be all, where it is", func() {
		answer := all()
		answer.Items = answer.Items[:1]
		_, m := startDesk(answer)
		expect(m, "unused-nothing", "unused", "--days", "7")
	})

	It("is told to programs, whatever there is", func() {
		answer := all()
		answer.Items = answer.Items[:1]
		_, m := startDesk(answer)
		var found wire.Usage
		result := m.runs("unused", "-o", "json")
		Expect(result.Err).To(BeEmpty())
		Expect(json.Unmarshal([]byte(result.Out), &found)).To(Succeed())
		Expect(found.Items).To(BeEmpty())
		result = m.runs("usage", "a-used", "-o", "json")
		Expect(json.Unmarshal([]byte(result.Out), &found)).To(Succeed())
		Expect(found.Items).To(HaveExactElements(And(HaveField("Name", "a-used"), HaveField("Requests", int64(1234)))))
	})

	It("shows nothing that a terminal acts on, whatever people are called", func() {
		answer := one()
		evil := "\x1b[31m\x1b]0;owned\a\r\n\u202e" + "corp:alice"
		g := &answer.Items[0]
		g.Name, g.Message, g.Subjects = evil, evil, append(g.Subjects, evil)
		g.Uses[0].Username, g.Uses[0].Names, g.Uses[0].Action.Resource = evil, []string{evil}, evil
		answer.Coverage.Gaps[0].Message = evil
		_, m := startDesk(answer)
		for _, args := range [][]string{{"usage", "x"}, {"usage", "x", "-o", "json"}, {"usage", "x", "-o", "yaml"}, {"unused", "--all"}} {
			result := m.runs(args...)
			Expect(result.Code).To(BeZero(), result.Err)
			Expect(result.Out).To(ContainSubstring("corp:alice"))
			Expect(firstUnprintable(result.Out+result.Err)).To(BeZero(), "%q", args)
		}
	})

	It("is told with the longest gaps of many", func() {
		answer := all()
		answer.Coverage = covered(0.5)
		for i := range 8 {
			gap := usage.Gap{Since: minutes(i), Until: minutes(i + 1), Message: fmt.Sprintf("gap %d", i)}
			answer.Coverage.Gaps = append(answer.Coverage.Gaps, gap)
		}
		_, m := startDesk(answer)
		Expect(m.runs("unused").Err).To(And(HavePrefix("Of the time since 2026-06-01T12:00:00Z only 50 % is known:"),
			ContainSubstring("gap 2"), Not(ContainSubstring("gap 3")), HaveSuffix("and 5 more, none longer\n")))
	})

	DescribeTable("is not asked about", func(complaint string, args ...string) {
		d, m := startDesk(all())
		result := m.runs(args...)
		Expect(result.Code).NotTo(BeZero())
		Expect(result.Out).To(BeEmpty())
		Expect(result.Err).To(ContainSubstring(complaint))
		Expect(d.asked).To(BeEmpty())
	},
		Entry("no days", "--days must be 1 to 3650", "unused", "--days", "0"),
		Entry("less", "--days must be 1 to 3650", "usage", "x", "--days=-1"),
		Entry("more than there are", "--days must be 1 to 3650", "unused", "--days", "3651"),
		Entry("what is no number", "invalid argument", "usage", "x", "--days", "abc"),
		Entry("no Grant", "accepts 1 arg", "usage"),
		Entry("several Grants", "accepts 1 arg", "usage", "a", "b"),
		Entry("a Grant in a list of all", "unknown command", "unused", "a"),
	)

	It("is not told where the service does not tell", func() {
		d, m := startDesk("there is no Grant \"x\"\x1b[31m")
		d.status = http.StatusNotFound
		result := m.runs("usage", "x")
		Expect(result.Code).NotTo(BeZero())
		Expect(result.Err).To(Equal("Error: the audit service answers: there is no Grant \"x\"\\x1b[31m: not found\n"))
		d.status, d.answer = http.StatusOK, "no JSON"
		Expect(m.runs("unused").Err).To(ContainSubstring("read the audit service's answer"))
		d.answer = all()
		Expect(m.runs("usage", "x").Err).To(ContainSubstring("answers about 5 Grants, and not one"))
	})
})
