// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package outlet_test

import (
	"context"
	"errors"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/internal/outlet"
)

func TestOutlet(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Outlet")
}

// log notes who got what.
type log struct {
	lines  []string
	broken error
}

func (l *log) Open() error { return l.broken }

func (l *log) RecordAll(_ context.Context, entries []*ledger.Entry) ([]uint64, error) {
	if l.broken != nil {
		return nil, l.broken
	}
	var numbers []uint64
	for i, e := range entries {
		l.lines = append(l.lines, "ledger "+e.Whom)
		numbers = append(numbers, uint64(41+i))
	}
	return numbers, nil
}

func (l *log) Tell(_ context.Context, entries []*ledger.Entry) {
	for _, e := range entries {
		l.lines = append(l.lines, "listener "+e.Whom)
	}
}

var _ = Describe("Where entries go", func() {
	alice, bob := &ledger.Entry{Whom: "alice"}, &ledger.Entry{Whom: "bob"}

	It("is the ledger first, and then who listens", func(ctx SpecContext) {
		l := &log{}
		o := outlet.Outlet{Ledger: l, Listener: l}
		Expect(o.RecordAll(ctx, []*ledger.Entry{alice, bob})).To(Equal([]uint64{41, 42}))
		Expect(o.Record(ctx, bob)).To(BeEquivalentTo(41))
		Expect(l.lines).To(Equal([]string{"ledger alice", "ledger bob", "listener alice", "listener bob", "ledger bob", "listener bob"}))
	})

	It("is nobody where the ledger could not be written", func(ctx SpecContext) {
		l := &log{broken: errors.New("no space left")}
		o := outlet.Outlet{Ledger: l, Listener: l}
		_, err := o.Record(ctx, alice)
		Expect(err).To(MatchError("no space left"))
		Expect(l.lines).To(BeEmpty())
	})

	It("is either, where there is no other", func(ctx SpecContext) {
		l := &log{}
		Expect((&outlet.Outlet{Listener: l}).Record(ctx, alice)).To(BeZero())
		Expect((&outlet.Outlet{Ledger: l}).Record(ctx, bob)).To(BeEquivalentTo(41))
		Expect(l.lines).To(Equal([]string{"listener alice", "ledger bob"}))
	})
})
