// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package usage_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/usage"
)

var dawn = time.Date(2026, 11, 26, 6, 0, 0, 0, time.UTC)

// after is so many minutes after dawn.
func after(m float64) time.Time { return dawn.Add(time.Duration(m * float64(time.Minute))) }

// sample is one at a minute, of a process that began at another.
func sample(minute, started float64, errors int64) usage.Waiting {
	return usage.Waiting{Sample: usage.Sample{
		At: after(minute), Started: after(started), Errors: errors, Heartbeat: fmt.Sprintf("%v", minute),
	}}
}

// story is a watch to which samples come.
type story struct {
	usage.Heard

	all []usage.Gap
}

func listed(minute float64) *story {
	return &story{Heard: usage.Heard{Watch: usage.Watch{Address: "a:1", Listed: after(minute)}}}
}

// hears takes in samples at some minute, of which those of the minutes that are named have arrived.
func (s *story) hears(now float64, samples []usage.Waiting, arrived ...float64) *story {
	here := map[string]bool{}
	for _, minute := range arrived {
		here[fmt.Sprintf("%v", minute)] = true
	}
	s.Heard = usage.Hear(s.Watch, append(slices.Clone(s.Waiting), samples...), here, after(now), usage.Late)
	s.all = append(s.all, s.Gaps...)
	return s
}

// says are gaps in short: reason, from, to, lost.
func says(gaps []usage.Gap) []string {
	told := make([]string, len(gaps))
	for i, g := range gaps {
		told[i] = fmt.Sprintf("%s %v-%v %d", g.Reason, g.Since.Sub(dawn).Minutes(), g.Until.Sub(dawn).Minutes(), g.Lost)
	}
	return told
}

