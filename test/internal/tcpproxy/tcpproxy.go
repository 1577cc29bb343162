// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tcpproxy lies between a client and a server, and fails as networks do.
package tcpproxy

import (
	"io"
	"net"
	"sync"
)

const (
	bufferSize = 16 << 10
	// unlimited is the number of bytes that a connection may pass on while nothing is to be cut.
	unlimited = -1
)

// Proxy passes connections to a free loopback port on to a server, or does not.
type Proxy struct {
	listener net.Listener
	running  sync.WaitGroup

	mutex    sync.Mutex
	target   string
	links    map[*link]bool
	refuses  bool
	budget   int64
	stalled  chan struct{}
	answered int64
	cuts     int
}

// link is one connection through the proxy.
type link struct {
	client, server net.Conn
	// left is how much of the server's answers it still passes on.
	left  int64
	ended chan struct{}
	once  sync.Once
}

// Start passes connections on to an address, host and port.
func Start(target string) (*Proxy, error) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: listener, target: target, links: map[*link]bool{}, budget: unlimited}
	p.running.Go(p.serve)
	return p, nil
}

// Address is where it listens, host and port.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Close ends it and all connections.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.Pass()
	p.Cut()
	p.running.Wait()
	return err
}

// Cut ends all connections; new ones are passed on.
func (p *Proxy) Cut() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for l := range p.links {
		l.end()
	}
}

// CutAfter ends each connection that begins from now on when the server has answered so many bytes, until Pass or Refuse.
func (p *Proxy) CutAfter(bytes int64) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.refuses, p.budget = false, bytes
}

// Refuse ends all connections, and each new one at once, until Pass.
func (p *Proxy) Refuse() {
	p.mutex.Lock()
	p.refuses, p.budget = true, unlimited
	p.mutex.Unlock()
	p.Cut()
}

// Stall keeps all connections, new ones too, and passes nothing on until Pass.
func (p *Proxy) Stall() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.stalled == nil {
		p.stalled = make(chan struct{})
	}
}

// Pass ends what Refuse, Stall and CutAfter did.
func (p *Proxy) Pass() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.refuses, p.budget = false, unlimited
	if p.stalled != nil {
		close(p.stalled)
		p.stalled = nil
	}
}

// To ends all connections, and passes new ones on to another address.
func (p *Proxy) To(target string) {
	p.mutex.Lock()
	p.target = target
	p.mutex.Unlock()
	p.Cut()
}

// Cuts counts the connections that CutAfter ended.
func (p *Proxy) Cuts() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.cuts
}

// Answered counts the bytes of all servers' answers.
func (p *Proxy) Answered() int64 {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.answered
}

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.pass(client) })
	}
}

func (p *Proxy) pass(client net.Conn) {
	defer func() { _ = client.Close() }()
	p.mutex.Lock()
	target, refuses := p.target, p.refuses
	p.mutex.Unlock()
	if refuses {
		return
	}
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	l := &link{client: client, server: server, ended: make(chan struct{})}
	if !p.add(l, target) {
		l.end()
		return
	}
	var copying sync.WaitGroup
	copying.Go(func() { p.copy(l, server, client, func(n int) int { return n }) })
	copying.Go(func() { p.copy(l, client, server, func(n int) int { return p.allowed(l, n) }) })
	<-l.ended
	copying.Wait()
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.links, l)
}

// add makes a connection one that Cut ends, unless it is not wanted any more.
func (p *Proxy) add(l *link, target string) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.refuses || p.target != target {
		return false
	}
	l.left = p.budget
	p.links[l] = true
	return true
}

// copy passes on what is allowed until the connection ends.
func (p *Proxy) copy(l *link, to io.Writer, from io.Reader, allowed func(int) int) {
	defer l.end()
	buffer := make([]byte, bufferSize)
	for {
		n, err := from.Read(buffer)
		if !p.flows(l) {
			return
		}
		passed := allowed(n)
		if _, writeErr := to.Write(buffer[:passed]); writeErr != nil || err != nil || passed < n {
			return
		}
	}
}

// flows waits while everything is stalled, and says whether the connection still is.
func (p *Proxy) flows(l *link) bool {
	p.mutex.Lock()
	stalled := p.stalled
	p.mutex.Unlock()
	if stalled != nil {
		select {
		case <-stalled:
		case <-l.ended:
		}
	}
	select {
	case <-l.ended:
		return false
	default:
		return true
	}
}

// allowed says how many of n bytes of an answer a connection passes on.
func (p *Proxy) allowed(l *link, n int) int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	passed := n
	if l.left != unlimited {
		passed = int(min(int64(n), l.left))
		l.left -= int64(passed)
	}
	if passed < n {
		p.cuts++
	}
	p.answered += int64(passed)
	return passed
}

func (l *link) end() {
	l.once.Do(func() {
		close(l.ended)
		_, _ = l.client.Close(), l.server.Close()
	})
}
