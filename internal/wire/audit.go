// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/attribution"
)

// Paths of the audit service. Whoever asks shows a token of the ServiceAccount Auditor, in the operator's namespace, for Audience: who may
// request one (TokenRequest) may ask, and no token that is good for anything else leaves its owner.
const (
	// PathExplain answers Explained: to a GET with ?auditID=, or to a POST of an event of audit.k8s.io/v1 in JSON.
	PathExplain = "/audit/v1/explain"
	// PathActivity answers Explained, the newest first, to a GET with ?user= (the name of a User, or a username), and with ?since=, ?until=
	// (RFC 3339) and ?limit= where not everything of the last day is wanted.
	PathActivity = "/audit/v1/activity"

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