var _ = Describe("An API server that is watched", func() {
	many := func(samples ...usage.Waiting) []usage.Waiting { return samples }
	// watched is one that was confirmed first at minute 10, and began at minute 9.
	watched := func() *story { return listed(9.5).hears(11, many(sample(10, 9, 0)), 10) }

	It("is known from its first sample that arrived, and goes on with each", func() {
		s := watched()
		Expect(s.Watch).To(Equal(usage.Watch{Address: "a:1", Listed: after(9.5), Since: after(10), Until: after(10), Started: after(9)}))
		s.hears(12, many(sample(11, 9, 0))).hears(13, many(sample(12, 9, 0)), 11, 12)
		Expect(s.Watch).To(And(HaveField("Since", after(10)), HaveField("Until", after(12))))
		Expect(s.Waiting).To(BeEmpty())
		Expect(s.all).To(BeEmpty())
	})

	DescribeTable("first", func(first usage.Waiting, gaps ...string) {
		s := listed(10).hears(20, many(first), 12, 15)
		Expect(says(s.all)).To(HaveExactElements(gaps))
		Expect(s.Watch).To(And(HaveField("Since", first.At), HaveField("Until", first.At)))
	},
		Entry("was there before, unwatched", sample(12, -100, 0), "NotWatched -100-12 0"),
		Entry("began, and is known from then on", sample(12, 10.5, 0), "NotWatched 10-10.5 0"),
		Entry("began before it was listed, and is known from then on", sample(12, 10, 0)),
		Entry("began, and lost something", sample(12, 10.5, 3), "EventsLost 10-12 3"),
		Entry("began too long ago for anybody to know", sample(12, 9.9, 0), "NotWatched 9.9-12 0"),
		Entry("began in the future, by its clock", sample(12, 13, 0), "NotWatched 10-12 0"),
	)

	DescribeTable("next", func(next usage.Waiting, gaps ...string) {
		s := watched().hears(30, many(next), 20)
		Expect(says(s.all)).To(HaveExactElements(gaps))
		Expect(s.Watch).To(And(HaveField("Since", after(10)), HaveField("Until", next.At), HaveField("Errors", next.Errors),
			HaveField("Started", next.Started)))
	},
		Entry("lost nothing, however long ago that was", sample(20, 9, 0)),
		Entry("lost nothing, and its clock was set", sample(20, 9.03, 0)),
		Entry("lost events: of this time, and of a little before", sample(20, 9, 7), "EventsLost 5-20 7"),
		Entry("began anew, and lost nothing since", sample(20, 15, 0), "Restarted 5-15 0"),
		Entry("began anew, and lost something since", sample(20, 15, 2), "Restarted 5-20 2"),
		Entry("is another one, which began long before", sample(20, -100, 9), "Restarted 5-20 0"),
		Entry("began anew, by a clock that is ahead", sample(20, 21, 0), "Restarted 5-20 0"),
		Entry("began anew just before, by a clock that is behind", sample(20, 9.5, 0), "Restarted 5-20 0"),
	)

	It("counts less than before: another process", func() {
		s := watched().hears(13, many(sample(11, 9, 5)), 11).hears(14, many(sample(12, 9, 4)), 12)
		Expect(says(s.all)).To(HaveExactElements("EventsLost 5-11 5", "Restarted 6-12 4"))
	})

	It("is not known to tell while heartbeats are on their way, however long", func() {
		s := watched()
		for minute := 11.0; minute < 200; minute++ {
			s.hears(minute, many(sample(minute, 9, 0)))
		}
		Expect(s.Watch.Until).To(Equal(after(10)))
		Expect(s.all).To(BeEmpty())

		By("and is known in whole once the files are fed, in order")
		fed := make([]float64, 0, 200)
		for _, w := range s.Waiting {
			fed = append(fed, w.At.Sub(dawn).Minutes())
		}
		s.hears(201, nil, fed...)
		Expect(s.Watch.Until).To(Equal(after(199)))
		Expect(s.all).To(BeEmpty())
	})

	It("has a gap where a heartbeat is missing that newer ones have overtaken", func() {
		s := watched().hears(13, many(sample(11, 9, 0), sample(12, 9, 0), sample(13, 9, 0)), 11, 13)
		Expect(s.Watch.Until).To(Equal(after(13)))
		Expect(s.all).To(BeEmpty(), "it may come yet")
		s.hears(17, nil)
		Expect(s.all).To(BeEmpty())
		s.hears(17.1, nil)
		Expect(says(s.all)).To(HaveExactElements("NotReceived 11-13 0"))
		Expect(s.Waiting).To(BeEmpty())
	})

	It("has none where it came after all, and one where several are missing", func() {
		s := watched().hears(13, many(sample(11, 9, 0), sample(12, 9, 0)), 12).hears(15, nil, 11).hears(30, nil)
		Expect(s.all).To(BeEmpty())
		Expect(s.Watch.Until).To(Equal(after(12)), "it does not go back")
		s.hears(40, many(sample(31, 9, 0), sample(32, 9, 0), sample(33, 9, 0)), 33)
		Expect(says(s.all)).To(HaveExactElements("NotReceived 12-33 0"))
	})

	It("has one gap where what is missing was counted", func() {
		s := watched().hears(13, many(sample(11, 9, 0), sample(12, 9, 4)), 12).hears(30, nil)
		Expect(says(s.all)).To(HaveExactElements("EventsLost 5-12 4"))
	})

	It("has none where what is missing came before anything", func() {
		s := listed(0).hears(3, many(sample(1, 0, 0), sample(2, 0, 0)), 2).hears(30, nil)
		Expect(s.all).To(BeEmpty())
	})

	It("is waited for within bounds", func() {
		s := watched()
		for minute := 11.0; minute < 4000; minute++ {
			s.hears(minute, many(sample(minute, 9, 0)))
			Expect(len(s.Waiting)).To(BeNumerically("<", 320))
		}
		Expect(s.Waiting[0].At).To(BeTemporally("~", after(3999-48*60), 11*time.Minute))
		Expect(s.Waiting[len(s.Waiting)-1].At).To(Equal(after(3999)))
	})
})

var _ = Describe("API servers", func() {
	It("are listed, leave, and come back", func() {
		watches := usage.List(nil, []string{"a:1", "b:1", "a:1"}, after(1))
		Expect(watches).To(HaveExactElements(usage.Watch{Address: "a:1", Listed: after(1)}, usage.Watch{Address: "b:1", Listed: after(1)}))
		Expect(usage.List(watches, []string{"b:1", "a:1"}, after(2))).To(Equal(watches))
		left := usage.List(watches, []string{"b:1"}, after(3))
		Expect(left[0]).To(Equal(usage.Watch{Address: "a:1", Listed: after(1), Left: after(3)}))
		Expect(watches[0].Left).To(BeZero(), "what was given stays")
		back := usage.List(left, []string{"a:1", "b:1"}, after(4))
		Expect(back).To(Equal(watches), "its counters tell whether it is the same, and what happened in between")
		Expect(left[0].Left).To(Equal(after(3)), "what was given stays")
		late := usage.List(left, []string{"a:1", "b:1"}, after(3+48*60))
		Expect(late).To(HaveExactElements(left[0], left[1], usage.Watch{Address: "a:1", Listed: after(3 + 48*60)}))
		again := usage.List(usage.List(late, []string{"b:1"}, after(5000)), []string{"a:1", "b:1"}, after(5001))
		Expect(again).To(Equal(late), "of several it is the last")
	})
})

