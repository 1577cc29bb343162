// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package weighing

import (
	"context"
	"database/sql"
	"errors"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

// long is later than all that is done here.
const long = 10_000

var _ = Describe("What people did is weighed", func() {
	var s *scene
	BeforeEach(func(ctx SpecContext) { s = newScene(ctx, "looks", "reads") })
	expect := func(ctx context.Context, grant string, requests int64, needed int) {
		GinkgoHelper()
		n, last := s.used(ctx, grant)
		Expect(n).To(Equal(requests), "requests by %q", grant)
		Expect(last).To(Equal(needed), "when %q was needed", grant)
	}

	It("and counts for the Grant that allowed it, by the day too", func(ctx SpecContext) {
		s.grants(ctx, 0, "looks")
		s.gets(ctx, 10, "rollcall:looks")
		s.gets(ctx, 20, "rollcall:looks")
		_, err := s.store.Append(ctx, "one", []audit.Line{
			s.line("corp:bob", at(24*60*60), forbidden), s.line("corp:bob", at(24*60*60+1), forbidden),
		}, at(24*60*60+2))
		Expect(err).NotTo(HaveOccurred())
		s.weighs(ctx, 24*60*60+100)
		expect(ctx, "looks", 2, 20)
		expect(ctx, "reads", 0, never)
		Expect(s.store.Days(ctx, noon)).To(HaveExactElements(
			And(HaveField("Day", BeTemporally("==", at(-12*60*60))), HaveField("Username", "corp:alice"), HaveField("Requests", int64(2)),
				HaveField("Forbidden", int64(0))),
			And(HaveField("Day", BeTemporally("==", at(12*60*60))), HaveField("Username", "corp:bob"), HaveField("Requests", int64(2)),
				HaveField("Forbidden", int64(2))),
		))
	})

	Describe("in the world of its time", func() {
		It("where access was given a second before", func(ctx SpecContext) {
			s.gets(ctx, -100, "by-hand")
			s.weighs(ctx, -80) // So that a world of before is known.
			s.grants(ctx, 9, "looks")
			s.gets(ctx, 10, "rollcall:looks")
			s.weighs(ctx, long)
			expect(ctx, "looks", 1, 10)
		})

		It("where access was given, as it is recorded, a second after", func(ctx SpecContext) {
			s.grants(ctx, 11, "looks")
			s.gets(ctx, 10, "rollcall:looks")
			s.weighs(ctx, long)
			expect(ctx, "looks", 1, 10)
		})

		It("where that is, although another one is known that nearly is", func(ctx SpecContext) {
			s.grants(ctx, 0, "reads")
			s.gets(ctx, 5, "rollcall:reads")
			s.weighs(ctx, 100)
			s.grants(ctx, 11, "looks")
			s.gets(ctx, 10, "rollcall:looks")
			s.weighs(ctx, long)
			expect(ctx, "looks", 1, never)
			expect(ctx, "reads", 2, 5)
		})

		It("where something else allowed it as well, until a second before as it is recorded", func(ctx SpecContext) {
			s.grants(ctx, -100, "looks")
			s.grants(ctx, -100, "reads")
			s.unbinds(ctx, 9, "rollcall:looks")
			s.unbinds(ctx, 9, "rollcall:reads")
			s.gets(ctx, 10, "rollcall:looks")
			s.weighs(ctx, long)
			expect(ctx, "looks", 1, never)
			expect(ctx, "reads", 1, never)
		})

		It("and not in the next one, where both are known", func(ctx SpecContext) {
			s.grants(ctx, 0, "looks")
			s.gets(ctx, 100, "rollcall:looks")
			s.binds(ctx, 200, "by-hand", "")
			s.gets(ctx, 300, "rollcall:looks")
			s.weighs(ctx, 400)
			expect(ctx, "looks", 2, 100)
			s.acts(ctx, "corp:alice", 190, 450, by("rollcall:looks"))
			s.weighs(ctx, 500)
			expect(ctx, "looks", 3, 190)
			s.acts(ctx, "corp:alice", 210, 550, by("rollcall:looks"))
			s.weighs(ctx, 600)
			expect(ctx, "looks", 4, 190)
		})

		It("where access was withdrawn a second after", func(ctx SpecContext) {
			s.grants(ctx, 0, "looks")
			s.gets(ctx, 10, "rollcall:looks")
			s.unbinds(ctx, 11, "rollcall:looks")
			s.weighs(ctx, long)
			expect(ctx, "looks", 1, 10)
		})

		It("where access was withdrawn, as it is recorded, a second before", func(ctx SpecContext) {
			s.grants(ctx, 0, "looks")
			s.unbinds(ctx, 9, "rollcall:looks")
			s.gets(ctx, 10, "rollcall:looks")
			s.weighs(ctx, long)
			expect(ctx, "looks", 1, 10)
		})

		It("where access was withdrawn, and something else allows it as well, by what is known of then", func(ctx SpecContext) {
			s.grants(ctx, 0, "looks")
			s.grants(ctx, 0, "reads")
			s.unbinds(ctx, 9, "rollcall:looks")
			s.gets(ctx, 10, "rollcall:reads")
			s.weighs(ctx, long)
			expect(ctx, "looks", 0, never)
			expect(ctx, "reads", 1, 10)
		})

		It("where the role says something else by now", func(ctx SpecContext) {
			s.grants(ctx, 0, "looks")
			s.gets(ctx, 10, "rollcall:looks")
			s.has(ctx, 20, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "view"}})
			s.weighs(ctx, long)
			expect(ctx, "looks", 1, 10)
		})
	})

	It("and what else allowed it counts as long as it did", func(ctx SpecContext) {
		s.grants(ctx, 0, "looks")
		s.gets(ctx, 100, "rollcall:looks")
		s.binds(ctx, 200, "by-hand", "")
		s.gets(ctx, 300, "by-hand")
		s.weighs(ctx, 350)
		expect(ctx, "looks", 2, 100)
		s.unbinds(ctx, 400, "by-hand")
		s.gets(ctx, 500, "rollcall:looks")
		s.weighs(ctx, 550)
		expect(ctx, "looks", 3, 500)
		s.grants(ctx, 600, "reads")
		s.gets(ctx, 700, "rollcall:looks")
		s.unbinds(ctx, 800, "rollcall:looks")
		s.gets(ctx, 900, "rollcall:reads")
		s.weighs(ctx, long)
		expect(ctx, "looks", 4, 500)
		expect(ctx, "reads", 2, 900)
	})

	It("the same, all at once or with a leader that begins anew after each", func(ctx SpecContext) {
		other := newScene(ctx, "looks", "reads")
		for _, each := range []*scene{s, other} {
			each.grants(ctx, 0, "looks")
			each.grants(ctx, 150, "reads")
			each.unbinds(ctx, 350, "rollcall:looks")
			each.grants(ctx, 450, "looks")
			each.unbinds(ctx, 550, "rollcall:reads")
			for i, by := range []string{"looks", "looks", "reads", "reads", "looks", "looks"} {
				each.gets(ctx, 100+100*i, "rollcall:"+by)
				if each == other {
					each.leads()
					each.weighs(ctx, 150+100*i)
				}
			}
		}
		s.weighs(ctx, long)
		for _, grant := range []string{"looks", "reads", ""} {
			uses, err := s.store.UsesOfGrant(ctx, grant, time.Time{})
			Expect(err).NotTo(HaveOccurred())
			Expect(other.store.UsesOfGrant(ctx, grant, time.Time{})).To(Equal(uses), grant)
		}
		expect(ctx, "looks", 5, 600)
		expect(ctx, "reads", 4, 400)
		Expect(other.totals(ctx, "reads")).To(Equal(s.totals(ctx, "reads")))
	})

	It("once what changed before is recorded", func(ctx SpecContext) {
		s.grants(ctx, 0, "looks")
		s.gets(ctx, 9, "rollcall:looks")
		s.weighs(ctx, 19)
		expect(ctx, "looks", 0, never)
		s.behind = true
		s.weighs(ctx, long)
		expect(ctx, "looks", 0, never)
		s.behind = false
		s.weighs(ctx, 20)
		expect(ctx, "looks", 1, 9)
	})

	It("and of a world that goes on it is learnt until when", func(ctx SpecContext) {
		s.grants(ctx, 0, "looks")
		s.gets(ctx, 10, "rollcall:looks")
		s.weighs(ctx, 30)
		s.binds(ctx, 40, "by-hand", "") // After all that was known, and before the next look.
		s.gets(ctx, 100, "rollcall:looks")
		s.weighs(ctx, 120)
		expect(ctx, "looks", 2, 10)
	})

	Describe("where nobody knows the binding", func() {
		It("as a use of nothing", func(ctx SpecContext) {
			s.grants(ctx, 0, "looks")
			s.gets(ctx, 10, "by-whom")
			s.weighs(ctx, long)
			expect(ctx, "looks", 0, never)
			expect(ctx, "", 1, never)
		})

		It("at that time as one of the Grant that it is of later, which is needed then", func(ctx SpecContext) {
			s.grants(ctx, 5000, "looks")
			s.unbinds(ctx, 6000, "rollcall:looks")
			s.grants(ctx, 0, "reads")
			s.gets(ctx, 10, "rollcall:looks")
			s.weighs(ctx, long)
			expect(ctx, "looks", 1, 10)
			expect(ctx, "reads", 0, never)
		})

		It("at that time as one of the Grant that it was of before", func(ctx SpecContext) {
			s.grants(ctx, -900, "looks")
			s.unbinds(ctx, -800, "rollcall:looks")
			s.gets(ctx, 10, "rollcall:looks")
			s.weighs(ctx, long)
			expect(ctx, "looks", 1, 10)
		})
	})

	Describe("without reading a world for each", func() {
		many := func(ctx context.Context, received int, decision string) {
			GinkgoHelper()
			for batch := range 10 {
				lines := make([]audit.Line, 200)
				for i := range lines {
					// A minute of its own each: nothing is taken together.
					lines[i] = s.line("corp:alice", at(received-60*len(lines)+60*i), decision)
				}
				_, err := s.store.Append(ctx, "one", lines, at(received+batch))
				Expect(err).NotTo(HaveOccurred())
			}
		}

		It("that fits", func(ctx SpecContext) {
			s.grants(ctx, -100_000, "looks")
			many(ctx, 0, by("rollcall:looks"))
			s.weighs(ctx, 100)
			expect(ctx, "looks", 2000, -60)
			Expect(s.weigher.worlds.read).To(Equal(1))
		})

		It("that fits nothing", func(ctx SpecContext) {
			many(ctx, 0, by("by-whom"))
			s.weighs(ctx, 100)
			expect(ctx, "", 2000, never)
			Expect(s.weigher.worlds.read).To(BeNumerically("<=", 3))
		})

		It("that was done a moment ago, and fits nothing", func(ctx SpecContext) {
			for second := range 300 {
				s.gets(ctx, second, "by-whom")
				s.weighs(ctx, second+12)
			}
			expect(ctx, "", 300, never)
			Expect(s.weigher.worlds.read).To(Equal(1))
		})

		It("by a clock that is ahead", func(ctx SpecContext) {
			s.grants(ctx, 0, "looks")
			for second := 100; second < 400; second++ {
				s.acts(ctx, "corp:alice", second, second-50, by("rollcall:looks"))
				s.weighs(ctx, second-38)
			}
			expect(ctx, "looks", 300, 399)
			Expect(s.weigher.worlds.read).To(Equal(1))
		})

		It("where things change now and then", func(ctx SpecContext) {
			s.grants(ctx, -100_000, "looks")
			for change := range 5 {
				s.binds(ctx, -1000*change-530, "by-hand-"+string(rune('a'+change)), "")
			}
			many(ctx, 0, by("rollcall:looks"))
			s.weighs(ctx, 100)
			expect(ctx, "looks", 2000, -4560) // The first of them is at -4530.
			Expect(s.weigher.worlds.read).To(BeNumerically("<=", 7*10))
		})
	})

	Describe("later, and all of it", func() {
		BeforeEach(func(ctx SpecContext) {
			s.grants(ctx, 0, "looks")
			s.gets(ctx, 10, "rollcall:looks")
		})

		It("where the store is away", func(ctx SpecContext) {
			opened := s.weigher.Store
			s.weigher.Store = func() (*store.Store, error) { return nil, store.ErrClosed }
			s.clock.SetTime(at(long))
			_, err := s.weigher.Weigh(ctx)
			Expect(err).To(MatchError(store.ErrClosed))
			s.weigher.Store = opened
			s.weighs(ctx, long)
			expect(ctx, "looks", 1, 10)
		})

		It("where it cannot be written, and it does not try again and again", func(ctx SpecContext) {
			past, err := sql.Open("sqlite", s.file)
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(past.Close)
			for range 100 { // More than are weighed at once.
				s.gets(ctx, 10, "rollcall:looks")
			}
			_, err = past.ExecContext(ctx, "CREATE TRIGGER full BEFORE INSERT ON uses BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
			Expect(err).NotTo(HaveOccurred())
			s.clock.SetTime(at(long))
			more, err := s.weigher.Weigh(ctx)
			Expect(err).To(MatchError(ContainSubstring("the disk is full")))
			Expect(more).To(BeFalse())
			_, err = past.ExecContext(ctx, "DROP TRIGGER full")
			Expect(err).NotTo(HaveOccurred())
			s.weighs(ctx, long)
			expect(ctx, "looks", 101, 10)
		})

		It("where it ends in between", func(ctx SpecContext) {
			gone, cancel := context.WithCancel(ctx)
			cancel()
			s.clock.SetTime(at(long))
			_, err := s.weigher.Weigh(gone)
			Expect(err).To(MatchError(context.Canceled))
			s.leads()
			s.weighs(ctx, long)
			s.weighs(ctx, long+1)
			expect(ctx, "looks", 1, 10)
		})
	})
})

