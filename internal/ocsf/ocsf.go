// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ocsf tells of the ledger's entries in the words of the Open Cybersecurity Schema Framework (schema.ocsf.io, version 1.4.0), which
// SIEMs read: as events of the category Identity & Access Management.
//
//	entry               class                           activity
//	UserChanged         3001 Account Change             Create, Delete, Lock, Unlock, Enable, Disable, or Other: Update
//	SessionBegun        3002 Authentication             Logon
//	SessionEnded        3002 Authentication             Logoff
//	CertificateIssued   3003 Authorize Session          Assign Privileges: the groups that are in it
//	SessionRemoved      3004 Entity Management          Delete
//	GrantChanged        3004 Entity Management          Create, Update, Delete
//	RequestChanged      3004 Entity Management          Create, Update, Delete
//	LockChanged         3004 Entity Management          Create, Update, Delete
//	DirectoryChanged    3004 Entity Management          Create, Update, Delete
//	BindingChanged      3004 Entity Management          Update
//	LossAccepted        3004 Entity Management          Update, of the Directory
//	AccessGiven         3005 User Access Management     Assign Privileges: an event for each User and ServiceAccount
//	                    3006 Group Management           Assign Privileges: an event for each Group
//	AccessWithdrawn     3005 and 3006                   Revoke Privileges
//	AuditBatch          none: it is about the ledger itself
package ocsf

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/internal/plain"
)

// Product is who tells.
type Product struct {
	// Version of the operator; empty where it is not known.
	Version string
}

// name is that of the product, and of what people log in to.
const name = "Rollcall"

// Of are the events of an entry: one line each, without its end. An entry that was told twice has the same metadata.uid both times.
func Of(e *ledger.Entry, by Product) ([][]byte, error) {
	if e.Kind == ledger.AuditBatch {
		return nil, nil
	}
	written, err := e.Marshal()
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(written)
	events := told(e)
	lines := make([][]byte, len(events))
	for i, event := range events {
		event.Metadata = metadata{
			Version: schemaVersion, Product: product{Name: name, VendorName: name, Version: by.Version}, LogName: "ledger",
			UID: hex.EncodeToString(digest[:]), CorrelationUID: hex.EncodeToString(digest[:]), EventCode: string(e.Kind),
		}
		if i > 0 {
			event.Metadata.UID += "-" + strconv.Itoa(i)
		}
		if lines[i], err = line(event); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// told are the events without what is the same in all.
func told(e *ledger.Entry) []*event {
	switch e.Kind {
	case ledger.UserChanged:
		return []*event{userChanged(e)}
	case ledger.SessionBegun:
		return []*event{sessionBegun(e)}
	case ledger.SessionEnded:
		return []*event{sessionEnded(e)}
	case ledger.CertificateIssued:
		return []*event{certificateIssued(e)}
	case ledger.AccessGiven:
		return accessChanged(e, activity{1, "Assign Privileges"})
	case ledger.AccessWithdrawn:
		return accessChanged(e, activity{2, "Revoke Privileges"})
	default: // Of an object. So is a kind that is not known here yet.
		return []*event{objectChanged(e)}
	}
}

// begin is an event with what comes of the entry alone.
func begin(e *ledger.Entry, of class, what activity) *event {
	told := &event{
		ActivityID: what.id, ActivityName: what.name, CategoryUID: categoryUID, CategoryName: categoryName,
		ClassUID: of.uid, ClassName: of.name, TypeUID: of.uid*100 + what.id, TypeName: of.name + ": " + what.name,
		Time: e.Time.UnixMilli(), SeverityID: informational, Severity: "Informational", StatusID: success, Status: "Success",
		Message: message(e), Unmapped: unmapped{Why: e.Why},
	}
	if what.id == other {
		told.TypeName = of.name + ": Other"
	}
	if e.Who != "" {
		told.Actor = &actor{User: person(e.Who)}
	}
	if e.Object != nil {
		o := object(*e.Object)
		told.Unmapped.Object = &o
	}
	return told
}

func message(e *ledger.Entry) string {
	said := string(e.Kind)
	if e.Whom != "" {
		said += " " + e.Whom
	}
	if o := e.Object; o != nil {
		said += ", " + o.Kind + " "
		if o.Namespace != "" {
			said += o.Namespace + "/"
		}
		said += o.Name
	}
	if e.Who != "" {
		said += ", by " + e.Who
	}
	if e.Why != "" {
		said += ": " + e.Why
	}
	return plain.Line(said)
}

func person(username string) *user {
	return &user{Name: username, TypeID: 1, Type: "User"}
}

// line is an event as it is written. Characters that a terminal would act on, or that a reader would not see, are in it by their number:
// they are within texts, where JSON has them either way.
func line(told *event) ([]byte, error) {
	text, err := json.Marshal(told)
	if err != nil {
		return nil, fmt.Errorf("write an event for a SIEM: %w", err)
	}
	if !bytes.ContainsFunc(text, func(r rune) bool { return r == utf8.RuneError || !plain.Shown(r) }) {
		return text, nil
	}
	var written bytes.Buffer
	for _, r := range string(text) {
		switch first, second := utf16.EncodeRune(r); {
		case plain.Shown(r):
			written.WriteRune(r)
		case first != '\uFFFD':
			fmt.Fprintf(&written, `\u%04x\u%04x`, first, second)
		default:
			fmt.Fprintf(&written, `\u%04x`, r)
		}
	}
	return written.Bytes(), nil
}