var _ = Describe("Coverage", func() {
	watch := func(address string, since, until float64) usage.Watch {
		return usage.Watch{Address: address, Listed: after(since), Since: after(since), Until: after(until)}
	}
	left := func(w usage.Watch, minute float64) usage.Watch {
		w.Left = after(minute)
		return w
	}
	gap := func(server, reason string, since, until float64) usage.Gap {
		return usage.Gap{Server: server, Reason: reason, Since: metav1.NewTime(after(since)), Until: metav1.NewTime(after(until)), Lost: 1}
	}
	list := func(watches ...usage.Watch) []usage.Watch { return watches }
	always := after(-1000)

	DescribeTable("of an hour and 40 minutes, is", func(
		watches []usage.Watch, gaps []usage.Gap, recording time.Time, share float64, told ...string,
	) {
		covered := usage.Cover(after(0), after(100), watches, gaps, recording)
		Expect(covered.Share).To(BeNumerically("~", share, 1e-9))
		short := says(covered.Gaps)
		for i := range short {
			short[i] = covered.Gaps[i].Server + " " + short[i]
			Expect(covered.Gaps[i].Message).NotTo(BeEmpty())
		}
		Expect(short).To(HaveExactElements(told))
	},
		Entry("whole", list(watch("a", -50, 100)), nil, always, 1.0),
		Entry("nothing, where nothing is watched", nil, nil, always, 0.0, " NotWatched 0-100 0"),
		Entry("nothing, where nothing was ever heard", list(usage.Watch{Address: "a", Listed: after(-5)}), nil, always, 0.0,
			" NotWatched 0-100 0"),
		Entry("nothing, where nothing is recorded", list(watch("a", -50, 100)), nil, time.Time{}, 0.0, " NotWatched 0-100 0"),
		Entry("none before it was recorded", list(watch("a", -50, 100)), nil, after(30), 0.7, " NotWatched 0-30 0"),
		Entry("none before it was watched", list(watch("a", 40, 100)), nil, after(30), 0.6, " NotWatched 0-40 0"),
		Entry("not yet that of the last moment", list(watch("a", -1, 98)), nil, always, 0.98, "a Pending 98-100 0"),
		Entry("none after the last that was heard", list(watch("a", -1, 60)), nil, always, 0.55, "a NotReceived 55-100 0"),
		Entry("none while one of several is not heard",
			list(watch("a", -1, 100), usage.Watch{Address: "b", Listed: after(20)}), nil, always, 0.2,
			"b NotReceived 20-100 0"),
		Entry("none at the end of one that left", list(watch("a", -1, 100), left(watch("b", 10, 20), 25)), nil, always, 0.9, "b Left 15-25 0"),
		Entry("none of one that came, was not heard, and left",
			list(watch("a", -1, 100), left(usage.Watch{Address: "b", Listed: after(20)}, 30)), nil, always, 0.9, "b NotReceived 20-30 0"),
		Entry("none in gaps, each time once, and clipped", list(watch("a", -1, 100), watch("b", -1, 100)), []usage.Gap{
			gap("a", "EventsLost", -10, 10), gap("b", "Restarted", 5, 15), gap("a", "EventsLost", 8, 12), gap("a", "EventsLost", 90, 110),
			gap("b", "Restarted", -20, -10), gap("b", "Restarted", 100, 120),
		}, always, 0.75, "a EventsLost 0-12 2", "b Restarted 5-15 1", "a EventsLost 90-100 1"),
		Entry("none in gaps, the one of before it was watched not told again", list(watch("a", 40, 100)),
			[]usage.Gap{gap("a", "NotWatched", -500, 40)}, always, 0.6, " NotWatched 0-40 0"),
	)

	It("of no time is none", func() {
		Expect(usage.Cover(after(5), after(5), list(watch("a", -50, 100)), nil, always).Share).To(BeZero())
		Expect(usage.Cover(after(5), after(4), list(watch("a", -50, 100)), nil, always).Share).To(BeZero())
	})

	It("lists so many gaps, the longest, and knows of all", func() {
		gaps := make([]usage.Gap, 0, 500)
		for i := range 500 {
			long := 0.1
			if i%2 == 1 {
				long = 0.05
			}
			gaps = append(gaps, gap("a", "Restarted", float64(i)/5, float64(i)/5+long))
		}
		covered := usage.Cover(after(0), after(100), list(watch("a", -1, 100)), gaps, always)
		Expect(covered.Gaps).To(HaveLen(usage.MostGaps))
		Expect(covered.MoreGaps).To(Equal(500 - usage.MostGaps))
		Expect(covered.Share).To(BeNumerically("~", 0.625, 1e-6))
		Expect(slices.IsSortedFunc(covered.Gaps, func(a, b usage.Gap) int { return a.Since.Compare(b.Since.Time) })).To(BeTrue())
		for _, g := range covered.Gaps {
			Expect(g.Until.Sub(g.Since.Time)).To(BeNumerically("~", 6*time.Second, time.Millisecond))
		}
	})
})

