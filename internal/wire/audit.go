// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/attribution"
	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/ledger"
)

// Paths of the audit service. Whoever asks shows a token of the ServiceAccount Auditor, in the operator's namespace, for Audience: who may
// request one (TokenRequest) may ask, and no token that is good for anything else leaves its owner.
const (
	// PathExplain answers Explained: to a GET with ?auditID=, or to a POST of an event of audit.k8s.io/v1 in JSON.
	PathExplain = "/audit/v1/explain"
	// PathActivity answers Explained, the newest first, to a GET with ?user= (the name of a User, or a username), and with ?since=, ?until=
	// (RFC 3339) and ?limit= where not everything of the last day is wanted.
	PathActivity = "/audit/v1/activity"

	// PathEvidence answers Evidence to a GET with ?auditID=, and with ?index= (from 1, in the order of Explained) where several events have
	// that one. Without a ledger there is none.
	PathEvidence = "/audit/v1/evidence"

	// PathLedger is followed by the path of a file of the ledger (c2sp.org/tlog-tiles). Its checkpoint and its tree need no token.
	PathLedger = "/ledger/"

	// Auditor is the ServiceAccount that the token is of, and Audience whom it is for.
	Auditor  = "rollcall-auditor"
	Audience = "rollcall-audit"

	// MaxEvent is the size of the largest event that may be posted, in bytes.
	MaxEvent = 4 << 20
	// MaxActivity is the highest limit.
	MaxActivity = 1000
)

// Explained are events, and what is known about them.
type Explained struct {
	Items []ExplainedEvent `json:"items"`
	// More says that there are others, which the limit left out.
	More bool `json:"more,omitempty"`
}

// ExplainedEvent is an event and what is known about it.
type ExplainedEvent struct {
	attribution.Explanation

	// Record says where the event is kept. Absent for an event that was posted, and is not.
	Record *Record `json:"record,omitempty"`
}

// Record is where an event is kept.
type Record struct {
	// Server is the API server that told it, by the name that it was given.
	Server string `json:"server"`
	// Received is when it came. What came together is kept together: that time names it.
	Received metav1.MicroTime `json:"received"`
	// Line is the event's place in it, counted from 0.
	Line int `json:"line"`
	// Entry of the ledger that has the digest of it. Absent where there is none (yet).
	Entry *uint64 `json:"entry,omitempty"`
}

// Evidence is what proves one event to whoever has the ledger's key.
type Evidence struct {
	// Event is the line as the API server wrote it.
	Event []byte `json:"event"`
	Batch Batch  `json:"batch"`
	// BatchEntry is the ledger's entry with the root of the batch.
	BatchEntry *ledger.Proof `json:"batchEntry"`
	// CertificateEntry is the ledger's entry of the certificate, in the same checkpoint. Absent for other credentials, and for a
	// certificate that this ledger does not know.
	CertificateEntry *ledger.Proof  `json:"certificateEntry,omitempty"`
	Explanation      ExplainedEvent `json:"explanation"`
	// What the explanation rests on, as it was recorded, where there is any.
	User             json.RawMessage `json:"user,omitempty"`
	ImpersonatedUser json.RawMessage `json:"impersonatedUser,omitempty"`
	Session          json.RawMessage `json:"session,omitempty"`
	Binding          json.RawMessage `json:"binding,omitempty"`
	Grant            json.RawMessage `json:"grant,omitempty"`
	Request          json.RawMessage `json:"request,omitempty"`
}

// Batch is what came together with an event, and shows that the event is in it: the other lines are hashes.
type Batch struct {
	// Batch is when it was received, in microseconds since 1970: its name.
	Batch int64 `json:"batch"`
	// Server is the API server that told it, by the name that it was given.
	Server string `json:"server"`
	audit.Inclusion
}
