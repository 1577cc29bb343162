// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package questions_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/audit"
	"github.com/rollcall-iam/rollcall/internal/audit/following"
	"github.com/rollcall-iam/rollcall/internal/audit/store"
	"github.com/rollcall-iam/rollcall/internal/evidence"
	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/internal/wire"
	"github.com/rollcall-iam/rollcall/test/shortledger"
)

const fingerprint = "2ecb2687b96fe08b2a7b7ae5f9519024e477b58c272b893f9f7b3d76edb065e1"

func short(name string) *shortledger.Ledger {
	GinkgoHelper()
	l, err := shortledger.New(name, "seed")
	Expect(err).NotTo(HaveOccurred())
	return l
}

// certified is an event of somebody who came with a certificate.
func certified(auditID, username string) audit.Line {
	GinkgoHelper()
	plain := event(auditID, username, 0)
	line, err := audit.ReadLine([]byte(strings.Replace(string(plain.Raw), fmt.Sprintf(`"username":%q`, username), fmt.Sprintf(
		`"username":%q,"extra":{"authentication.kubernetes.io/credential-id":["X509SHA256=%s"]}`, username, fingerprint), 1)))
	Expect(err).NotTo(HaveOccurred())
	return line
}

// issues enters a certificate into the ledger.
func (d *desk) issues(whom, fingerprint string) uint64 {
	GinkgoHelper()
	number, err := d.ledger.Add(&ledger.Entry{Kind: ledger.CertificateIssued, Whom: whom, After: fmt.Appendf(nil,
		`{"fingerprint":%q,"notBefore":"2026-11-26T11:00:00Z","notAfter":"2026-11-26T13:00:00Z"}`, fingerprint)})
	Expect(err).NotTo(HaveOccurred())
	return number
}

// sealing is the entry of a batch.
func sealing(b *store.Batch) *ledger.Entry {
	return &ledger.Entry{Kind: ledger.AuditBatch, After: fmt.Appendf(nil, `{"batch":%d,"server":%q,"events":%d,"root":%q}`,
		b.ID, b.Server, b.Events, hex.EncodeToString(b.Digest))}
}

// seals enters what is stored into the ledger.
func (d *desk) seals(ctx context.Context) {
	GinkgoHelper()
	batches, err := d.store.Unsealed(ctx, 10)
	Expect(err).NotTo(HaveOccurred())
	numbers := make([]uint64, len(batches))
	for i := range batches {
		numbers[i], err = d.ledger.Add(sealing(&batches[i]))
		Expect(err).NotTo(HaveOccurred())
	}
	Expect(d.store.Seal(ctx, batches, numbers)).To(Succeed())
}

func (d *desk) follows(ctx context.Context) {
	GinkgoHelper()
	f := following.Follower{
		Store:  func() (*store.Store, error) { return d.store, nil },
		Ledger: func() (*ledger.Copy, error) { return d.ledger.Copy(d.ledger.Key) },
	}
	Expect(f.Follow(ctx)).To(BeFalse())
}

