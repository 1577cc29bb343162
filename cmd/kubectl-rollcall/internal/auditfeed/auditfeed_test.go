// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package auditfeed

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/audit/lines"
)

func TestAuditFeed(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Audit feed")
}

func now() time.Time { return time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC) }

var _ = Describe("A batch", func() {
	of := func(size int) event { return event{text: []byte(strings.Repeat("x", size))} }

	It("takes so many events, so many bytes, and waits so long", func() {
		b := batch{}
		Expect(b.wait(now())).To(Equal(maxAge))
		for range maxEvents {
			Expect(b.fits(1)).To(BeTrue())
			Expect(b.full()).To(BeFalse())
			b.add(of(1), now())
		}
		Expect(b.fits(1)).To(BeFalse())
		Expect(b.full()).To(BeTrue())
		b = batch{}
		b.add(of(maxBytes-1), now())
		b.add(of(0), now().Add(time.Second))
		Expect(b.fits(1)).To(BeTrue())
		Expect(b.fits(2)).To(BeFalse())
		Expect(b.wait(now().Add(maxAge - 1))).To(BeEquivalentTo(1))
	})

	It("takes an event that is larger than that alone", func() {
		b := batch{}
		Expect(b.fits(lines.MaxLine)).To(BeTrue())
		b.add(of(lines.MaxLine), now())
		Expect(b.full()).To(BeTrue())
	})

	It("is sent as an event list", func() {
		var list struct {
			Kind, APIVersion string
			Items            []struct{ AuditID string }
		}
		Expect(json.Unmarshal(body([]event{{text: []byte(`{"auditID":"a"}`)}, {text: []byte(`{"auditID":"b"}`)}}), &list)).To(Succeed())
		Expect(list.Kind + " " + list.APIVersion).To(Equal("EventList audit.k8s.io/v1"))
		Expect(list.Items).To(HaveLen(2))
		Expect(list.Items[1].AuditID).To(Equal("b"))
	})
})

var _ = DescribeTable("A line", func(text string, is bool) { Expect(object([]byte(text))).To(Equal(is)) },
	Entry("of an object", `{"a":1}`, true),
	Entry("of a list", `[]`, false),
	Entry("of null", `null`, false),
	Entry("cut off", `{"a":1`, false),
	Entry("of two objects", `{}{}`, false),
	Entry("of a log for people", `I0701 12:00:00 main.go] hello`, false),
)

var _ = DescribeTable("An answer", func(a answer, does step, why string) {
	got := judge(a)
	Expect(got.step).To(Equal(does))
	Expect(got.why).To(ContainSubstring(why))
	Expect(got.tooLarge).To(Equal(a.status == http.StatusRequestEntityTooLarge))
},
	Entry("of success", answer{status: 200}, goOn, ""),
	Entry("that only looks like it", answer{status: 204}, stop, "204 No Content"),
	Entry("that is none", answer{unreachable: "connection refused"}, again, "connection refused"),
	Entry("that it is no event list", answer{status: 400, text: "items[1]: no auditID"}, smaller, "400 items[1]: no auditID"),
	Entry("that it is too large", answer{status: 413}, smaller, "larger than the receiver takes"),
	Entry("that it is too much now", answer{status: 429}, again, "429 Too Many Requests"),
	Entry("that it is not there now", answer{status: 503}, again, "503"),
	Entry("of a proxy", answer{status: 502}, again, "502"),
	Entry("that it is elsewhere", answer{status: 307}, stop, "--to"),
	Entry("that there is nothing", answer{status: 404}, stop, "--name"),
	Entry("that it is forbidden", answer{status: 403}, stop, "--to"),
)

