// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log" //nolint:depguard // A reverse proxy takes this logger and no other.
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/internal/certs"
)

// write is a request that changes something.
type write struct {
	method, path, manager string
	body                  string
}

// moment is when something happens to a request.
type moment string

const (
	before moment = "before it takes effect"
	after  moment = "after it took effect, and before the answer"
)

// interception happens once, to the first write that matches.
type interception struct {
	// matches is given the writes since it was armed, too.
	matches func(w write, earlier []write) bool
	moment  moment
	// do says whether the request, or its answer, is passed on.
	do func() bool
	// done is closed when it happened.
	done chan struct{}
}

// proxy lies between a manager and the API server: both sides verify each other's certificates, and it can hold or drop single writes.
type proxy struct {
	server   *httptest.Server
	ca       []byte
	upstream http.RoundTripper

	mu     sync.Mutex
	armed  *interception
	writes []write
}

func startProxy() *proxy {
	GinkgoHelper()
	ca, err := certs.NewCA("rollcall-test-proxy-ca")
	Expect(err).NotTo(HaveOccurred())
	pair, err := ca.Issue(pkix.Name{CommonName: "proxy"}, "127.0.0.1")
	Expect(err).NotTo(HaveOccurred())
	certificate, err := pair.TLS()
	Expect(err).NotTo(HaveOccurred())
	target, err := url.Parse(plane.URL())
	Expect(err).NotTo(HaveOccurred())
	trusted := x509.NewCertPool()
	Expect(trusted.AppendCertsFromPEM(plane.CACert())).To(BeTrue())

	p := &proxy{ca: ca.Cert, upstream: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true,
	}}
	p.server = httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     p,
		FlushInterval: -1, // Watches must not wait for more.
		ErrorLog:      log.New(io.Discard, "", 0),
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	})
	p.server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	p.server.EnableHTTP2 = true
	p.server.StartTLS()
	DeferCleanup(func() {
		p.server.CloseClientConnections()
		p.server.Close()
	})
	return p
}

// intercept arms an interception in place of the one before, and forgets the writes so far.
func (p *proxy) intercept(matches func(write, []write) bool, at moment, do func() bool) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writes = nil
	p.armed = &interception{matches: matches, moment: at, do: do, done: make(chan struct{})}
	return p.armed.done
}

// seen are the writes since the last interception was armed.
func (p *proxy) seen() []write {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]write(nil), p.writes...)
}

// take notes a write, and says what is to happen to it.
func (p *proxy) take(w write) *interception {
	p.mu.Lock()
	defer p.mu.Unlock()
	earlier := p.writes
	p.writes = append(p.writes, w)
	if p.armed == nil || !p.armed.matches(w, earlier) {
		return nil
	}
	taken := p.armed
	p.armed = nil
	return taken
}

// RoundTrip implements http.RoundTripper.
func (p *proxy) RoundTrip(request *http.Request) (*http.Response, error) {
	w, isWrite, err := readWrite(request)
	if err != nil {
		return nil, err
	}
	if !isWrite {
		return p.upstream.RoundTrip(request)
	}
	taken := p.take(w)
	if taken == nil {
		return p.upstream.RoundTrip(request)
	}
	defer close(taken.done)
	if taken.moment == before && !taken.do() {
		return nil, errors.New("dropped before the API server")
	}
	// Whoever asked may be dead by now: the API server gets the whole request all the same.
	response, err := p.upstream.RoundTrip(request.WithContext(context.WithoutCancel(request.Context())))
	if err != nil {
		return nil, err
	}
	if err := readWhole(response); err != nil {
		return nil, err
	}
	if taken.moment == after && !taken.do() {
		return nil, errors.New("dropped after the API server")
	}
	return response, nil
}

func readWrite(request *http.Request) (write, bool, error) {
	if request.Method == http.MethodGet || request.Body == nil {
		return write{}, false, nil
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return write{}, false, err
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	manager := request.URL.Query().Get("fieldManager")
	isEvent := strings.HasPrefix(request.URL.Path, "/apis/events.k8s.io/") // They tell of what happens, and are none of it.
	return write{request.Method, request.URL.Path, manager, string(body)}, !isEvent, nil
}

func readWhole(response *http.Response) error {
	body, err := io.ReadAll(response.Body)
	response.Body = io.NopCloser(bytes.NewReader(body))
	return err
}