var _ = Describe("Evidence", func() {
	var d *desk
	BeforeEach(func(ctx SpecContext) {
		d = newDesk(ctx, short("ledger.example"))
		d.issues("corp:bob", "another")
		d.issues("corp:alice", fingerprint)
		d.keeps(ctx, event("b", "corp:bob", 0), certified("a", "corp:alice"), event("twice", "corp:bob", 0),
			event("twice", "corp:eve", time.Second))
	})
	refused := func(ctx context.Context, code int, why string, parameters ...string) {
		GinkgoHelper()
		response := d.gets(ctx, wire.PathEvidence, parameters...)
		Expect(response.Code).To(Equal(code), response.Body.String())
		Expect(response.Body.String()).To(ContainSubstring(why))
	}
	proves := func(ctx context.Context, parameters ...string) *evidence.Proved {
		GinkgoHelper()
		response := d.gets(ctx, wire.PathEvidence, parameters...)
		Expect(response.Code).To(Equal(http.StatusOK), response.Body.String())
		found := &wire.Evidence{}
		Expect(json.Unmarshal(response.Body.Bytes(), found)).To(Succeed())
		b, err := evidence.Make(found)
		Expect(err).NotTo(HaveOccurred())
		told, err := evidence.Verify(b, d.ledger.Key)
		Expect(err).NotTo(HaveOccurred())
		return told
	}

	It("is there once the event is sealed, and the ledger read up to there", func(ctx SpecContext) {
		refused(ctx, http.StatusServiceUnavailable, "no entry of this event yet: ask again in some seconds", "auditID", "a")
		d.seals(ctx)
		refused(ctx, http.StatusServiceUnavailable, "0 entries were looked through for the certificate so far, and 2 have to", "auditID", "a")
		d.follows(ctx)
		Expect(proves(ctx, "auditID", "a")).To(And(HaveField("Username", "corp:alice"), HaveField("Batch.Line", BeEquivalentTo(1)),
			HaveField("Batch.Lines", BeEquivalentTo(4)), HaveField("Certificate.Entry", BeEquivalentTo(1))))
		Expect(proves(ctx, "auditID", "b")).To(And(HaveField("Username", "corp:bob"), HaveField("Certificate", BeNil())))
	})

	It("is there without an entry of a certificate that the operator did not issue", func(ctx SpecContext) {
		d = newDesk(ctx, short("ledger.example"))
		d.issues("corp:bob", "another")
		d.keeps(ctx, certified("a", "corp:alice"))
		d.seals(ctx)
		d.follows(ctx)
		Expect(proves(ctx, "auditID", "a")).To(And(HaveField("Certificate", BeNil()), HaveField("Absent", ContainSubstring("found no entry"))))
	})

	It("is of one event, which has to be named where several have its audit id", func(ctx SpecContext) {
		d.seals(ctx)
		refused(ctx, http.StatusConflict, `2 events have this audit id, which clients may choose: say which one by its index; 1: `+
			`ResponseComplete at 2026-11-26T12:00:00Z, "list" of "/api/v1/pods" by "corp:bob"; 2: `, "auditID", "twice")
		Expect(proves(ctx, "auditID", "twice", "index", "1").Username).To(Equal("corp:bob"))
		Expect(proves(ctx, "auditID", "twice", "index", "2").Username).To(Equal("corp:eve"))
		for _, index := range []string{"0", "3", "-1", "x"} {
			refused(ctx, http.StatusBadRequest, "index must be 1 to 2", "auditID", "twice", "index", index)
		}
		refused(ctx, http.StatusNotFound, "no event with this audit id is kept", "auditID", "other")
	})

	It("is not there without a ledger, or while it is closed", func(ctx SpecContext) {
		d.locked = fmt.Errorf("the ledger is not open here")
		refused(ctx, http.StatusServiceUnavailable, "the ledger is not open here", "auditID", "b")
		d = newDesk(ctx)
		d.keeps(ctx, event("b", "corp:bob", 0))
		refused(ctx, http.StatusNotImplemented, "--ledger-dir", "auditID", "b")
	})

	It("is not made of what was stored otherwise than it was entered", func(ctx SpecContext) {
		batches, err := d.store.Unsealed(ctx, 1)
		Expect(err).NotTo(HaveOccurred())
		batches[0].Digest[0] ^= 1
		number, err := d.ledger.Add(sealing(&batches[0]))
		Expect(err).NotTo(HaveOccurred())
		Expect(d.store.Seal(ctx, batches, []uint64{number})).To(Succeed())
		refused(ctx, http.StatusConflict, "or somebody changed the audit store", "auditID", "b")
	})

	It("is not made of another ledger's entries", func(ctx SpecContext) {
		d.seals(ctx)
		d.ledger = short("ledger.example")
		refused(ctx, http.StatusServiceUnavailable, "no checkpoint with entry 2 yet", "auditID", "b")
		for i := range 3 {
			d.issues("corp:bob", fmt.Sprint(i))
		}
		refused(ctx, http.StatusConflict, "entry 2 of the ledger is not about what this event was stored with", "auditID", "b")
	})
})

var _ = Describe("A ledger is followed", func() {
	It("from where it was, the first entry of a certificate counts, and what is not understood is passed over", func(ctx SpecContext) {
		d := newDesk(ctx, short("ledger.example"))
		d.follows(ctx)
		d.issues("corp:alice", "one")
		_, err := d.ledger.Add(&ledger.Entry{Kind: ledger.CertificateIssued}, &ledger.Entry{Kind: ledger.SessionBegun},
			&ledger.Entry{Kind: ledger.CertificateIssued, After: []byte(`[]`)}, &ledger.Entry{
				Kind:  ledger.AuditBatch,
				After: []byte(`{"fingerprint":"two","notAfter":"2026-11-26T13:00:00Z"}`),
			})
		Expect(err).NotTo(HaveOccurred())
		d.follows(ctx)
		Expect(d.store.Followed(ctx, "ledger.example")).To(BeEquivalentTo(5))
		d.issues("corp:alice", "one")
		d.issues("corp:alice", "two")
		d.follows(ctx)
		Expect(d.store.Followed(ctx, "ledger.example")).To(BeEquivalentTo(7))
		for name, want := range map[string]uint64{"one": 0, "two": 6} {
			number, known, err := d.store.Issuance(ctx, "ledger.example", name)
			Expect(err).NotTo(HaveOccurred())
			Expect(known).To(BeTrue())
			Expect(number).To(Equal(want))
		}
	})
})