var _ = Describe("The time between two tries", func() {
	It("doubles, to a bound, and is spread", func() {
		Expect(pause(1, 0, 0)).To(Equal(250 * time.Millisecond))
		Expect(pause(1, 1, 0)).To(Equal(500 * time.Millisecond))
		Expect(pause(3, 1, 0)).To(Equal(2 * time.Second))
		Expect(pause(7, 1, 0)).To(Equal(lastRetry))
		Expect(pause(1<<40, 1, 0)).To(Equal(lastRetry))
	})

	It("is never shorter than what the receiver asks for", func() {
		Expect(pause(1, 0, time.Minute)).To(Equal(time.Minute))
		Expect(pause(1, 1, time.Minute)).To(Equal(63 * time.Second))
		Expect(pause(20, 0, time.Second)).To(Equal(time.Second), "it knows better")
	})

	DescribeTable("that the receiver asks for", func(header string, after time.Duration) {
		Expect(retryAfter(header, now())).To(Equal(after))
	},
		Entry("in seconds", "3", 3*time.Second),
		Entry("as a date", "Wed, 01 Jul 2026 12:00:05 GMT", 5*time.Second),
		Entry("in the past", "Wed, 01 Jul 2026 11:00:05 GMT", time.Duration(0)),
		Entry("below zero", "-3", time.Duration(0)),
		Entry("for ages", "99999999", longestAfter),
		Entry("not at all", "", time.Duration(0)),
		Entry("in words", "soon", time.Duration(0)),
	)
})

var _ = DescribeTable("An address", func(url, name, want, problem string) {
	got, err := addressOf(url, name)
	if problem != "" {
		Expect(err).To(MatchError(ContainSubstring(problem)))
		return
	}
	Expect(err).NotTo(HaveOccurred())
	Expect(got).To(Equal(want))
},
	Entry("of a receiver", "https://a.example.com", "cp-1", "https://a.example.com/audit/v1/events/cp-1", ""),
	Entry("behind a path", "https://a.example.com/rollcall/", "cp-1", "https://a.example.com/rollcall/audit/v1/events/cp-1", ""),
	Entry("on this machine", "http://127.0.0.1:8443", "cp-1", "http://127.0.0.1:8443/audit/v1/events/cp-1", ""),
	Entry("on this machine by IPv6", "http://[::1]:8443", "cp-1", "http://[::1]:8443/audit/v1/events/cp-1", ""),
	Entry("on this machine by name", "http://localhost:8443", "cp-1", "http://localhost:8443/audit/v1/events/cp-1", ""),
	Entry("in plain text elsewhere", "http://a.example.com", "cp-1", "", "plain text"),
	Entry("in plain text, looking like this machine", "http://127.0.0.1.example.com", "cp-1", "", "plain text"),
	Entry("of another scheme", "ftp://a.example.com", "cp-1", "", "must begin with https://"),
	Entry("without a scheme", "a.example.com", "cp-1", "", "for instance https://"),
	Entry("with a user", "https://me@a.example.com", "cp-1", "", "without user"),
	Entry("with a query", "https://a.example.com?x=1", "cp-1", "", "without user, query"),
	Entry("with a name that leads elsewhere", "https://a.example.com", "../x", "", "--name"),
	Entry("without a name", "https://a.example.com", "", "", "--name"),
)

var _ = Describe("A token", func() {
	DescribeTable("in its file", func(text, want string) {
		file := filepath.Join(GinkgoT().TempDir(), "token")
		Expect(os.WriteFile(file, []byte(text), 0o600)).To(Succeed())
		got, err := (&sender{to: Receiver{TokenFile: file}}).token()
		if want == "" {
			Expect(err).To(MatchError(ContainSubstring("there is no token in " + file)))
			return
		}
		Expect(err).NotTo(HaveOccurred())
		Expect(got).To(Equal(want))
	},
		Entry("as it is", "abc", "abc"), Entry("with a line's end", "abc\n", "abc"), Entry("of nothing", " \n", ""),
		Entry("of two words", "a b", ""), Entry("of two lines", "a\nb", ""), Entry("of other characters", "ä", ""),
	)
})

