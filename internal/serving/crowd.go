// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"net"
	"net/netip"
	"sync"
)

// Household is what counts as one address: whoever has one of IPv6 has as many more as they like, those of its /64 (RFC 6177).
func Household(address string) string {
	const household = 64
	parsed, err := netip.ParseAddr(address)
	if err != nil || parsed.Unmap().Is4() {
		return address
	}
	prefix, err := parsed.WithZone("").Prefix(household)
	if err != nil {
		return address
	}
	return prefix.String()
}

// crowd is a listener that lets each household have so many connections at a time. Others are closed before anything is said on them:
// who keeps connections open and says nothing takes from nobody else.
type crowd struct {
	net.Listener

	most  int
	mutex sync.Mutex
	open  map[string]int
}

func newCrowd(listener net.Listener, most int) *crowd {
	return &crowd{Listener: listener, most: most, open: map[string]int{}}
}

// Accept implements net.Listener.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		connection, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address := connection.RemoteAddr().String()
		if host, _, err := net.SplitHostPort(address); err == nil {
			address = host
		}
		household := Household(address)
		if c.enters(household) {
			return &visitor{Conn: connection, leave: sync.OnceFunc(func() { c.leaves(household) })}, nil
		}
		_ = connection.Close()
	}
}

func (c *crowd) enters(household string) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.open[household] >= c.most {
		return false
	}
	c.open[household]++
	return true
}

func (c *crowd) leaves(household string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.open[household]--
	if c.open[household] == 0 {
		delete(c.open, household)
	}
}

// visitor is one connection of a crowd.
type visitor struct {
	net.Conn

	leave func()
}

// Close implements net.Conn.
func (v *visitor) Close() error {
	v.leave()
	return v.Conn.Close()
}
