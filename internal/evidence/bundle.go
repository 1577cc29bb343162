// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package evidence makes and checks bundles: everything that proves one event of an audit log to somebody who has the ledger's key and
// nothing else.
package evidence

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// The files of a bundle.
const (
	Event            = "event.json"
	Batch            = "batch.json"
	BatchEntry       = "batch-entry.json"
	BatchProof       = "batch.proof"
	CertificateEntry = "certificate-entry.json"
	CertificateProof = "certificate.proof"
	Explanation      = "explanation.json"
	User             = "user.json"
	ImpersonatedUser = "impersonated-user.json"
	Session          = "session.json"
	Binding          = "binding.json"
	Grant            = "grant.json"
	Request          = "request.json"
	Manifest         = "manifest.json"
	Readme           = "README.txt"
)

// sort of file.
type sort struct {
	// proved: by the others and the ledger's key. What is not is what the operator says.
	proved, required bool
}

func sorts() map[string]sort {
	return map[string]sort{
		Event: {true, true}, Batch: {true, true}, BatchEntry: {true, true}, BatchProof: {true, true},
		CertificateEntry: {proved: true}, CertificateProof: {proved: true},
		Explanation: {required: true}, User: {}, ImpersonatedUser: {}, Session: {}, Binding: {}, Grant: {}, Request: {},
		Manifest: {required: true}, Readme: {required: true},
	}
}

// Bundle is the content of each file, by its name.
type Bundle map[string][]byte

//go:embed README.txt
var readme []byte

// Make puts together what the audit service found. It is not checked by that.
func Make(found *wire.Evidence) (Bundle, error) {
	if found.BatchEntry == nil {
		return nil, errors.New("the audit service gave no entry of the ledger")
	}
	b := Bundle{Readme: readme, Event: found.Event, BatchEntry: found.BatchEntry.Entry, BatchProof: found.BatchEntry.Text()}
	if p := found.CertificateEntry; p != nil {
		b[CertificateEntry], b[CertificateProof] = p.Entry, p.Text()
	}
	for name, document := range map[string]json.RawMessage{
		User: found.User, ImpersonatedUser: found.ImpersonatedUser, Session: found.Session, Binding: found.Binding, Grant: found.Grant,
		Request: found.Request,
	} {
		if document == nil {
			continue
		}
		if err := b.put(name, document); err != nil {
			return nil, err
		}
	}
	line, err := audit.ReadLine(found.Event)
	if err != nil {
		return nil, fmt.Errorf("the audit service gave no event: %w", err)
	}
	for name, object := range map[string]any{Batch: &found.Batch, Explanation: &found.Explanation} {
		if err := b.put(name, object); err != nil {
			return nil, err
		}
	}
	b[Manifest], err = b.manifest(&line.Event)
	return b, err
}

func (b Bundle) put(name string, object any) (err error) {
	b[name], err = pretty(object)
	return err
}

func pretty(object any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(object); err != nil {
		return nil, fmt.Errorf("write a bundle: %w", err)
	}
	return text.Bytes(), nil
}

// format says how a bundle is to be read.
const format = "rollcall.dev/evidence/v1"

// manifest is what is in a bundle.
type manifest struct {
	Format string `json:"format"`
	// Files are the SHA-256 of each, in lowercase hex.
	Files map[string]string `json:"files"`
	// Absent are files that others of the kind have, and why this one does not.
	Absent map[string]string `json:"absent,omitempty"`
}

// manifest is made of nothing but the other files, so that there is one alone that is right.
func (b Bundle) manifest(e *auditv1.Event) ([]byte, error) {
	m := manifest{Format: format, Files: map[string]string{}}
	for name, content := range b {
		if name != Manifest {
			m.Files[name] = digest(content)
		}
	}
	if b[CertificateEntry] == nil {
		why := absence(e)
		m.Absent = map[string]string{CertificateEntry: why, CertificateProof: why}
	}
	return pretty(&m)
}

// absence is why there is no entry of a certificate.
func absence(e *auditv1.Event) string {
	if audit.Fingerprint(e) == "" {
		return "the request was made with another credential than a certificate"
	}
	return "the operator found no entry of this certificate: it was issued before there was this ledger, or not by the operator"
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// names are those of the files there are, in order.
func (b Bundle) names() []string { return slices.Sorted(maps.Keys(b)) }
