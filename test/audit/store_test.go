// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"context"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/usage"
)

// The same specs for both: what one of them does, the other does too.
var _ = Describe("A store", func() {
	Describe("in SQLite", func() { behaves(sqliteDatabase) })
	Describe("in PostgreSQL", func() { behaves(postgresDatabase) })

	It("of a file belongs to one process", func(ctx SpecContext) {
		d := sqliteDatabase(ctx)
		first := open(ctx, d)
		_, err := store.Open(ctx, d.location)
		Expect(err).To(MatchError(ContainSubstring("another process has")))
		Expect(first.Close()).To(Succeed())
		open(ctx, d)
	})

	DescribeTable("is not opened at", func(ctx SpecContext, location, complaint string) {
		_, err := store.Open(ctx, location)
		Expect(err).To(MatchError(ContainSubstring(complaint)))
		Expect(err.Error()).NotTo(ContainSubstring("hunter2"))
	},
		Entry("nothing", "", "sqlite:PATH"), Entry("no file", "sqlite:", "names no file"), Entry("another database", "mysql://x/y", `"mysql"`),
		Entry("a URL with a password", "postgres://rollcall:hunter2@db/audit", "PGPASSWORD"),
		Entry("a URL with a password behind", "postgres://rollcall@db/audit?password=hunter2", "PGPASSWORD"),
		Entry("no URL", "postgres://rollcall:hunter2@db:port/audit", "no URL"),
		Entry("a folder that is not there", "sqlite:/no/such/folder/audit.db", "no such file"),
		Entry("a server that is not there", "postgres://rollcall@127.0.0.1:1/audit", "refused"),
	)
})