var _ = Describe("A position", func() {
	var folder, path string
	BeforeEach(func() {
		folder = GinkgoT().TempDir()
		path = filepath.Join(folder, "position")
	})
	position := func(log string) *Position {
		p, err := NewPosition(path, log)
		Expect(err).NotTo(HaveOccurred())
		return p
	}

	It("is what was saved last, for nobody else's eyes, and nothing is left beside it", func() {
		got, err := position("/a").Load()
		Expect(err).NotTo(HaveOccurred())
		Expect(got).To(BeNil())
		place := lines.Place{Inode: 1<<64 - 1, Offset: 3, Head: "x", Modified: now()}
		Expect(position("/a").Save(lines.Place{Offset: 1})).To(Succeed())
		Expect(position("/a").Save(place)).To(Succeed())
		got, err = position("/a").Load()
		Expect(err).NotTo(HaveOccurred())
		Expect(*got).To(Equal(place))
		info, err := os.Stat(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(BeEquivalentTo(0o600))
		Expect(os.ReadDir(folder)).To(HaveLen(1))
	})

	It("is not that of another log", func() {
		Expect(position("/a").Save(lines.Place{})).To(Succeed())
		_, err := position("/b").Load()
		Expect(err).To(MatchError(ContainSubstring("is the position in /a, not in /b")))
	})

	It("is what this wrote, and nothing else", func() {
		for _, text := range []string{"", "{", `{"version":2}`, `{"version":1,"log":"/a","place":{"offset":-1}}`} {
			Expect(os.WriteFile(path, []byte(text), 0o600)).To(Succeed())
			_, err := position("/a").Load()
			Expect(err).To(MatchError(ContainSubstring("is no position")))
		}
	})

	It("says where it cannot be written", func() {
		p, err := NewPosition(filepath.Join(folder, "gone", "position"), "/a")
		Expect(err).NotTo(HaveOccurred())
		Expect(p.Save(lines.Place{})).To(MatchError(ContainSubstring("write --position: ")))
	})
})

var _ = Describe("What a person is told", func() {
	It("is how it goes, from time to time and only if it goes, and not each of very many lines", func() {
		var told []string
		r := report{at: now(), warnf: func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }}
		lag := func() int64 { return 7 }
		done := Summary{Sent: 3, Requests: 2, Skipped: Skipped{NotJSON: 1, Refused: 1}}
		r.progress(now().Add(reportInterval-1), done, lag)
		Expect(told).To(BeEmpty())
		for i := range 10 {
			r.progress(now().Add(time.Duration(i)*reportInterval), done, lag)
		}
		Expect(told).To(Equal([]string{"sent 3 events in 2 requests, skipped 2 lines (1 no JSON object, 1 refused); 7 bytes behind"}))
		told = nil
		for range 10 * maxComplaints {
			r.skipped("a.log at byte 3", "it is no JSON object")
		}
		Expect(told).To(HaveLen(maxComplaints + 1))
		Expect(told[0]).To(Equal("skipped a.log at byte 3: it is no JSON object"))
		r.progress(now().Add(20*reportInterval), done, lag)
		r.skipped("b.log at byte 3", "it is no JSON object")
		Expect(told).To(HaveLen(maxComplaints + 2))
	})
})

// BenchmarkFeed reads lines of 1.2 KB from a file, looks at them and makes requests of them, which are not sent.
func BenchmarkFeed(b *testing.B) {
	const size = 1200
	folder := b.TempDir()
	var log strings.Builder
	for i := range 50000 {
		begin := fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"%08d","user":{"username":"alice","groups":[`, i)
		log.WriteString(begin)
		for n := len(begin); n < size-60; n += 25 {
			log.WriteString(`"group-of-people:12345", `)
		}
		log.WriteString(`"x"]},"stage":"ResponseComplete"}` + "\n")
	}
	path, token := filepath.Join(folder, "audit.log"), filepath.Join(folder, "token")
	for file, text := range map[string]string{path: log.String(), token: "t"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(log.Len() / 50000))
	b.ReportAllocs()
	b.ResetTimer()
	read := int64(0)
	for read < int64(b.N) {
		from := lines.NewFile(lines.Options{Path: path})
		f, err := New(Options{From: from, To: Receiver{URL: "https://localhost", Name: "a", TokenFile: token}, Warnf: func(string, ...any) {}})
		if err != nil {
			b.Fatal(err)
		}
		f.post = func(context.Context, []byte) (answer, error) { return answer{status: http.StatusOK}, nil }
		done, err := f.Run(b.Context())
		if err != nil || done.Skipped.Total() > 0 {
			b.Fatal(done, err)
		}
		read += done.Sent
	}
	b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "lines/s")
}