var _ = Describe("The status of a Grant", func() {
	var s *scene
	BeforeEach(func(ctx SpecContext) {
		s = newScene(ctx, "looks", "reads")
		s.grants(ctx, 0, "looks")
		s.gets(ctx, 10, "rollcall:looks")
		s.weighs(ctx, 30)
	})

	It("says when it was last used, and how", func(ctx SpecContext) {
		s.tells(ctx, 100)
		Expect(s.grant("looks").Status).To(And(HaveField("Usage", BeEquivalentTo("Used")),
			HaveField("LastUsedTime", HaveValue(HaveField("Time", BeTemporally("==", at(10)))))))
		Expect(s.grant("reads").Status).To(And(HaveField("Usage", BeEquivalentTo("Unknown")), HaveField("LastUsedTime", BeNil())))
	})

	It("is written once, and not again where nothing is new", func(ctx SpecContext) {
		for second := 100; second < 1000; second += 61 {
			s.tells(ctx, second)
		}
		Expect(s.cluster.writes).To(Equal([]string{"looks", "reads"}))
		s.leads()
		s.tells(ctx, 1000)
		Expect(s.cluster.writes).To(HaveLen(2))
	})

	It("is looked at once a minute, and written once a minute", func(ctx SpecContext) {
		for second := 100; second < 280; second++ {
			s.gets(ctx, second-20, "rollcall:looks")
			s.weighs(ctx, second)
			s.tells(ctx, second)
		}
		Expect(s.cluster.writes).To(Equal([]string{"looks", "reads", "looks", "looks"}))
		Expect(s.grant("looks").Status.LastUsedTime.Time).To(BeTemporally("==", at(200)))
		Expect(s.cluster.lists).To(Equal(3))
	})

	It("never goes back", func(ctx SpecContext) {
		s.tells(ctx, 100)
		used := s.grant("looks").Status.LastUsedTime
		_, err := s.store.Prune(ctx, store.Retention{Since: at(60)})
		Expect(err).NotTo(HaveOccurred())
		s.tells(ctx, 200)
		Expect(s.grant("looks").Status).To(And(HaveField("LastUsedTime", Equal(used)), HaveField("Usage", BeEquivalentTo("Unknown"))),
			"what is no longer kept happened nevertheless")
		s.acts(ctx, "corp:alice", 5, 250, by("rollcall:looks"))
		s.weighs(ctx, 300)
		s.tells(ctx, 400)
		Expect(s.grant("looks").Status).To(And(HaveField("LastUsedTime", Equal(used)), HaveField("Usage", BeEquivalentTo("Used"))))
	})

	It("says nothing of what is used until a time that a clock had that was wrong", func(ctx SpecContext) {
		s.acts(ctx, "corp:alice", 1_000_000_000, 50, by("rollcall:looks"))
		s.weighs(ctx, 100)
		s.tells(ctx, 100)
		Expect(s.grant("looks").Status.LastUsedTime.Time).To(BeTemporally("==", at(50)))
		Expect(s.store.Days(ctx, noon.AddDate(1, 0, 0))).To(BeEmpty())
	})

	It("says so where it is not used any more", func(ctx SpecContext) {
		s.tells(ctx, 100)
		s.tells(ctx, 100+int(after.Seconds()))
		Expect(s.grant("looks").Status).To(And(HaveField("Usage", BeEquivalentTo("Unknown")), HaveField("LastUsedTime", Not(BeNil()))))
	})

	It("says so where something else does as well", func(ctx SpecContext) {
		s.binds(ctx, 40, "by-hand", "")
		s.gets(ctx, 40+int(after.Seconds()), "by-hand")
		s.weighs(ctx, 100+int(after.Seconds()))
		s.tells(ctx, 100+int(after.Seconds()))
		Expect(s.grant("looks").Status).To(And(HaveField("Usage", BeEquivalentTo("Redundant")),
			HaveField("LastUsedTime.Time", BeTemporally("==", at(40+int(after.Seconds()))))))
	})

	It("is none of another Grant that has the name by now", func(ctx SpecContext) {
		used := metav1.NewTime(at(10))
		Expect(s.weigher.Seen.Grant(ctx, "looks", "g-before", &used, "Used")).To(Succeed())
		Expect(s.weigher.Seen.Grant(ctx, "gone", "g-gone", &used, "Used")).To(Succeed())
		Expect(s.cluster.writes).To(BeEmpty())
		s.cluster.grants[0].UID = "g-other"
		s.tells(ctx, 100)
		Expect(s.grant("looks").Status).To(And(HaveField("Usage", BeEquivalentTo("Unknown")), HaveField("LastUsedTime", BeNil())))
	})

	It("is written of all others, where it cannot be of one, and of that one later", func(ctx SpecContext) {
		s.cluster.failing = "looks"
		s.clock.SetTime(at(100))
		Expect(s.weigher.tell(ctx)).To(MatchError(ContainSubstring("write the status of Grant looks: refused")))
		Expect(s.cluster.writes).To(Equal([]string{"reads"}))
		s.cluster.failing = ""
		s.tells(ctx, 200)
		Expect(s.cluster.writes).To(Equal([]string{"reads", "looks"}))
	})

	It("waits until what is there is recorded, and until there is a store", func(ctx SpecContext) {
		s.behind = true
		s.tells(ctx, 100)
		s.behind = false
		s.weigher.Store = func() (*store.Store, error) { return nil, errors.New("away") }
		Expect(s.weigher.tell(ctx)).To(MatchError("away"))
		Expect(s.cluster.writes).To(BeEmpty())
		s.leads()
		s.tells(ctx, 101)
		Expect(s.cluster.writes).To(HaveLen(2))
	})
})

