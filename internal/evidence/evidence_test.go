// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package evidence_test

import (
	"archive/tar"
	"bytes"
	"maps"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/evidence"
	"github.com/rollcall-iam/rollcall/internal/ledger"
	"github.com/rollcall-iam/rollcall/internal/wire"
)

var _ = Describe("A bundle", func() {
	var (
		a   *archive
		b   evidence.Bundle
		key string
	)
	BeforeEach(func() {
		a = newArchive("one")
		b, key = makes(a.finds(3)), a.ledger.Key
	})

	It("proves what was done, by whom, with which certificate, and when that was known", func() {
		told, err := evidence.Verify(b, key)
		Expect(err).NotTo(HaveOccurred())
		Expect(told).To(HaveValue(And(
			HaveField("Ledger", "ledger.example"), HaveField("Size", BeEquivalentTo(6)), HaveField("Event.AuditID", "carols"),
			HaveField("Username", "corp:carol"), HaveField("Absent", ""),
			HaveField("Batch", And(HaveField("Server", "one"), HaveField("Line", BeEquivalentTo(3)), HaveField("Lines", BeEquivalentTo(7)),
				HaveField("Entry", BeEquivalentTo(4)), HaveField("Received.Time", BeTemporally("==", noon)))),
			HaveField("Certificate", HaveValue(And(HaveField("Whom", "corp:carol"), HaveField("Session", "carol-1"),
				HaveField("Fingerprint", printOf("corp:carol")), HaveField("Entry", BeEquivalentTo(3))))),
			HaveField("Said", Equal([]string{"explanation.json", "grant.json", "session.json"})),
		)))
		Expect(b[evidence.Event]).To(Equal(a.lines[3].Raw))
	})

	It("is made of every line of a batch, and says nothing of the others", func() {
		for i := range a.lines {
			_, err := evidence.Verify(makes(a.finds(i)), key)
			Expect(err).NotTo(HaveOccurred())
		}
		for _, content := range b {
			Expect(string(content)).NotTo(Or(ContainSubstring("corp:alice"), ContainSubstring("corp:bob")))
		}
	})

	It("is the same file whenever it is made, and read as it was written", func() {
		first, err := b.Tar()
		Expect(err).NotTo(HaveOccurred())
		again, err := makes(a.finds(3)).Tar()
		Expect(err).NotTo(HaveOccurred())
		Expect(again).To(Equal(first))
		Expect(evidence.Read(bytes.NewReader(first))).To(Equal(b))
	})

	It("says why nothing is proved of a certificate", func() {
		told, err := evidence.Verify(makes(a.finds(5)), key)
		Expect(err).NotTo(HaveOccurred())
		Expect(told).To(And(HaveField("Certificate", BeNil()), HaveField("Absent", ContainSubstring("another credential"))))
		told, err = evidence.Verify(makes(a.finds(0)), key)
		Expect(err).NotTo(HaveOccurred())
		Expect(told).To(And(HaveField("Certificate", BeNil()), HaveField("Absent", ContainSubstring("found no entry of this"))))
	})

	It("is refused with the name of the file in which any byte was changed", func() {
		for name, content := range b {
			step := 1
			if name == evidence.Readme {
				step = 101
			}
			for at := 0; at < len(content); at += step {
				found := fault(with(b, name, flipped(content, at)), key)
				if name != evidence.Manifest {
					Expect(found.File).To(Equal(name), "byte %d of %s: %v", at, name, found)
				}
				Expect(found.Error()).To(ContainSubstring(name))
				if name == evidence.Manifest {
					Expect(found.File).NotTo(BeElementOf(proved), "nothing is wrong there")
				}
			}
		}
	})

	It("is refused although the manifest was changed along with a byte of what is proved", func() {
		for _, name := range proved {
			for at := range b[name] {
				found := fault(repaired(b, name, flipped(b[name], at)), key)
				Expect(found.File).To(BeElementOf(proved), "byte %d of %s: %v", at, name, found)
			}
		}
		_, err := evidence.Verify(repaired(b, evidence.Session, []byte("{}")), key)
		Expect(err).NotTo(HaveOccurred(), "what is not proved can be changed so, and is said not to be proved")
	})

	It("is refused where a byte of the file was changed, whichever", func() {
		raw, err := b.Tar()
		Expect(err).NotTo(HaveOccurred())
		for at := 0; at < len(raw); at += 7 {
			read, err := evidence.Read(bytes.NewReader(flipped(raw, at)))
			if err == nil {
				_, err = evidence.Verify(read, key)
			}
			Expect(err).To(HaveOccurred(), "byte %d", at)
		}
	})

	It("proves nothing by another key, and no other ledger by this one", func() {
		other := newArchive("two")
		Expect(fault(b, other.ledger.Key)).To(HaveField("File", evidence.BatchProof))
		Expect(fault(makes(other.finds(3)), key)).To(HaveField("File", evidence.BatchProof))
		_, err := evidence.Verify(b, "no key")
		Expect(err).To(MatchError(ContainSubstring("no key of a ledger")))
	})

	DescribeTable("is refused that was put together of parts", func(file string, change func(found *wire.Evidence)) {
		found := a.finds(3)
		change(found)
		made, err := evidence.Make(found)
		Expect(err).NotTo(HaveOccurred())
		Expect(fault(made, key)).To(HaveField("File", file))
	},
		Entry("both entries swapped", evidence.BatchEntry, func(f *wire.Evidence) {
			f.BatchEntry, f.CertificateEntry = f.CertificateEntry, f.BatchEntry
		}),
		Entry("the entries swapped, and not their proofs", evidence.BatchEntry, func(f *wire.Evidence) {
			f.BatchEntry.Entry, f.CertificateEntry.Entry = f.CertificateEntry.Entry, f.BatchEntry.Entry
		}),
		Entry("the proof of another entry", evidence.CertificateEntry, func(f *wire.Evidence) {
			f.CertificateEntry.Number, f.CertificateEntry.Hashes = f.BatchEntry.Number, f.BatchEntry.Hashes
		}),
		Entry("the place of another line", evidence.Event, func(f *wire.Evidence) { f.Batch = a.finds(4).Batch }),
		Entry("another line", evidence.Event, func(f *wire.Evidence) { f.Event = a.lines[4].Raw }),
		Entry("a line that is in none", evidence.Event, func(f *wire.Evidence) {
			f.Event = line("x", "corp:carol", printOf("corp:carol")).Raw
		}),
		Entry("a place outside", evidence.Batch, func(f *wire.Evidence) { f.Batch.Index = 7 }),
		Entry("a hash too many", evidence.Batch, func(f *wire.Evidence) { f.Batch.Hashes = append(f.Batch.Hashes, f.Batch.Hashes[0]) }),
		Entry("another server", evidence.BatchEntry, func(f *wire.Evidence) { f.Batch.Server = "two" }),
		Entry("another time", evidence.BatchEntry, func(f *wire.Evidence) { f.Batch.Batch++ }),
		Entry("another size", evidence.BatchEntry, func(f *wire.Evidence) { f.Batch.Size++ }),
		Entry("somebody else's certificate", evidence.CertificateEntry, func(f *wire.Evidence) {
			f.CertificateEntry = a.proves(a.certificates["corp:alice"])
		}),
		Entry("a certificate, where there was none", evidence.CertificateEntry, func(f *wire.Evidence) {
			entry := f.CertificateEntry
			*f = *a.finds(5)
			f.CertificateEntry = entry
		}),
		Entry("a certificate of this print, and of another's name", evidence.CertificateEntry, func(f *wire.Evidence) {
			*f = *a.theirs(line("x", "corp:mallory", printOf("corp:carol")))
		}),
		Entry("another certificate of hers", evidence.CertificateEntry, func(f *wire.Evidence) {
			f.CertificateEntry = a.issued(ledger.CertificateIssued, `{"fingerprint":"x"}`)
			f.BatchEntry = a.proves(a.batch)
		}),
		Entry("what is no certificate, where there was none", evidence.CertificateEntry, func(f *wire.Evidence) {
			entry := a.issued(ledger.CertificateIssued, `{}`)
			*f = *a.finds(5)
			f.CertificateEntry = entry
		}),
		Entry("an entry that says the same of something else", evidence.CertificateEntry, func(f *wire.Evidence) {
			f.CertificateEntry = a.issued(ledger.SessionBegun, string(a.entry(f.CertificateEntry.Number).After))
			f.BatchEntry = a.proves(a.batch)
		}),
		Entry("another checkpoint for the certificate", evidence.CertificateProof, func(f *wire.Evidence) {
			a.batch = a.adds(a.entry(a.batch))
			f.CertificateEntry = a.proves(f.CertificateEntry.Number)
		}),
		Entry("an explanation of another event", evidence.Explanation, func(f *wire.Evidence) { f.Explanation = a.finds(4).Explanation }),
		Entry("an explanation of the same at another request", evidence.Explanation, func(f *wire.Evidence) {
			f.Explanation.Event.AuditID = "x"
		}),
		Entry("an explanation of somebody else", evidence.Explanation, func(f *wire.Evidence) { f.Explanation.Actor.Username = "corp:bob" }),
		Entry("an explanation of something else", evidence.Explanation, func(f *wire.Evidence) { f.Explanation.Event.Action.Verb = "get" }),
		Entry("an explanation with another outcome", evidence.Explanation, func(f *wire.Evidence) { f.Explanation.Event.Code = 403 }),
		Entry("an explanation with another certificate", evidence.Explanation, func(f *wire.Evidence) {
			f.Explanation.Certificate.Fingerprint = printOf("x")
		}),
	)

	It("is refused that lacks a file, or has one that belongs in none", func() {
		for _, name := range []string{
			evidence.Event, evidence.Batch, evidence.BatchEntry, evidence.BatchProof, evidence.CertificateEntry, evidence.CertificateProof,
			evidence.Explanation, evidence.Manifest, evidence.Readme,
		} {
			short := with(b, name, nil)
			delete(short, name)
			Expect(fault(short, key)).To(HaveField("File", name))
		}
		Expect(fault(with(b, "other.json", []byte("{}")), key)).To(HaveField("Why", ContainSubstring(`"other.json"`)))
		short := with(b, evidence.Session, nil)
		delete(short, evidence.Session)
		Expect(fault(short, key)).To(HaveField("File", evidence.Manifest))
	})

	DescribeTable("is no bundle", func(why string, write func(w *tar.Writer)) {
		var text bytes.Buffer
		w := tar.NewWriter(&text)
		write(w)
		Expect(w.Close()).To(Succeed())
		_, err := evidence.Read(&text)
		Expect(err).To(MatchError(ContainSubstring(why)))
	},
		Entry("with a file that is not known", `"../event.json"`, entry(tar.Header{Name: "../event.json", Typeflag: tar.TypeReg}, "")),
		Entry("with a link", `"event.json"`, entry(tar.Header{Name: evidence.Event, Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, "")),
		Entry("with a folder", `"event.json`, entry(tar.Header{Name: "event.json/", Typeflag: tar.TypeDir}, "")),
		Entry("with one file twice", "event.json: is in it twice", func(w *tar.Writer) {
			for range 2 {
				entry(tar.Header{Name: evidence.Event, Typeflag: tar.TypeReg}, "{}")(w)
			}
		}),
		Entry("with another time", "something in it beside", entry(tar.Header{
			Name: evidence.Event, Typeflag: tar.TypeReg, Mode: 0o600, ModTime: noon,
		}, "{}")),
		Entry("with more rights", "something in it beside", entry(tar.Header{
			Name: evidence.Event, Typeflag: tar.TypeReg, Mode: 0o644, ModTime: time.Unix(0, 0),
		}, "{}")),
		Entry("with attributes", "something in it beside", entry(tar.Header{
			Name: evidence.Event, Typeflag: tar.TypeReg, Mode: 0o600, ModTime: time.Unix(0, 0), PAXRecords: map[string]string{"A.b": "c"},
		}, "{}")),
	)

	It("is no bundle that goes on behind its end, or is too large", func() {
		raw, err := b.Tar()
		Expect(err).NotTo(HaveOccurred())
		_, err = evidence.Read(bytes.NewReader(append(raw, 0)))
		Expect(err).To(MatchError(ContainSubstring("something in it beside")))
		_, err = evidence.Read(bytes.NewReader(make([]byte, evidence.MaxSize+1)))
		Expect(err).To(MatchError(ContainSubstring("larger than")))
	})

	It("is no bundle that is larger inside than outside", func() {
		var text bytes.Buffer
		w := tar.NewWriter(&text)
		entry(tar.Header{Name: evidence.Event, Typeflag: tar.TypeReg, PAXRecords: map[string]string{
			"GNU-sparse.size": "1000000000000", "GNU-sparse.numblocks": "1", "GNU-sparse.map": "1000,0",
		}}, "")(w)
		Expect(w.Close()).To(Succeed())
		_, err := evidence.Read(bytes.NewReader(bytes.ReplaceAll(text.Bytes(), []byte("GNU-"), []byte("GNU."))))
		Expect(err).To(MatchError(ContainSubstring("larger than the tar")))
	})

	It("is for its owner alone, in order, and of no time", func() {
		raw, err := b.Tar()
		Expect(err).NotTo(HaveOccurred())
		reader, names := tar.NewReader(bytes.NewReader(raw)), []string{}
		for header, err := reader.Next(); err == nil; header, err = reader.Next() {
			Expect(header).To(And(HaveField("Mode", BeEquivalentTo(0o600)), HaveField("ModTime", Equal(time.Unix(0, 0))), HaveField("Uid", 0)))
			names = append(names, header.Name)
		}
		Expect(names).To(Equal(slices.Sorted(maps.Keys(b))))
	})

	It("has its proofs in one spelling", func() {
		for _, name := range []string{evidence.BatchProof, evidence.CertificateProof} {
			other := bytes.Replace(b[name], []byte("\nindex "), []byte("\nindex 0"), 1)
			Expect(fault(repaired(b, name, other), key)).To(HaveField("File", name))
		}
	})

	It("says of a batch's other spelling that it is one", func() {
		Expect(fault(repaired(b, evidence.Batch, append([]byte(" "), b[evidence.Batch]...)), key)).To(HaveField("File", evidence.Batch))
	})
})

// entry writes a file.
func entry(header tar.Header, content string) func(*tar.Writer) {
	return func(w *tar.Writer) {
		header.Size = int64(len(content))
		Expect(w.WriteHeader(&header)).To(Succeed())
		_, err := w.Write([]byte(content))
		Expect(err).NotTo(HaveOccurred())
	}
}

// What is read is what would be written, and verifying it ends well or with an error.
func FuzzRead(f *testing.F) {
	RegisterTestingT(f)
	a := newArchive("one")
	for _, b := range []evidence.Bundle{ // Short ones: most of what can go wrong is in the headers.
		{}, {evidence.Event: []byte("{}")}, {evidence.Event: bytes.Repeat([]byte("x"), 513), evidence.Manifest: nil},
	} {
		raw, err := b.Tar()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := evidence.Read(bytes.NewReader(raw))
		if err != nil {
			return
		}
		again, err := b.Tar()
		if err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("a bundle was read that is written otherwise: %v", err)
		}
		_, _ = evidence.Verify(b, a.ledger.Key)
	})
}

// Whatever is in its files, verifying a bundle ends well or with an error.
func FuzzVerify(f *testing.F) {
	RegisterTestingT(f)
	a := newArchive("one")
	b := makes(a.finds(3))
	names := []string{
		evidence.Event, evidence.Batch, evidence.BatchEntry, evidence.BatchProof, evidence.CertificateEntry, evidence.CertificateProof,
		evidence.Explanation, evidence.Manifest,
	}
	for i, name := range names {
		f.Add(i, b[name])
	}
	f.Fuzz(func(t *testing.T, which int, content []byte) {
		name := names[uint(which)%uint(len(names))]
		_, err := evidence.Verify(with(b, name, content), a.ledger.Key)
		if (err == nil) != bytes.Equal(content, b[name]) {
			t.Fatalf("%s: %q: %v", name, content, err)
		}
	})
}
