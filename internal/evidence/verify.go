// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/rollcall-iam/rollcall/internal/attribution"
	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

// Proved is what a bundle proves.
type Proved struct {
	// Ledger is its name, and Size how many entries the checkpoint is of that everything leads to.
	Ledger string `json:"ledger"`
	Size   uint64 `json:"size"`
	// Event is what was done, and Username by whom, as the API server has it.
	Event    attribution.Event `json:"event"`
	Username string            `json:"username"`
	Batch    ProvedBatch       `json:"batch"`
	// Certificate that the request was made with. Absent where none is proved; then Absent says why.
	Certificate *ProvedCertificate `json:"certificate,omitempty"`
	Absent      string             `json:"absent,omitempty"`
	// Said are the files that nothing proves: the operator says so.
	Said []string `json:"said"`
}

// ProvedBatch is what the event was stored with, and the entry of the ledger that has its root.
type ProvedBatch struct {
	Server   string           `json:"server"`
	Received metav1.MicroTime `json:"received"`
	Line     uint64           `json:"line"`
	Lines    uint64           `json:"lines"`
	Entry    uint64           `json:"entry"`
	Written  time.Time        `json:"written"`
	Root     string           `json:"root"`
}

// ProvedCertificate is one that was issued.
type ProvedCertificate struct {
	Fingerprint string      `json:"fingerprint"`
	Whom        string      `json:"whom"`
	Session     string      `json:"session"`
	NotBefore   metav1.Time `json:"notBefore"`
	NotAfter    metav1.Time `json:"notAfter"`
	Entry       uint64      `json:"entry"`
	Written     time.Time   `json:"written"`
}

// Verify finds what a bundle proves to whoever has the ledger's key, or the Fault in it.
func Verify(b Bundle, key string) (*Proved, error) {
	opened, err := ledger.NewCopy(nil, key)
	if err != nil {
		return nil, err
	}
	if err := b.complete(); err != nil {
		return nil, err
	}
	v := &verification{bundle: b, ledger: opened, proved: &Proved{Said: []string{}}}
	if err := blame(v.content(), v.manifest()); err != nil {
		return nil, err
	}
	for _, name := range b.names() {
		if !sorts()[name].proved && name != Manifest && name != Readme {
			v.proved.Said = append(v.proved.Said, name)
		}
	}
	return v.proved, nil
}

// blame is the error that says which file was changed: of several that do not fit each other the manifest knows, unless it is the one.
func blame(content, digests error) error {
	fault, is := errors.AsType[*Fault](digests)
	proved := is && sorts()[fault.File].proved
	switch {
	case content != nil && !proved:
		return content
	case content == nil && proved:
		return faultf(Manifest, "has not the digest of %s, in which nothing is wrong", fault.File)
	default:
		return digests
	}
}

