// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/answers"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

var _ = Describe("What is done is kept account of", func() {
	Describe("in SQLite", func() { accounts(sqliteDatabase) })
	Describe("in PostgreSQL", func() {
		accounts(postgresDatabase)

		It("once, whoever is the first of two", func(ctx SpecContext) {
			d := postgresDatabase(ctx)
			first, second := open(ctx, d), open(ctx, d)
			const batches = 40
			for i := range batches {
				_, err := first.Append(ctx, "one", events("alice", i*5, 5), noon.Add(time.Duration(i)*time.Second))
				Expect(err).NotTo(HaveOccurred())
			}
			var running sync.WaitGroup
			lost := make([]int, 2)
			for i, s := range []*store.Store{first, second} {
				running.Go(func() {
					defer GinkgoRecover()
					random := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), uint64(i)))
					for {
						waiting, err := s.Unweighed(ctx, noon.Add(time.Hour), 1+random.IntN(3))
						Expect(err).NotTo(HaveOccurred())
						if len(waiting) == 0 {
							return
						}
						err = weighed(ctx, s, waiting)
						if errors.Is(err, store.ErrWeighed) {
							lost[i]++
							continue
						}
						Expect(err).NotTo(HaveOccurred())
					}
				})
			}
			running.Wait()
			Expect(lost[0]+lost[1]).To(BeNumerically(">", 0), "they met")
			Expect(first.Days(ctx, noon)).To(HaveExactElements(HaveField("Requests", int64(batches*5))))
			Expect(first.Totals(ctx, noon)).To(HaveKeyWithValue("g", HaveField("Requests", int64(batches*5))))
		}, SpecTimeout(time.Minute))
	})
})

// weighed counts everything in batches for one Grant.
func weighed(ctx context.Context, s *store.Store, waiting []store.Unweighed) error {
	ids := make([]int64, len(waiting))
	var uses []usage.Use
	days := map[string]*store.Day{}
	for i, batch := range waiting {
		ids[i] = batch.Batch
		for j := range batch.Deeds {
			d := &batch.Deeds[j]
			uses = append(uses, usage.Use{
				Grant: "g", Username: d.Username, Action: d.Action, Requests: d.Requests,
				First: metav1.NewTime(d.First), Last: metav1.NewTime(d.Last),
			})
			if days[d.Username] == nil {
				days[d.Username] = &store.Day{Day: noon.Truncate(24 * time.Hour), Username: d.Username}
			}
			days[d.Username].Requests += d.Requests
		}
	}
	daily := make([]store.Day, 0, len(days))
	for _, day := range days {
		daily = append(daily, *day)
	}
	slices.SortFunc(daily, func(a, b store.Day) int { return cmp.Compare(a.Username, b.Username) })
	return s.Weighed(ctx, ids, usage.Tally(uses), daily)
}

// used is a use of a Grant, in seconds after noon.
func used(grant, username, verb string, first, last int, edits ...func(*usage.Use)) usage.Use {
	u := usage.Use{
		Grant: grant, Username: username, Action: answers.Action{Verb: verb, Resource: "pods", Namespace: "pay"}, Names: []string{"p"},
		Requests: 1, First: second(first), Last: second(last),
	}
	for _, edit := range edits {
		edit(&u)
	}
	return u
}

func second(seconds int) metav1.Time {
	return metav1.NewTime(noon.Add(time.Duration(seconds) * time.Second))
}

func needed(seconds int) func(*usage.Use) {
	return func(u *usage.Use) { u.Needed = new(second(seconds)) }
}

