// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/audit/receiver"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/webhook"
)

const receiverToken = "right"

// reception is a receiver behind TLS, with a store of its own.
type reception struct {
	server   *httptest.Server
	store    *store.Store
	access   *webhook.Access
	registry *prometheus.Registry
	// opened is what the receiver gets for a store.
	opened atomic.Pointer[func() (*store.Store, error)]
}

// admitting lets those in who have the token.
func admitting() *webhook.Access {
	access := &webhook.Access{}
	access.Use(receiverToken)
	return access
}

// newReception is one an hour after noon.
func newReception(ctx context.Context, d database, access *webhook.Access) *reception {
	GinkgoHelper()
	r := &reception{store: open(ctx, d), access: access, registry: prometheus.NewRegistry()}
	r.opens(func() (*store.Store, error) { return r.store, nil })
	mux := http.NewServeMux()
	mux.Handle("POST "+receiver.Path+"{server}", receiver.New(receiver.Receiver{
		Access: r.access, Store: func() (*store.Store, error) { return (*r.opened.Load())() },
		Metrics: receiver.NewMetrics(r.registry), Clock: clocktesting.NewFakePassiveClock(noon.Add(time.Hour)),
	}))
	r.server = httptest.NewTLSServer(mux)
	DeferCleanup(r.server.Close)
	return r
}

func (r *reception) opens(how func() (*store.Store, error)) { r.opened.Store(&how) }

// post is what an API server would send: to the path of a server, with the right token; and what is done to that.
func (r *reception) post(ctx context.Context, body io.Reader, edits ...func(*http.Request)) (status int, told string, header http.Header) {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.server.URL+receiver.Path+"one", body)
	Expect(err).NotTo(HaveOccurred())
	request.Header.Set("Authorization", "Bearer "+receiverToken)
	request.Header.Set("Content-Type", "application/json")
	for _, edit := range edits {
		edit(request)
	}
	response, err := r.server.Client().Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	return response.StatusCode, string(content), response.Header
}

// sends expects to be answered so.
func (r *reception) sends(ctx context.Context, status int, body []byte, edits ...func(*http.Request)) {
	GinkgoHelper()
	got, told, _ := r.post(ctx, bytes.NewReader(body), edits...)
	Expect(got).To(Equal(status), told)
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Del(name)
		if value != "" {
			r.Header.Set(name, value)
		}
	}
}

func to(server string) func(*http.Request) {
	return func(r *http.Request) { r.URL.Path = receiver.Path + server }
}

// batch is a list of events, as an API server sends it.
func batch(lines ...audit.Line) []byte {
	items := make([]string, len(lines))
	for i, line := range lines {
		items[i] = strings.Replace(string(line.Raw), `"kind":"Event","apiVersion":"audit.k8s.io/v1",`, "", 1)
	}
	return listed(items...)
}

func listed(items ...string) []byte {
	return fmt.Appendf(nil, `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[%s]}`, strings.Join(items, ","))
}

// kept are the audit ids of somebody's events that are in the store.
func (r *reception) kept(ctx context.Context, username string) []string {
	GinkgoHelper()
	found, err := r.store.Activity(ctx, username, noon.Add(-time.Hour), noon.Add(1000*time.Hour), 1000)
	Expect(err).NotTo(HaveOccurred())
	ids := make([]string, len(found))
	for i := range found {
		ids[i] = string(found[i].Event.AuditID)
	}
	return ids
}

// counted is a metric's value of the labels, which are given one by one.
func (r *reception) counted(metric string, labels ...string) float64 {
	GinkgoHelper()
	families, err := r.registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	for _, family := range families {
		for _, m := range family.GetMetric() {
			values := make([]string, 0, len(labels))
			for _, label := range m.GetLabel() {
				values = append(values, label.GetValue())
			}
			if family.GetName() == metric && strings.Join(values, ",") == strings.Join(labels, ",") {
				return m.GetCounter().GetValue()
			}
		}
	}
	return -1
}