// complete finds that what must be there is, and nothing else.
func (b Bundle) complete() error {
	known := sorts()
	for _, name := range b.names() {
		if _, is := known[name]; !is {
			return faultf("", "has something in it that belongs in none: %.64q", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if known[name].required && b[name] == nil {
			return faultf(name, "is missing")
		}
	}
	for name, other := range map[string]string{CertificateEntry: CertificateProof, CertificateProof: CertificateEntry} {
		if b[name] == nil && b[other] != nil {
			return faultf(name, "is missing, and there is %s", other)
		}
	}
	return nil
}

// verification is one bundle's.
type verification struct {
	bundle Bundle
	ledger *ledger.Copy
	proved *Proved

	event auditv1.Event
	// checkpoint that the first proof leads to.
	checkpoint []byte
}

// manifest finds that it is the one alone that is right.
func (v *verification) manifest() error {
	var read manifest
	if err := json.Unmarshal(v.bundle[Manifest], &read); err != nil {
		return faultf(Manifest, "cannot be read: %v", err)
	}
	if read.Format != format {
		return faultf(Manifest, "is of format %.64q, and this program knows %s", read.Format, format)
	}
	for _, name := range v.bundle.names() {
		if name != Manifest && read.Files[name] != digest(v.bundle[name]) {
			return faultf(name, "has not the digest that %s says: one of them was changed", Manifest)
		}
	}
	right, err := v.bundle.manifest(&v.event)
	if err != nil {
		return err
	}
	if !bytes.Equal(right, v.bundle[Manifest]) {
		return faultf(Manifest, "is not what the other files make it")
	}
	return nil
}

// content finds that each file is proved by the others, as far as it is.
func (v *verification) content() error {
	for _, check := range []func() error{v.line, v.batch, v.certificate, v.explanation, v.documents} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (v *verification) line() error {
	line, err := audit.ReadLine(v.bundle[Event])
	if err != nil {
		return faultf(Event, "%v", err)
	}
	v.event = line.Event
	v.proved.Event, v.proved.Username = attribution.Explain(&line.Event, attribution.Facts{}).Event, line.Event.User.Username
	return nil
}

// digests is what an entry says of a batch.
type digests struct {
	Batch  int64  `json:"batch"`
	Server string `json:"server"`
	Events uint64 `json:"events"`
	Root   string `json:"root"`
}

func (v *verification) batch() error {
	var told wire.Batch
	if err := canonical(v.bundle[Batch], &told); err != nil {
		return faultf(Batch, "%v", err)
	}
	root, err := told.Root(v.bundle[Event])
	if err != nil {
		return faultf(Batch, "leads to no root: %v", err)
	}
	var sealed digests
	entry, number, err := v.entry(BatchEntry, BatchProof, ledger.AuditBatch, &sealed)
	if err != nil {
		return err
	}
	switch {
	case sealed.Batch != told.Batch || sealed.Server != told.Server || sealed.Events != told.Size:
		return faultf(BatchEntry, "is about batch %d of %.64q with %d events, and %s about %d of %.64q with %d",
			sealed.Batch, sealed.Server, sealed.Events, Batch, told.Batch, told.Server, told.Size)
	case sealed.Root != hex.EncodeToString(root):
		return faultf(Event, "is not the line that the root in %s is of: with the hashes in %s it leads to %x", BatchEntry, Batch, root)
	}
	v.proved.Batch = ProvedBatch{
		Server: told.Server, Received: metav1.NewMicroTime(time.UnixMicro(told.Batch).UTC()), Line: told.Index, Lines: told.Size,
		Entry: number, Written: entry.Time, Root: sealed.Root,
	}
	return nil
}

func (v *verification) certificate() error {
	fingerprint := audit.Fingerprint(&v.event)
	if v.bundle[CertificateEntry] == nil {
		v.proved.Absent = absence(&v.event)
		return nil
	}
	issued := ProvedCertificate{}
	entry, number, err := v.entry(CertificateEntry, CertificateProof, ledger.CertificateIssued, &issued)
	if err != nil {
		return err
	}
	switch {
	case fingerprint == "":
		return faultf(CertificateEntry, "is about a certificate, and the request was made with another credential")
	case issued.Fingerprint != fingerprint:
		return faultf(CertificateEntry, "is about certificate %.64q, and the request was made with %.64q", issued.Fingerprint, fingerprint)
	case entry.Whom != v.event.User.Username:
		return faultf(CertificateEntry, "is about a certificate of %.64q, and the request was made by %.64q", entry.Whom, v.event.User.Username)
	}
	issued.Whom, issued.Entry, issued.Written = entry.Whom, number, entry.Time
	if entry.Object != nil {
		issued.Session = entry.Object.Name
	}
	v.proved.Certificate = &issued
	return nil
}

// entry finds that an entry is in the ledger, and reads what it says.
func (v *verification) entry(file, proofFile string, kind ledger.Kind, after any) (*ledger.Entry, uint64, error) {
	raw := v.bundle[file]
	p, err := ledger.ParseProof(v.bundle[proofFile], raw)
	if err != nil {
		return nil, 0, faultf(proofFile, "%v", err)
	}
	at, err := v.ledger.Parse(p.Checkpoint)
	if err != nil {
		return nil, 0, faultf(proofFile, "%v", err)
	}
	if v.checkpoint == nil {
		v.checkpoint, v.proved.Ledger, v.proved.Size = p.Checkpoint, at.Origin, at.Size
	}
	if !bytes.Equal(v.checkpoint, p.Checkpoint) {
		return nil, 0, faultf(proofFile, "leads to another checkpoint than %s", BatchProof)
	}
	if err := v.ledger.Check(p); err != nil {
		return nil, 0, faultf(file, "is not proved by %s: %v", proofFile, err)
	}
	entry := &ledger.Entry{}
	if err := json.Unmarshal(raw, entry); err != nil {
		return nil, 0, faultf(file, "is no entry: %v", err)
	}
	if entry.Kind != kind {
		return nil, 0, faultf(file, "is an entry %.64q, and not %s", entry.Kind, kind)
	}
	if err := json.Unmarshal(entry.After, after); err != nil {
		return nil, 0, faultf(file, "is no entry %s: %v", kind, err)
	}
	return entry, p.Number, nil
}

// explanation finds that it is about this event. What else it says the operator does.
func (v *verification) explanation() error {
	var told wire.ExplainedEvent
	if err := json.Unmarshal(v.bundle[Explanation], &told); err != nil {
		return faultf(Explanation, "cannot be read: %v", err)
	}
	of, fingerprint := &told.Event, ""
	if told.Certificate != nil {
		fingerprint = told.Certificate.Fingerprint
	}
	e := &v.proved.Event
	if of.AuditID != e.AuditID || of.Stage != e.Stage || !of.Time.Time.Equal(e.Time.Time) || of.RequestURI != e.RequestURI ||
		of.Action != e.Action || of.Code != e.Code || told.Actor.Username != v.proved.Username || fingerprint != audit.Fingerprint(&v.event) {
		return faultf(Explanation, "is about another event than %s", Event)
	}
	return nil
}

// documents finds that what the explanation rests on can be read.
func (v *verification) documents() error {
	for _, name := range v.bundle.names() {
		if strings.HasSuffix(name, ".json") && !json.Valid(v.bundle[name]) {
			return faultf(name, "is no JSON")
		}
	}
	return nil
}

// canonical reads JSON as it is written here, and in no other spelling.
func canonical(content []byte, into any) error {
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	again, err := pretty(into)
	if err == nil && !bytes.Equal(again, content) {
		err = errors.New("is not spelled as it was written")
	}
	return err
}
