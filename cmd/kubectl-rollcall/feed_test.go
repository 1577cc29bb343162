// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/rollcall-iam/rollcall/cmd/kubectl-rollcall/internal/auditfeed"
	"github.com/rollcall-iam/rollcall/internal/audit/lines"
)

// offset is where the position file says to go on.
func (f *feeding) offset() int64 {
	GinkgoHelper()
	text, err := os.ReadFile(f.position)
	Expect(err).NotTo(HaveOccurred())
	var kept struct{ Place lines.Place }
	Expect(json.Unmarshal(text, &kept)).To(Succeed())
	return kept.Place.Offset
}

// fails is a fault.
func fails(status int, why string) func(w http.ResponseWriter) {
	return func(w http.ResponseWriter) { http.Error(w, why, status) }
}

// summary is what a program reads.
func summary(result said) auditfeed.Summary {
	GinkgoHelper()
	var got auditfeed.Summary
	Expect(json.Unmarshal([]byte(result.Out), &got)).To(Succeed(), result.Out+result.Err)
	return got
}

var _ = Describe("kubectl rollcall feed", func() {
	var f *feeding
	BeforeEach(func() { f = newFeeding() })

	It("sends everything, remembers that, and goes on from there", func() {
		f.writes(f.log, eventLines(0, 1000))
		result := f.feeds("-o", "json")
		Expect(summary(result)).To(Equal(auditfeed.Summary{Sent: 1000, Requests: 3}))
		Expect(result.Err).To(BeEmpty())
		Expect(f.r.has()).To(Equal(once(1000)))
		Expect(f.r.sizes).To(Equal([]int{400, 400, 200}))
		info, err := os.Stat(f.position)
		Expect(err).NotTo(HaveOccurred())
		Expect(info.Mode().Perm()).To(BeEquivalentTo(0o600))
		f.writes(f.log, eventLines(1000, 1))
		Expect(os.Rename(f.log, f.path("audit-2026-07-01T12-00-00.000.log"))).To(Succeed())
		f.writes(f.log, eventLines(1001, 1))
		Expect(f.feeds().Err).To(Equal("sent 2 events in 1 requests, skipped 0 lines\n"))
		Expect(f.r.has()).To(Equal(once(1002)))
		Expect(f.feeds().Err).To(HavePrefix("sent 0 events"))
	})

	It("sends everything again where nothing is remembered", func() {
		f.writes(f.log, eventLines(0, 3))
		command := f.command(f.log)
		for range 2 {
			Expect(f.runs(command[:len(command)-2]...)).To(HaveField("Code", 0))
		}
		Expect(f.r.has()).To(Equal(map[string]int{"e0": 2, "e1": 2, "e2": 2}))
	})

	It("makes requests of 1 MiB at most, but for an event that is larger", func() {
		large := strings.Replace(eventLine("large"), "corp:alice", strings.Repeat("a", 3<<20), 1)
		f.writes(f.log, eventLines(0, 5)+large+eventLines(5, 5))
		f.feeds()
		Expect(f.r.sizes).To(Equal([]int{5, 1, 5}))
	})

	DescribeTable("tries again", func(fault func(w http.ResponseWriter), told string) {
		f.writes(f.log, eventLines(0, 10))
		f.r.fault = func(call int, w http.ResponseWriter) bool {
			if call <= 2 {
				fault(w)
			}
			return call <= 2
		}
		result := f.feeds("-o", "json")
		Expect(summary(result)).To(Equal(auditfeed.Summary{Sent: 10, Requests: 1, Retries: 2}))
		Expect(strings.Count(result.Err, told)).To(Equal(2), result.Err)
		Expect(f.r.has()).To(Equal(once(10)))
	},
		Entry("where the connection breaks", hangUp, "EOF"),
		Entry("where the receiver has a fault", fails(http.StatusInternalServerError, "disk full"), "500 disk full"),
		Entry("where it is not there now", fails(http.StatusServiceUnavailable, ""), "503 Service Unavailable"),
	)

	It("tries again no earlier than the receiver asks for", func() {
		f.writes(f.log, eventLines(0, 1))
		f.r.fault = func(call int, w http.ResponseWriter) bool {
			if call == 1 {
				w.Header().Set("Retry-After", "2")
				w.WriteHeader(http.StatusTooManyRequests)
			}
			return call == 1
		}
		f.feeds()
		Expect(f.r.calls[1].Sub(f.r.calls[0])).To(BeNumerically(">=", 2*time.Second))
	})

	It("sends again what may have been stored", func() {
		f.writes(f.log, eventLines(0, 10))
		f.r.lost = func(call int) bool { return call == 1 }
		f.feeds()
		Expect(f.r.has()).To(Equal(once(10)))
		Expect(f.r.stored).To(HaveKeyWithValue("e0", 2))
	})

	It("sends less at once where that is too much, and skips what is too much alone, and says which", func() {
		f.r.largest = 20_000
		large := strings.Replace(eventLine("large"), "corp:alice", strings.Repeat("a", 20_000), 1)
		f.writes(f.log, eventLines(0, 50)+large+eventLines(50, 50))
		result := f.feeds("-o", "json")
		Expect(summary(result)).To(And(HaveField("Sent", int64(100)), HaveField("Skipped", auditfeed.Skipped{TooLarge: 1})))
		Expect(result.Err).To(Equal(fmt.Sprintf("skipped %s at byte %d: it is larger than the receiver takes: 413 too large\n",
			f.log, len(eventLines(0, 50)))))
		Expect(f.r.has()).To(Equal(once(100)))
	})

	It("finds the events that the receiver refuses, skips them, and says which", func() {
		bad := strings.Replace(eventLine("bad"), `"auditID":"bad",`, "", 1)
		first := eventLines(0, 77) + bad
		f.writes(f.log, first+eventLines(77, 50)+bad+eventLines(127, 400))
		result := f.feeds("-o", "json")
		Expect(summary(result)).To(And(HaveField("Sent", int64(527)), HaveField("Skipped", auditfeed.Skipped{Refused: 2})))
		Expect(result.Err).To(HavePrefix(fmt.Sprintf("skipped %s at byte %d: ", f.log, len(first)-len(bad)) +
			"the receiver takes it for no audit event: 400 items[0]: no auditID\n"))
		Expect(f.r.has()).To(Equal(once(527)))
	})

	It("skips nothing where the receiver refuses everything", func() {
		f.writes(f.log, strings.Repeat(`{"level":"info"}`+"\n", 300))
		result := f.runs(f.command(f.log)...)
		Expect(result.Code).To(Equal(1))
		Expect(result.Err).To(ContainSubstring("Error: the receiver refused 100 events in a row"))
		Expect(f.position).NotTo(BeAnExistingFile())
	})

	It("skips lines that are no JSON objects, and says where they are", func() {
		f.writes(f.log, "I0701 hello\n"+eventLines(0, 1)+"\n  \n"+`{"cut":`+"\n[]\n"+eventLines(1, 1))
		result := f.feeds("-o", "json")
		Expect(summary(result)).To(Equal(auditfeed.Summary{Sent: 2, Requests: 1, Skipped: auditfeed.Skipped{NotJSON: 3}}))
		Expect(result.Err).To(HavePrefix("skipped " + f.log + " at byte 0: it is no JSON object\n"))
		Expect(strings.Count(result.Err, "no JSON object")).To(Equal(3))
	})

	It("skips a line that is too long, and says where it is", func() {
		f.writes(f.log, eventLines(0, 1)+"{"+strings.Repeat("x", lines.MaxLine)+"\n"+eventLines(1, 1))
		result := f.feeds("-o", "json")
		Expect(summary(result)).To(Equal(auditfeed.Summary{Sent: 2, Requests: 1, Skipped: auditfeed.Skipped{TooLong: 1}}))
		Expect(result.Err).To(Equal(fmt.Sprintf("skipped %s at byte %d: it is longer than 8388608 bytes\n", f.log, len(eventLines(0, 1)))))
	})

	It("ends where the token is wrong, names its file, and tells it to nobody", func() {
		f.writes(f.log, eventLines(0, 1))
		f.writes(f.token+"2", "wrong-secret")
		f.token += "2"
		result := f.runs(f.command(f.log, "--follow")...)
		Expect(result.Code).To(Equal(1))
		Expect(result.Err).To(ContainSubstring("does not take the token in " + f.token))
		Expect(result.Err + result.Out).NotTo(ContainSubstring("wrong-secret"))
		Expect(f.position).NotTo(BeAnExistingFile())
		Expect(f.r.called()).To(Equal(1))
	})

	It("follows no redirect", func() {
		other := 0
		elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { other++ }))
		defer elsewhere.Close()
		f.writes(f.log, eventLines(0, 1))
		f.r.fault = func(_ int, w http.ResponseWriter) bool {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(http.StatusTemporaryRedirect)
			return true
		}
		result := f.runs(f.command(f.log)...)
		Expect(result.Code).To(Equal(1))
		Expect(result.Err).To(ContainSubstring("points elsewhere (307"))
		Expect(other).To(BeZero())
		Expect(f.position).NotTo(BeAnExistingFile())
	})

	It("sends what another program prints, without waiting for its end", func() {
		command := exec.CommandContext(GinkgoT().Context(), binary, f.command("-", "-o", "json")...)
		command.Env, command.Dir = f.environment, f.home
		input, err := command.StdinPipe()
		Expect(err).NotTo(HaveOccurred())
		session, err := gexec.Start(command, nil, nil)
		Expect(err).NotTo(HaveOccurred())
		_, err = io.WriteString(input, eventLines(0, 2))
		Expect(err).NotTo(HaveOccurred())
		Eventually(f.r.has).WithTimeout(10 * time.Second).Should(Equal(once(2)))
		_, err = io.WriteString(input, strings.TrimSuffix(eventLines(2, 1), "\n"))
		Expect(err).NotTo(HaveOccurred())
		Expect(input.Close()).To(Succeed())
		Expect(summary(finished(session)).Sent).To(BeEquivalentTo(3))
		Expect(f.r.has()).To(Equal(once(3)))
	})

	It("follows a file over rotations until it is interrupted, and takes another token on the way", func() {
		session := f.starts(f.command(f.log, "--follow")...)
		Eventually(session.Err.Contents).WithTimeout(10 * time.Second).Should(ContainSubstring("waiting for it"))
		f.writes(f.log, eventLines(0, 10))
		Eventually(f.r.has).WithTimeout(10 * time.Second).Should(Equal(once(10)))
		Expect(os.WriteFile(f.token, []byte("mellon"), 0o600)).To(Succeed())
		f.r.set(func() { f.r.token = "mellon" })
		f.writes(f.log, eventLines(10, 10))
		Expect(os.Rename(f.log, f.path("audit-2026-07-01T12-00-00.000.log"))).To(Succeed())
		f.writes(f.log, eventLines(20, 10))
		Eventually(f.r.has).WithTimeout(10 * time.Second).Should(Equal(once(30)))
		Eventually(func() string { text, _ := os.ReadFile(f.position); return string(text) }).WithTimeout(10 * time.Second).
			Should(ContainSubstring(fmt.Sprintf(`"offset":%d`, len(eventLines(20, 10)))))
		session.Interrupt()
		result := finished(session)
		Expect(result).To(HaveField("Code", 0), result.Err)
		Expect(result.Err).To(ContainSubstring("sent 30 events in "))
	})

	It("remembers nothing before the receiver stored it", func() {
		f.r.fault = func(_ int, w http.ResponseWriter) bool { w.WriteHeader(http.StatusServiceUnavailable); return true }
		f.writes(f.log, eventLines(0, 10))
		session := f.starts(f.command(f.log)...)
		Eventually(f.r.called).WithTimeout(10 * time.Second).Should(BeNumerically(">=", 2))
		session.Interrupt()
		Expect(finished(session)).To(And(HaveField("Code", 130), HaveField("Err", ContainSubstring("sent 0 events"))))
		Expect(f.position).NotTo(BeAnExistingFile())
		f.r.set(func() { f.r.fault = nil })
		f.feeds()
		Expect(f.r.has()).To(Equal(once(10)))
		Expect(f.offset()).To(BeEquivalentTo(len(eventLines(0, 10))))
	})

	It("loses nothing where it is killed again and again, while the file is written and rotated", func() {
		const events, kills = 20000, 12
		done := make(chan struct{})
		go func() {
			defer GinkgoRecover()
			defer close(done)
			for i := range events / 20 {
				f.writes(f.log, eventLines(20*i, 20))
				if i%100 == 99 {
					Expect(os.Rename(f.log, filepath.Join(f.home, fmt.Sprintf("audit-2026-07-01T12-%02d-00.000.log", i/100)))).To(Succeed())
				}
				time.Sleep(3 * time.Millisecond)
			}
			f.writes(f.log, eventLines(events, 1))
		}()
		f.r.lost = func(int) bool { return rand.IntN(10) == 0 }
		for range kills {
			session := f.starts(f.command(f.log, "--follow")...)
			time.Sleep(time.Duration(100+rand.IntN(400)) * time.Millisecond)
			session.Kill()
			Eventually(session).WithTimeout(10 * time.Second).Should(gexec.Exit(137))
		}
		<-done
		f.r.set(func() { f.r.lost = nil })
		f.feeds()
		has := f.r.has()
		Expect(has).To(HaveLen(events+1), "after leaving out what came twice")
		again := 0
		for _, times := range has {
			again += times - 1
		}
		AddReportEntry("events acknowledged more than once", again)
		Expect(f.feeds().Err).To(HavePrefix("sent 0 events"))
	})

	DescribeTable("says what is missing", func(change func() []string, told string) {
		f.writes(f.log, eventLines(0, 1))
		result := f.runs(change()...)
		Expect(result.Code).To(Equal(1))
		Expect(result.Err).To(And(ContainSubstring("Error: "), ContainSubstring(told)))
		Expect(f.r.called()).To(BeZero())
	},
		Entry("a file", func() []string { return []string{"feed"} }, "what to send: the FILE"),
		Entry("an address", func() []string { return []string{"feed", f.log} }, "where to? --to"),
		Entry("a name", func() []string { return []string{"feed", f.log, "--to", "https://a"} }, "--name NAME"),
		Entry("a token", func() []string { return []string{"feed", f.log, "--to", "https://a", "--name", "b"} }, "--token-file FILE"),
		Entry("the token's file", func() []string {
			return []string{"feed", f.log, "--to", "https://a", "--name", "b", "--token-file", f.path("gone")}
		}, "read --token-file: "),
		Entry("the log", func() []string { return f.command(f.path("gone.log")) }, "gone.log"),
		Entry("https", func() []string {
			return []string{"feed", f.log, "--to", "http://a.example.com", "--name", "b", "--token-file", f.token}
		}, "must begin with https://"),
		Entry("a way back in what is read once", func() []string { return f.command("-", "--position", "x") }, "no --position in standard"),
		Entry("a certificate", func() []string { return f.command(f.log, "--ca-file", f.token) }, "no certificate in --ca-file"),
		Entry("a position that is one", func() []string { f.writes(f.position, "x"); return f.command(f.log) }, "is no position"),
	)

	It("speaks plain text with this machine", func() {
		r := newReceiver()
		plain := httptest.NewServer(r)
		defer plain.Close()
		f.writes(f.log, eventLines(0, 1))
		f.feeds("--to", plain.URL)
		Expect(r.has()).To(Equal(once(1)))
	})

	// without patience, as nobody waits two minutes for a spec.
	run := func(ctx context.Context, ca []byte) (auditfeed.Summary, error) {
		GinkgoHelper()
		feeder, err := auditfeed.New(auditfeed.Options{
			From: lines.NewFile(lines.Options{Path: f.log}), Patience: time.Second, Warnf: func(string, ...any) {},
			To: auditfeed.Receiver{URL: f.r.server.URL, Name: "cp-1", TokenFile: f.token, CA: ca},
		})
		Expect(err).NotTo(HaveOccurred())
		return feeder.Run(ctx)
	}

	It("gives up after a while where it does not follow", func(ctx SpecContext) {
		f.writes(f.log, eventLines(0, 1))
		f.r.fault = func(_ int, w http.ResponseWriter) bool {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return true
		}
		done, err := run(ctx, f.r.ca.pem)
		Expect(err).To(MatchError(And(ContainSubstring("did not take the events in"), ContainSubstring("503 not now"))))
		Expect(done.Sent).To(BeZero())
	})

	It("says how a receiver can be trusted", func(ctx SpecContext) {
		f.writes(f.log, eventLines(0, 1))
		_, err := run(ctx, newAuthority().pem)
		Expect(err).To(MatchError(ContainSubstring("by an authority that is not known here: give the right one with --ca-file")))
		Expect(f.r.called()).To(BeZero())
	})
})
