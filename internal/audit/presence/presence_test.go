// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package presence

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/audit/store"
)

var _ = Describe("When people were seen", func() {
	var s *scene
	BeforeEach(func(ctx SpecContext) {
		s = newScene(ctx, user("alice", "corp:alice"), user("bob", "corp:bob"), session("alice-1", "corp:alice", "aa"))
	})

	It("is written of them, and of the Session whose certificate it was", func(ctx SpecContext) {
		s.learns(ctx, "corp:alice", "", 3, 3)
		s.learns(ctx, "corp:alice", "aa", 0, 4)
		s.tells(ctx, 10)
		Expect(s.seen("alice")).To(Equal(3))
		Expect(s.seen("alice-1")).To(Equal(0))
		Expect(s.seen("bob")).To(Equal(-1))
		Expect(s.cluster.writes).To(Equal(2))
		Expect(s.alarms.Events).To(BeEmpty())
	})

	It("is written once a minute, however often they are seen", func(ctx SpecContext) {
		for second := 0; second < 180; second += 10 {
			s.learns(ctx, "corp:alice", "aa", second, second)
			s.tells(ctx, second+6)
		}
		Expect(s.cluster.writes).To(Equal(6), "of the User and of the Session, at 0, 60 and 120")
		Expect(s.seen("alice")).To(Equal(120))
	})

	It("is no later than what was written already, also by another leader", func(ctx SpecContext) {
		s.learns(ctx, "corp:alice", "", 0, 100)
		s.learns(ctx, "corp:bob", "", 50, 100)
		s.tells(ctx, 110)
		s.leads()
		s.learns(ctx, "corp:bob", "aa", 20, 115)
		s.tells(ctx, 130)
		Expect(s.cluster.writes).To(Equal(2))
		Expect(s.seen("bob")).To(Equal(50))
	})

	It("waits until a certificate that was issued a moment ago is known", func(ctx SpecContext) {
		s.learns(ctx, "corp:alice", "aa", 0, 0)
		s.tells(ctx, 4)
		Expect(s.cluster.writes).To(BeZero())
		s.tells(ctx, 5)
		Expect(s.cluster.writes).To(Equal(2))
	})

	It("is written although it took long to be stored", func(ctx SpecContext) {
		s.tells(ctx, 30)
		s.learns(ctx, "corp:alice", "", 10, 10) // At 10 it was received, and only now it is there.
		s.tells(ctx, 40)
		Expect(s.seen("alice")).To(Equal(10))
	})

	It("is not written of those whom no User stands for", func(ctx SpecContext) {
		s.learns(ctx, "corp:mallory", "ff", 0, 0)
		s.learns(ctx, "corp:bob", "", 0, 0)
		s.tells(ctx, 10)
		Expect(s.cluster.writes).To(Equal(1))
		Expect(s.seen("bob")).To(Equal(0))
		Expect(s.alarms.Events).To(BeEmpty())
	})

	It("is written of the holder of a username that two have", func(ctx SpecContext) {
		older, holder := user("a-other", "corp:alice"), user("z-alice", "corp:alice")
		older.Status.Conditions[0].Status = metav1.ConditionFalse
		s = newScene(ctx, older, holder)
		s.learns(ctx, "corp:alice", "", 0, 0)
		s.tells(ctx, 10)
		Expect(s.seen("a-other")).To(Equal(-1))
		Expect(s.seen("z-alice")).To(Equal(0))
	})

	It("is written of nobody while the store is closed, and then of everybody", func(ctx SpecContext) {
		opened := s.presence.Store
		s.presence.Store = func() (*store.Store, error) { return nil, store.ErrClosed }
		s.learns(ctx, "corp:alice", "aa", 0, 0)
		s.clock.SetTime(at(100))
		Expect(s.presence.tell(ctx)).To(MatchError(store.ErrClosed))
		Expect(s.cluster.writes).To(BeZero())
		s.learns(ctx, "corp:bob", "", 90, 90)
		s.presence.Store = opened
		s.tells(ctx, 110)
		Expect([]int{s.seen("alice"), s.seen("alice-1"), s.seen("bob")}).To(Equal([]int{0, 0, 90}))
	})

	It("is written of all others, where it cannot be of one, and of that one later", func(ctx SpecContext) {
		s.cluster.failing = "alice-1"
		s.learns(ctx, "corp:alice", "aa", 0, 0)
		s.learns(ctx, "corp:bob", "", 0, 1)
		s.clock.SetTime(at(100))
		Expect(s.presence.tell(ctx)).To(MatchError(ContainSubstring("alice-1 cannot be written")))
		Expect(s.seen("bob")).To(Equal(0))
		s.cluster.failing = ""
		s.tells(ctx, 200)
		Expect(s.seen("alice-1")).To(Equal(0))
	})
})

