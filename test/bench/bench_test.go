// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/test/installation"
)

func TestBench(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "bench")
}

var usual = sizes{people: 10000, groups: 300, grants: 100, namespaces: 200}

var _ = Describe("The company", func() {
	DescribeTable("is whole at any size", func(s sizes) {
		Expect(s.check()).To(Succeed())
		c := newCompany(s)
		in := make([]int, s.people)
		for _, members := range c.members {
			Expect(len(members)).To(And(BeNumerically(">", 0), BeNumerically("<=", largest)))
			Expect(slices.IsSorted(members)).To(BeTrue())
			Expect(slices.Compact(slices.Clone(members))).To(HaveLen(len(members)))
			for _, person := range members {
				in[person]++
			}
		}
		Expect(in).To(HaveEach(And(BeNumerically(">=", 1), BeNumerically("<=", 3))))
		Expect(c.access).To(HaveLen(s.grants))
		cluster := 0
		for _, a := range c.access {
			Expect(a.groups).NotTo(BeEmpty())
			Expect(slices.IsSorted(a.places)).To(BeTrue())
			if a.cluster {
				cluster++
				Expect(a.places).To(BeEmpty())
			} else {
				Expect(a.places).NotTo(BeEmpty())
			}
		}
		Expect(cluster).To(Equal(s.grants / 10))
	},
		Entry("the usual", usual),
		Entry("small", sizes{people: 500, groups: 30, grants: 20, namespaces: 20}),
		Entry("tiny", sizes{people: 20, groups: 3, grants: 1, namespaces: 1}),
		Entry("more Grants than Groups", sizes{people: 100, groups: 5, grants: 40, namespaces: 7}),
		Entry("many people", sizes{people: 100000, groups: 300, grants: 100, namespaces: 200}),
	)

	It("is the same every time", func() {
		Expect(newCompany(usual)).To(Equal(newCompany(usual)))
	})

	It("has some large groups and many small ones, and Grants of both kinds", func() {
		c := newCompany(usual)
		large, small := 0, 0
		for _, members := range c.members {
			switch n := len(members); {
			case n >= 500 && n <= 1000:
				large++
			case n >= 20 && n <= 60:
				small++
			}
		}
		Expect([]int{large, small}).To(Equal([]int{10, 290}))
		bySelector := slices.DeleteFunc(slices.Clone(c.access), func(a access) bool { return a.team < 0 })
		Expect(bySelector).To(HaveLen(45))
		Expect(bySelector).To(HaveEach(WithTransform(func(a access) int { return len(a.places) }, Equal(teamSize))))
	})

	It("gives the same access by single bindings, all of a person together, and the given person first", func() {
		c := newCompany(sizes{people: 100, groups: 5, grants: 10, namespaces: 10})
		insider := c.insider(c.busiest())
		singles := c.singles(insider)
		Expect(singles).To(HaveLen(100))
		Expect(singles[0]).NotTo(BeEmpty())
		given := map[single]bool{}
		var people []int
		for _, own := range singles {
			for _, s := range own {
				Expect(given).NotTo(HaveKey(s))
				given[s] = true
				people = append(people, s.person)
			}
		}
		people = slices.Compact(people)
		Expect(people[0]).To(Equal(insider))
		Expect(slices.Compact(slices.Sorted(slices.Values(people)))).To(HaveLen(len(people)), "nobody comes twice")
		wanted := 0
		for _, a := range c.access {
			wanted += len(c.reached(a)) * max(1, len(a.places))
		}
		Expect(given).To(HaveLen(wanted))
	})

	It("finds the namespace with most names, and somebody who has access only there", func() {
		c := &company{sizes: sizes{people: 5, groups: 2, grants: 3, namespaces: 3}, members: [][]int{{0, 1}, {1, 2, 3}}, access: []access{
			{groups: []int{0}, cluster: true}, {groups: []int{0}, places: []int{0, 1}}, {groups: []int{1}, places: []int{2}},
		}}
		Expect(c.busiest()).To(Equal(2))
		Expect(c.usual()).To(Equal(0))
		Expect(c.insider(2)).To(Equal(2), "1 may do everything everywhere")
		Expect(c.insider(0)).To(BeElementOf(0, 1), "there is nobody else")
		Expect((&company{sizes: sizes{people: 1, namespaces: 1}}).insider(0)).To(Equal(-1))
	})

	It("becomes objects", func() {
		grant := grantObject(1, access{role: "edit", groups: []int{1}, people: []int{7}, team: 3, places: []int{3}})
		Expect(grant.Spec.Subjects).To(Equal([]v1alpha1.Subject{
			{Kind: v1alpha1.SubjectGroup, Name: "group-0001"}, {Kind: v1alpha1.SubjectUser, Name: "person-000007"},
		}))
		Expect(grant.Spec.Namespaces.Selector.MatchLabels).To(Equal(map[string]string{"team": "team-003"}))
		Expect(grantObject(1, access{team: -1, places: []int{0, 4}}).Spec.Namespaces.Names).
			To(Equal([]string{"namespace-0000", "namespace-0004"}))
		Expect(grantObject(1, access{team: -1, cluster: true}).Spec).
			To(And(HaveField("Scope", v1alpha1.ScopeCluster), HaveField("Namespaces", BeNil())))
	})
})

