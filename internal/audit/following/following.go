// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package following reads the ledger as it grows, and notes in the audit store which entry is about which certificate: there is no other
// way to one of them than to read all.
package following

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/ledger"
)

const (
	// look is how often it is looked for entries.
	look = time.Second
	// together is how many entries are read at once.
	together = 4096
)

// Follower is what the leader does.
type Follower struct {
	// Store is the open store, or an error.
	Store func() (*store.Store, error)
	// Ledger is the open ledger, or an error.
	Ledger func() (*ledger.Copy, error)
}

// Start implements manager.Runnable.
func (f *Follower) Start(ctx context.Context) error {
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = f.Follow(ctx); err != nil && ctx.Err() == nil {
				log.FromContext(ctx).WithName("audit").V(1).Info("the ledger was not read on yet", "why", err.Error())
			}
		}
	}, look)
	return nil
}

// errEnough ends reading.
var errEnough = errors.New("enough at once")

// Follow reads on from where it was, and says whether there is more.
func (f *Follower) Follow(ctx context.Context) (more bool, err error) {
	kept, err := f.Store()
	if err != nil {
		return false, err
	}
	opened, err := f.Ledger()
	if err != nil {
		return false, err
	}
	at, err := opened.Checkpoint()
	if err != nil {
		return false, err
	}
	from, err := kept.Followed(ctx, at.Origin)
	if err != nil || from >= at.Size {
		return false, err
	}
	var issued []store.Issued
	next := from
	err = opened.Entries(from, at, func(number uint64, raw []byte) error {
		if found, is := issuance(raw); is {
			found.Number = number
			issued = append(issued, found)
		}
		if next = number + 1; next-from == together {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return false, err
	}
	return next < at.Size, kept.Follow(ctx, at.Origin, next, issued)
}

// issuance reads an entry, and says whether it is about a certificate that was issued. What is not understood is about none.
func issuance(raw []byte) (found store.Issued, is bool) {
	var entry struct {
		Kind  ledger.Kind     `json:"kind"`
		After json.RawMessage `json:"after"`
	}
	if err := json.Unmarshal(raw, &entry); err != nil || entry.Kind != ledger.CertificateIssued {
		return found, false
	}
	var certificate struct {
		Fingerprint string      `json:"fingerprint"`
		NotAfter    metav1.Time `json:"notAfter"`
	}
	if err := json.Unmarshal(entry.After, &certificate); err != nil || certificate.Fingerprint == "" {
		return found, false
	}
	return store.Issued{Fingerprint: certificate.Fingerprint, NotAfter: certificate.NotAfter.Time}, true
}
