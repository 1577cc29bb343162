// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package auditload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// Batch is how many events an API server sends at once, at most, if it is not told otherwise.
	Batch = 400
	// tryAgain is how soon what was not acknowledged is sent again. API servers wait longer; and they give up.
	tryAgain = 100 * time.Millisecond
	// requestTimeout is that of an API server's webhook.
	requestTimeout = 30 * time.Second

	listBegin = `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[`
	listEnd   = "]}\n"
)

// Options say what is sent to whom. Events, Count and Kubeconfig are needed.
type Options struct {
	Events *Events
	// Count is how many events: 0 to Count-1.
	Count int
	// Batch is how many go into one request. Default: as many as an API server puts there.
	Batch int
	// Kubeconfig is what an API server is given.
	Kubeconfig []byte
	// Address is host and port to connect to in the kubeconfig's place, if any.
	Address string
	// Servers are the names of the API servers, each of which sends its share, over a connection of its own. Default: that in the kubeconfig.
	Servers []string
	// AtOnce is how many requests of each API server are under way at a time. Default: 1.
	AtOnce int
}

// Load is events that are sent until each is acknowledged.
type Load struct {
	options Options
	senders []*sender
	// acknowledged says of each batch whether it is.
	acknowledged []atomic.Bool
	done         atomic.Int64

	mutex   sync.Mutex
	answers map[string]int
	last    string
}

// New prepares a load. Nothing is sent yet.
func New(o Options) (*Load, error) {
	if o.Batch == 0 {
		o.Batch = Batch
	}
	o.AtOnce = max(1, o.AtOnce)
	config, err := clientcmd.RESTConfigFromKubeConfig(o.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read the webhook's kubeconfig: %w", err)
	}
	to, err := url.Parse(config.Host)
	if err != nil {
		return nil, err
	}
	if o.Address != "" {
		to.Host = o.Address
	}
	if len(o.Servers) == 0 {
		o.Servers = []string{path.Base(to.Path)}
	}
	l := &Load{options: o, acknowledged: make([]atomic.Bool, (o.Count+o.Batch-1)/o.Batch), answers: map[string]int{}}
	for _, name := range o.Servers {
		to.Path = path.Join(path.Dir(to.Path), name)
		s, err := newSender(config, to.String())
		if err != nil {
			return nil, err
		}
		l.senders = append(l.senders, s)
	}
	return l, nil
}

// Run sends everything, and returns when all of it is acknowledged, or when the context ends. It may be called again, and goes on then.
func (l *Load) Run(ctx context.Context) error {
	sending, inner := errgroup.WithContext(ctx)
	for i := range l.senders {
		for k := range l.options.AtOnce {
			sending.Go(func() error { return l.send(inner, i, k) })
		}
	}
	err := sending.Wait()
	for _, s := range l.senders {
		s.http.CloseIdleConnections()
	}
	return err
}

// send sends the share of one of a server's senders, batch by batch: what belongs to whom is fixed, so that one may count by server.
func (l *Load) send(ctx context.Context, server, at int) error {
	var body []byte
	for batch := server + at*len(l.senders); batch < len(l.acknowledged); batch += len(l.senders) * l.options.AtOnce {
		if l.acknowledged[batch].Load() {
			continue
		}
		body = l.body(body[:0], batch)
		if err := l.insist(ctx, l.senders[server], body); err != nil {
			return err
		}
		l.acknowledged[batch].Store(true)
		first, end := l.bounds(batch)
		l.done.Add(int64(end - first))
	}
	return nil
}

// Batch is how many events go into one request.
func (l *Load) Batch() int { return l.options.Batch }

// Done is how many events are acknowledged.
func (l *Load) Done() int { return int(l.done.Load()) }

// Acknowledged says whether an event is.
func (l *Load) Acknowledged(n int) bool { return l.acknowledged[n/l.options.Batch].Load() }

// Server is the name of the API server that sends an event.
func (l *Load) Server(n int) string {
	return l.options.Servers[n/l.options.Batch%len(l.options.Servers)]
}

// Answers says how often what was answered.
func (l *Load) Answers() map[string]int {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return maps.Clone(l.answers)
}

// Unreachable is the answer of nobody.
const Unreachable = "none"

// String says how far it is, and what was answered.
func (l *Load) String() string {
	answers := l.Answers()
	said := make([]string, 0, len(answers))
	for _, answer := range slices.Sorted(maps.Keys(answers)) {
		said = append(said, fmt.Sprintf("%s: %d", answer, answers[answer]))
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return fmt.Sprintf("%d of %d events are acknowledged; answers: %s; the last that was not 200: %s",
		l.Done(), l.options.Count, strings.Join(said, ", "), l.last)
}

func (l *Load) bounds(batch int) (first, end int) {
	first = batch * l.options.Batch
	return first, min(first+l.options.Batch, l.options.Count)
}

func (l *Load) body(out []byte, batch int) []byte {
	out = append(out, listBegin...)
	first, end := l.bounds(batch)
	for n := first; n < end; n++ {
		if n > first {
			out = append(out, ',')
		}
		out = l.options.Events.Append(out, n)
	}
	return append(out, listEnd...)
}

// insist sends a request until it is acknowledged.
func (l *Load) insist(ctx context.Context, s *sender, body []byte) error {
	for {
		status, said := s.post(ctx, body)
		l.note(status, said)
		if status == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), errors.New(l.String()))
		case <-time.After(tryAgain):
		}
	}
}

func (l *Load) note(status int, said string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if status == http.StatusOK {
		l.answers["200"]++
		return
	}
	l.last = said
	if status == 0 {
		l.answers[Unreachable]++
		return
	}
	l.answers[strconv.Itoa(status)]++
}

// sender sends as an API server's webhook does.
type sender struct {
	url   string
	token string
	http  *http.Client
}

func newSender(config *rest.Config, to string) (*sender, error) {
	tls, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, err
	}
	return &sender{url: to, token: config.BearerToken, http: &http.Client{
		Timeout: requestTimeout, Transport: &http.Transport{TLSClientConfig: tls, ForceAttemptHTTP2: true},
	}}, nil
}

// post sends a request once. The status is 0 where nobody answers.
func (s *sender) post(ctx context.Context, body []byte) (status int, said string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	request.Header.Set("Accept", "application/json, */*")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+s.token)
	response, err := s.http.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	const most = 4 << 10
	text, _ := io.ReadAll(io.LimitReader(response.Body, most)) // What is missing of it costs a connection, and nothing else.
	return response.StatusCode, response.Status + ": " + strings.TrimSpace(string(text))
}