var _ = Describe("The report", func() {
	DescribeTable("has percentiles by the nearest rank", func(p int, want time.Duration) {
		s := make(series, 0, 100)
		for i := range 100 {
			s = append(s, time.Duration(100-i)) // 100, 99, ... 1
		}
		Expect(s.percentile(p)).To(Equal(want))
	},
		Entry("lowest", 0, time.Duration(1)), Entry("median", 50, time.Duration(50)),
		Entry("99th", 99, time.Duration(99)), Entry("highest", 100, time.Duration(100)))

	It("has percentiles of few and of none", func() {
		Expect(series{7}.percentile(99)).To(BeEquivalentTo(7))
		Expect(series{3, 1, 2}.percentile(50)).To(BeEquivalentTo(2))
		Expect(series{3, 1, 2}.percentile(99)).To(BeEquivalentTo(3))
		Expect(series(nil).percentile(50)).To(BeZero())
	})

	DescribeTable("sets thousands apart", func(n int, want string) { Expect(count(n)).To(Equal(want)) },
		Entry(nil, 0, "0"), Entry(nil, 999, "999"), Entry(nil, 1000, "1,000"), Entry(nil, 1234567, "1,234,567"),
		Entry(nil, -123456, "-123,456"))

	lines := []line{
		{Row: "scale", What: "bindings", Value: 1234},
		{Row: "authorizer", What: "review", State: "empty", Value: 0.5, Unit: unitMilliseconds, P99: 1.25},
		{
			Row: "authorizer", What: "review", State: "full", Value: 0.55, Unit: unitMilliseconds, P99: 2, Against: 0.5, Ratio: 1.1,
			Goal: "at most 1.10 x",
		},
	}

	It("aligns one table, without repeating itself", func() {
		var text strings.Builder
		Expect(writeTable(&text, lines)).To(Succeed())
		Expect(text.String()).To(Equal(strings.TrimPrefix(`
ROW         WHAT      STATE  VALUE (P50)  P99       AGAINST   RATIO   MUST REACH
scale       bindings         1,234
authorizer  review    empty  0.500 ms     1.250 ms
                      full   0.550 ms     2.000 ms  0.500 ms  1.10 x  at most 1.10 x
`, "\n")))
	})

	It("is JSON with every number", func() {
		var text strings.Builder
		Expect(writeJSON(&text, result{Cores: 2, Lines: lines})).To(Succeed())
		var read result
		Expect(json.Unmarshal([]byte(text.String()), &read)).To(Succeed())
		Expect(read.Lines).To(Equal(lines))
	})

	It("is a page, whose tables have no empty columns", func() {
		lines := slices.Clone(lines)
		lines[0].Row = rowScale
		var text strings.Builder
		Expect(writePage(&text, result{Cores: 2, Memory: 24, People: 10000, Lines: lines})).To(Succeed())
		Expect(text.String()).To(And(
			ContainSubstring("on 2 cores and 24 GiB of memory"), ContainSubstring("What 10,000 people"),
			ContainSubstring("| what | value (p50) |\n| ---- | ----------- |\n| bindings | 1,234 |\n"),
			ContainSubstring("| review | full | 0.550 ms | 2.000 ms | 0.500 ms | 1.10 x | at most 1.10 x |\n"),
		))
	})

	It("begins with what has to reach something", func() {
		Expect(withGoal(lines)).To(HaveExactElements(HaveField("State", "full")))
		Expect(markdown(withGoal(lines), 0)).To(HavePrefix("| row | what |"))
	})

	It("compares every state with the empty control plane's of the same minutes", func() {
		all := func(of time.Duration) (l latencies) {
			for q := range l {
				l[q] = series{of}
			}
			return l
		}
		slower := all(10)
		slower[anywhere] = series{15}
		found := authorizerLines([]state{
			{name: "empty as well", asked: all(100), empty: all(100)}, {name: "full", asked: slower, empty: all(10)},
		})
		Expect(found).To(HaveLen(2 * questions))
		Expect(found[0]).To(And(HaveField("Ratio", BeNumerically("~", 1)), HaveField("Goal", "")))
		Expect(found[1]).To(And(HaveField("Ratio", BeNumerically("~", 1.5)), HaveField("Goal", "at most 1.10 x"),
			HaveField("Against", milliseconds(10)), HaveField("Value", milliseconds(15))))
		Expect(found[2*denied+1]).To(And(HaveField("Ratio", BeNumerically("~", 1)), HaveField("Goal", "")))
	})
})

