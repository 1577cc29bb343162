// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

func TestCoverage(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Coverage")
}

var _ = Describe("An API server's metrics", func() {
	const head = "# HELP apiserver_audit_event_total x\n# TYPE apiserver_audit_event_total counter\napiserver_audit_event_total 12\n" +
		"process_start_time_seconds 1.7957307005e+09\n"
	It("say when it began, and what it lost, by all ways", func() {
		started, failed, err := read(strings.NewReader("other{le=\"1\"} 5\n" + head + "apiserver_audit_error_total_more 9\n" +
			"apiserver_audit_error_total{plugin=\"webhook\"} 5\napiserver_audit_error_total{plugin=\"buffered\"} 1e3\n"))
		Expect(err).NotTo(HaveOccurred())
		Expect(started).To(BeTemporally("==", time.UnixMicro(1795730700500000)))
		Expect(failed).To(BeEquivalentTo(1005))
	})

	It("may count no errors yet", func() {
		_, failed, err := read(strings.NewReader(head))
		Expect(err).NotTo(HaveOccurred())
		Expect(failed).To(BeZero())
	})

	It("are not believed where their end was not read", func() {
		_, _, err := read(io.MultiReader(strings.NewReader(head), &endless{line: []byte("x" + strings.Repeat(" ", 64<<10) + "1\n")}))
		Expect(err).To(MatchError(errTooMuch))
	})

	DescribeTable("may be none", func(text string, wanted error) {
		_, _, err := read(strings.NewReader(text))
		Expect(err).To(MatchError(wanted))
	},
		Entry("but a page", "<html>", errNoMetrics), Entry("but nothing", "", errNoMetrics),
		Entry("that say when it began", "apiserver_audit_event_total 1\n", errNoMetrics),
		Entry("of audit", "process_start_time_seconds 1\n", errNoMetrics),
		Entry("that are numbers", head+"apiserver_audit_error_total{plugin=\"x\"} many\n", errNotMetrics),
		Entry("but a flood", strings.Repeat("process_start_time_seconds{a=\"b\"} 1\n", 10000), errNotMetrics),
	)
})

// endless is a line, again and again.
type endless struct {
	line []byte
	at   int
}

func (e *endless) Read(into []byte) (int, error) {
	n := copy(into, e.line[e.at:])
	e.at = (e.at + n) % len(e.line)
	return n, nil
}

var _ = Describe("Endpoints", func() {
	endpoints := func(kind discoveryv1.AddressType, ports []discoveryv1.EndpointPort, addresses ...string) discoveryv1.EndpointSlice {
		slice := discoveryv1.EndpointSlice{AddressType: kind, Ports: ports}
		for _, address := range addresses {
			slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{address}})
		}
		return slice
	}
	port := func(name string, number int32) discoveryv1.EndpointPort {
		return discoveryv1.EndpointPort{Name: &name, Port: &number}
	}
	secure := []discoveryv1.EndpointPort{port("metrics", 1), port("https", 6443)}
	DescribeTable("of API servers", func(slice discoveryv1.EndpointSlice, addresses ...string) {
		Expect(addressesIn([]discoveryv1.EndpointSlice{slice, slice})).To(HaveExactElements(addresses))
	},
		Entry("are theirs, in order", endpoints("IPv4", secure, "10.0.0.2", "10.0.0.1"), "10.0.0.1:6443", "10.0.0.2:6443"),
		Entry("have brackets", endpoints("IPv6", secure, "fd00::1"), "[fd00::1]:6443"),
		Entry("may have one port of any name", endpoints("IPv4", []discoveryv1.EndpointPort{port("api", 443)}, "10.0.0.1"), "10.0.0.1:443"),
		Entry("not several of none", endpoints("IPv4", []discoveryv1.EndpointPort{port("a", 1), port("b", 2)}, "10.0.0.1")),
		Entry("not names", endpoints("FQDN", secure, "example.com")),
		Entry("not none", endpoints("IPv4", nil, "10.0.0.1")),
	)
})

var _ = Describe("Why an API server cannot be asked", func() {
	DescribeTable("is said in words that stay", func(err error, words string) {
		wrapped := &url.Error{Op: "Get", URL: "https://10.0.0.1:6443/metrics", Err: fmt.Errorf("dial from 10.1.2.3:54321: %w", err)}
		Expect(askingTrouble(wrapped)).To(And(ContainSubstring(words), Not(ContainSubstring("54321"))))
	},
		Entry("no connection", syscall.ECONNREFUSED, "refuses the connection"),
		Entry("no answer", context.DeadlineExceeded, "in time"),
		Entry("another's certificate", &tls.CertificateVerificationError{Err: errors.New("current time 2026 is after")}, "its certificate"),
		Entry("anything else", errors.New("EOF"), "the connection to it fails"),
		Entry("no right to metrics", &refusal{metricsPath, 403}, "ClusterRole rollcall-audit"),
		Entry("no right to the heartbeat", &refusal{heartbeatPath, 403}, "system:basic-user"),
		Entry("no credential", &refusal{metricsPath, 401}, "credential (401)"),
		Entry("an error of its own", &refusal{heartbeatPath, 500}, "answers 500 to /apis/authentication.k8s.io"),
		Entry("no audit id", errNoAuditID, "Audit-Id"), Entry("no metrics", errNoMetrics, "lack apiserver_audit_event_total"),
	)
})

