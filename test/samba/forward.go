// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package samba

import (
	"context"
	"io"
	"net"
	"sync"
)

// forwarder passes connections from a free loopback port on to where dial leads.
type forwarder struct {
	listener net.Listener
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

func newForwarder(ctx context.Context, dial func(context.Context) (net.Conn, error)) (*forwarder, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // It outlives the start.
	f := &forwarder{listener: listener, cancel: cancel}
	f.running.Go(func() { f.serve(ctx, dial) })
	return f, nil
}

func (f *forwarder) address() string { return f.listener.Addr().String() }

// close ends the connections too.
func (f *forwarder) close() error {
	if f == nil {
		return nil
	}
	f.cancel()
	err := f.listener.Close()
	f.running.Wait()
	return err
}

func (f *forwarder) serve(ctx context.Context, dial func(context.Context) (net.Conn, error)) {
	for {
		client, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.running.Go(func() { forward(ctx, client, dial) })
	}
}

// forward ends when either side does. Where the server does not answer, the client sees its connection closed.
func forward(ctx context.Context, client net.Conn, dial func(context.Context) (net.Conn, error)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer func() { _ = client.Close() }()
	server, err := dial(ctx)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	var copying sync.WaitGroup
	for _, direction := range [][2]net.Conn{{client, server}, {server, client}} {
		copying.Go(func() {
			_, _ = io.Copy(direction[0], direction[1]) // Its end is all that matters.
			cancel()
		})
	}
	<-ctx.Done()
	_, _ = client.Close(), server.Close()
	copying.Wait()
}