var _ = Describe("Rounds of Users who want a kubeconfig", func() {
	It("are told by the one in the middle", func() {
		round := func(took time.Duration) served {
			return served{took: took, applied: took / 2, cpu: cpu{operator: took / 4, plane: took / 8}, writes: 1600}
		}
		lines := servedLines([]served{round(2 * time.Second), round(4 * time.Second), round(10 * time.Second)}, 200)
		Expect(lines).To(HaveEach(HaveField("Row", rowKubeconfigs)))
		Expect(lines).To(HaveExactElements(
			And(HaveField("Value", 50.0), HaveField("Goal", "at least 50/s")), HaveField("Value", 100.0), HaveField("Value", 20.0),
			HaveField("Value", 4.0), HaveField("Value", 2.0), HaveField("Value", 8.0), HaveField("Value", 1.0), HaveField("Value", 0.5),
		))
	})
})

var _ = Describe("What audit events take", func() {
	It("is told by question, and then by store", func() {
		lines := auditLines([]received{
			{store: "SQLite", events: 1000, took: 500 * time.Millisecond, cpu: 40 * time.Millisecond, peak: 64 << 20, disk: 250_000},
			{store: "PostgreSQL", events: 1000, took: time.Second, disk: 300_000},
		})
		Expect(lines).To(HaveExactElements(
			And(HaveField("State", "SQLite"), HaveField("Value", 2000.0), HaveField("Unit", unitRate), HaveField("Goal", "at least 4,000/s")),
			And(HaveField("State", "PostgreSQL"), HaveField("Value", 1000.0)),
			And(HaveField("Value", BeNumerically("~", 4)), HaveField("Unit", unitSeconds)),
			And(HaveField("Value", 64.0), HaveField("Unit", unitMebibytes)),
			HaveField("Value", 250.0), HaveField("Value", 300.0),
		))
	})
})

var _ = Describe("What the operator asks for", func() {
	event := func(who, verb, resource, subresource string, at int64) auditv1.Event {
		return auditv1.Event{
			User: authenticationv1.UserInfo{Username: who}, Verb: verb, StageTimestamp: metav1.NewMicroTime(time.Unix(at, 0)),
			ObjectRef: &auditv1.ObjectReference{Resource: resource, Subresource: subresource},
		}
	}

	It("is counted by verb and resource, without what others ask for, and events", func() {
		found := requestsIn([]auditv1.Event{
			event(operatorUser, "create", "users", "", 1), event(operatorUser, "patch", "users", "status", 2),
			event(operatorUser, "patch", "users", "status", 3), event(operatorUser, "patch", "rolebindings", "", 4),
			event(operatorUser, "patch", "directories", "status", 5), event(operatorUser, "list", "users", "", 6),
			event(operatorUser, "create", "events", "", 7), event("alice", "create", "users", "", 8),
			{Verb: "get"},
		})
		Expect(found.writes).To(Equal(map[string]int{
			"create users": 1, "patch users/status": 2, "patch rolebindings": 1, "patch directories/status": 1,
		}))
		Expect(found.reads).To(Equal(map[string]int{"list users": 1}))
		Expect(found.last(mirrors)).To(Equal(time.Unix(4, 0)), "the Directory's own status shows nobody")
		Expect(found.written(anything)).To(Equal(5))
		Expect(found.written(binds)).To(Equal(1))
		Expect(found.written(mirrors)).To(Equal(4))
	})
})

var _ = Describe("A bare client", func() {
	It("has each object written its share of times", func() {
		shares := 0
		for i := range 7 {
			n := share(17, 7, i)
			Expect(n).To(BeElementOf(2, 3))
			shares += n
		}
		Expect(shares).To(Equal(17))
	})
})

