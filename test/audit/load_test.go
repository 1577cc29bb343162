// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"context"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"

	"github.com/rollcall-iam/rollcall/test/auditload"
	"github.com/rollcall-iam/rollcall/test/internal/process"
	"github.com/rollcall-iam/rollcall/test/internal/tcpproxy"
)

// crashes is how long everything may take that is killed again and again.
const crashes = 4 * time.Minute

// flood is how long more comes than can be stored.
const flood = 12 * time.Second

var _ = Describe("Of what was acknowledged nothing is lost, and nothing counts twice", func() {
	It("however often the manager is killed", func(ctx SpecContext) {
		const total, kills = 500_000, 10
		p := newPost(ctx, sqliteDatabase(ctx))
		load := p.load(auditload.Options{Count: total, Servers: []string{"one", "two"}, AtOnce: 2})
		p.sends(ctx, load, total, kills, func(ctx context.Context, _ int) {
			Expect(p.manager.Kill()).To(Succeed())
			p.startsManager(ctx)
		})
		Expect(told(load)[auditload.Unreachable]).To(BeNumerically(">=", kills))
		p.weighs(ctx, total)
		Expect(p.manager.Stop()).To(Succeed())
		p.holds(ctx, load, total)
		p.takes(ctx, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
	}, SpecTimeout(crashes))

	It("and PostgreSQL too, and what is between", func(ctx SpecContext) {
		const total, times = 100_000, 25
		store := postgresDatabase(ctx)
		store.location = passFile(store.location)
		p := newPost(ctx, store)
		between, err := tcpproxy.Start("127.0.0.1:" + strconv.Itoa(p.port))
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(between.Close)
		load := p.load(auditload.Options{Count: total, Servers: []string{"one", "two"}, AtOnce: 2, Address: between.Address()})
		// How much is answered before the first request is, and one answer.
		Expect(p.load(auditload.Options{Count: 1, Servers: []string{"one", "two"}, Address: between.Address()}).Run(ctx)).To(Succeed())
		begin := between.Answered()
		happenings := []func(context.Context){
			func(ctx context.Context) {
				Expect(p.manager.Kill()).To(Succeed())
				p.startsManager(ctx)
			},
			func(ctx context.Context) {
				Expect(postgresServer.Kill()).To(Succeed())
				Expect(postgresServer.Restart(ctx)).To(Succeed())
			},
			func(context.Context) { between.Cut() },
			func(context.Context) { // Answers are lost, after what they are about was done.
				between.Stall()
				time.Sleep(200 * time.Millisecond)
				between.Cut()
				between.Pass()
			},
			func(context.Context) { // Or in their midst, or before.
				before := between.Cuts()
				between.CutAfter(begin + p.random.Int64N(200))
				between.Cut()
				Eventually(func() bool { return between.Cuts() > before || load.Done() == total }).WithTimeout(patience).Should(BeTrue())
				between.Pass()
			},
		}
		p.sends(ctx, load, total, times, func(ctx context.Context, i int) { happenings[i%len(happenings)](ctx) })
		Expect(told(load)).To(HaveKeyWithValue(strconv.Itoa(http.StatusServiceUnavailable), BeNumerically(">", 0)),
			"PostgreSQL was away")
		p.holds(ctx, load, total)
		Expect(p.duplicates(ctx)).To(BeNumerically(">", 1), "answers were lost")
		p.takes(ctx, "SELECT pg_total_relation_size('events') + pg_total_relation_size('batches')")
	}, SpecTimeout(crashes))

	It("when the disk is full: it is said, everything else goes on, and events do when there is room", func(ctx SpecContext) {
		const total = 100_000
		disk := smallDisk("16m")
		p := newPost(ctx, sqliteAt(filepath.Join(disk, "audit.db")))
		load := p.load(auditload.Options{Count: total, Servers: []string{"one", "two"}})
		limited, stop := context.WithCancel(ctx)
		defer stop()
		done := make(chan error, 1)
		go func() { done <- load.Run(limited) }()
		refused := strconv.Itoa(http.StatusServiceUnavailable)
		Eventually(load.Answers).WithTimeout(patience).Should(HaveKeyWithValue(refused, BeNumerically(">", 20)), load.String)
		p.worksOtherwise(ctx, "in-spite-of-it")
		Expect(load.Done()).To(BeNumerically(">", 1000))
		Expect(load.Done()).To(BeNumerically("<", total))
		stop()
		Expect(<-done).To(MatchError(context.Canceled))
		p.holds(ctx, load, total)
		enlarge(disk, "256m")
		Expect(load.Run(ctx)).To(Succeed())
		Expect(unix.Kill(p.manager.PID(), 0)).To(Succeed(), "it is the same process all the time")
		p.remembers(ctx, "in-spite-of-it")
		Expect(p.manager.Stop()).To(Succeed())
		p.holds(ctx, load, total)
	}, SpecTimeout(crashes))

	It("and what comes faster than it can be stored waits where it comes from, and takes no memory here", func(ctx SpecContext) {
		const senders, large, most = 8, 15 << 20, 384 << 20
		p := newPost(ctx, sqliteDatabase(ctx))
		_, before := process.Memory(p.manager.PID())
		load := p.load(auditload.Options{
			Count: 1 << 30, Batch: p.fits(large), Servers: []string{"one", "two", "three", "four", "five", "six", "seven", "eight"},
		})
		limited, stop := context.WithTimeout(ctx, flood)
		defer stop()
		Expect(load.Run(limited)).NotTo(Succeed())
		_, peak := process.Memory(p.manager.PID())
		GinkgoWriter.Println(load)
		GinkgoWriter.Printf("memory was %d MiB at most before, and is %d MiB at most\n", before>>20, peak>>20)
		Expect(load.Done()).To(BeNumerically(">", senders*load.Batch()))
		Expect(peak).To(BeNumerically("<", most))
	}, SpecTimeout(crashes))
})
