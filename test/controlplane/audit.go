// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

const (
	// credentialID is the key, in a user's extra, of which credential was used.
	credentialID = "authentication.kubernetes.io/credential-id"
	// certificatePrefix begins a credential id that is a certificate's fingerprint.
	certificatePrefix = "X509SHA256="
)

// AuditMark is a place in the audit log: the end of a whole line.
type AuditMark int64

// AuditMark is the log's present end; events of requests answered before lie before it.
func (c *ControlPlane) AuditMark() (AuditMark, error) {
	content, err := readFrom(c.AuditLog(), 0)
	return AuditMark(len(wholeLines(content))), err
}

// AuditSince returns the events after the mark, and the mark to go on from.
func (c *ControlPlane) AuditSince(mark AuditMark) ([]auditv1.Event, AuditMark, error) {
	return ReadAudit(c.AuditLog(), mark)
}

// ReadAudit reads the events of a log after the mark; 0 means all. A last line still being written is left for later.
func ReadAudit(path string, mark AuditMark) ([]auditv1.Event, AuditMark, error) {
	content, err := readFrom(path, int64(mark))
	if err != nil {
		return nil, mark, fmt.Errorf("read the audit log: %w", err)
	}
	whole := wholeLines(content)
	var events []auditv1.Event
	for line := range bytes.Lines(whole) {
		var event auditv1.Event
		if err := json.Unmarshal(line, &event); err != nil {
			return nil, mark, fmt.Errorf("read the audit log %s: a line is no event: %w: %.200s", path, err, line)
		}
		events = append(events, event)
	}
	return events, mark + AuditMark(len(whole)), nil
}

// Fingerprint is the lowercase hex SHA-256 of the certificate that a request was made with, or "" for another credential.
func Fingerprint(event auditv1.Event) string {
	for _, id := range event.User.Extra[credentialID] {
		if fingerprint, found := strings.CutPrefix(id, certificatePrefix); found {
			return fingerprint
		}
	}
	return ""
}

func wholeLines(content []byte) []byte {
	return content[:bytes.LastIndexByte(content, '\n')+1]
}

func readFrom(path string, offset int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(file)
}
