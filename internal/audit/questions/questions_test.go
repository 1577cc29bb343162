// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package questions_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

var _ = Describe("A question", func() {
	var d *desk
	BeforeEach(func(ctx SpecContext) {
		d = newDesk(ctx)
		d.keeps(ctx, event("a", "corp:alice", -time.Hour))
	})

	Describe("is for auditors", func() {
		It("whose token is for this", func(ctx SpecContext) {
			Expect(ids(found(d.gets(ctx, wire.PathExplain, "auditID", "a")))).To(Equal([]string{"a"}))
			Expect(d.reviews.asked).To(HaveExactElements(authenticationv1.TokenReviewSpec{Token: "token", Audiences: []string{wire.Audience}}))
		})

		DescribeTable("and nobody else", func(ctx SpecContext, change func(*authenticationv1.TokenReviewStatus)) {
			change(&d.reviews.status)
			d.closed = store.ErrClosed
			for _, path := range []string{wire.PathExplain, wire.PathActivity, wire.PathEvidence} {
				response := d.gets(ctx, path, "auditID", "a", "user", "alice")
				Expect(response.Code).To(Equal(http.StatusUnauthorized))
				Expect(response.Body.String()).To(ContainSubstring("none of the ServiceAccount rollcall-auditor"))
			}
			posted := d.asks(ctx, http.MethodPost, wire.PathExplain, bytes.NewReader(event("a", "x", 0).Raw))
			Expect(posted.Code).To(Equal(http.StatusUnauthorized))
		},
			Entry("without a token that is one", func(s *authenticationv1.TokenReviewStatus) { s.Authenticated = false }),
			Entry("of another ServiceAccount", func(s *authenticationv1.TokenReviewStatus) { s.User.Username += "s" }),
			Entry("of another namespace", func(s *authenticationv1.TokenReviewStatus) {
				s.User.Username = "system:serviceaccount:default:rollcall-auditor"
			}),
			Entry("who is a person", func(s *authenticationv1.TokenReviewStatus) { s.User.Username = "rollcall-auditor" }),
			Entry("whose token is for another", func(s *authenticationv1.TokenReviewStatus) { s.Audiences = []string{"other"} }),
			Entry("whose token is for anybody", func(s *authenticationv1.TokenReviewStatus) { s.Audiences = nil }),
		)

		DescribeTable("who show a token", func(ctx SpecContext, authorization string) {
			response := d.asks(ctx, http.MethodGet, wire.PathExplain+"?auditID=a", nil, func(r *http.Request) {
				r.Header.Set("Authorization", authorization)
			})
			Expect(response.Code).To(Equal(http.StatusUnauthorized))
			Expect(response.Body.String()).To(ContainSubstring("is missing"))
			Expect(d.reviews.asked).To(BeEmpty(), "the API server is not bothered")
		},
			Entry("and no other header", ""), Entry("and not an empty one", "Bearer "), Entry("and no password", "Basic token"),
		)

		It("whom the API server knows, where it answers", func(ctx SpecContext) {
			d.reviews.fails = errors.New("etcd is gone")
			response := d.gets(ctx, wire.PathExplain, "auditID", "a")
			Expect(response.Code).To(Equal(http.StatusServiceUnavailable))
			Expect(response.Body.String()).NotTo(ContainSubstring("etcd"))
		})
	})

	It("is not answered while the store is closed, and its asker told why", func(ctx SpecContext) {
		d.closed = store.ErrClosed
		response := d.gets(ctx, wire.PathExplain, "auditID", "a")
		Expect(response.Code).To(Equal(http.StatusServiceUnavailable))
		Expect(response.Body.String()).To(ContainSubstring("not open"))
	})

	It("is not answered from what somebody changed", func(ctx SpecContext) {
		past, err := sql.Open("sqlite", d.file)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(past.Close)
		_, err = past.ExecContext(ctx, "UPDATE batches SET lines = 'x'")
		Expect(err).NotTo(HaveOccurred())
		for _, response := range []int{
			d.gets(ctx, wire.PathExplain, "auditID", "a").Code, d.gets(ctx, wire.PathActivity, "user", "alice").Code,
			d.asks(ctx, http.MethodPost, wire.PathExplain, bytes.NewReader(event("a", "corp:alice", -time.Hour).Raw)).Code,
		} {
			Expect(response).To(Equal(http.StatusServiceUnavailable))
		}
	})

	DescribeTable("is answered with what is wrong about it", func(ctx SpecContext, path, complaint string, parameters ...string) {
		response := d.gets(ctx, path, parameters...)
		Expect(response.Code).To(Equal(http.StatusBadRequest))
		Expect(response.Body.String()).To(Equal(complaint + "\n"))
	},
		Entry("no audit id", wire.PathExplain, "auditID is missing"),
		Entry("an empty one", wire.PathExplain, "auditID is missing", "auditID", ""),
		Entry("no audit id of evidence", wire.PathEvidence, "auditID is missing"),
		Entry("nobody", wire.PathActivity, "user is missing"),
		Entry("no time", wire.PathActivity, "since is no time of RFC 3339", "user", "alice", "since", "yesterday"),
		Entry("half a time", wire.PathActivity, "until is no time of RFC 3339", "user", "alice", "until", "2026-11-26"),
		Entry("a limit of nothing", wire.PathActivity, "limit must be 1 to 1000", "user", "alice", "limit", "0"),
		Entry("a limit of less", wire.PathActivity, "limit must be 1 to 1000", "user", "alice", "limit", "-1"),
		Entry("a limit of more", wire.PathActivity, "limit must be 1 to 1000", "user", "alice", "limit", "1001"),
		Entry("a limit of what is no number", wire.PathActivity, "limit must be 1 to 1000", "user", "alice", "limit", "all"),
	)

	DescribeTable("is asked as it should be", func(ctx SpecContext, method, path string, want int) {
		Expect(d.asks(ctx, method, path, nil).Code).To(Equal(want))
	},
		Entry("with a method that is known", http.MethodPut, wire.PathExplain, http.StatusMethodNotAllowed),
		Entry("with GET of activity", http.MethodPost, wire.PathActivity, http.StatusMethodNotAllowed),
		Entry("at a path that is known", http.MethodGet, "/audit/v1/other", http.StatusNotFound),
	)

	It("waits for its turn, and for no longer than its asker does", func(ctx SpecContext) {
		hold, inside := make(chan struct{}), make(chan struct{}, 3)
		d.users.gets = func() {
			inside <- struct{}{}
			<-hold
		}
		answered := make(chan int, 2)
		for range 2 {
			go func() { answered <- d.gets(ctx, wire.PathActivity, "user", "alice").Code }()
			Eventually(ctx, inside).Should(Receive())
		}
		impatient, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		Expect(d.gets(impatient, wire.PathExplain, "auditID", "a").Code).To(Equal(http.StatusServiceUnavailable))
		close(hold)
		for range 2 {
			Eventually(ctx, answered).Should(Receive(Equal(http.StatusOK)))
		}
		Expect(d.gets(ctx, wire.PathExplain, "auditID", "a").Code).To(Equal(http.StatusOK))
	}, SpecTimeout(10*time.Second))
})

