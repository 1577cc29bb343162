// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package login

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/wire"
)

var dawn = time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)

// floods tries something at one moment, and counts how often it may.
func floods(times int, try func(i int) bool) (let int) {
	for i := range times {
		if try(i) {
			let++
		}
	}
	return let
}

var _ = Describe("How often one may try", func() {
	var l *limits
	BeforeEach(func() { l = newLimits() })
	guess := func(account, address string, now time.Time) bool {
		_, ok := l.password(account, address, now)
		return ok
	}

	It("is bounded for one address, and says how long to wait", func() {
		Expect(floods(1000, func(int) bool { _, ok := l.address("192.0.2.1", dawn); return ok })).To(Equal(perAddressBurst))
		wait, ok := l.address("192.0.2.1", dawn)
		Expect(ok).To(BeFalse())
		Expect(wait).To(BeNumerically("~", 50*time.Millisecond, time.Millisecond))
		_, ok = l.address("192.0.2.1", dawn.Add(wait))
		Expect(ok).To(BeTrue(), "who waits is let in")
		_, ok = l.address("192.0.2.2", dawn)
		Expect(ok).To(BeTrue(), "nobody else has to")
	})

	It("is bounded for the sessions of somebody who has proved who they are, and for nobody else's", func() {
		begins := func(user string) bool { _, ok := l.begins.take(user, dawn); return ok }
		Expect(floods(1000, func(int) bool { return begins("alice") })).To(Equal(perPersonBurst))
		Expect(begins("bob")).To(BeTrue())
	})

	It("leaves an account to its person while somebody guesses from another address", func() {
		Expect(floods(1000, func(int) bool { return guess("corp alice", "192.0.2.1", dawn) })).To(Equal(perTryBurst))
		Expect(guess("corp alice", "192.0.2.2", dawn)).To(BeTrue())
	})

	It("is bounded for one account, wherever the guesses come from", func() {
		let := floods(1000, func(i int) bool { return guess("corp alice", fmt.Sprintf("192.0.2.%d", i%250), dawn) })
		Expect(let).To(Equal(perAccountBurst))
	})

	It("is left to whoever logged in from where they are, whoever else guesses from everywhere", func() {
		Expect(guess("corp alice", "198.51.100.1", dawn)).To(BeTrue())
		l.proved("corp alice", "198.51.100.1")
		later := dawn.Add(time.Minute)
		floods(1000, func(i int) bool { return guess("corp alice", fmt.Sprintf("192.0.2.%d", i%250), later) })
		Expect(guess("corp alice", "198.51.100.2", later)).To(BeFalse())
		let := floods(1000, func(int) bool { return guess("corp alice", "198.51.100.1", later) })
		Expect(let).To(Equal(perTryBurst), "and no more than that")
		Expect(guess("corp bob", "198.51.100.1", later)).To(BeTrue())
	})

	It("counts the addresses that one household has with IPv6 as one", func() {
		let := floods(1000, func(i int) bool { _, ok := l.address(fmt.Sprintf("2001:db8:1:2::%x", i), dawn); return ok })
		Expect(let).To(Equal(perAddressBurst))
		_, ok := l.address("2001:db8:1:3::1", dawn)
		Expect(ok).To(BeTrue(), "next door")
	})

	It("is not forgotten for an account because of ever other addresses", func() {
		Expect(floods(100, func(i int) bool { return guess("corp alice", fmt.Sprintf("192.0.2.%d", i), dawn) })).To(Equal(perAccountBurst))
		for i := range 2 * remembered {
			l.address(fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff), dawn)
			guess("corp bob", fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff), dawn)
		}
		Expect(guess("corp alice", "198.51.100.1", dawn)).To(BeFalse())
	})

	It("takes little memory, however long the names are that somebody makes up", func() {
		const most = 32 << 20
		long := strings.Repeat("a", wire.MaxBody-1024)
		before := heap()
		for i := range remembered / 8 {
			guess(fmt.Sprintf("%s%d", long, i), "192.0.2.1", dawn)
		}
		Expect(heap() - before).To(BeNumerically("<", most))
		Expect(guess("corp alice", "192.0.2.1", dawn)).To(BeTrue())
	})
})

func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
