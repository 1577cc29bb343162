// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/webhook"
)

const mebibyte = 1 << 20

var _ = Describe("A receiver", func() {
	Describe("with SQLite", func() { receives(sqliteDatabase) })
	Describe("with PostgreSQL", func() { receives(postgresDatabase) })

	var r *reception
	BeforeEach(func(ctx SpecContext) { r = newReception(ctx, sqliteDatabase(ctx), admitting()) })
	alices := func() []byte { return batch(events("alice", 0, 3)...) }

	DescribeTable("takes nothing from whoever has no token", func(ctx SpecContext, authorization string) {
		status, told, headers := r.post(ctx, bytes.NewReader(alices()), header("Authorization", authorization))
		Expect(status).To(Equal(http.StatusUnauthorized))
		Expect(told).NotTo(ContainSubstring(receiverToken))
		Expect(headers.Get("WWW-Authenticate")).To(Equal("Bearer"))
		Expect(r.kept(ctx, "alice")).To(BeEmpty())
		Expect(r.store.Servers(ctx)).To(BeEmpty())
		Expect(r.counted("rollcall_audit_refusals_total", "401")).To(BeEquivalentTo(1))
	},
		Entry("none", ""), Entry("a wrong one", "Bearer wrong"), Entry("an empty one", "Bearer "), Entry("one too long", "Bearer right "+"x"),
		Entry("the right one as something else", "Basic "+receiverToken), Entry("the right one alone", receiverToken),
	)

	DescribeTable("takes nothing before it knows the token, whatever that is", func(ctx SpecContext, token string) {
		r = newReception(ctx, sqliteDatabase(ctx), &webhook.Access{})
		r.sends(ctx, http.StatusServiceUnavailable, alices(), header("Authorization", "Bearer "+token))
		r.access.Use(receiverToken)
		r.sends(ctx, http.StatusOK, alices())
	},
		Entry("the right one", receiverToken), Entry("none", ""), Entry("another", "x"),
	)

	It("does not read what comes without a token", func(ctx SpecContext) {
		large := padded(alices(), 15*mebibyte)
		status, _, _ := r.post(ctx, large, header("Authorization", "Bearer wrong"))
		Expect(status).To(Equal(http.StatusUnauthorized))
		Expect(large.read.Load()).To(BeNumerically("<", 15*mebibyte))
	})

	DescribeTable("knows no server", func(ctx SpecContext, name string) {
		r.sends(ctx, http.StatusNotFound, alices(), to(name))
		Expect(r.store.Servers(ctx)).To(BeEmpty())
	},
		Entry("without a name", ""), Entry("of large letters", "ONE"), Entry("with a dot", "a.b"), Entry("with more of a path", "a/b"),
		Entry("with a very long name", strings.Repeat("a", 64)), Entry("with quotes", `a'"`), Entry("with a line feed", "a\nb"),
	)

	DescribeTable("takes JSON", func(ctx SpecContext, media string, want int) {
		r.sends(ctx, want, alices(), header("Content-Type", media))
		Expect(r.kept(ctx, "alice")).To(HaveLen(map[bool]int{true: 3}[want == http.StatusOK]))
	},
		Entry("with a charset", "application/json; charset=utf-8", http.StatusOK),
		Entry("and nothing that is not said to be", "", http.StatusUnsupportedMediaType),
		Entry("and no text", "text/plain", http.StatusUnsupportedMediaType),
		Entry("and no form, as browsers send them", "application/x-www-form-urlencoded", http.StatusUnsupportedMediaType),
		Entry("and no nonsense", ";;", http.StatusUnsupportedMediaType),
	)

	DescribeTable("refuses what is no list of events", func(ctx SpecContext, body func() []byte) {
		r.sends(ctx, http.StatusBadRequest, body())
		Expect(r.kept(ctx, "alice")).To(BeEmpty())
		Expect(r.store.Servers(ctx)).To(BeEmpty())
	},
		Entry("nothing", func() []byte { return nil }),
		Entry("one that is cut off", func() []byte { return alices()[:len(alices())-2] }),
		Entry("one with more behind", func() []byte { return append(alices(), alices()...) }),
		Entry("one event", func() []byte { return event("a", "alice", 1).Raw }),
		Entry("an old version", func() []byte {
			return bytes.Replace(alices(), []byte("audit.k8s.io/v1"), []byte("audit.k8s.io/v1beta1"), 1)
		}),
	)

	It("keeps nothing of what breaks off, wherever that is", func(ctx SpecContext) {
		broken, writer := io.Pipe()
		go func() {
			_, _ = writer.Write(alices())
			_ = writer.CloseWithError(io.ErrUnexpectedEOF)
		}()
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.server.URL+"/audit/v1/events/one", broken)
		Expect(err).NotTo(HaveOccurred())
		header("Authorization", "Bearer "+receiverToken)(request)
		header("Content-Type", "application/json")(request)
		response, err := r.server.Client().Do(request)
		if err == nil {
			Expect(response.Body.Close()).To(Succeed())
		}
		Expect(err).To(HaveOccurred())
		Eventually(func() float64 { return r.counted("rollcall_audit_refusals_total", "400") }).Should(BeEquivalentTo(1))
		Expect(r.kept(ctx, "alice")).To(BeEmpty())
	})

	It("takes what is as large as may be, and nothing larger", func(ctx SpecContext) {
		large := alices()
		large = append(large, bytes.Repeat([]byte(" "), 16*mebibyte-len(large))...)
		r.sends(ctx, http.StatusRequestEntityTooLarge, append(large, ' '))
		Expect(r.kept(ctx, "alice")).To(BeEmpty())
		status, told, _ := r.post(ctx, io.MultiReader(bytes.NewReader(large), strings.NewReader(" "))) // It does not say how long it is.
		Expect(status).To(Equal(http.StatusRequestEntityTooLarge))
		Expect(told).To(ContainSubstring("--audit-webhook-batch-max-size"))
		r.sends(ctx, http.StatusOK, large)
		Expect(r.kept(ctx, "alice")).To(HaveLen(3))
	})

	It("knows so many API servers, and goes on with those", func(ctx SpecContext) {
		for i := range 64 {
			r.sends(ctx, http.StatusOK, batch(event(fmt.Sprint(i), "alice", i)), to(fmt.Sprintf("server-%d", i)))
		}
		status, told, _ := r.post(ctx, bytes.NewReader(alices()), to("one-more"))
		Expect(status).To(Equal(http.StatusNotFound))
		Expect(told).To(ContainSubstring("64 API servers"))
		r.sends(ctx, http.StatusOK, alices(), to("server-63"))
		Expect(r.store.Servers(ctx)).To(HaveLen(64))
	})

	It("takes so many requests at a time, reads no other, and has those come again that waited for long", func(ctx SpecContext) {
		const atOnce = 4
		hold, inside := make(chan struct{}), atomic.Int32{}
		r.opens(func() (*store.Store, error) {
			inside.Add(1)
			<-hold
			return r.store, nil
		})
		release := sync.OnceFunc(func() { close(hold) })
		defer release()
		var sending sync.WaitGroup
		send := func(i int) {
			sending.Go(func() {
				defer GinkgoRecover()
				r.sends(ctx, http.StatusOK, batch(event(fmt.Sprint(i), "alice", i)))
			})
		}
		for i := range atOnce {
			send(i)
		}
		Eventually(inside.Load).Should(BeEquivalentTo(atOnce))
		large := padded(alices(), 15*mebibyte)
		sending.Go(func() {
			defer GinkgoRecover()
			defer release()
			began := time.Now()
			status, _, headers := r.post(ctx, large)
			Expect(time.Since(began)).To(BeNumerically(">", 8*time.Second))
			Expect(status).To(Equal(http.StatusTooManyRequests))
			Expect(headers.Get("Retry-After")).To(Equal("2"))
			Expect(large.read.Load()).To(BeNumerically("<", 15*mebibyte))
			Expect(inside.Load()).To(BeEquivalentTo(atOnce))
		})
		time.AfterFunc(5*time.Second, func() { send(atOnce) }) // This one does not wait for long.
		Eventually(ctx, func() []string { return r.kept(ctx, "alice") }).WithTimeout(20 * time.Second).Should(HaveLen(atOnce + 1))
		sending.Wait()
		Expect(r.counted("rollcall_audit_refusals_total", "429")).To(BeEquivalentTo(1))
	}, SpecTimeout(time.Minute))
})