var _ = Describe("Grants are judged", func() {
	It("by name, since they give anything", func(ctx SpecContext) {
		s := newScene(ctx, "reads", "looks", "later", "new")
		start := metav1.NewTime(at(50))
		s.cluster.grants[2].Spec.StartTime = &start
		early := metav1.NewTime(noon.AddDate(-1, 0, 0))
		s.cluster.grants[0].Spec.StartTime = &early
		s.cluster.grants[3].Spec.StartTime, s.cluster.grants[3].CreationTimestamp = &early, metav1.NewTime(at(60))
		judged, err := Judge(ctx, s.store, s.cluster, usage.Window{Since: at(0), Until: at(100)})
		Expect(err).NotTo(HaveOccurred())
		Expect(judged.Grants).To(HaveExactElements(
			And(HaveField("Name", "later"), HaveField("Verdict.Message", ContainSubstring("only since 2026-11-26T12:00:50Z"))),
			And(HaveField("Name", "looks"), HaveField("Verdict.Message", Not(ContainSubstring("only since")))),
			And(HaveField("Name", "new"), HaveField("Verdict.Message", ContainSubstring("only since 2026-11-26T12:01:00Z"))),
			And(HaveField("Name", "reads"), HaveField("Verdict.Message", Not(ContainSubstring("only since")))),
		))
	})
})