func accounts(fresh func(context.Context) database) {
	var (
		d database
		s *store.Store
	)
	BeforeEach(func(ctx SpecContext) {
		d = fresh(ctx)
		s = open(ctx, d)
	})
	at := func(seconds int) time.Time { return second(seconds).Time }
	appends := func(ctx context.Context, username string, from, count, received int) {
		GinkgoHelper()
		_, err := s.Append(ctx, "one", events(username, from, count), at(received))
		Expect(err).NotTo(HaveOccurred())
	}
	waiting := func(ctx context.Context) []store.Unweighed {
		GinkgoHelper()
		all, err := s.Unweighed(ctx, noon.AddDate(1, 0, 0), 1000)
		Expect(err).NotTo(HaveOccurred())
		return all
	}
	requests := func(all []store.Unweighed) (n int64) {
		for _, batch := range all {
			for _, deed := range batch.Deeds {
				n += deed.Requests
			}
		}
		return n
	}
	puttings := 0
	// puts has uses counted, as if of a batch.
	puts := func(ctx context.Context, uses ...usage.Use) {
		GinkgoHelper()
		puttings++
		appends(ctx, "puts", puttings, 1, 0)
		Expect(s.Weighed(ctx, []int64{waiting(ctx)[0].Batch}, uses, nil)).To(Succeed())
	}
	uses := func(all []usage.Use, err error) []usage.Use {
		GinkgoHelper()
		Expect(err).NotTo(HaveOccurred())
		return all
	}

	Describe("what people did", func() {
		It("waits in the order in which it came, and only what is new of it", func(ctx SpecContext) {
			appends(ctx, "alice", 0, 10, 20)
			appends(ctx, "alice", 5, 10, 30) // Five of them for the second time.
			appends(ctx, "alice", 0, 15, 40)
			appends(ctx, "system:node:n", 0, 10, 50)
			all := waiting(ctx)
			Expect(all).To(HaveLen(2))
			Expect(all[0].Batch).To(BeNumerically("<", all[1].Batch))
			Expect([]int64{requests(all[:1]), requests(all)}).To(Equal([]int64{10, 15}))
			Expect(all[0].Deeds).To(HaveExactElements(And(HaveField("Username", "alice"), HaveField("Last", BeTemporally("==", at(9))))))
			Expect(s.Backlog(ctx)).To(BeTemporally("==", at(20)))
			Expect(s.Unweighed(ctx, at(19), 10)).To(BeEmpty())
			Expect(s.Unweighed(ctx, at(20), 10)).To(HaveLen(1))
			Expect(s.Unweighed(ctx, at(99), 1)).To(HaveExactElements(HaveField("Batch", all[0].Batch)))
		})

		It("counts exactly once", func(ctx SpecContext) {
			appends(ctx, "alice", 0, 10, 20)
			appends(ctx, "bob", 0, 5, 30)
			all := waiting(ctx)
			Expect(weighed(ctx, s, all[:1])).To(Succeed())
			for _, again := range [][]store.Unweighed{all[:1], all} {
				Expect(weighed(ctx, s, again)).To(MatchError(store.ErrWeighed))
			}
			Expect(s.Days(ctx, noon)).To(HaveExactElements(store.Day{Day: noon.Truncate(24 * time.Hour), Username: "alice", Requests: 10}))
			Expect(s.Totals(ctx, noon)).To(HaveKeyWithValue("g", And(HaveField("Requests", int64(10)), HaveField("People", 1))))
			Expect(waiting(ctx)).To(HaveExactElements(HaveField("Batch", all[1].Batch)), "what was with it is still there")
			Expect(weighed(ctx, s, all[1:])).To(Succeed())
			Expect(waiting(ctx)).To(BeEmpty())
			Expect(s.Totals(ctx, noon)).To(HaveKeyWithValue("g", And(HaveField("Requests", int64(15)), HaveField("People", 2))))
		})

		It("counts when it is written, and not before", func(ctx SpecContext) {
			appends(ctx, "alice", 0, 10, 20)
			all := waiting(ctx)
			gone, cancel := context.WithCancel(ctx)
			cancel()
			Expect(weighed(gone, s, all)).To(MatchError(context.Canceled))
			_, err := d.past().ExecContext(ctx, "ALTER TABLE days RENAME TO elsewhere") // What fails, fails at the end.
			Expect(err).NotTo(HaveOccurred())
			Expect(weighed(ctx, s, all)).NotTo(Succeed())
			_, err = d.past().ExecContext(ctx, "ALTER TABLE elsewhere RENAME TO days")
			Expect(err).NotTo(HaveOccurred())
			Expect(s.Totals(ctx, noon)).To(BeEmpty())
			Expect(s.Close()).To(Succeed())
			s = open(ctx, d)
			Expect(waiting(ctx)).To(Equal(all))
			Expect(weighed(ctx, s, all)).To(Succeed())
			Expect(s.Totals(ctx, noon)).To(HaveKeyWithValue("g", HaveField("Requests", int64(10))))
		})

		It("counts although its events are gone, and has its number to itself", func(ctx SpecContext) {
			appends(ctx, "alice", 0, 10, 20)
			appends(ctx, "alice", 10, 10, 30)
			gone, err := s.Prune(ctx, store.Retention{Size: 1})
			Expect(err).NotTo(HaveOccurred())
			Expect(gone).To(Equal(int64(20)))
			appends(ctx, "bob", 0, 5, 20) // And the clock went back.
			Expect(requests(waiting(ctx))).To(Equal(int64(25)))
			Expect(weighed(ctx, s, waiting(ctx))).To(Succeed())
			Expect(s.Days(ctx, noon)).To(HaveExactElements(HaveField("Requests", int64(20)), HaveField("Requests", int64(5))))
		})

		It("is of a time that has come", func(ctx SpecContext) {
			appends(ctx, "alice", 100, 1, 50)
			appends(ctx, "alice", 1_000_000, 1, 60)
			of := func(field string, seconds int) types.GomegaMatcher {
				return HaveField(field, BeTemporally("==", at(seconds)))
			}
			Expect(waiting(ctx)).To(HaveExactElements(
				HaveField("Deeds", HaveExactElements(And(of("First", 100), of("Last", 100)))),
				HaveField("Deeds", HaveExactElements(And(of("First", 60), of("Last", 60)))),
			), "a minute is no matter, and days are")
		})

		It("is not all there at once where it is much", func(ctx SpecContext) {
			for i := range 5 { // A minute each: nothing is taken together.
				lines := events("alice", 0, 0)
				for j := range 7000 {
					lines = append(lines, event(fmt.Sprintf("a-%d-%d", i, j), "alice", -60*j))
				}
				_, err := s.Append(ctx, "one", lines, at(i))
				Expect(err).NotTo(HaveOccurred())
			}
			Expect(waiting(ctx)).To(HaveLen(3))
			total := int64(0)
			for all := waiting(ctx); len(all) > 0; all = waiting(ctx) {
				total += requests(all)
				ids := make([]int64, len(all))
				for i := range all {
					ids[i] = all[i].Batch
				}
				Expect(s.Weighed(ctx, ids, nil, nil)).To(Succeed())
			}
			Expect(total).To(BeEquivalentTo(35_000))
		})

		It("is not weighed where somebody changed it", func(ctx SpecContext) {
			appends(ctx, "alice", 0, 10, 20)
			_, err := d.past().ExecContext(ctx, "UPDATE deeds SET document = $1", []byte("no zstd"))
			Expect(err).NotTo(HaveOccurred())
			_, err = s.Unweighed(ctx, at(99), 10)
			Expect(err).To(MatchError(store.ErrChanged))
		})
	})

	Describe("what a Grant was used for", func() {
		It("is added up", func(ctx SpecContext) {
			puts(ctx, used("g", "alice", "get", 10, 20), used("g", "alice", "list", 10, 20), used("h", "alice", "get", 5, 5))
			more := func(u *usage.Use) { u.Names, u.Requests, u.Unnamed = []string{"q"}, 7, true }
			puts(ctx, used("g", "alice", "get", 5, 15, needed(15), more))
			Expect(uses(s.UsesOfGrant(ctx, "g", noon))).To(HaveExactElements(
				used("g", "alice", "get", 5, 20, needed(15), func(u *usage.Use) { u.Names, u.Requests, u.Unnamed = []string{"p", "q"}, 8, true }),
				used("g", "alice", "list", 10, 20)))
			puts(ctx, used("g", "alice", "get", 30, 30))
			Expect(uses(s.UsesOfGrant(ctx, "g", noon))[0]).To(
				And(HaveField("Needed", HaveValue(Equal(second(15)))), HaveField("Last", second(30))))
		})

		It("is of a time, by when it was last", func(ctx SpecContext) {
			puts(ctx, used("g", "alice", "get", 0, 100), used("g", "bob", "get", 0, 50), used("", "alice", "list", 0, 100))
			Expect(uses(s.UsesOfGrant(ctx, "g", at(100)))).To(HaveExactElements(HaveField("Username", "alice")))
			Expect(uses(s.UsesOfGrant(ctx, "g", at(101)))).To(BeEmpty())
			Expect(uses(s.UsesOfGrant(ctx, "g", at(50)))).To(HaveLen(2))
			Expect(uses(s.UsesOf(ctx, []string{"alice", "bob", "carol"}, at(51)))).To(
				HaveExactElements(HaveField("Grant", ""), And(HaveField("Grant", "g"), HaveField("Username", "alice"))))
			Expect(uses(s.UsesOf(ctx, []string{"bob"}, at(50)))).To(HaveLen(1))
			Expect(uses(s.UsesOf(ctx, []string{"bob"}, at(51)))).To(BeEmpty())
			Expect(uses(s.UsesOf(ctx, nil, noon))).To(BeEmpty())
		})

		It("comes to totals, in which who did nothing of late does not count", func(ctx SpecContext) {
			puts(ctx, used("g", "alice", "get", 0, 100, needed(30)), used("g", "alice", "list", 0, 90, needed(60)),
				used("g", "bob", "get", 0, 50), used("h", "bob", "get", 0, 40), used("", "carol", "get", 0, 100))
			total := func(last, needed int, requests int64, people int) usage.Total {
				t := usage.Total{Requests: requests, People: people, Last: new(second(last))}
				if needed > 0 {
					t.Needed = new(second(needed))
				}
				return t
			}
			Expect(s.Totals(ctx, noon)).To(Equal(map[string]usage.Total{"g": total(100, 60, 3, 2), "h": total(40, 0, 1, 1)}))
			Expect(s.Totals(ctx, at(50))).To(Equal(map[string]usage.Total{"g": total(100, 60, 3, 2), "h": total(40, 0, 0, 0)}))
			Expect(s.Totals(ctx, at(51))).To(HaveKeyWithValue("g", total(100, 60, 2, 1)))
			Expect(s.Totals(ctx, at(101))).To(HaveKeyWithValue("g", total(100, 60, 0, 0)))
		})

		It("may be long, and whatever it is", func(ctx SpecContext) {
			long := strings.Repeat("ü", 4000)
			odd := used("g", long, "get", 1, 1, func(u *usage.Use) { u.Names = []string{"nul\x00nul", long} })
			puts(ctx, odd, used("g", "nul\x00nul", "get", 1, 1))
			Expect(uses(s.UsesOf(ctx, []string{long}, noon))).To(HaveExactElements(HaveField("Names", odd.Names)))
			Expect(uses(s.UsesOf(ctx, []string{"nul\x00nul"}, noon))).To(HaveLen(1))
			// A path as long as a URL may be, as it is weighed.
			random := rand.New(rand.NewPCG(1, 1))
			path := make([]byte, 9000)
			for i := range path {
				path[i] = byte('!' + random.IntN(90))
			}
			deed := usage.Deed{Username: "alice", Action: answers.Action{Verb: "get", Path: "/api/" + string(path)}, Outcome: usage.Allowed}
			puts(ctx, usage.Uses(&deed, usage.Weighed{Fits: true}, nil)...)
		})
	})

	It("how much people did each day, from the day of a time on", func(ctx SpecContext) {
		day := func(days int, username string, requests, forbidden int64) store.Day {
			return store.Day{Day: noon.Truncate(24*time.Hour).AddDate(0, 0, days), Username: username, Requests: requests, Forbidden: forbidden}
		}
		appends(ctx, "alice", 0, 1, 0)
		appends(ctx, "alice", 1, 1, 1)
		all := waiting(ctx)
		Expect(s.Weighed(ctx, []int64{all[0].Batch}, nil, []store.Day{day(0, "alice", 3, 1), day(1, "alice", 1, 0)})).To(Succeed())
		Expect(s.Weighed(ctx, []int64{all[1].Batch}, nil, []store.Day{day(0, "alice", 4, 2), day(0, "a\x00lan", 1, 1), day(-1, "bob", 9, 9)})).
			To(Succeed())
		Expect(s.Days(ctx, noon)).To(Equal([]store.Day{day(0, "alan", 1, 1), day(0, "alice", 7, 3), day(1, "alice", 1, 0)}))
		Expect(s.Days(ctx, at(12*60*60-1))).To(HaveLen(3))
		Expect(s.Days(ctx, at(12*60*60))).To(HaveLen(1))
		Expect(s.Days(ctx, at(-13*60*60))).To(HaveLen(4))
	})

	It("for as long as it must", func(ctx SpecContext) {
		puts(ctx, used("g", "alice", "get", 0, 100), used("g", "bob", "get", 0, 99))
		today := noon.Truncate(24 * time.Hour)
		appends(ctx, "alice", 1, 1, 1)
		Expect(s.Weighed(ctx, []int64{waiting(ctx)[0].Batch}, nil, []store.Day{
			{Day: today, Username: "alice", Requests: 1}, {Day: today.AddDate(0, 0, -1), Username: "alice", Requests: 1},
		})).To(Succeed())
		appends(ctx, "alice", 2, 1, 99)
		appends(ctx, "alice", 3, 1, 100)
		_, err := s.Prune(ctx, store.Retention{Since: at(100)})
		Expect(err).NotTo(HaveOccurred())
		Expect(uses(s.UsesOfGrant(ctx, "g", noon))).To(HaveExactElements(HaveField("Username", "alice")))
		Expect(s.Days(ctx, today.AddDate(0, 0, -9))).To(HaveExactElements(HaveField("Day", today)))
		Expect(waiting(ctx)).To(HaveLen(1))
	})

	It("and of what RBAC was like at any time", func(ctx SpecContext) { heldThen(ctx, s) })
}