var _ = Describe("An event", func() {
	var d *desk
	BeforeEach(func(ctx SpecContext) { d = newDesk(ctx) })
	post := func(ctx context.Context, body []byte) (code int, told string) {
		response := d.asks(ctx, http.MethodPost, wire.PathExplain, bytes.NewReader(body))
		return response.Code, response.Body.String()
	}

	It("is explained where it is kept, and said to be unknown where it is not", func(ctx SpecContext) {
		d.keeps(ctx, event("other", "corp:bob", 0), event("a", "corp:alice", 0))
		explained := found(d.gets(ctx, wire.PathExplain, "auditID", "a"))
		Expect(explained.Items).To(HaveExactElements(And(HaveField("Actor.Username", "corp:alice"), HaveField("Record", HaveValue(
			And(HaveField("Server", "one"), HaveField("Line", 1), HaveField("Received.Time", BeTemporally("==", noon))))))))
		response := d.gets(ctx, wire.PathExplain, "auditID", "b")
		Expect(response.Code).To(Equal(http.StatusNotFound))
		Expect(response.Body.String()).To(ContainSubstring("no event with this audit id is kept"))
	})

	It("is explained, all that have one audit id", func(ctx SpecContext) {
		d.keeps(ctx, event("a", "corp:alice", time.Second), event("a", "corp:mallory", 0))
		Expect(found(d.gets(ctx, wire.PathExplain, "auditID", "a")).Items).To(HaveExactElements(
			HaveField("Actor.Username", "corp:mallory"), HaveField("Actor.Username", "corp:alice")))
	})

	DescribeTable("is explained where it is posted, and found where it is kept so", func(ctx SpecContext, posted audit.Line, kept bool) {
		d.keeps(ctx, event("a", "corp:bob", time.Second), event("a", "corp:alice", 0))
		explained := found(d.asks(ctx, http.MethodPost, wire.PathExplain, bytes.NewReader(posted.Raw)))
		Expect(explained.Items).To(HaveExactElements(HaveField("Actor.Username", posted.Event.User.Username)))
		Expect(explained.Items[0].Record != nil).To(Equal(kept))
	},
		Entry("the same", event("a", "corp:alice", 0), true),
		Entry("as somebody else's", event("a", "corp:mallory", 0), false),
		Entry("of another time", event("a", "corp:alice", time.Minute), false),
		Entry("of which nothing is kept", event("b", "corp:alice", 0), false),
	)

	It("that is none is refused", func(ctx SpecContext) {
		for _, body := range []string{"", "null", "{}", `{"kind":"Pod"}`, string(event("a", "x", 0).Raw[:50]), "\xff"} {
			code, told := post(ctx, []byte(body))
			Expect(code).To(Equal(http.StatusBadRequest), body)
			Expect(told).To(HavePrefix("this is no event of an audit log: "))
		}
	})

	It("is refused where it is larger than it may be", func(ctx SpecContext) {
		raw := event("a", "corp:alice", 0).Raw
		largest := append([]byte(nil), raw...)
		largest = append(largest, bytes.Repeat([]byte(" "), wire.MaxEvent-len(raw))...)
		code, told := post(ctx, largest)
		Expect(code).To(Equal(http.StatusOK), told)
		code, told = post(ctx, append(largest, ' '))
		Expect(code).To(Equal(http.StatusRequestEntityTooLarge))
		Expect(told).To(ContainSubstring("4194304 bytes"))
	})
})

