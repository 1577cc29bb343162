// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package feed_test

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/directory"
	"github.com/rollcall-iam/rollcall/internal/feed"
	"github.com/rollcall-iam/rollcall/internal/outcome"
)

// scripted is a source whose watches do as the spec says.
type scripted struct {
	directory.Source

	name    string
	watches chan *watch
}

// watch is one of them, while it goes on.
type watch struct {
	ctx  context.Context //nolint:containedctx // The spec looks at it.
	from []string
	tell func(directory.News)
	end  chan error
}

func (s *scripted) String() string { return s.name }

func (s *scripted) Way() string { return "Script" }

func (s *scripted) Watch(ctx context.Context, from []string, tell func(directory.News)) error {
	w := &watch{ctx: ctx, from: from, tell: tell, end: make(chan error)}
	s.watches <- w
	select {
	case err := <-w.end:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func newSource(name string) *scripted { return &scripted{name: name, watches: make(chan *watch, 10)} }

// next is the watch that begins now.
func (s *scripted) next() *watch {
	GinkgoHelper()
	var w *watch
	Eventually(s.watches).WithTimeout(500 * time.Millisecond).Should(Receive(&w))
	return w
}

// retried is the watch that begins after a pause of some seconds, and up to a fifth of them more.
func (s *scripted) retried(seconds float64) *watch {
	GinkgoHelper()
	var w *watch
	before := time.Now()
	Eventually(s.watches).WithTimeout(10 * time.Second).Should(Receive(&w))
	Expect(time.Since(before).Seconds()).To(And(BeNumerically(">", 0.9*seconds), BeNumerically("<", 1.2*seconds+0.7)))
	return w
}

var (
	some = []directory.Change{{Gone: "1"}}
	more = []directory.Change{{Gone: "2"}, {Gone: "3"}}
)

var _ = Describe("A feed", func() {
	var (
		f      *feed.Feed
		clock  *clocktesting.FakePassiveClock
		woken  atomic.Int64
		source *scripted
	)

	follow := func(ctx context.Context, s directory.Source, cookies ...string) { f.Follow(ctx, s, cookies) }

	BeforeEach(func() {
		before := gleak.Goroutines()
		clock = clocktesting.NewFakePassiveClock(time.Unix(1_000_000, 0))
		woken.Store(0)
		f = feed.New(clock, func() { woken.Add(1) })
		source = newSource("one")
		DeferCleanup(func() {
			f.Stop()
			Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before))
		})
	})

	Describe("that watches", func() {
		It("is connecting, then connected from when it is told so", func(ctx SpecContext) {
			follow(ctx, source, "a", "b")
			Expect(f.State()).To(And(HaveField("Connected", false), HaveField("Reason", v1alpha1.ReasonConnecting)))
			w := source.next()
			Expect(w.from).To(Equal([]string{"a", "b"}))
			w.tell(directory.News{})
			Expect(f.State()).To(And(HaveField("Connected", false), HaveField("LastEvent", BeZero())))
			w.tell(directory.News{Connected: true})
			Expect(f.State()).To(Equal(feed.State{
				Connected: true, Reason: "Script", Message: "the server tells changes as they happen", Cookies: []string{"a", "b"},
				LastEvent: clock.Now(),
			}))
		})

		It("says what a person should know of it", func(ctx SpecContext) {
			follow(ctx, source)
			source.next().tell(directory.News{Connected: true, Note: "deletions are not seen"})
			Expect(f.State().Message).To(Equal("the server tells changes as they happen; deletions are not seen"))
		})

		It("hands over changes once, in their order", func(ctx SpecContext) {
			follow(ctx, source)
			w := source.next()
			w.tell(directory.News{Changes: some})
			first := clock.Now()
			clock.SetTime(first.Add(time.Second))
			w.tell(directory.News{Changes: more})
			Expect(f.Take()).To(And(HaveField("Changes", []directory.Change{some[0], more[0], more[1]}), HaveField("Since", first)))
			Expect(f.Take()).To(Equal(feed.Heard{}))
			w.tell(directory.News{Changes: some})
			Expect(f.Take().Changes).To(Equal(some))
		})

		It("hands over that something was not told, once", func(ctx SpecContext) {
			follow(ctx, source)
			w := source.next()
			w.tell(directory.News{Gap: true})
			w.tell(directory.News{Changes: some})
			Expect(f.Take()).To(Equal(feed.Heard{Changes: some, Gap: true, Position: directory.Position{}, Since: clock.Now()}))
			Expect(f.Take().Gap).To(BeFalse())
		})

		It("hands over how new the data is with what was heard", func(ctx SpecContext) {
			follow(ctx, source)
			w := source.next()
			w.tell(directory.News{Position: directory.Position{"a": "2"}})
			w.tell(directory.News{Position: directory.Position{"a": "1", "b": "3"}})
			Expect(f.Take().Position).To(Equal(directory.Position{"a": "2", "b": "3"}))
			Expect(f.Take().Position).To(BeEmpty())
		})

		DescribeTable("wakes somebody", func(ctx SpecContext, n directory.News, want int64) {
			follow(ctx, source)
			w := source.next()
			w.tell(directory.News{Connected: true})
			Expect(woken.Load()).To(BeEquivalentTo(1))
			Expect(f.Arrived()).To(Receive())
			n.Connected = true
			w.tell(n)
			Expect(woken.Load()).To(BeEquivalentTo(1 + want))
			if want > 0 {
				Expect(f.Arrived()).To(Receive())
			}
			Expect(f.Arrived()).NotTo(Receive())
		},
			Entry("for changes", directory.News{Changes: some}, int64(1)),
			Entry("for what was not told", directory.News{Gap: true}, int64(1)),
			Entry("not for cookies", directory.News{Cookies: []string{"c"}}, int64(0)),
			Entry("not for nothing", directory.News{}, int64(0)),
		)

		It("has one token for all that arrived", func(ctx SpecContext) {
			follow(ctx, source)
			w := source.next()
			w.tell(directory.News{Changes: some})
			w.tell(directory.News{Changes: more})
			Expect(woken.Load()).To(BeEquivalentTo(2))
			Expect(f.Arrived()).To(Receive())
			Expect(f.Arrived()).NotTo(Receive())
			Expect(f.Take().Changes).To(HaveLen(3))
		})

		It("loses nothing between many who tell and one who takes", func(ctx SpecContext) {
			follow(ctx, source)
			w := source.next()
			const all = 1000
			go func() {
				defer GinkgoRecover()
				for range all {
					w.tell(directory.News{Changes: some})
				}
			}()
			taken := 0
			for taken < all {
				Eventually(f.Arrived()).Should(Receive())
				taken += len(f.Take().Changes)
			}
			Expect(f.Take().Changes).To(BeEmpty())
		})
	})

	Describe("whose watch ends", func() {
		lost := func(ctx context.Context, err error) {
			GinkgoHelper()
			follow(ctx, source, "a")
			w := source.next()
			w.tell(directory.News{Connected: true, Changes: some, Cookies: []string{"b"}})
			woken.Store(0)
			w.end <- err
			Eventually(woken.Load).Should(BeEquivalentTo(1))
		}

		It("says so, keeps what it heard, and goes on from there after a second", func(ctx SpecContext) {
			lost(ctx, outcome.Transientf(v1alpha1.ReasonDisconnected, "the watch broke off: EOF"))
			Expect(f.State()).To(Equal(feed.State{
				Reason: v1alpha1.ReasonDisconnected, Message: "the watch broke off: EOF; changes are found by full reads meanwhile",
				Cookies: []string{"b"}, LastEvent: clock.Now(),
			}))
			w := source.retried(1)
			Expect(w.from).To(Equal([]string{"b"}))
			w.tell(directory.News{Connected: true, Changes: more})
			Expect(f.State().Connected).To(BeTrue())
			Expect(f.Take().Changes).To(HaveLen(3))
		})

		It("pauses longer each time, until a watch is good again", func(ctx SpecContext) {
			follow(ctx, source)
			source.next().end <- errors.New("no")
			source.retried(1).end <- errors.New("no")
			w := source.retried(2)
			w.tell(directory.News{Connected: true})
			w.end <- errors.New("no")
			source.retried(1)
		})

		DescribeTable("tries again by itself", func(ctx SpecContext, err error, message string) {
			lost(ctx, err)
			Expect(f.State()).To(And(HaveField("Reason", v1alpha1.ReasonDisconnected), HaveField("Message", HavePrefix(message))))
			source.retried(1)
		},
			Entry("whatever happened", errors.New("odd"), "odd"),
			Entry("a wrong password, which may be put right", outcome.Terminalf(v1alpha1.ReasonBindFailed, "refused"), "refused"),
			Entry("a server that is not there", outcome.Transientf(v1alpha1.ReasonUnreachable, "cannot reach"), "cannot reach"),
		)

		It("starts over without cookies where they are not known any more, even if this comes again", func(ctx SpecContext) {
			lost(ctx, directory.ErrStartOver)
			Expect(f.State()).To(And(HaveField("Reason", v1alpha1.ReasonDisconnected), HaveField("Cookies", BeNil())))
			w := source.retried(1)
			Expect(w.from).To(BeEmpty())
			w.tell(directory.News{Gap: true, Cookies: []string{"c"}})
			Expect(f.Take()).To(And(HaveField("Gap", true), HaveField("Changes", some)))
			w.end <- directory.ErrStartOver
			Expect(source.retried(1).from).To(BeEmpty())
		})

		DescribeTable("gives up where that is final, until it is asked again", func(ctx SpecContext, reason string) {
			lost(ctx, outcome.Terminalf(reason, "no such control"))
			Expect(f.State()).To(And(
				HaveField("Connected", false), HaveField("Reason", reason),
				HaveField("Message", "no such control; changes are found by full reads meanwhile"),
			))
			Consistently(source.watches).WithTimeout(1500 * time.Millisecond).ShouldNot(Receive())
			follow(ctx, source, "ignored")
			w := source.next()
			Expect(w.from).To(Equal([]string{"b"}))
			w.end <- outcome.Terminalf(reason, "no such control")
			Consistently(source.watches).WithTimeout(100 * time.Millisecond).ShouldNot(Receive())
		},
			Entry("the server cannot", v1alpha1.ReasonNotSupported),
			Entry("the server will not", v1alpha1.ReasonNotPermitted),
		)

		It("goes on with the newest credentials", func(ctx SpecContext) {
			follow(ctx, source, "a")
			w := source.next()
			w.tell(directory.News{Connected: true})
			renewed := newSource("one")
			follow(ctx, renewed, "ignored")
			Consistently(renewed.watches).WithTimeout(100 * time.Millisecond).ShouldNot(Receive())
			Expect(w.ctx.Err()).NotTo(HaveOccurred())
			w.end <- errors.New("no")
			Expect(renewed.retried(1).from).To(Equal([]string{"a"}))
		})
	})

	It("does not wait for the next try where it is told that the directory can be read", func(ctx SpecContext) {
		follow(ctx, source)
		source.next().end <- errors.New("no")
		source.retried(1).end <- errors.New("no")
		Eventually(f.State).Should(HaveField("Reason", v1alpha1.ReasonDisconnected))
		follow(ctx, source)
		source.next().tell(directory.News{Connected: true})
		follow(ctx, source)
		Consistently(source.watches).WithTimeout(100 * time.Millisecond).ShouldNot(Receive())
	})

	It("forgets one directory when it follows another", func(ctx SpecContext) {
		follow(ctx, source, "a")
		w := source.next()
		w.tell(directory.News{Connected: true, Changes: some, Gap: true, Cookies: []string{"b"}})
		other := newSource("another")
		follow(ctx, other, "x")
		Expect(w.ctx.Err()).To(MatchError(context.Canceled))
		Expect(f.State()).To(And(
			HaveField("Connected", false), HaveField("Reason", v1alpha1.ReasonConnecting), HaveField("Cookies", []string{"x"}),
			HaveField("LastEvent", BeZero()),
		))
		Expect(f.Take()).To(Equal(feed.Heard{}))
		Expect(other.next().from).To(Equal([]string{"x"}))
		Expect(source.watches).NotTo(Receive())
	})

	It("is not changed by what becomes of the cookies that it was given", func(ctx SpecContext) {
		cookies := []string{"a"}
		f.Follow(ctx, source, cookies)
		cookies[0] = "z"
		Expect(source.next().from).To(Equal([]string{"a"}))
	})

	Describe("that is stopped", func() {
		It("ends its watch, knows nothing, and may begin again", func(ctx SpecContext) {
			follow(ctx, source)
			w := source.next()
			w.tell(directory.News{Connected: true})
			f.Stop()
			Expect(w.ctx.Err()).To(MatchError(context.Canceled))
			Expect(f.State()).To(Equal(feed.State{}))
			f.Stop()
			follow(ctx, source, "c")
			Expect(source.next().from).To(Equal([]string{"c"}))
		})

		It("ends while it waits to try again", func(ctx SpecContext) {
			follow(ctx, source)
			source.next().end <- errors.New("no")
			Eventually(f.State).Should(HaveField("Reason", v1alpha1.ReasonDisconnected))
			f.Stop()
			Consistently(source.watches).WithTimeout(1500 * time.Millisecond).ShouldNot(Receive())
		})

		It("ends where it had given up", func(ctx SpecContext) {
			follow(ctx, source)
			source.next().end <- outcome.Terminalf(v1alpha1.ReasonNotSupported, "no")
			Eventually(f.State).Should(HaveField("Reason", v1alpha1.ReasonNotSupported))
			f.Stop()
		})

		It("may never have begun", func() { f.Stop() })
	})

	It("ends with its context", func(ctx SpecContext) {
		short, cancel := context.WithCancel(ctx)
		follow(short, source)
		w := source.next()
		cancel()
		Eventually(w.ctx.Done()).Should(BeClosed())
		Consistently(source.watches).WithTimeout(200 * time.Millisecond).ShouldNot(Receive())
	})
})