// change is one of a model of versions: an object became something, or went.
type change struct {
	kind, uid, document string
	at                  int
}

// heldThen compares what held at random times with a model that is as simple as it can be.
func heldThen(ctx context.Context, s *store.Store) {
	GinkgoHelper()
	random := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), 4))
	kinds := []string{"Role", "RoleBinding"}
	var changes []change
	var versions []store.Version
	now := 0
	for n := range 120 {
		now += random.IntN(3) // Some at the same time.
		c := change{kind: append(kinds, "Grant")[random.IntN(3)], uid: fmt.Sprintf("u%d", random.IntN(5)), at: now}
		if random.IntN(3) > 0 {
			c.document = fmt.Sprintf("d%d", n)
		}
		c.uid = c.kind + c.uid
		if slices.ContainsFunc(changes, func(o change) bool { return o.uid == c.uid && o.at == c.at }) {
			continue // The recorder never has two of one object at one time.
		}
		v := store.Version{Kind: c.kind, UID: c.uid, Name: c.uid, Since: second(c.at).Time}
		if c.document != "" {
			v.Document = []byte(c.document)
		}
		changes, versions = append(changes, c), append(versions, v)
	}
	Expect(s.Record(ctx, versions, nil)).To(Succeed())
	for range 150 {
		at := random.IntN(now+6) - 3
		here := kinds[:1+random.IntN(2)]
		want, since, until := model(changes, here, at)
		held, err := s.At(ctx, here, second(at).Time)
		Expect(err).NotTo(HaveOccurred())
		found := map[string]string{}
		for i := range held.Versions {
			Expect(found).NotTo(HaveKey(held.Versions[i].UID))
			found[held.Versions[i].UID] = string(held.Versions[i].Document)
		}
		Expect(found).To(Equal(want), "at %d", at)
		Expect(held.Since).To(BeTemporally("==", since), "at %d", at)
		Expect(held.Until).To(BeTemporally("==", until), "at %d", at)
		next, err := s.Next(ctx, here, second(at).Time)
		Expect(err).NotTo(HaveOccurred())
		Expect(next).To(BeTemporally("==", until), "after %d", at)
	}
}

// model is what held of some kinds at a time, and when something last and next happened; zero where it did not.
func model(changes []change, kinds []string, at int) (held map[string]string, since, until time.Time) {
	held = map[string]string{}
	for _, c := range changes { // In the order of time.
		if !slices.Contains(kinds, c.kind) {
			continue
		}
		happened := c.document != "" || there(changes, c)
		switch {
		case c.at > at && happened:
			if until.IsZero() {
				until = second(c.at).Time
			}
		case c.at <= at && c.document == "":
			delete(held, c.uid)
		case c.at <= at:
			held[c.uid] = c.document
		}
		if c.at <= at && happened {
			since = second(c.at).Time
		}
	}
	return held, since, until
}

// there says whether an object was there before a change: where it was not, that it went is no change.
func there(changes []change, c change) (is bool) {
	for _, before := range changes {
		if before.uid == c.uid && before.at < c.at {
			is = before.document != ""
		}
	}
	return is
}
