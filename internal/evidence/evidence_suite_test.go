// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package evidence_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/attribution"
	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/evidence"
	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/internal/wire"
	"github.com/rollcall-iam/rollcall/test/shortledger"
)

func TestEvidence(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Evidence")
}

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// proved are the files that the ledger proves.
var proved = []string{
	evidence.Event, evidence.Batch, evidence.BatchEntry, evidence.BatchProof, evidence.CertificateEntry, evidence.CertificateProof,
}

// line is an event of somebody, who came with a certificate, or with none where its fingerprint is empty.
func line(auditID, username, fingerprint string) audit.Line {
	extra := ""
	if fingerprint != "" {
		extra = fmt.Sprintf(`,"extra":{"authentication.kubernetes.io/credential-id":["X509SHA256=%s"]}`, fingerprint)
	}
	read, err := audit.ReadLine(fmt.Appendf(nil, `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":%q,`+
		`"stage":"ResponseComplete","requestURI":"/api/v1/pods?a<b","verb":"list","user":{"username":%q%s},"responseStatus":{"code":200},`+
		`"requestReceivedTimestamp":"2026-11-26T11:59:58.000000Z","stageTimestamp":"2026-11-26T11:59:59.000000Z"}`, auditID, username, extra))
	Expect(err).NotTo(HaveOccurred())
	return read
}

func printOf(name string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(name))) }

// archive is a ledger, and events that are sealed in it.
type archive struct {
	ledger       *shortledger.Ledger
	lines        []audit.Line
	certificates map[string]uint64
	batch        uint64
}

// newArchive has two certificates issued, and a batch sealed of seven events: line 3 is carol's, line 4 alice's, line 5 carol's by token.
func newArchive(seed string) *archive {
	l, err := shortledger.New("ledger.example", seed)
	Expect(err).NotTo(HaveOccurred())
	a := &archive{ledger: l, certificates: map[string]uint64{}}
	for i, whom := range []string{"corp:alice", "corp:carol"} {
		a.adds(&ledger.Entry{Kind: ledger.SessionBegun, Whom: whom})
		a.certificates[whom] = a.adds(&ledger.Entry{
			Time: noon.Add(time.Duration(i) * time.Second), Kind: ledger.CertificateIssued, Whom: whom,
			Object: &ledger.Object{Kind: "Session", Name: whom[5:] + "-1"},
			After:  fmt.Appendf(nil, `{"fingerprint":%q,"notBefore":"2026-11-26T11:00:00Z","notAfter":"2026-11-26T13:00:00Z"}`, printOf(whom)),
		})
	}
	var joined []byte
	for i := range 7 {
		e := line(fmt.Sprintf("audit-%d", i), "corp:bob", printOf("corp:bob"))
		switch i {
		case 3:
			e = line("carols", "corp:carol", printOf("corp:carol"))
		case 4:
			e = line("alices", "corp:alice", printOf("corp:alice"))
		case 5:
			e = line("token", "corp:carol", "")
		}
		a.lines, joined = append(a.lines, e), append(append(joined, e.Raw...), '\n')
	}
	a.batch = a.adds(&ledger.Entry{Time: noon, Kind: ledger.AuditBatch, After: fmt.Appendf(nil,
		`{"batch":%d,"server":"one","events":%d,"root":"%x"}`, noon.UnixMicro(), len(a.lines), audit.Root(joined))})
	a.adds(&ledger.Entry{Kind: ledger.SessionEnded})
	return a
}

func (a *archive) adds(e *ledger.Entry) uint64 {
	number, err := a.ledger.Add(e)
	Expect(err).NotTo(HaveOccurred())
	return number
}

// issued is an entry of a certificate of carol's, or of what has the same content.
func (a *archive) issued(kind ledger.Kind, content string) *ledger.Proof {
	return a.proves(a.adds(&ledger.Entry{Kind: kind, Whom: "corp:carol", After: []byte(content)}))
}

func (a *archive) proves(number uint64) *ledger.Proof {
	opened, err := a.ledger.Copy(a.ledger.Key)
	Expect(err).NotTo(HaveOccurred())
	p, err := opened.Prove(context.Background(), number)
	Expect(err).NotTo(HaveOccurred())
	return p
}

// finds is what the audit service answers of a line.
func (a *archive) finds(index int) *wire.Evidence {
	var joined []byte
	for i := range a.lines {
		joined = append(append(joined, a.lines[i].Raw...), '\n')
	}
	included, err := audit.Include(joined, uint64(index))
	Expect(err).NotTo(HaveOccurred())
	e := &a.lines[index].Event
	found := &wire.Evidence{
		Event: a.lines[index].Raw, Batch: wire.Batch{Batch: noon.UnixMicro(), Server: "one", Inclusion: included},
		BatchEntry: a.proves(a.batch), Explanation: wire.ExplainedEvent{Explanation: attribution.Explain(e, attribution.Facts{})},
		Session: json.RawMessage(`{"kind":"Session"}`), Grant: json.RawMessage(`{"kind":"Grant"}`),
	}
	if number, known := a.certificates[e.User.Username]; known && audit.Fingerprint(e) != "" {
		found.CertificateEntry = a.proves(number)
	}
	return found
}

func makes(found *wire.Evidence) evidence.Bundle {
	b, err := evidence.Make(found)
	Expect(err).NotTo(HaveOccurred())
	return b
}

// with is a bundle with another content of a file.
func with(b evidence.Bundle, name string, content []byte) evidence.Bundle {
	other := maps.Clone(b)
	other[name] = content
	return other
}

// repaired is a bundle with another content of a file, and what a forger can do about the manifest.
func repaired(b evidence.Bundle, name string, content []byte) evidence.Bundle {
	digest := func(content []byte) []byte { return fmt.Appendf(nil, "%x", sha256.Sum256(content)) }
	other := with(b, name, content)
	other[evidence.Manifest] = bytes.Replace(b[evidence.Manifest], digest(b[name]), digest(content), 1)
	return other
}

// flipped is some content with one byte changed.
func flipped(content []byte, at int) []byte {
	other := bytes.Clone(content)
	other[at] ^= 1
	return other
}

// fault is what is wrong with a bundle, to whoever has the key.
func fault(b evidence.Bundle, key string) *evidence.Fault {
	GinkgoHelper()
	_, err := evidence.Verify(b, key)
	found, is := errors.AsType[*evidence.Fault](err)
	Expect(is).To(BeTrue(), "%v", err)
	return found
}

// entry is one of the ledger's again.
func (a *archive) entry(number uint64) *ledger.Entry {
	e := &ledger.Entry{}
	Expect(json.Unmarshal(a.proves(number).Entry, e)).To(Succeed())
	return e
}

// theirs is an event by itself, sealed and with the entry of carol's certificate.
func (a *archive) theirs(e audit.Line) *wire.Evidence {
	a.lines = []audit.Line{e}
	a.batch = a.adds(&ledger.Entry{Time: noon, Kind: ledger.AuditBatch, After: fmt.Appendf(nil,
		`{"batch":%d,"server":"one","events":1,"root":"%x"}`, noon.UnixMicro(), audit.Root(append(bytes.Clone(e.Raw), '\n')))})
	found := a.finds(0)
	found.CertificateEntry = a.proves(a.certificates["corp:carol"])
	return found
}
