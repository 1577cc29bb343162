// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/feed"
	"github.com/rollcall-iam/rollcall/internal/mirror"
)

// teller is a source that tells one thing.
type teller struct {
	directory.Source

	news directory.News
}

func (t teller) String() string { return "teller" }
func (t teller) Way() string    { return v1alpha1.ReasonSyncrepl }

func (t teller) Watch(ctx context.Context, _ []string, tell func(directory.News)) error {
	tell(t.news)
	<-ctx.Done()
	return ctx.Err()
}

var _ = Describe("What is remembered of a Directory", func() {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	plan := func(users ...string) *mirror.Plan {
		p := &mirror.Plan{Lost: map[string]bool{}, Users: make([]mirror.Change[v1alpha1.User, v1alpha1.Identity], len(users))}
		for _, user := range users {
			p.Lost[user] = true
		}
		return p
	}
	var m *memory
	BeforeEach(func() {
		m = &memory{
			feed: feed.New(clocktesting.NewFakePassiveClock(now), func() {}), nextRead: now.Add(time.Hour),
			replica: directory.NewReplica(&directory.Snapshot{}),
		}
	})
	told := func(ctx context.Context) {
		m.feed.Follow(ctx, teller{news: directory.News{Connected: true, Changes: []directory.Change{{Gone: "1"}}}}, nil)
		DeferCleanup(m.feed.Stop)
		Eventually(m.feed.Arrived()).Should(Receive())
	}

	It("owes a plan of what was told, until it is asked for it", func(ctx SpecContext) {
		Expect(m.owes(now)).To(BeFalse())
		told(ctx)
		Expect(m.hear()).To(HaveLen(1))
		Expect(m.hear()).To(BeEmpty())
		Expect(m.next(now)).To(Equal(time.Millisecond))
		Expect(m.owes(now)).To(BeTrue())
		Expect(m.owes(now)).To(BeFalse())
		Expect(m.next(now)).To(Equal(time.Hour))
	})

	It("owes none of what was told before the first read, which brings it", func(ctx SpecContext) {
		m.replica = nil
		told(ctx)
		Expect(m.hear()).To(HaveLen(1))
		Expect(m.owes(now)).To(BeFalse())
	})

	It("owes one more plan once the cache shows what the last one wrote", func() {
		m.wrote(plan("alice"), now)
		Expect(m.owes(now)).To(BeFalse())
		Expect(m.next(now)).To(Equal(settle))
		m.wrote(plan("bob"), now.Add(settle/2))
		Expect(m.owes(now.Add(settle))).To(BeFalse(), "not the first of two")
		Expect(m.owes(now.Add(2 * settle))).To(BeTrue())
		Expect(m.owes(now.Add(2 * settle))).To(BeFalse())
	})

	It("owes none after a plan that changed nothing", func() {
		m.wrote(&mirror.Plan{}, now)
		Expect(m.owes(now.Add(time.Minute))).To(BeFalse())
		Expect(m.next(now)).To(Equal(time.Hour))
	})

	It("counts who loses access before it is taken, and anew with every full read", func() {
		m.writes(plan("alice"))
		m.writes(plan("bob"))
		Expect(m.guard().Lost).To(And(HaveLen(2), HaveKey("alice"), HaveKey("bob")))
		m.adopt(m.replica, now)
		m.writes(plan("carol"))
		Expect(m.guard().Lost).To(BeEmpty())
	})
})
