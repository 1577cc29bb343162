// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// receiver keeps to the contract of the audit receiver, strictly, and has the faults that a spec wants. It keeps counts only.
type receiver struct {
	server *httptest.Server
	ca     *authority

	mutex sync.Mutex
	// token and largest request that it takes.
	token   string
	largest int
	// fault answers a call instead, by its number from 1, if it returns true.
	fault func(call int, w http.ResponseWriter) bool
	// lost says that events are stored, and nobody is told.
	lost func(call int) bool
	// calls are when it was called.
	calls []time.Time
	// sent is how often each event was acknowledged, by its id, and stored how often it came.
	sent, stored map[string]int
	sizes        []int
}

func newReceiver() *receiver {
	return &receiver{ca: newAuthority(), token: "sesame", largest: 16 << 20, sent: map[string]int{}, stored: map[string]int{}}
}

func startReceiver() *receiver {
	GinkgoHelper()
	r := newReceiver()
	r.server = httptest.NewUnstartedServer(r)
	r.server.TLS = &tls.Config{Certificates: []tls.Certificate{r.ca.server()}}
	r.server.StartTLS()
	DeferCleanup(func() { r.server.CloseClientConnections(); r.server.Close() })
	return r
}

// set changes what it does.
func (r *receiver) set(how func()) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	how()
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	text, err := io.ReadAll(request.Body)
	if err != nil {
		return // Whoever sent it was killed.
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.calls = append(r.calls, time.Now())
	if r.fault != nil && r.fault(len(r.calls), w) {
		return
	}
	status, why, events := r.check(request, text)
	if status != http.StatusOK {
		http.Error(w, why, status)
		return
	}
	r.sizes = append(r.sizes, len(events))
	for _, event := range events {
		r.stored[string(event.AuditID)]++
	}
	if r.lost != nil && r.lost(len(r.calls)) {
		hangUp(w)
		return
	}
	for _, event := range events {
		r.sent[string(event.AuditID)]++
	}
}

func (r *receiver) check(request *http.Request, text []byte) (status int, why string, events []auditv1.Event) {
	switch {
	case request.Method != http.MethodPost || request.URL.Path != "/audit/v1/events/cp-1":
		return http.StatusNotFound, "not here", nil
	case request.Header.Get("Authorization") != "Bearer "+r.token:
		return http.StatusUnauthorized, "wrong token", nil
	case request.Header.Get("Content-Type") != "application/json":
		return http.StatusBadRequest, "no JSON", nil
	case len(text) > r.largest:
		return http.StatusRequestEntityTooLarge, "too large", nil
	}
	var list auditv1.EventList
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil {
		return http.StatusBadRequest, err.Error(), nil
	}
	if list.Kind != "EventList" || list.APIVersion != "audit.k8s.io/v1" || len(list.Items) == 0 || decoder.More() {
		return http.StatusBadRequest, "no event list", nil
	}
	for i := range list.Items {
		if list.Items[i].AuditID == "" {
			return http.StatusBadRequest, fmt.Sprintf("items[%d]: no auditID", i), nil
		}
	}
	return http.StatusOK, "", list.Items
}

// hangUp ends a connection without an answer.
func hangUp(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = connection.Close()
	}
}

// called is how often it was called.
func (r *receiver) called() int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return len(r.calls)
}

// has are the ids of events that it acknowledged, and how often.
func (r *receiver) has() map[string]int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return maps.Clone(r.sent)
}

// eventLine is a line as the API server writes it.
func eventLine(id string) string {
	return `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"` + id + `","stage":"ResponseComplete",` +
		`"requestURI":"/api/v1/namespaces/pay/secrets/db","verb":"get","user":{"username":"corp:alice","groups":["system:authenticated"]},` +
		`"sourceIPs":["192.0.2.1"],"objectRef":{"resource":"secrets","namespace":"pay","name":"db","apiVersion":"v1"},` +
		`"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-07-01T12:00:00.000001Z",` +
		`"stageTimestamp":"2026-07-01T12:00:00.000002Z","annotations":{"authorization.k8s.io/decision":"allow"}}` + "\n"
}

// eventLines are n events from a number on.
func eventLines(from, n int) string {
	var text bytes.Buffer
	for i := range n {
		text.WriteString(eventLine(fmt.Sprintf("e%d", from+i)))
	}
	return text.String()
}

// once are the ids of n events, each acknowledged once.
func once(n int) map[string]int {
	want := map[string]int{}
	for i := range n {
		want[fmt.Sprintf("e%d", i)] = 1
	}
	return want
}

// feeding are a machine with a log, and a receiver.
type feeding struct {
	*machine

	r                        *receiver
	log, token, ca, position string
}

func newFeeding() *feeding {
	GinkgoHelper()
	m := newMachine()
	f := &feeding{
		machine: m, r: startReceiver(), log: m.path("audit.log"), token: m.path("token"), ca: m.path("ca.pem"), position: m.path("position"),
	}
	f.writes(f.token, "sesame\n")
	f.writes(f.ca, string(f.r.ca.pem))
	return f
}

// writes adds to a file.
func (f *feeding) writes(path, text string) {
	GinkgoHelper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	Expect(err).NotTo(HaveOccurred())
	_, err = file.WriteString(text)
	Expect(err).NotTo(HaveOccurred())
	Expect(file.Close()).To(Succeed())
}

// command is how to feed a file.
func (f *feeding) command(file string, more ...string) []string {
	args := append([]string{"feed", file, "--to", f.r.server.URL, "--name", "cp-1", "--token-file", f.token, "--ca-file", f.ca}, more...)
	if file != standardInput {
		args = append(args, "--position", f.position)
	}
	return args
}

// feeds sends the log and expects that this works.
func (f *feeding) feeds(more ...string) said {
	GinkgoHelper()
	result := f.runs(f.command(f.log, more...)...)
	Expect(result).To(HaveField("Code", 0), result.Err)
	return result
}