var _ = Describe("What is found", func() {
	noon := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	ago := func(minutes float64) time.Time { return noon.Add(-time.Duration(minutes * float64(time.Minute))) }
	watch := func(until float64) usage.Watch {
		return usage.Watch{Address: "a:1", Listed: ago(100), Since: ago(100), Until: ago(until)}
	}
	waits := func(minutes float64) []usage.Waiting {
		return []usage.Waiting{{Sample: usage.Sample{At: ago(minutes)}}}
	}

	DescribeTable("of an API server", func(w usage.Watch, waiting []usage.Waiting, lost int64, trouble string, wanted State) {
		watcher := &Watcher{
			Every: every, Late: usage.Late, troubles: map[string]string{"a:1": trouble}, waiting: map[place][]usage.Waiting{placeOf(&w): waiting},
		}
		found := watcher.find([]usage.Watch{w}, []usage.Gap{{Server: "a:1", Lost: lost}}, noon)
		Expect(found.Servers).To(HaveExactElements(HaveField("State", wanted)))
	},
		Entry("heard a moment ago", watch(1), nil, int64(0), "", Received),
		Entry("which is restarted now", watch(6), nil, int64(0), "refused", Received),
		Entry("which is away for longer", watch(8), nil, int64(0), "refused", Unreachable),
		Entry("which was away while nobody asked", watch(8), nil, int64(0), "", Starting),
		Entry("whose heartbeat is on its way", watch(4), waits(4), int64(0), "", Received),
		Entry("whose heartbeat is late", watch(6), waits(5.1), int64(0), "", Silent),
		Entry("of which something newer arrived", watch(1), []usage.Waiting{{Sample: usage.Sample{At: ago(5.1)}, Before: ago(5)}}, int64(0), "",
			Received),
		Entry("which lost something", watch(1), nil, int64(3), "", Losing),
		Entry("which loses everything", watch(6), waits(5.1), int64(3), "", Silent),
		Entry("never heard", usage.Watch{Address: "a:1", Listed: ago(1)}, waits(1), int64(0), "", Starting),
		Entry("never asked", usage.Watch{Address: "a:1", Listed: ago(1)}, nil, int64(0), "refused", Unreachable),
	)

	DescribeTable("of which API servers there are", func(listed time.Time, told string) {
		watcher := &Watcher{Every: every, Late: usage.Late, listing: "forbidden", listed: listed}
		Expect(watcher.find(nil, nil, noon).Trouble).To(Equal(told))
	},
		Entry("which was never known", time.Time{}, "forbidden"), Entry("which is not known any more", ago(8), "forbidden"),
		Entry("which is not known for a moment", ago(6), ""),
	)

	It("is not about those that left", func() {
		gone := watch(30)
		gone.Left = ago(29)
		Expect((&Watcher{Every: every, Late: usage.Late}).find([]usage.Watch{gone}, nil, noon).Servers).To(BeEmpty())
	})

	DescribeTable("is told", func(found Findings, status metav1.ConditionStatus, reason string, words ...string) {
		told := found.Condition()
		Expect(told).To(And(HaveField("Type", v1alpha1.ConditionAuditReceived), HaveField("Status", status), HaveField("Reason", reason)))
		for _, word := range words {
			Expect(told.Message).To(ContainSubstring(word))
		}
	},
		Entry("at first", Findings{}, metav1.ConditionUnknown, v1alpha1.ReasonStarting, "not arrived yet"),
		Entry("while the store is closed", Findings{Failure: "closed"}, metav1.ConditionUnknown, v1alpha1.ReasonFailed, "closed"),
		Entry("where all is well", Findings{Servers: []Finding{{"a", Received, ""}, {"b", Received, ""}}},
			metav1.ConditionTrue, v1alpha1.ReasonReceived, "a, b"),
		Entry("where one begins", Findings{Servers: []Finding{{"a", Received, ""}, {"b", Starting, ""}}},
			metav1.ConditionUnknown, v1alpha1.ReasonStarting),
		Entry("where one cannot be asked", Findings{Servers: []Finding{{"a", Starting, ""}, {"b", Unreachable, "it sleeps"}}},
			metav1.ConditionUnknown, v1alpha1.ReasonUnreachable, "b cannot be asked", "it sleeps"),
		Entry("where others may be", Findings{Trouble: "who knows", Servers: []Finding{{"a", Received, ""}}},
			metav1.ConditionUnknown, v1alpha1.ReasonUnreachable, "who knows"),
		Entry("where one loses events", Findings{Servers: []Finding{{"a", Losing, ""}, {"b", Unreachable, "it sleeps"}}},
			metav1.ConditionFalse, v1alpha1.ReasonEventsLost, "a. Their logs", "it sleeps"),
		Entry("where one is silent", Findings{Servers: []Finding{{"a", Losing, ""}, {"b", Silent, ""}}},
			metav1.ConditionFalse, v1alpha1.ReasonNotReceived, "from b:", "config/audit/README.md", "could not deliver"),
	)
})
