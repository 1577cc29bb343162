// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ledger is the log of what happened to identities and access: append-only, in the format of tiled transparency logs
// (c2sp.org/tlog-tiles), with checkpoints that are signed (c2sp.org/tlog-checkpoint). It is read here, and proved: from a copy, without
// anything else. Writing it is keeper's.
package ledger

import (
	"encoding/json"
	"fmt"
	"time"
)

// Kind of what happened.
type Kind string

const (
	// CertificateIssued comes before the certificate is handed out.
	CertificateIssued Kind = "CertificateIssued"
	// SessionBegun is a proof of who somebody is.
	SessionBegun Kind = "SessionBegun"
	// SessionEnded is the end of what came of it.
	SessionEnded Kind = "SessionEnded"
	// SessionRemoved is the end of the object.
	SessionRemoved Kind = "SessionRemoved"
	// AccessGiven are subjects that come into a binding.
	AccessGiven Kind = "AccessGiven"
	// AccessWithdrawn are subjects that go out of one.
	AccessWithdrawn Kind = "AccessWithdrawn"
	// BindingChanged is a binding of the same subjects that is there for something else: another generation of the Grant, another request.
	BindingChanged Kind = "BindingChanged"
	// GrantChanged is a Grant that was declared, declared otherwise, or removed.
	GrantChanged Kind = "GrantChanged"
	// RequestChanged is an AccessRequest that was made, or whose status changed: accepted, approved, begun, ended; or that was removed.
	RequestChanged Kind = "RequestChanged"
	// LockChanged is a Lock that was set or lifted.
	LockChanged Kind = "LockChanged"
	// UserChanged is a person who came, went, or is described otherwise: by the directory, by Git, by the operator.
	UserChanged Kind = "UserChanged"
	// DirectoryChanged is a Directory that was declared otherwise.
	DirectoryChanged Kind = "DirectoryChanged"
	// LossAccepted is a plan that the loss guard held, and that somebody let pass.
	LossAccepted Kind = "LossAccepted"
	// AuditBatch is the digest of events that were stored together.
	AuditBatch Kind = "AuditBatch"
)

// Entry is one thing that happened. There are no secrets in it.
type Entry struct {
	// Time of what happened, as far as known; entries are in the order in which they were written.
	Time time.Time `json:"time"`
	Kind Kind      `json:"kind"`
	// Who did it, by username, where that is known; else the operator did, or the API server's audit log knows.
	Who string `json:"who,omitempty"`
	// Whom it is about, by username.
	Whom string `json:"whom,omitempty"`
	// Object that it is about.
	Object *Object `json:"object,omitempty"`
	// Why, in the words of whoever gave a reason.
	Why string `json:"why,omitempty"`
	// Before and After are what changed. Absent where there was nothing, or is nothing any more.
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// Object names an object, and not another that takes its name later.
type Object struct {
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	UID        string `json:"uid,omitempty"`
	Generation int64  `json:"generation,omitempty"`
}

// MaxEntry is the size of the largest entry, in bytes: what the format can say of its length.
const MaxEntry = 1<<16 - 1

// Marshal is the entry as it is written.
func (e *Entry) Marshal() ([]byte, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("write a ledger's entry: %w", err)
	}
	if len(data) > MaxEntry {
		return nil, fmt.Errorf("a ledger's entry (%s) is %d bytes long, and may be %d", e.Kind, len(data), MaxEntry)
	}
	return data, nil
}