var _ = Describe("Users that want a kubeconfig", func() {
	It("are a manifest of valid Users, counted on", func() {
		documents := strings.Split(usersWithKubeconfig(10, 2), "---\n")[1:]
		Expect(documents).To(HaveLen(2))
		var user v1alpha1.User
		Expect(yaml.UnmarshalStrict([]byte(documents[1]), &user)).To(Succeed())
		Expect(user.Name).To(Equal("robot-11"))
		Expect(user.Spec.Kubeconfig.SecretRef).To(Equal(v1alpha1.SecretReference{Namespace: installation.Namespace, Name: "robot-11"}))
	})
})

var _ = Describe("Certificates", func() {
	r := rates{
		bare: rate{n: 100, took: time.Second, cpu: 500 * time.Millisecond}, csr: rate{n: 100, took: 2 * time.Second, cpu: time.Second},
		csrIssued: rate{n: 1, took: time.Second, cpu: time.Second}, ca: rate{n: 1, took: time.Second},
		record: rate{n: 100, took: time.Second}, caIssued: rate{n: 50, took: time.Second}, caRenewed: rate{n: 1, took: time.Second},
	}

	It("are compared with a bare client's, in time and in processor time", func() {
		Expect(r.lines()).To(ContainElements(
			line{
				Row: rowCertificates, What: "certificates API, by the operator's signer", Value: 50, Unit: "/s", Ratio: 0.5,
				Goal: "at least 0.80 x",
			},
			line{Row: rowCertificates, What: "processor time for each, by the operator's signer", Value: 10, Unit: "ms", Ratio: 2},
			line{Row: rowCertificates, What: "own authority, checked and recorded in a Session", Value: 50, Unit: "/s", Ratio: 0.5},
		))
	})

	It("have no processor time where the system does not tell it", func() {
		r := r
		r.bare.cpu = 0
		Expect(r.lines()).To(SatisfyAll(HaveLen(7), HaveEach(HaveField("What", Not(ContainSubstring("processor"))))))
	})
})

var _ = Describe("The command line", func() {
	It("has defaults", func() {
		o, err := parse(nil, io.Discard)
		Expect(err).NotTo(HaveOccurred())
		Expect(o).To(Equal(options{
			sizes: usual, reviews: 3000, certificates: 1000, events: 200000, leavers: 200, robots: 200, many: 100000, format: formatTable,
		}))
	})

	It("measures all parts, or those that are named", func() {
		b := &bench{}
		names := make([]string, 0, 5)
		for _, p := range b.parts() {
			names = append(names, p.name)
		}
		Expect(names).To(Equal(partNames()))
		o, err := parse([]string{"--only", "audit,large", "--only", "directory"}, io.Discard)
		Expect(err).NotTo(HaveOccurred())
		Expect(slices.DeleteFunc(names, func(name string) bool { return !o.wants(name) })).To(Equal([]string{"audit", "directory", "large"}))
		Expect((&options{}).wants("audit")).To(BeTrue())
	})

	It("shows examples, and that is no error", func(ctx SpecContext) {
		var help strings.Builder
		Expect(run(context.Context(ctx), []string{"--help"}, io.Discard, &help)).To(Succeed())
		Expect(help.String()).To(And(ContainSubstring("Examples:"), ContainSubstring("-people")))
	})

	DescribeTable("refuses what cannot be", func(message string, args ...string) {
		_, err := parse(args, io.Discard)
		Expect(err).To(MatchError(ContainSubstring(message)))
	},
		Entry(nil, "unknown argument", "all"),
		Entry(nil, "table, json or markdown", "-o", "yaml"),
		Entry(nil, "at least 100", "--reviews", "5"),
		Entry(nil, "--certificates 501: use 4 to 500", "--people", "500", "--certificates", "501"),
		Entry(nil, "--people 1000: use 20 to 500", "--people", "1000", "--groups", "1"),
		Entry(nil, "at least 1", "--grants", "0"),
		Entry(nil, "--events 399: use at least 400", "--events", "399"),
		Entry(nil, `"memory" is none of audit, directory,`, "--only", "memory"),
		Entry(nil, "--leavers 1001: use 1 to 1000", "--leavers", "1001"),
		Entry(nil, "--kubeconfigs 0: use at least 1", "--kubeconfigs", "0"),
		Entry(nil, "writes all of docs/scale.md", "-o", "markdown", "--only", "audit"),
		Entry(nil, "writes all of docs/scale.md", "-o", "markdown", "--many", "0"),
		Entry(nil, "at most 250", "--groups", "300", "--grants", "1"),
	)
})
