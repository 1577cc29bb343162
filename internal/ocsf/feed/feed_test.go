// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package feed_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/internal/ocsf"
	"github.com/rollcall-iam/rollcall/internal/ocsf/feed"
)

func TestFeed(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Feed")
}

var at = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func lockOf(name, why string) *ledger.Entry {
	return &ledger.Entry{Time: at, Kind: ledger.LockChanged, Object: &ledger.Object{Kind: "Lock", Name: name}, Why: why, After: []byte(`{}`)}
}

// running is a feed that runs until the spec ends, and its count of events that were lost.
func running(to io.Writer) (*feed.Feed, func() float64) {
	GinkgoHelper()
	registry := prometheus.NewRegistry()
	f := feed.New(to, ocsf.Product{}, testingclock.NewFakePassiveClock(at), registry)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- f.Start(ctx) }()
	DeferCleanup(func() { cancel(); Eventually(done, "10s").Should(Receive(BeNil())) })
	return f, func() float64 {
		families, err := registry.Gather()
		Expect(err).NotTo(HaveOccurred())
		Expect(families).To(HaveExactElements(HaveField("Name", HaveValue(Equal("rollcall_ocsf_failures_total")))))
		return families[0].GetMetric()[0].GetCounter().GetValue()
	}
}

// names are the objects that the lines of a file are about.
func names(path string) ([]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []string
	for line := range strings.Lines(string(content)) {
		var event struct{ Entity struct{ Name string } }
		if err := json.Unmarshal([]byte(line), &event); err != nil || !strings.HasSuffix(line, "\n") {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		all = append(all, event.Entity.Name)
	}
	return all, nil
}

// mountedOrSkip skips the spec where a disk could not be mounted. In CI that is a failure: there every spec must have run.
func mountedOrSkip(err error) {
	GinkgoHelper()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		Fail("a small tmpfs cannot be mounted: " + err.Error())
	default:
		Skip("a small tmpfs cannot be mounted, which takes root: " + err.Error())
	}
}