func behaves(fresh func(context.Context) database) {
	var (
		d database
		s *store.Store
	)
	BeforeEach(func(ctx SpecContext) {
		d = fresh(ctx)
		s = open(ctx, d)
	})
	appends := func(ctx context.Context, lines ...audit.Line) int {
		GinkgoHelper()
		kept, err := s.Append(ctx, "one", lines, noon.Add(time.Hour))
		Expect(err).NotTo(HaveOccurred())
		return kept
	}
	ids := func(records []store.Record) []string {
		all := make([]string, len(records))
		for i, r := range records {
			all[i] = string(r.Event.AuditID)
		}
		return all
	}

	It("keeps each event once, however often and however it comes", func(ctx SpecContext) {
		lines := events("alice", 0, 20)
		Expect(appends(ctx, lines[:10]...)).To(Equal(10))
		Expect(appends(ctx, lines[5:15]...)).To(Equal(5))
		Expect(appends(ctx, append(lines[10:], lines[10:]...)...)).To(Equal(5))
		Expect(appends(ctx, lines...)).To(BeZero())
		for _, line := range lines {
			found, err := s.Events(ctx, string(line.Event.AuditID))
			Expect(err).NotTo(HaveOccurred())
			Expect(found).To(HaveExactElements(And(HaveField("Raw", line.Raw), HaveField("Server", "one"), HaveField("Key", line.Key))))
		}
		servers, err := s.Servers(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(servers).To(HaveExactElements(And(HaveField("Events", int64(20)), HaveField("Duplicates", int64(40)))))
		Expect(servers[0].First).To(BeTemporally("==", noon))
		Expect(servers[0].Last).To(BeTemporally("~", noon.Add(time.Hour), time.Second))
	})

	It("keeps what has the audit id of another, and finds both", func(ctx SpecContext) {
		appends(ctx, event("same", "alice", 1))
		Expect(appends(ctx, event("same", "mallory", 2))).To(Equal(1))
		found, err := s.Events(ctx, "same")
		Expect(err).NotTo(HaveOccurred())
		Expect(found).To(HaveLen(2))
		Expect(s.Events(ctx, "other")).To(BeEmpty())
	})

	It("tells the newest of many that have one audit id, and finds each by its key", func(ctx SpecContext) {
		lines := make([]audit.Line, store.MostEvents+20)
		for i := range lines {
			lines[i] = event("same", "alice", i)
		}
		appends(ctx, lines...)
		found, err := s.Events(ctx, "same")
		Expect(err).NotTo(HaveOccurred())
		Expect(found).To(HaveLen(store.MostEvents + 1))
		Expect(found[len(found)-1].Key).To(Equal(lines[len(lines)-1].Key))
		first, err := s.Event(ctx, lines[0].Key)
		Expect(err).NotTo(HaveOccurred())
		Expect(first).To(HaveValue(HaveField("Raw", lines[0].Raw)))
		Expect(s.Event(ctx, audit.Key{})).To(BeNil())
	})

	It("counts nothing twice that comes from many at once", func(ctx SpecContext) {
		lines, kept := events("alice", 0, 300), make([]int, 8)
		var running sync.WaitGroup
		for i := range kept {
			running.Go(func() {
				defer GinkgoRecover()
				for start := range 10 {
					part := lines[start*30 : (start+1)*30]
					n, err := s.Append(ctx, "one", part, noon)
					Expect(err).NotTo(HaveOccurred())
					kept[i] += n
				}
			})
		}
		running.Wait()
		total := 0
		for _, n := range kept {
			total += n
		}
		Expect(total).To(Equal(300))
		found, err := s.Activity(ctx, "alice", noon, noon.Add(time.Hour), 1000)
		Expect(err).NotTo(HaveOccurred())
		Expect(found).To(HaveLen(300))
	}, SpecTimeout(time.Minute))

	It("tells what somebody did, the newest first", func(ctx SpecContext) {
		appends(ctx, event("a", "alice", 1), event("b", "bob", 2), event("c", "alice", 3))
		appends(ctx, event("d", "alice", 4), event("e", "robot", 5, `"impersonatedUser":{"username":"alice"}`))
		activity := func(from, to, most int) []string {
			found, err := s.Activity(ctx, "alice", noon.Add(time.Duration(from)*time.Second), noon.Add(time.Duration(to)*time.Second), most)
			Expect(err).NotTo(HaveOccurred())
			return ids(found)
		}
		Expect(activity(0, 10, 10)).To(Equal([]string{"e", "d", "c", "a"}))
		Expect(activity(0, 10, 2)).To(Equal([]string{"e", "d"}))
		Expect(activity(3, 4, 10)).To(Equal([]string{"c"}))
		Expect(s.Activity(ctx, "", noon, noon.Add(time.Hour), 10)).To(BeEmpty())
	})

	It("knows who was seen last when, in whatever order it learns of it", func(ctx SpecContext) {
		credential := `"user":{"username":"alice","extra":{"authentication.kubernetes.io/credential-id":["X509SHA256=ab"]}}`
		appends(ctx, event("a", "alice", 10), event("b", "alice", 5), event("c", "x", 20, credential), event("d", "system:node:n", 30))
		appends(ctx, event("e", "alice", 7), event("f", "alice", 100000))
		seen, err := s.Sightings(ctx, time.Time{})
		Expect(err).NotTo(HaveOccurred())
		Expect(seen).To(HaveExactElements(
			And(HaveField("Credential", ""), HaveField("At", BeTemporally("==", noon.Add(time.Hour)))),
			And(HaveField("Credential", "X509SHA256=ab"), HaveField("At", BeTemporally("==", noon.Add(20*time.Second)))),
		), "whom a wrong clock saw in the future was seen now")
		Expect(s.Sightings(ctx, noon.Add(2*time.Hour))).To(BeEmpty())
	})

	It("takes names as they come", func(ctx SpecContext) {
		long := strings.Repeat("ü", 4000)
		Expect(appends(ctx, event("a", "nul\u0000nul", 1), event(strings.Repeat("b", 100000), long, 2))).To(Equal(2))
		Expect(s.Events(ctx, strings.Repeat("b", 100000))).To(HaveLen(1))
		Expect(s.Activity(ctx, long, noon, noon.Add(time.Hour), 10)).To(HaveLen(1))
	})

	It("is there again after it was closed", func(ctx SpecContext) {
		appends(ctx, events("alice", 0, 3)...)
		Expect(s.Close()).To(Succeed())
		_, err := s.Append(ctx, "one", events("alice", 3, 1), noon)
		Expect(err).To(HaveOccurred())
		s = open(ctx, d)
		Expect(appends(ctx, events("alice", 0, 4)...)).To(Equal(1))
	})

	It("does not say that it has what it has not", func(ctx SpecContext) {
		gone, cancel := context.WithCancel(ctx)
		cancel()
		_, err := s.Append(gone, "one", events("alice", 0, 3), noon)
		Expect(err).To(HaveOccurred())
		Expect(appends(ctx, events("alice", 0, 3)...)).To(Equal(3))
	})

	It("says when somebody changed it", func(ctx SpecContext) {
		appends(ctx, events("alice", 0, 3)...)
		past := d.past()
		_, err := past.ExecContext(ctx, "UPDATE batches SET lines = (SELECT lines FROM batches LIMIT 1), digest = $1",
			[]byte(strings.Repeat("x", 32)))
		Expect(err).NotTo(HaveOccurred())
		_, err = s.Events(ctx, "alice-1")
		Expect(err).To(MatchError(store.ErrChanged))
		_, err = past.ExecContext(ctx, "UPDATE batches SET lines = $1", []byte("no zstd"))
		Expect(err).NotTo(HaveOccurred())
		_, err = s.Events(ctx, "alice-1")
		Expect(err).To(MatchError(store.ErrChanged))
	})

	It("of a newer program is left alone", func(ctx SpecContext) {
		Expect(s.Close()).To(Succeed())
		_, err := d.past().ExecContext(ctx, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, $1)", true)
		Expect(err).NotTo(HaveOccurred())
		_, err = store.Open(ctx, d.location)
		Expect(err).To(MatchError(ContainSubstring("used by a newer one")))
	})

	It("shows that an event is among those it is kept with, without them", func(ctx SpecContext) {
		appends(ctx, append(events("alice", 0, 9), events("bob", 0, 4)...)...)
		batches, err := s.Unsealed(ctx, 1)
		Expect(err).NotTo(HaveOccurred())
		for _, id := range []string{"alice-0", "alice-8", "bob-3"} {
			found, err := s.Events(ctx, id)
			Expect(err).NotTo(HaveOccurred())
			included, err := s.Include(ctx, &found[0])
			Expect(err).NotTo(HaveOccurred())
			Expect(included.Size).To(BeEquivalentTo(13))
			Expect(included.Root(found[0].Raw)).To(Equal(batches[0].Digest))
		}
	})

	It("follows a ledger, and not back, and another one by itself", func(ctx SpecContext) {
		certificate := strings.Repeat("ab", 32)
		Expect(s.Followed(ctx, "one")).To(BeZero())
		issued := []store.Issued{
			{Fingerprint: certificate, Number: 7, NotAfter: noon}, {Fingerprint: "later", Number: 8, NotAfter: noon.Add(time.Hour)},
		}
		Expect(s.Follow(ctx, "one", 10, issued)).To(Succeed())
		Expect(s.Follow(ctx, "one", 9, []store.Issued{{Fingerprint: certificate, Number: 9, NotAfter: noon}})).To(Succeed())
		Expect(s.Followed(ctx, "one")).To(BeEquivalentTo(10))
		Expect(s.Followed(ctx, "two")).To(BeZero())
		entryOf := func(ledger, fingerprint string) (number uint64, known bool) {
			GinkgoHelper()
			number, known, err := s.Issuance(ctx, ledger, fingerprint)
			Expect(err).NotTo(HaveOccurred())
			return number, known
		}
		number, known := entryOf("one", certificate)
		Expect(known).To(BeTrue())
		Expect(number).To(BeEquivalentTo(7), "the first entry counts")
		_, known = entryOf("two", certificate)
		Expect(known).To(BeFalse())
		_, known = entryOf("one", "x\x00")
		Expect(known).To(BeFalse())

		By("forgetting what nobody can ask about any more")
		_, err := s.Prune(ctx, store.Retention{Since: noon.Add(time.Second)})
		Expect(err).NotTo(HaveOccurred())
		_, known = entryOf("one", certificate)
		Expect(known).To(BeFalse())
		_, known = entryOf("one", "later")
		Expect(known).To(BeTrue())
		Expect(s.Followed(ctx, "one")).To(BeEquivalentTo(10))
	})

	Describe("knows what arrives", func() {
		at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
		one := usage.Watch{Address: "10.0.0.1:6443", Listed: at(1), Since: at(2), Until: at(9), Started: at(0), Errors: 3}
		fresh := usage.Watch{Address: "10.0.0.2:6443", Listed: at(5)}
		lost := func(since, until int) usage.Gap {
			return usage.Gap{
				Server: one.Address, Reason: usage.GapEventsLost, Since: metav1.NewTime(at(since)), Until: metav1.NewTime(at(until)), Lost: 2,
			}
		}
		same := func(w usage.Watch) OmegaMatcher { return WithTransform(w.Equal, BeTrue()) }
		gaps := func(ctx context.Context, since, until int) int {
			GinkgoHelper()
			found, err := s.Gaps(ctx, at(since), at(until))
			Expect(err).NotTo(HaveOccurred())
			return len(found)
		}
		BeforeEach(func(ctx SpecContext) {
			Expect(s.Watch(ctx, []usage.Watch{one, fresh}, []usage.Gap{lost(3, 5), lost(7, 8), lost(3, 5)})).To(Succeed())
		})

		It("of each API server, and goes on", func(ctx SpecContext) {
			Expect(s.Watches(ctx)).To(HaveExactElements(same(one), same(fresh)))
			later, heard := one, fresh
			later.Until, later.Errors, later.Left, later.Since = at(10), 4, at(11), at(10)
			heard.Since, heard.Until, heard.Started = at(6), at(6), at(5)
			Expect(s.Watch(ctx, []usage.Watch{later, heard}, nil)).To(Succeed())
			later.Since = one.Since
			Expect(s.Watches(ctx)).To(HaveExactElements(same(later), same(heard)))
			Expect(s.Watch(ctx, []usage.Watch{one, fresh}, nil)).To(Succeed(), "by a leader that is none any more")
			Expect(s.Watches(ctx)).To(HaveExactElements(same(later), same(heard)))
			again := usage.Watch{Address: one.Address, Listed: at(20)}
			Expect(s.Watch(ctx, []usage.Watch{again}, nil)).To(Succeed())
			Expect(s.Watches(ctx)).To(HaveExactElements(same(later), same(again), same(heard)))
		})

		It("and of each gap, once", func(ctx SpecContext) {
			Expect(s.Watch(ctx, nil, []usage.Gap{lost(3, 5)})).To(Succeed())
			Expect(gaps(ctx, 0, 10)).To(Equal(2))
			Expect(gaps(ctx, 4, 7)).To(Equal(1))
			Expect(gaps(ctx, 5, 7)).To(BeZero())
			found, err := s.Gaps(ctx, at(0), at(4))
			Expect(err).NotTo(HaveOccurred())
			Expect(found).To(HaveExactElements(And(HaveField("Server", one.Address), HaveField("Reason", usage.GapEventsLost),
				HaveField("Lost", int64(2)), HaveField("Since.Time", BeTemporally("==", at(3))),
				HaveField("Until.Time", BeTemporally("==", at(5))))))
		})

		It("for as long as it must, and says nothing of the time before", func(ctx SpecContext) {
			gone := one
			gone.Address, gone.Left = "10.0.0.3:6443", at(4)
			Expect(s.Watch(ctx, []usage.Watch{gone}, nil)).To(Succeed())
			_, err := s.Prune(ctx, store.Retention{Since: at(6)})
			Expect(err).NotTo(HaveOccurred())
			Expect(gaps(ctx, 0, 10)).To(Equal(1))
			kept := one
			kept.Since = at(6)
			Expect(s.Watches(ctx)).To(HaveExactElements(same(kept), same(fresh)))
			kept.Since = one.Since
			Expect(s.Watch(ctx, []usage.Watch{kept}, nil)).To(Succeed())
			Expect(s.Watches(ctx)).To(ContainElement(HaveField("Since", BeTemporally("==", at(6)))), "the watcher does not bring it back")
		})

		It("and whether an event did", func(ctx SpecContext) {
			appends(ctx, events("alice", 0, 3)...)
			Expect(s.Arrived(ctx, "alice-1")).To(BeTrue())
			Expect(s.Arrived(ctx, "alice-3")).To(BeFalse())
		})
	})

	Describe("forgets", func() {
		BeforeEach(func(ctx SpecContext) {
			for i := range 100 { // more than go at once
				_, err := s.Append(ctx, "one", events("alice", i*10, 10), noon.Add(time.Duration(i)*time.Minute))
				Expect(err).NotTo(HaveOccurred())
			}
		})
		left := func(ctx context.Context) int {
			found, err := s.Activity(ctx, "alice", noon, noon.Add(time.Hour), 10000)
			Expect(err).NotTo(HaveOccurred())
			return len(found)
		}

		It("what is old", func(ctx SpecContext) {
			gone, err := s.Prune(ctx, store.Retention{Since: noon.Add(95 * time.Minute)})
			Expect(err).NotTo(HaveOccurred())
			Expect(gone).To(Equal(int64(950)))
			Expect(left(ctx)).To(Equal(50))
			Expect(s.Events(ctx, "alice-949")).To(BeEmpty())
			Expect(s.Events(ctx, "alice-950")).To(HaveLen(1))
			Expect(s.Prune(ctx, store.Retention{Since: noon.Add(95 * time.Minute)})).To(BeZero())
		})

		It("what is too much", func(ctx SpecContext) {
			var size int64
			Expect(d.past().QueryRowContext(ctx, "SELECT SUM(size) FROM batches").Scan(&size)).To(Succeed())
			gone, err := s.Prune(ctx, store.Retention{Size: size / 4})
			Expect(err).NotTo(HaveOccurred())
			Expect(gone).To(BeNumerically("~", 750, 20))
			Expect(s.Events(ctx, "alice-999")).To(HaveLen(1), "the newest stays")
		})

		It("nothing without a reason", func(ctx SpecContext) {
			Expect(s.Prune(ctx, store.Retention{})).To(BeZero())
			Expect(left(ctx)).To(Equal(1000))
		})
	})

	Describe("remembers what objects were like", func() {
		at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
		version := func(minute int, document string) store.Version {
			v := store.Version{Kind: "Grant", UID: "u1", Name: "looks", Alias: "corp:looks", Generation: int64(minute), Since: at(minute)}
			if document != "" {
				v.Document = []byte(document)
			}
			return v
		}
		documents := func(versions []store.Version, err error) []string {
			GinkgoHelper()
			Expect(err).NotTo(HaveOccurred())
			all := make([]string, len(versions))
			for i := range versions {
				all[i] = string(versions[i].Document)
			}
			return all
		}
		BeforeEach(func(ctx SpecContext) {
			Expect(s.Record(ctx, []store.Version{version(1, "first"), version(10, "second"), version(20, "")}, nil)).To(Succeed())
		})

		It("at a time, or around it", func(ctx SpecContext) {
			Expect(documents(s.Named(ctx, "Grant", "", "looks", at(5), at(5)))).To(Equal([]string{"first"}))
			Expect(documents(s.Named(ctx, "Grant", "", "looks", at(9), at(11)))).To(Equal([]string{"second", "first"}))
			Expect(documents(s.Named(ctx, "Grant", "", "looks", at(30), at(40)))).To(BeEmpty())
			Expect(documents(s.Named(ctx, "Grant", "", "looks", at(0), at(0)))).To(BeEmpty())
			Expect(documents(s.Called(ctx, "Grant", "corp:looks", at(15), at(15)))).To(Equal([]string{"second"}))
			Expect(documents(s.Called(ctx, "Grant", "", at(15), at(15)))).To(BeEmpty())
			versions, err := s.Of(ctx, "Grant", "u1")
			Expect(documents(versions, err)).To(Equal([]string{"second", "first"}))
			Expect(versions[0].Until).To(BeTemporally("==", at(20)))
			Expect(versions[1].Generation).To(Equal(int64(1)))
		})

		It("and what holds now", func(ctx SpecContext) {
			Expect(s.Standing(ctx)).To(BeEmpty())
			again := version(25, "third")
			Expect(s.Record(ctx, []store.Version{again}, nil)).To(Succeed())
			Expect(s.Record(ctx, []store.Version{again}, nil)).To(Succeed(), "told twice")
			Expect(s.Standing(ctx)).To(HaveLen(1))
			Expect(s.Standing(ctx)).To(HaveKeyWithValue("u1", HaveField("Digest", again.Digest())))
			Expect(documents(s.Named(ctx, "Grant", "", "looks", at(99), at(99)))).To(Equal([]string{"third"}))
		})

		It("and whose a certificate was", func(ctx SpecContext) {
			c := store.Certificate{Fingerprint: strings.Repeat("ab", 32), Session: "s1", NotAfter: at(15), Document: []byte("{}")}
			other := c
			other.Session = "s2"
			Expect(s.Record(ctx, nil, []store.Certificate{c, other})).To(Succeed())
			found, known, err := s.Certificate(ctx, c.Fingerprint)
			Expect(err).NotTo(HaveOccurred())
			Expect(known).To(BeTrue())
			Expect(found.Session).To(Equal("s1"), "what is known first stays")
			Expect(found.NotAfter).To(BeTemporally("==", at(15)))
			_, known, err = s.Certificate(ctx, strings.Repeat("cd", 32))
			Expect(err).NotTo(HaveOccurred())
			Expect(known).To(BeFalse())
		})

		It("for as long as it must", func(ctx SpecContext) {
			Expect(s.Record(ctx, []store.Version{version(25, "third")}, []store.Certificate{
				{Fingerprint: "old", NotAfter: at(5), Document: []byte("{}")}, {Fingerprint: "new", NotAfter: at(50), Document: []byte("{}")},
			})).To(Succeed())
			_, err := s.Prune(ctx, store.Retention{Since: at(15)})
			Expect(err).NotTo(HaveOccurred())
			Expect(documents(s.Of(ctx, "Grant", "u1"))).To(Equal([]string{"third", "second"}))
			_, known, err := s.Certificate(ctx, "old")
			Expect(err).NotTo(HaveOccurred())
			Expect(known).To(BeFalse())
			_, known, err = s.Certificate(ctx, "new")
			Expect(err).NotTo(HaveOccurred())
			Expect(known).To(BeTrue())
		})
	})
}