// padded is a body of a size, of which we know how much was read.
func padded(body []byte, size int) *counting {
	return &counting{Reader: bytes.NewReader(append(body, bytes.Repeat([]byte(" "), size-len(body))...))}
}

// counting knows how much was read of it.
type counting struct {
	io.Reader

	read atomic.Int64
}

func (c *counting) Read(into []byte) (n int, err error) {
	n, err = c.Reader.Read(into)
	c.read.Add(int64(n))
	return n, err
}

func receives(fresh func(context.Context) database) {
	var r *reception
	BeforeEach(func(ctx SpecContext) { r = newReception(ctx, fresh(ctx), admitting()) })

	It("keeps what is sent again once, also where it comes twice at once", func(ctx SpecContext) {
		body := batch(events("alice", 0, 10)...)
		var sending sync.WaitGroup
		for range 6 {
			sending.Go(func() {
				defer GinkgoRecover()
				r.sends(ctx, http.StatusOK, body)
			})
		}
		sending.Wait()
		Expect(r.kept(ctx, "alice")).To(HaveLen(10))
		Expect(r.store.Servers(ctx)).To(HaveExactElements(And(HaveField("Events", int64(10)), HaveField("Duplicates", int64(50)))))
		Expect(r.counted("rollcall_audit_events_total", "stored", "one")).To(BeEquivalentTo(10))
		Expect(r.counted("rollcall_audit_events_total", "duplicate", "one")).To(BeEquivalentTo(50))
	})

	It("takes events in any order, and believes in no future", func(ctx SpecContext) {
		r.sends(ctx, http.StatusOK, batch(event("c", "alice", 30), event("z", "alice", 7200), event("a", "alice", 10)))
		r.sends(ctx, http.StatusOK, batch(event("b", "alice", 20)))
		Expect(r.kept(ctx, "alice")).To(Equal([]string{"z", "c", "b", "a"}), "and yet it loses nothing")
		Expect(r.store.Sightings(ctx, time.Time{})).To(HaveExactElements(HaveField("At", BeTemporally("==", noon.Add(time.Hour)))),
			"the clock's now")
		servers, err := r.store.Servers(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(servers[0].First).To(BeTemporally("==", noon.Add(10*time.Second)))
		Expect(servers[0].Last).To(BeTemporally("==", noon.Add(time.Hour)), "the clock's now")
	})

	It("leaves out what is no event, and keeps the others", func(ctx SpecContext) {
		first, second := string(event("a", "alice", 1).Raw), string(event("b", "alice", 2).Raw)
		r.sends(ctx, http.StatusOK, listed(first, "null", `{"auditID":"x"}`, "7", second))
		Expect(r.kept(ctx, "alice")).To(Equal([]string{"b", "a"}))
		Expect(r.counted("rollcall_audit_events_total", "invalid", "one")).To(BeEquivalentTo(3))
		r.sends(ctx, http.StatusOK, listed())
		r.sends(ctx, http.StatusOK, listed("null"))
	})

	It("takes events of one and a half mebibytes as they are", func(ctx SpecContext) {
		object := fmt.Sprintf(`"requestObject":{"data":%q}`, strings.Repeat("ä<\\", mebibyte/2))
		sent := event("huge", "alice", 1, object)
		Expect(len(sent.Raw)).To(BeNumerically(">", 3*mebibyte/2))
		r.sends(ctx, http.StatusOK, listed(string(sent.Raw), string(event("small", "alice", 2).Raw)))
		Expect(r.store.Events(ctx, "huge")).To(HaveExactElements(HaveField("Raw", Equal(sent.Raw))))
		Expect(r.store.Events(ctx, "small")).To(HaveLen(1))
	})

	It("acknowledges nothing that is not stored, and takes it later", func(ctx SpecContext) {
		body := batch(events("alice", 0, 3)...)
		r.opens(func() (*store.Store, error) { return nil, store.ErrClosed })
		unavailable := func() {
			GinkgoHelper()
			status, told, headers := r.post(ctx, bytes.NewReader(body))
			Expect(status).To(Equal(http.StatusServiceUnavailable))
			Expect(headers.Get("Retry-After")).To(Equal("2"))
			Expect(told).To(Equal("the events could not be stored: send them again\n"))
		}
		unavailable()
		Expect(r.kept(ctx, "alice")).To(BeEmpty())
		By("failing")
		failing := open(ctx, fresh(ctx))
		Expect(failing.Close()).To(Succeed())
		r.opens(func() (*store.Store, error) { return failing, nil })
		unavailable()
		Expect(r.counted("rollcall_audit_refusals_total", "503")).To(BeEquivalentTo(2))
		By("being there again")
		r.opens(func() (*store.Store, error) { return r.store, nil })
		r.sends(ctx, http.StatusOK, body)
		Expect(r.kept(ctx, "alice")).To(HaveLen(3))
	})
}
