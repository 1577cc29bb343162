// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rollcall-iam/rollcall/test/auditload"
	"github.com/rollcall-iam/rollcall/test/controlplane"
	"github.com/rollcall-iam/rollcall/test/installation"
	"github.com/rollcall-iam/rollcall/test/internal/process"
	"github.com/rollcall-iam/rollcall/test/postgres"
)

const (
	rowAudit = "audit"
	// auditServers send, over a connection each, and auditAtOnce requests of each are under way at a time.
	auditServers, auditAtOnce = 2, 2
	// cpuEvents is for how many events processor time is told.
	cpuEvents = 100_000
)

// auditStore is where events go.
type auditStore struct {
	name     string
	location string
	// taken is how many bytes it has, once the manager is gone.
	taken func(context.Context) (int64, error)
}

// received is what it took to receive events.
type received struct {
	store  string
	events int
	took   time.Duration
	// cpu and peak are those of the manager; 0 where the system does not tell.
	cpu  time.Duration
	peak int64
	// disk is how many bytes the events take.
	disk int64
}

// audit measures how fast a manager on one core takes the events of API servers, on a control plane that has nothing else to do.
func (b *bench) audit(ctx context.Context) (lines []line, err error) {
	r, err := b.receiveInto(ctx, sqliteStore(b.plane))
	if err != nil {
		return nil, err
	}
	all := append(make([]received, 0, 2), r)
	if err := postgres.Available(); err != nil {
		b.say("not measured with PostgreSQL: %s", err)
		return auditLines(all), nil
	}
	server, err := postgres.Start(ctx, postgres.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	store, err := postgresStore(b.plane, server)
	if err != nil {
		return nil, err
	}
	r, err = b.receiveInto(ctx, store)
	return auditLines(append(all, r)), err
}

func sqliteStore(plane *controlplane.ControlPlane) auditStore {
	file := filepath.Join(plane.Dir(), "audit.db")
	return auditStore{name: "SQLite", location: "sqlite:" + file, taken: func(context.Context) (int64, error) {
		info, err := os.Stat(file)
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}}
}

func postgresStore(plane *controlplane.ControlPlane, server *postgres.Server) (auditStore, error) {
	file := filepath.Join(plane.Dir(), "pgpass")
	s := auditStore{name: "PostgreSQL", location: server.URL() + "&passfile=" + file, taken: func(ctx context.Context) (n int64, err error) {
		db, err := server.Open(server.URL())
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		err = db.QueryRowContext(ctx, "SELECT pg_total_relation_size('events') + pg_total_relation_size('batches')").Scan(&n)
		return n, err
	}}
	return s, os.WriteFile(file, []byte("*:*:*:*:"+server.Password()+"\n"), 0o600)
}

func (b *bench) receiveInto(ctx context.Context, store auditStore) (r received, err error) {
	ports, err := process.FreePorts(1)
	if err != nil {
		return r, err
	}
	b.manager, err = installation.StartManager(ctx, b.plane, installation.Options{OneCore: true, Args: []string{
		fmt.Sprintf("--audit-bind-address=127.0.0.1:%d", ports[0]), "--serving-names=127.0.0.1", "--audit-store=" + store.location,
	}})
	if err != nil {
		return r, err
	}
	load, err := b.auditLoad(ctx, ports[0])
	if err != nil {
		return r, errors.Join(b.explain(err), b.stopManager())
	}
	b.say("  %s events into %s", count(b.events), store.name)
	pid := b.manager.PID()
	before, began := process.CPU(pid), time.Now()
	if err := load.Run(ctx); err != nil {
		return r, errors.Join(b.explain(err), b.stopManager())
	}
	r = received{store: store.name, events: b.events, took: time.Since(began), cpu: process.CPU(pid) - before}
	_, r.peak = process.Memory(pid)
	if err := b.stopManager(); err != nil {
		return r, err
	}
	r.disk, err = store.taken(ctx)
	return r, err
}

// auditLoad is made of what the control plane has logged so far.
func (b *bench) auditLoad(ctx context.Context, port int) (*auditload.Load, error) {
	var kubeconfig []byte
	if err := b.until(ctx, "the webhook's kubeconfig is there", func(ctx context.Context) (string, bool, error) {
		encoded, err := b.kubectl(ctx, "get", "secret", "rollcall-audit-webhook", "-n", installation.Namespace,
			"-o", "jsonpath={.data.kubeconfig}")
		if err != nil || encoded == "" {
			return "it is not", false, nil //nolint:nilerr // Not yet.
		}
		kubeconfig, err = base64.StdEncoding.DecodeString(encoded)
		return "", true, err
	}); err != nil {
		return nil, err
	}
	log, err := os.ReadFile(b.plane.AuditLog())
	if err != nil {
		return nil, err
	}
	events, err := auditload.NewEvents(log[:bytes.LastIndexByte(log, '\n')+1], time.Now().Add(-time.Hour), seed)
	if err != nil {
		return nil, err
	}
	servers := make([]string, auditServers)
	for i := range servers {
		servers[i] = fmt.Sprintf("server-%d", i)
	}
	return auditload.New(auditload.Options{
		Events: events, Count: b.events, Kubeconfig: kubeconfig, Address: fmt.Sprintf("127.0.0.1:%d", port), Servers: servers,
		AtOnce: auditAtOnce,
	})
}

// auditLines are a line per question and store.
func auditLines(all []received) []line {
	of := func(r received, what string, value float64, unit, goal string) line {
		return line{Row: rowAudit, What: what, State: r.store, Value: value, Unit: unit, Goal: goal}
	}
	n := len(all)
	rates, cpu, peaks, disk := make([]line, 0, n), make([]line, 0, n), make([]line, 0, n), make([]line, 0, n)
	for _, r := range all {
		n := float64(r.events)
		rates = append(rates, of(r, "events received, read and stored", n/r.took.Seconds(), unitRate, "at least 4,000/s"))
		if r.cpu > 0 {
			cpu = append(cpu, of(r, "processor time of the manager for 100,000", r.cpu.Seconds()/n*cpuEvents, unitSeconds, ""))
			peaks = append(peaks, of(r, "peak memory of the manager (RSS)", mebibytes(r.peak), unitMebibytes, ""))
		}
		disk = append(disk, of(r, "on disk, for each", float64(r.disk)/n, unitBytes, ""))
	}
	return slices.Concat(rates, cpu, peaks, disk)
}