// Whatever happens to an API server, no event that was lost lies in what is covered: those that it counted, within Late, those that went
// with a process that was killed, and those of an API server that was not watched.
var _ = Describe("What is covered", func() {
	It("holds no event that did not arrive", func() {
		seed := uint64(GinkgoRandomSeed())
		total := 0.0
		for round := range uint64(400) {
			w := &fate{random: rand.New(rand.NewPCG(seed, round)), story: listed(0)}
			covered := w.lives()
			total += covered.Share
			for _, lost := range w.lost {
				if after(minutes).Sub(lost) < 2*usage.Late {
					continue // It may be tried still, and be counted later.
				}
				for _, g := range covered.Gaps {
					if !lost.Before(g.Since.Time) && lost.Before(g.Until.Time) {
						lost = time.Time{}
						break
					}
				}
				Expect(lost.IsZero()).To(BeTrue(), "seed %d, round %d: %v after dawn is not in %v", seed, round, lost.Sub(dawn).Minutes(),
					says(covered.Gaps))
			}
		}
		Expect(total/400).To(BeNumerically(">", 0.3), "and it is not just nothing")
	})
})

// fate is an API server, minute by minute, to which things happen.
type fate struct {
	*story

	random  *rand.Rand
	started float64
	errors  int64
	lost    []time.Time
	// counted are events that were lost, and when that is counted.
	counted map[float64]float64
	arrives map[float64]float64
}

// minutes is how long it is looked at.
const minutes = 240

func (f *fate) chance(percent int) bool { return f.random.IntN(100) < percent }

func (f *fate) lives() usage.Coverage {
	f.counted, f.arrives = map[float64]float64{}, map[float64]float64{}
	outage, absence := 0, 0
	for minute := 1.0; minute <= minutes; minute++ {
		if f.chance(2) { // It is killed: what was not given up is lost, uncounted.
			f.started, f.errors = minute-0.5, 0
			for event := range f.counted {
				delete(f.counted, event)
			}
		}
		outage--
		absence--
		if f.chance(3) {
			outage = f.random.IntN(20)
		}
		if f.chance(2) {
			absence = f.random.IntN(60) // Nobody asks it.
		}
		event := minute - 0.2
		if outage > 0 { // Its events are tried for a while, and then counted. Of a killed process they are just lost.
			f.lost = append(f.lost, after(event))
			f.counted[event] = minute + float64(f.random.IntN(4))
		}
		for event, when := range f.counted {
			if when <= minute {
				f.errors++
				delete(f.counted, event)
			}
		}
		var samples []usage.Waiting
		if absence <= 0 {
			samples = append(samples, sample(minute, f.started, f.errors))
			if outage <= 0 {
				f.arrives[minute] = minute + float64(f.random.IntN(4))
			}
		}
		var here []float64
		for heartbeat, when := range f.arrives {
			if when <= minute {
				here = append(here, heartbeat)
			}
		}
		f.hears(minute+0.1, samples, here...)
	}
	return usage.Cover(after(0), after(minutes), []usage.Watch{f.Watch}, f.all, after(-1))
}

var _ = DescribeTable("What was not weighed yet", func(oldest, now time.Time, gaps types.GomegaMatcher) {
	Expect(usage.Backlog(oldest, now)).To(gaps)
},
	Entry("leaves no gap where there is none", time.Time{}, after(100), BeEmpty()),
	Entry("leaves no gap where that is as usual", after(96), after(100), BeEmpty()),
	Entry("leaves one from when it was received", after(95), after(100), HaveExactElements(And(
		HaveField("Reason", usage.GapNotWeighed), HaveField("Since.Time", after(95)), HaveField("Until.Time", after(100))))),
)