var _ = Describe("Activity", func() {
	var d *desk
	BeforeEach(func(ctx SpecContext) {
		d = newDesk(ctx)
		d.keeps(ctx, event("old", "corp:alice", -25*time.Hour), event("a", "corp:alice", -2*time.Hour), event("b", "corp:alice", -time.Hour),
			event("c", "corp:alice", 0), event("ahead", "corp:alice", 30*time.Second), event("future", "corp:alice", time.Hour),
			event("bob's", "corp:bob", 0), event("newcomer's", "new", 0))
	})

	DescribeTable("is found", func(ctx SpecContext, want string, parameters ...string) {
		Expect(strings.Join(ids(found(d.gets(ctx, wire.PathActivity, parameters...))), " ")).To(Equal(want))
	},
		Entry("of the last day, by the name of a User", "ahead c b a", "user", "alice"),
		Entry("by a username", "ahead c b a", "user", "corp:alice"),
		Entry("by a username, where the User of that name has none yet", "newcomer's", "user", "new"),
		Entry("of nobody", "", "user", "corp:mallory"),
		Entry("since some time", "ahead c b", "user", "alice", "since", "2026-11-26T11:00:00Z"),
		Entry("since long ago", "ahead c b a old", "user", "alice", "since", "2026-11-01T00:00:00Z"),
		Entry("until some time, as it is elsewhere", "a", "user", "alice", "until", "2026-11-26T12:00:00+01:00"),
		Entry("until the future", "future ahead c b a", "user", "alice", "until", "2026-11-27T00:00:00Z"),
		Entry("as far as is asked for", "ahead c", "user", "alice", "limit", "2"),
	)

	It("says whether there is more", func(ctx SpecContext) {
		more := func(limit string) bool {
			return found(d.gets(ctx, wire.PathActivity, "user", "alice", "limit", limit)).More
		}
		Expect([]bool{more("3"), more("4"), more("5"), more("1000")}).To(Equal([]bool{true, false, false, false}))
	})

	It("is not told where it cannot be found out whose", func(ctx SpecContext) {
		d.users.fails = errors.New("no cache")
		Expect(d.gets(ctx, wire.PathActivity, "user", "alice").Code).To(Equal(http.StatusServiceUnavailable))
	})
})
