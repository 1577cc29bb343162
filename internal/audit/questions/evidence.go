// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package questions

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/attribution"
	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/audit/history"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// evidence answers with everything that proves one event.
func (s *Service) evidence(ctx context.Context, kept *store.Store, r *http.Request) (*wire.Evidence, error) {
	records, err := withID(ctx, kept, r)
	if err != nil {
		return nil, err
	}
	record, err := choose(records, r.URL.Query().Get("index"))
	if err != nil {
		return nil, err
	}
	found := &wire.Evidence{Event: record.Raw, Batch: wire.Batch{Batch: record.Batch, Server: record.Server}}
	if found.Batch.Inclusion, err = kept.Include(ctx, record); err != nil {
		return nil, err
	}
	if err := s.prove(ctx, kept, record, found); err != nil {
		return nil, err
	}
	facts, err := history.Facts(ctx, kept, &record.Event)
	if err != nil {
		return nil, err
	}
	found.Explanation = explanation(record, facts)
	return found, document(found, facts)
}

// choose is the one event that is meant.
func choose(records []store.Record, index string) (*store.Record, error) {
	if index == "" && len(records) == 1 {
		return &records[0], nil
	}
	if index != "" {
		number, err := strconv.Atoi(index)
		if err != nil || number < 1 || number > len(records) {
			return nil, refuse(http.StatusBadRequest, "index must be 1 to %d: so many events have this audit id", len(records))
		}
		return &records[number-1], nil
	}
	const told = 10
	var list strings.Builder
	for i := range records[:min(len(records), told)] {
		e := &records[i].Event
		_, _ = fmt.Fprintf(&list, "; %d: %s at %s, %.64q of %.256q by %.256q", i+1, e.Stage,
			e.StageTimestamp.UTC().Format(time.RFC3339Nano), e.Verb, e.RequestURI, e.User.Username)
	}
	return nil, refuse(http.StatusConflict, "%d events have this audit id, which clients may choose: say which one by its index%s",
		len(records), list.String())
}

// soon is what to do about what comes by itself.
const soon = "ask again in some seconds"

// prove finds the entries of the ledger, and proves both in one checkpoint.
func (s *Service) prove(ctx context.Context, kept *store.Store, record *store.Record, found *wire.Evidence) error {
	if s.Proofs == nil {
		return refuse(http.StatusNotImplemented, "the operator keeps no ledger, and without one nothing is proved: run it with --ledger-dir")
	}
	opened, err := s.Proofs()
	if err != nil {
		return refuse(http.StatusServiceUnavailable, "%v", err)
	}
	if record.Entry == nil {
		return refuse(http.StatusServiceUnavailable, "the ledger has no entry of this event yet: %s", soon)
	}
	at, err := opened.Checkpoint()
	if err != nil {
		return err
	}
	if *record.Entry >= at.Size {
		return refuse(http.StatusServiceUnavailable, "the ledger has no checkpoint with entry %d yet: %s", *record.Entry, soon)
	}
	if found.BatchEntry, err = opened.ProveAt(ctx, *record.Entry, at); err != nil {
		return err
	}
	if err := seals(found); err != nil {
		return err
	}
	if fingerprint := audit.Fingerprint(&record.Event); fingerprint != "" {
		found.CertificateEntry, err = issuance(ctx, kept, opened, at, fingerprint, *record.Entry)
	}
	return err
}

// issuance proves the entry of a certificate; nil where there is none before an entry. What was handed out before an event was in the
// ledger before the event was.
func issuance(
	ctx context.Context, kept *store.Store, opened *ledger.Copy, at *ledger.Checkpoint, fingerprint string, before uint64,
) (*ledger.Proof, error) {
	number, known, err := kept.Issuance(ctx, at.Origin, fingerprint)
	if err != nil {
		return nil, err
	}
	if known {
		return opened.ProveAt(ctx, number, at)
	}
	next, err := kept.Followed(ctx, at.Origin)
	if err == nil && next <= before {
		err = refuse(http.StatusServiceUnavailable, "of the ledger, %d entries were looked through for the certificate so far, and %d "+
			"have to be: %s", next, before, soon)
	}
	return nil, err
}

// seals finds that the entry is of the batch: there may have been another ledger when it was written, or somebody changed the store.
func seals(found *wire.Evidence) error {
	var (
		entry  ledger.Entry
		digest struct {
			Batch int64  `json:"batch"`
			Root  string `json:"root"`
		}
	)
	root, err := found.Batch.Root(found.Event)
	if err != nil {
		return err
	}
	err = json.Unmarshal(found.BatchEntry.Entry, &entry)
	if err == nil {
		err = json.Unmarshal(entry.After, &digest)
	}
	if err != nil || entry.Kind != ledger.AuditBatch || digest.Batch != found.Batch.Batch || digest.Root != hex.EncodeToString(root) {
		return refuse(http.StatusConflict, "entry %d of the ledger is not about what this event was stored with: that was entered into "+
			"another ledger, before this one was begun, or somebody changed the audit store", found.BatchEntry.Number)
	}
	return nil
}

// document adds what the explanation rests on.
func document(found *wire.Evidence, facts attribution.Facts) error {
	var failed []error
	put := func(into *json.RawMessage, there bool, object any) {
		if there {
			var err error
			*into, err = json.Marshal(object)
			failed = append(failed, err)
		}
	}
	put(&found.User, facts.User != nil, facts.User)
	put(&found.ImpersonatedUser, facts.Impersonated != nil, facts.Impersonated)
	put(&found.Session, facts.Session != nil, facts.Session)
	put(&found.Grant, facts.Grant != nil, facts.Grant)
	put(&found.Request, facts.Request != nil, facts.Request)
	if b := facts.Binding; b != nil {
		put(&found.Binding, true, &rbacv1.RoleBinding{ // Both kinds have the same fields.
			TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: b.Kind},
			ObjectMeta: b.Meta, RoleRef: b.RoleRef, Subjects: b.Subjects,
		})
	}
	return errors.Join(failed...)
}
