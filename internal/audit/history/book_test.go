// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-iam/rollcall/internal/attribution"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
)

var _ = Describe("The book", func() {
	var b *book
	BeforeEach(func() { b = newBook(map[string]store.Standing{}) })

	planned := func(seen ...observation) *entries {
		GinkgoHelper()
		e, err := b.plan(seen)
		Expect(err).NotTo(HaveOccurred())
		return e
	}
	is := func(object client.Object, seconds int) observation {
		return observation{object: object, at: at(seconds)}
	}
	gone := func(object client.Object, seconds int) observation {
		return observation{object: object, gone: true, at: at(seconds)}
	}
	// enters is what was planned, and written.
	enters := func(seen ...observation) *entries {
		GinkgoHelper()
		e := planned(seen...)
		b.written(e)
		return e
	}
	// sinces are from when on the changes hold.
	sinces := func(e *entries) []time.Time {
		all := make([]time.Time, len(e.changes))
		for i := range e.changes {
			all[i] = e.changes[i].Since
		}
		return all
	}
	fingerprints := func(e *entries) []string {
		all := make([]string, len(e.certificates))
		for i := range e.certificates {
			all[i] = e.certificates[i].Fingerprint
		}
		return all
	}

	const slack = int(attribution.Slack / time.Second)
	DescribeTable("begins with an object", func(generation int64, created, want int) {
		g := grant(generation, "a")
		g.CreationTimestamp = moment(created)
		Expect(sinces(planned(is(g, 0)))).To(Equal([]time.Time{at(want)}))
	},
		Entry("when it was made, where it was never changed", int64(1), -3600, -3600),
		Entry("now, where it may have been another before", int64(2), -3600, 0),
		Entry("now, where nothing counts its changes", int64(0), -3600, 0),
		Entry("when it was made, where that is a moment ago", int64(2), 1-slack, 1-slack),
		Entry("now, where that is no moment", int64(2), -slack, 0),
	)

	It("takes the same again for nothing, whether it is written yet or not", func() {
		e := planned(is(grant(2, "a"), 0), is(grant(2, "a"), 1))
		Expect(e.changes).To(HaveLen(1))
		b.written(e)
		Expect(planned(is(grant(2, "a"), 2)).empty()).To(BeTrue())
	})

	It("plans the same again, where it was not written", func() {
		Expect(planned(is(grant(2, "a"), 0)).changes).To(HaveLen(1))
		Expect(planned(is(grant(2, "a"), 1)).changes).To(HaveLen(1))
	})

	It("notes what changed, when it was seen", func() {
		enters(is(grant(2, "a"), 0))
		e := enters(is(grant(3, "b"), 5))
		Expect(e.changes).To(HaveExactElements(And(HaveField("Generation", int64(3)), HaveField("Since", at(5)),
			HaveField("Document", ContainSubstring(`"reason":"b"`)))))
		Expect(b.standing).To(HaveKeyWithValue("g-1", HaveField("Since", at(5))))
	})

	It("notes what went, and what came back", func() {
		enters(is(grant(2, "a"), 0))
		Expect(enters(gone(grant(2, "a"), 5)).changes).To(HaveExactElements(And(HaveField("UID", "g-1"), HaveField("Since", at(5)),
			HaveField("Document", BeNil()))))
		Expect(b.standing).To(BeEmpty())
		Expect(enters(is(grant(2, "a"), 9)).changes).To(HaveLen(1))
	})

	It("notes no end of what it never knew", func() {
		Expect(planned(gone(grant(2, "a"), 0)).empty()).To(BeTrue())
		enters(is(grant(2, "a"), 0))
		e := planned(gone(grant(2, "a"), 1), gone(grant(2, "a"), 2))
		Expect(e.changes).To(HaveLen(1), "nor a second one")
	})

	It("notes each of several changes of one object, and its end", func() {
		e := enters(is(grant(2, "a"), 0), is(grant(3, "b"), 1), is(grant(4, "a"), 2), gone(grant(4, "a"), 3))
		Expect(sinces(e)).To(Equal([]time.Time{at(0), at(1), at(2), at(3)}))
		Expect(e.changes[3].Document).To(BeNil())
		Expect(b.standing).To(BeEmpty())
	})

	It("has time go on where the clock does not", func() {
		e := enters(is(grant(2, "a"), 0), is(grant(3, "b"), 0), gone(grant(3, "b"), -60))
		Expect(sinces(e)).To(Equal([]time.Time{at(0), at(0).Add(time.Microsecond), at(0).Add(2 * time.Microsecond)}))
	})

	It("goes on with what is recorded", func() {
		v := versioned(grant(2, "a"))
		b = newBook(map[string]store.Standing{"g-1": {Kind: kindGrant, Digest: v.Digest(), Since: at(10)}})
		Expect(planned(is(grant(2, "a"), 20)).empty()).To(BeTrue())
		Expect(sinces(planned(is(grant(3, "b"), 5)))).To(Equal([]time.Time{at(10).Add(time.Microsecond)}))
	})

	It("notes the end of what went while nobody looked", func() {
		enters(is(grant(2, "a"), 0), is(someone("alice", "u-1"), 0), is(someone("bob", "u-2"), 0))
		e := b.vanished(map[string]bool{"u-1": true}, at(-60))
		Expect(e.changes).To(HaveExactElements(
			store.Version{Kind: kindGrant, UID: "g-1", Since: at(0).Add(time.Microsecond)},
			store.Version{Kind: kindUser, UID: "u-2", Since: at(0).Add(time.Microsecond)},
		))
		b.written(e)
		Expect(b.standing).To(HaveLen(1))
		Expect(b.vanished(map[string]bool{"u-1": true}, at(1)).empty()).To(BeTrue())
	})

	Describe("notes each certificate of a Session once", func() {
		It("in one batch or several", func() {
			e := enters(is(session("s-1", "a"), 0), is(session("s-1", "a", "b"), 1), is(session("s-2", "x"), 1))
			Expect(fingerprints(e)).To(Equal([]string{"a", "b", "x"}))
			Expect(e.changes).To(HaveLen(2), "of a Session with another certificate there is no other version")
			e = enters(is(session("s-1", "a", "b", "c"), 2))
			Expect(fingerprints(e)).To(Equal([]string{"c"}))
			Expect(e.certificates[0]).To(And(HaveField("Session", "s-1"), HaveField("NotAfter", at(900)),
				HaveField("Document", ContainSubstring(`"fingerprint":"c"`))))
			Expect(enters(is(session("s-1", "a", "b", "c"), 3)).empty()).To(BeTrue())
		})
		It("when the oldest are forgotten, and all where it cannot tell", func() {
			enters(is(session("s-1", "a", "b"), 0))
			Expect(fingerprints(enters(is(session("s-1", "b", "c"), 1)))).To(Equal([]string{"c"}))
			Expect(fingerprints(enters(is(session("s-1", "e", "f"), 2)))).To(Equal([]string{"e", "f"}))
		})
		It("also of one that goes, and then knows it no more", func() {
			enters(is(session("s-1", "a"), 0))
			Expect(fingerprints(enters(gone(session("s-1", "a", "b"), 1)))).To(Equal([]string{"b"}))
			Expect(b.certified).To(BeEmpty())
		})
	})
})
