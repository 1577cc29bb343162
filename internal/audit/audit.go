// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package audit reads what API servers tell of requests: events of audit.k8s.io/v1, one by one or in lists.
package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

const (
	// credentialID is the key, in a user's extra, of which credential was used (KEP-4193).
	credentialID = "authentication.kubernetes.io/credential-id"
	// CertificatePrefix begins a credential id that is the fingerprint of a certificate.
	CertificatePrefix = "X509SHA256="
	// annotationDecision and annotationReason are what the authorizer said.
	annotationDecision = "authorization.k8s.io/decision"
	annotationReason   = "authorization.k8s.io/reason"

	kindEvent     = "Event"
	kindEventList = "EventList"
	version       = "audit.k8s.io/v1"
)

// Key tells events apart. Its first half is made of the audit id alone, so that all events of one id lie together. The audit id does not do
// by itself: clients may choose it (the header Audit-ID), and who repeats another's must not make an event look like one that is known.
type Key [16]byte

// Line is one event: as it came, and read.
type Line struct {
	// Raw is the JSON, without line breaks.
	Raw []byte
	// Key is the same whenever, and on whatever way, the same event comes.
	Key   Key
	Event auditv1.Event
}

// ErrNotEvents is returned for what is no event, or no list of events.
var ErrNotEvents = errors.New("not of audit.k8s.io/v1")

// ReadLine reads one event. It keeps raw.
func ReadLine(raw []byte) (Line, error) {
	line := Line{Raw: raw}
	if err := json.Unmarshal(raw, &line.Event); err != nil {
		return Line{}, fmt.Errorf("%w: no event in JSON: %w", ErrNotEvents, err)
	}
	if err := line.complete(); err != nil {
		return Line{}, err
	}
	return line, nil
}

// complete checks an event that was read, and makes the rest of it.
func (l *Line) complete() error {
	if err := check(&l.Event); err != nil {
		return err
	}
	if bytes.IndexByte(l.Raw, '\n') >= 0 {
		var flat bytes.Buffer
		if err := json.Compact(&flat, l.Raw); err != nil {
			return fmt.Errorf("%w: no event in JSON: %w", ErrNotEvents, err)
		}
		l.Raw = flat.Bytes()
	}
	l.Key = keyOf(&l.Event)
	return nil
}

// check asks for what every event has, and for what it is told apart by. Lists leave out the kind of their items.
func check(e *auditv1.Event) error {
	switch {
	case e.Kind != "" && e.Kind != kindEvent:
		return fmt.Errorf("%w: the kind is %.64q, and not Event", ErrNotEvents, e.Kind)
	case e.APIVersion != "" && e.APIVersion != version:
		return fmt.Errorf("%w: the apiVersion is %.64q", ErrNotEvents, e.APIVersion)
	case e.AuditID == "":
		return fmt.Errorf("%w: an event without auditID", ErrNotEvents)
	case e.Stage == "":
		return fmt.Errorf("%w: an event without stage", ErrNotEvents)
	case e.StageTimestamp.IsZero() || e.RequestReceivedTimestamp.IsZero():
		return fmt.Errorf("%w: an event without stageTimestamp or requestReceivedTimestamp", ErrNotEvents)
	default:
		return nil
	}
}

const halfKey = 8

func keyOf(e *auditv1.Event) Key {
	var key Key
	prefix := Prefix(string(e.AuditID))
	copy(key[:], prefix[:])
	content := sha256.New()
	for _, field := range []string{string(e.Stage), e.Verb, e.RequestURI, e.User.Username} {
		var length [halfKey]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(field)))
		_, _ = content.Write(length[:])
		_, _ = content.Write([]byte(field))
	}
	for _, at := range []time.Time{e.RequestReceivedTimestamp.Time, e.StageTimestamp.Time} {
		var micros [halfKey]byte
		binary.BigEndian.PutUint64(micros[:], uint64(at.UnixMicro()))
		_, _ = content.Write(micros[:])
	}
	copy(key[halfKey:], content.Sum(nil))
	return key
}

// Prefix begins the key of each event that has this audit id.
func Prefix(auditID string) [halfKey]byte {
	digest := sha256.Sum256([]byte(auditID))
	return [halfKey]byte(digest[:halfKey])
}

// Range is from which to which key the events lie that have this audit id.
func Range(auditID string) (first, last Key) {
	prefix := Prefix(auditID)
	copy(first[:], prefix[:])
	for i := copy(last[:], prefix[:]); i < len(last); i++ {
		last[i] = 0xff
	}
	return first, last
}

// Fingerprint is the SHA-256, in lowercase hex, of the client certificate that a request was made with; empty for another credential.
func Fingerprint(e *auditv1.Event) string {
	for _, id := range e.User.Extra[credentialID] {
		if fingerprint, found := strings.CutPrefix(id, CertificatePrefix); found {
			return fingerprint
		}
	}
	return ""
}

// Credential is what the API server calls the credential that a request was made with: KIND=ID, or nothing.
func Credential(e *auditv1.Event) string {
	if ids := e.User.Extra[credentialID]; len(ids) > 0 {
		return ids[0]
	}
	return ""
}

// Impersonated is as whom a request was authorized, where that is not who made it; else empty.
func Impersonated(e *auditv1.Event) string {
	if e.ImpersonatedUser == nil {
		return ""
	}
	return e.ImpersonatedUser.Username
}