var _ = Describe("The alarm about a certificate", func() {
	var s *scene
	BeforeEach(func(ctx SpecContext) {
		s = newScene(ctx, user("alice", "corp:alice"), session("alice-1", "corp:alice", "aa"), session("mallory-1", "corp:mallory", "mm"))
		Expect(s.store.BeginRecording(ctx, noon)).To(Succeed())
	})
	of := func(fingerprint, what string) types.GomegaMatcher {
		return And(HavePrefix("Warning UnknownCertificate"), ContainSubstring(`a request was made as "corp:alice"`),
			ContainSubstring(`SHA-256 "`+fingerprint+`" `+what))
	}

	It("is raised where it was never issued, once an hour", func(ctx SpecContext) {
		for second := 0; second < 3600; second += 100 {
			s.learns(ctx, "corp:alice", "ff", second, second)
			s.tells(ctx, second+10)
		}
		Expect(s.alarms.Events).To(HaveLen(1))
		Expect(<-s.alarms.Events).To(of("ff", "belongs to no Session"))
		s.learns(ctx, "corp:alice", "ff", 3700, 3700)
		s.tells(ctx, 3710)
		Expect(s.alarms.Events).To(HaveLen(1))
	})

	It("is raised where it was issued to somebody else, who is there", func(ctx SpecContext) {
		s.records(ctx, session("mallory-1", "corp:mallory", "mm"))
		s.learns(ctx, "corp:alice", "mm", 0, 0)
		s.tells(ctx, 10)
		Expect(s.alarms.Events).To(Receive(of("mm", "was issued in a Session of somebody else")))
		Expect(s.seen("mallory-1")).To(Equal(-1))
	})

	It("is raised where it was issued to somebody else, who is gone", func(ctx SpecContext) {
		s.records(ctx, session("bob-1", "corp:bob", "bb"))
		s.learns(ctx, "corp:alice", "bb", 0, 0)
		s.tells(ctx, 10)
		Expect(s.alarms.Events).To(Receive(of("bb", "was issued in a Session of somebody else")))
	})

	DescribeTable("is not raised", func(ctx SpecContext, learn func(SpecContext)) {
		learn(ctx)
		s.tells(ctx, 3700)
		Expect(s.alarms.Events).To(BeEmpty())
	},
		Entry("about one of theirs", func(ctx SpecContext) { s.learns(ctx, "corp:alice", "aa", 0, 3600) }),
		Entry("about one of theirs whose Session is gone, and recorded", func(ctx SpecContext) {
			s.records(ctx, session("alice-0", "corp:alice", "a0"))
			s.learns(ctx, "corp:alice", "a0", 0, 3600)
		}),
		Entry("about what was before it was recorded what is issued", func(ctx SpecContext) { s.learns(ctx, "corp:alice", "ff", -1, 3600) }),
		Entry("about what was learnt long ago", func(ctx SpecContext) { s.learns(ctx, "corp:alice", "ff", 0, 99) }),
		Entry("about those who are not ours", func(ctx SpecContext) { s.learns(ctx, "oidc:x", "ff", 0, 3600) }),
		Entry("about other credentials", func(ctx SpecContext) { s.learns(ctx, "corp:alice", "", 0, 3600) }),
	)

	It("is not raised where nothing is recorded yet", func(ctx SpecContext) {
		s = newScene(ctx, user("alice", "corp:alice"))
		s.learns(ctx, "corp:alice", "ff", 0, 0)
		s.tells(ctx, 10)
		Expect(s.alarms.Events).To(BeEmpty())
	})

	It("is raised where another certificate's record was changed", func(ctx SpecContext) {
		broken := session("alice-0", "corp:alice", "a0")
		s.records(ctx, broken)
		Expect(s.store.Record(ctx, []store.Version{{
			Kind: "Session", UID: string(broken.UID), Name: broken.Name, Since: at(1), Document: []byte("no JSON"),
		}}, nil)).To(Succeed())
		s.learns(ctx, "corp:alice", "a0", 2, 2)
		s.learns(ctx, "corp:alice", "ff", 2, 3)
		s.clock.SetTime(at(10))
		Expect(s.presence.tell(ctx)).To(MatchError(store.ErrChanged))
		Expect(s.alarms.Events).To(HaveLen(1))
	})
})