var _ = Describe("The feed of a SIEM", func() {
	var path string
	BeforeEach(func() { path = filepath.Join(GinkgoT().TempDir(), "ocsf.jsonl") })
	found := func() ([]string, error) { return names(path) }

	It("is appended to a file that is nobody else's", func(ctx SpecContext) {
		f, lost := running(feed.Output(path))
		f.Tell(ctx, []*ledger.Entry{lockOf("a", ""), lockOf("b", "")})
		Eventually(found).Should(Equal([]string{"a", "b"}))
		stat, err := os.Stat(path)
		Expect(err).NotTo(HaveOccurred())
		Expect(stat.Mode().Perm()).To(BeEquivalentTo(0o600))
		another, _ := running(feed.Output(path))
		another.Tell(ctx, []*ledger.Entry{{Time: at, Kind: ledger.AuditBatch}, lockOf("c", "")})
		Eventually(found).Should(Equal([]string{"a", "b", "c"}))
		Expect(lost()).To(BeZero())
	})

	It("goes on in another file where the first was moved, or removed", func(ctx SpecContext) {
		f, _ := running(feed.Output(path))
		f.Tell(ctx, []*ledger.Entry{lockOf("a", "")})
		Eventually(found).Should(Equal([]string{"a"}))
		Expect(os.Rename(path, path+".1")).To(Succeed())
		f.Tell(ctx, []*ledger.Entry{lockOf("b", "")})
		Eventually(found).Should(Equal([]string{"b"}))
		Expect(names(path + ".1")).To(Equal([]string{"a"}))
		By("making another in its place")
		Expect(os.Rename(path, path+".2")).To(Succeed())
		Expect(os.WriteFile(path, nil, 0o600)).To(Succeed())
		f.Tell(ctx, []*ledger.Entry{lockOf("b2", "")})
		Eventually(found).Should(Equal([]string{"b2"}))
		Expect(os.Remove(path)).To(Succeed())
		f.Tell(ctx, []*ledger.Entry{lockOf("c", "")})
		Eventually(found).Should(Equal([]string{"c"}))
		Expect(os.Truncate(path, 0)).To(Succeed())
		f.Tell(ctx, []*ledger.Entry{lockOf("d", "")})
		Eventually(found).Should(Equal([]string{"d"}))
	})

	It("counts what a disk has no room for, leaves no half of a line, and goes on", func(ctx SpecContext) {
		dir := GinkgoT().TempDir()
		mountedOrSkip(syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"))
		DeferCleanup(func() error { return syscall.Unmount(dir, syscall.MNT_DETACH) })
		path := filepath.Join(dir, "ocsf.jsonl")
		f, lost := running(feed.Output(path))
		const each = 40
		for range each {
			f.Tell(ctx, []*ledger.Entry{lockOf("a", strings.Repeat("why ", 500))})
		}
		Eventually(func() (int, error) {
			there, err := names(path)
			return len(there) + int(lost()), err
		}).Should(Equal(each))
		Expect(lost()).To(BeNumerically(">", 10))
		Expect(names(path)).NotTo(BeEmpty())
		Expect(os.Truncate(path, 0)).To(Succeed())
		f.Tell(ctx, []*ledger.Entry{lockOf("b", "")})
		Eventually(func() ([]string, error) { return names(path) }).Should(Equal([]string{"b"}))
	})

	It("counts what cannot be opened, and tells when it can", func(ctx SpecContext) {
		path = filepath.Join(path, "not-there-yet", "ocsf.jsonl")
		f, lost := running(feed.Output(path))
		f.Tell(ctx, []*ledger.Entry{lockOf("a", ""), lockOf("b", "")})
		Eventually(lost).Should(BeEquivalentTo(2))
		Expect(os.MkdirAll(filepath.Dir(path), 0o700)).To(Succeed())
		f.Tell(ctx, []*ledger.Entry{lockOf("c", "")})
		Eventually(found).Should(Equal([]string{"c"}))
		Expect(lost()).To(BeEquivalentTo(2))
	})

	It("keeps nobody waiting where nobody reads, and takes bounded memory", func(ctx SpecContext) {
		reader, writer := io.Pipe()
		f, lost := running(writer)
		DeferCleanup(reader.Close)
		began := time.Now()
		for range 600 {
			f.Tell(ctx, []*ledger.Entry{lockOf("a", strings.Repeat("w", 20_000))}) // 40 KB, in two places.
		}
		Expect(time.Since(began)).To(BeNumerically("<", 20*time.Second))
		Expect(lost()).To(And(BeNumerically(">", 100), BeNumerically("<", 300)))
	})

	It("writes what waits when it ends", func(ctx SpecContext) {
		f := feed.New(feed.Output(path), ocsf.Product{}, testingclock.NewFakePassiveClock(at), prometheus.NewRegistry())
		f.Tell(ctx, []*ledger.Entry{lockOf("a", ""), lockOf("b", "")})
		ended, cancel := context.WithCancel(ctx)
		cancel()
		Expect(f.Start(ended)).To(Succeed())
		Expect(found()).To(Equal([]string{"a", "b"}))

		By("ending while something is being written")
		for range 20 {
			to := &gate{begun: make(chan bool), open: make(chan bool)}
			f := feed.New(to, ocsf.Product{}, testingclock.NewFakePassiveClock(at), prometheus.NewRegistry())
			ended, cancel := context.WithCancel(ctx)
			done := make(chan error)
			go func() { done <- f.Start(ended) }()
			f.Tell(ctx, []*ledger.Entry{lockOf("c", "")})
			<-to.begun
			f.Tell(ctx, []*ledger.Entry{lockOf("d", "")})
			cancel()
			close(to.open)
			Eventually(done).Should(Receive(BeNil()))
			Expect(strings.Count(to.String(), "\n")).To(Equal(2))
		}
	})

	It("is not the leader's alone", func() {
		Expect((&feed.Feed{}).NeedLeaderElection()).To(BeFalse())
	})

	It("goes to stdout", func(ctx SpecContext) {
		reader, writer, err := os.Pipe()
		Expect(err).NotTo(HaveOccurred())
		stdout := os.Stdout
		os.Stdout = writer
		output := feed.Output(feed.Stdout)
		os.Stdout = stdout
		f, _ := running(output)
		f.Tell(ctx, []*ledger.Entry{lockOf("a", "")})
		line := make([]byte, 64<<10)
		n, err := reader.Read(line)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(line[:n])).To(And(HavePrefix("{"), HaveSuffix("}\n"), ContainSubstring(`"Lock"`)))
		Expect(errors.Join(reader.Close(), writer.Close())).To(Succeed())
	})

	It("ends a line that was cut off before the next one", func() {
		to := &shortly{room: 5}
		s := &feed.Stream{To: to}
		_, err := s.Write([]byte("{\"a\":1}\n"))
		Expect(err).To(MatchError(syscall.ENOSPC))
		to.room = 100
		Expect(s.Write([]byte("{\"b\":1}\n"))).To(Equal(8))
		Expect(s.Write([]byte("{\"c\":1}\n"))).To(Equal(8))
		Expect(to.String()).To(Equal("{\"a\":\n{\"b\":1}\n{\"c\":1}\n"))
	})
})

// gate keeps the first write waiting until it is open.
type gate struct {
	bytes.Buffer
	begun, open chan bool
	once        sync.Once
}

func (g *gate) Write(p []byte) (int, error) {
	g.once.Do(func() { close(g.begun) })
	<-g.open
	return g.Buffer.Write(p)
}

// shortly takes as many bytes as there is room.
type shortly struct {
	bytes.Buffer
	room int
}

func (s *shortly) Write(p []byte) (int, error) {
	n := min(len(p), s.room)
	s.room -= n
	_, _ = s.Buffer.Write(p[:n])
	if n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}
