// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package lines

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// compress replaces a file, as rotation does after a while.
func compress(path string, when time.Time) {
	GinkgoHelper()
	text, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred())
	to, err := os.Create(path + ".gz")
	Expect(err).NotTo(HaveOccurred())
	packed := gzip.NewWriter(to)
	_, err = packed.Write(text)
	Expect(err).NotTo(HaveOccurred())
	Expect(packed.Close()).To(Succeed())
	Expect(to.Close()).To(Succeed())
	Expect(os.Chtimes(path+".gz", when, when)).To(Succeed())
	Expect(os.Remove(path)).To(Succeed())
}

// later is after everything that a spec writes.
func later() time.Time { return time.Now().Add(time.Hour) }

var _ = Describe("A file that is followed", func() {
	var l *log
	var reader *File
	BeforeEach(func() {
		l = newLog(GinkgoT().TempDir())
		reader = l.reader(nil, true)
		DeferCleanup(func() { l.close(); Expect(reader.Close()).To(Succeed()) })
	})
	// quiet is what is told where nothing is missing.
	AfterEach(func() {
		if !strings.Contains(CurrentSpecReport().FullText(), "says") {
			Expect(l.complaints).To(BeEmpty())
		}
	})

	It("hands over lines as they come, and says where they are", func() {
		Expect(reads(reader)).To(BeEmpty())
		l.write("one\ntwo\n")
		Expect(reads(reader)).To(Equal([]string{"one", "two"}))
		Expect(reads(reader)).To(BeEmpty())
		l.write("\nthree\n")
		_, err := reader.Next()
		Expect(err).NotTo(HaveOccurred())
		line, err := reader.Next()
		Expect(err).NotTo(HaveOccurred())
		Expect(line.Where()).To(Equal(l.path + " at byte 9"))
		Expect(line.After.Offset).To(BeEquivalentTo(15))
	})

	It("waits for the end of a line that is half written", func() {
		l.write("one\ntw")
		Expect(reads(reader)).To(Equal([]string{"one"}))
		l.write("o")
		Expect(reads(reader)).To(BeEmpty())
		l.write("\n")
		Expect(reads(reader)).To(Equal([]string{"two"}))
	})

	It("is waited for where it does not exist, and says so once", func() {
		must(os.Remove(l.path))
		Expect(reads(reader)).To(BeEmpty())
		Expect(reads(reader)).To(BeEmpty())
		Expect(l.complaints).To(Equal([]string{l.path + " does not exist: waiting for it"}))
		l.close()
		l.create()
		l.write("one\n")
		Expect(reads(reader)).To(Equal([]string{"one"}))
	})

	It("is read to its end after it was renamed, before the next one is", func() {
		l.write("one\n")
		Expect(reads(reader)).To(Equal([]string{"one"}))
		l.write("two\nthr")
		old := l.file
		to := l.rotated()
		must(os.Rename(l.path, to))
		Expect(reads(reader)).To(Equal([]string{"two"}), "there is no file of that name")
		l.create()
		_, err := old.WriteString("ee\n")
		must(err)
		Expect(reads(reader)).To(Equal([]string{"three"}), "whoever writes it has not closed it yet")
		_, err = old.WriteString("four\n")
		must(err)
		must(old.Close())
		l.write("five\n")
		Expect(reads(reader)).To(Equal([]string{"four", "five"}))
	})

	It("is read to its end where it is written and renamed just after it had nothing new", func() {
		l.write("one\n")
		Expect(reads(reader)).To(Equal([]string{"one"}))
		got, err := reader.fill()
		Expect(err).NotTo(HaveOccurred())
		Expect(got).To(BeFalse())
		l.write("two\n")
		l.rotate()
		l.write("three\n")
		_, err = reader.advance()
		Expect(err).NotTo(HaveOccurred())
		Expect(reads(reader)).To(Equal([]string{"two", "three"}))
	})

	It("hands over the last line of a renamed file that has no end", func() {
		l.write("one\ntw")
		Expect(reads(reader)).To(Equal([]string{"one"}))
		l.rotate()
		l.write("three\n")
		Expect(reads(reader)).To(Equal([]string{"tw", "three"}))
	})

	It("is followed over several rotations between two looks", func() {
		l.write("1\n")
		Expect(reads(reader)).To(Equal([]string{"1"}))
		for _, line := range []string{"2\n", "3\n", "4\n"} {
			l.write(line)
			l.rotate()
		}
		l.write("5\n")
		Expect(reads(reader)).To(Equal([]string{"2", "3", "4", "5"}))
	})

	It("is read where it was renamed and deleted while it is open", func() {
		l.write("one\n")
		Expect(reads(reader)).To(Equal([]string{"one"}))
		l.write("two\n")
		must(os.Remove(l.rotate()))
		l.write("three\n")
		Expect(reads(reader)).To(Equal([]string{"two", "three"}))
	})

	It("is read from its beginning after it was copied and truncated, and the copy's rest before it", func() {
		l.write("one\n")
		Expect(reads(reader)).To(Equal([]string{"one"}))
		l.write("two\n")
		l.copyAndTruncate()
		l.write("3\n")
		Expect(reads(reader)).To(Equal([]string{"two", "3"}))
	})

	It("is known to be another where it was truncated, and has grown larger than it was", func() {
		l.write("one\n")
		Expect(reads(reader)).To(Equal([]string{"one"}))
		l.write("two\n")
		l.copyAndTruncate()
		l.write("three\nfour\nfive\n")
		Expect(reads(reader)).To(Equal([]string{"two", "three", "four", "five"}))
	})

	It("says that lines may be missing where it was truncated without a copy", func() {
		l.write("one\ntwo\n")
		Expect(reads(reader)).To(Equal([]string{"one", "two"}))
		must(l.file.Truncate(0))
		l.write("3\n")
		Expect(reads(reader)).To(Equal([]string{"3"}))
		Expect(l.complaints).To(ConsistOf(And(ContainSubstring(l.path+" was truncated after byte 8"), ContainSubstring("may be missing"))))
	})

	It("is not said to be missing when it is compressed after it was read", func() {
		l.write("one\n")
		Expect(reads(reader)).To(Equal([]string{"one"}))
		compress(l.rotate(), later())
		l.write("two\n")
		Expect(reads(reader)).To(Equal([]string{"two"}))
		l.rotate()
		l.write("three\n")
		Expect(reads(reader)).To(Equal([]string{"three"}), "it is known later, too")
	})

	It("says which file was compressed before it was read", func() {
		l.write("one\n")
		Expect(reads(reader)).To(Equal([]string{"one"}))
		l.rotate()
		l.write("two\n")
		missed := l.rotate()
		compress(missed, later())
		l.write("three\n")
		Expect(reads(reader)).To(Equal([]string{"three"}))
		l.rotate()
		l.write("four\n")
		Expect(reads(reader)).To(Equal([]string{"four"}))
		Expect(l.complaints).To(ConsistOf(ContainSubstring(missed + ".gz was compressed before it was read")))
	})

	It("keeps to its memory with a line that is too long, hands over that it was there, and goes on", func() {
		l.limit = 1 << 20
		reader = l.reader(nil, true)
		l.write("one\n" + strings.Repeat("x", 1<<20) + "\n")
		read, _, _ := all(reader)
		Expect(read).To(HaveLen(2))
		Expect(read[1]).To(HaveLen(1 << 20))
		for range 40 {
			l.write(strings.Repeat("y", 1<<20))
			Expect(reads(reader)).To(BeEmpty())
			Expect(cap(reader.split.buffer)).To(BeNumerically("<=", 4<<20))
		}
		l.write("\ntwo\n")
		line, err := reader.Next()
		Expect(err).NotTo(HaveOccurred())
		Expect(line).To(And(HaveField("TooLong", true), HaveField("Text", BeEmpty()), HaveField("Offset", int64(5+1<<20))))
		Expect(reads(reader)).To(Equal([]string{"two"}))
	})

	It("is read by one who is slower than whoever writes, in order, over rotations", func() {
		const lines, each = 20000, 500
		written := numbered(0, lines)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i, line := range written {
				l.write(line + "\n")
				if i%each == each-1 {
					l.rotate()
				}
			}
		}()
		var read []string
		Eventually(func() []string {
			more, _, err := all(reader)
			Expect(err).To(MatchError(ErrNone))
			read = append(read, more...)
			return read
		}).WithTimeout(20 * time.Second).Should(HaveLen(lines))
		<-done
		Expect(read).To(Equal(written))
	})

	It("tells how far behind it is", func() {
		l.write("one\ntwo\n")
		l.rotate()
		l.write("three\n")
		Expect(reader.Lag()).To(BeEquivalentTo(14))
		_, err := reader.Next()
		Expect(err).NotTo(HaveOccurred())
		Expect(reader.Lag()).To(BeEquivalentTo(10))
		reads(reader)
		Expect(reader.Lag()).To(BeZero())
	})
})

var _ = Describe("Reading on after a restart", func() {
	var l *log
	var at *Place
	BeforeEach(func() {
		l = newLog(GinkgoT().TempDir())
		DeferCleanup(l.close)
		l.write("one\ntwo\n")
		var read []string
		read, at = l.readsToEnd(nil)
		Expect(read).To(Equal([]string{"one", "two"}))
	})

	// goesOn expects lines, and nothing to be told.
	goesOn := func(lines ...string) {
		GinkgoHelper()
		read, _ := l.readsToEnd(at)
		Expect(read).To(Equal(lines))
		Expect(l.complaints).To(BeEmpty())
	}

	It("goes on in the same file", func() {
		l.write("three\n")
		goesOn("three")
	})

	It("has nothing to read where nothing was written", func() { goesOn() })

	It("goes on in the file that was renamed, in those after it in their order, and in the one that is written", func() {
		l.write("three\n")
		l.rotate()
		l.write("four\n")
		l.rotate()
		l.write("five\n")
		goesOn("three", "four", "five")
	})

	It("goes on where the file was renamed as others do it", func() {
		l.write("three\n")
		must(l.file.Close())
		must(os.Rename(l.path, l.path+".2"))
		must(os.WriteFile(l.path+".1", []byte("four\n"), 0o600))
		same := time.Now()
		must(os.Chtimes(l.path+".1", same, same))
		must(os.Chtimes(l.path+".2", same, same))
		l.create()
		goesOn("three", "four")
	})

	It("goes on in the copy, where the file was truncated and is larger by now", func() {
		l.write("three\n")
		l.copyAndTruncate()
		l.write("four\nfive\nsix\nseven\n")
		goesOn("three", "four", "five", "six", "seven")
	})

	It("goes on with a beginning that is longer than what tells files apart", func() {
		long := strings.Repeat("x", 3*headSize)
		l.write(long + "\n")
		_, at = l.readsToEnd(at)
		l.write("three\n")
		l.rotate()
		l.write("four\n")
		goesOn("three", "four")
	})

	It("goes on in the same file, and not in a copy that somebody made of it", func() {
		must(os.WriteFile(l.rotated(), []byte("one\ntwo\nthr"), 0o600))
		l.write("three\n")
		goesOn("three")
	})

	It("goes on by when files were written, whatever they are called", func() {
		l.rotate()
		for i, line := range []string{"three\n", "four\n"} {
			name, when := fmt.Sprintf("%s-2026070%d", l.path, 9-i), time.Now().Add(time.Duration(i)*time.Second)
			must(os.WriteFile(name, []byte(line), 0o600))
			must(os.Chtimes(name, when, when))
		}
		goesOn("three", "four")
	})

	It("leaves a half written line for the next time, and says so", func() {
		l.write("three\nfo")
		read, next := l.readsToEnd(at)
		Expect(read).To(Equal([]string{"three"}))
		Expect(l.complaints).To(ConsistOf(ContainSubstring(l.path + " has a last line at byte 14 without an end")))
		l.complaints = nil
		l.write("ur\n")
		at = next
		goesOn("four")
	})

	It("says that lines may be missing where the file is gone, and begins with the oldest", func() {
		l.write("three\n")
		must(os.Remove(l.rotate()))
		l.write("four\n")
		oldest := l.rotate()
		l.write("five\n")
		read, _ := l.readsToEnd(at)
		Expect(read).To(Equal([]string{"four", "five"}))
		Expect(l.complaints).To(ConsistOf(And(ContainSubstring("to byte 8"), ContainSubstring(oldest), ContainSubstring("may be missing"))))
	})

	It("takes no other file that got the same inode for that one", func() {
		l.write("three\n")
		must(l.file.Truncate(0))
		l.write("other\nlines\nhere\n")
		read, _ := l.readsToEnd(at)
		Expect(read).To(Equal([]string{"other", "lines", "here"}))
		Expect(l.complaints).To(ConsistOf(ContainSubstring("may be missing")))
	})

	It("says what was compressed in between", func() {
		missed := l.rotate()
		l.write("three\n")
		compress(missed, later())
		read, _ := l.readsToEnd(at)
		Expect(read).To(Equal([]string{"three"}))
		Expect(l.complaints).To(ConsistOf(ContainSubstring(missed+".gz was compressed"), ContainSubstring("is not among those of "+l.path)))
	})

	It("says nothing of what was compressed before that", func() {
		old := l.rotated()
		must(os.WriteFile(old, []byte("zero\n"), 0o600))
		compress(old, time.Now().Add(-time.Hour))
		l.write("three\n")
		goesOn("three")
	})
})

var _ = Describe("A log that is read for the first time", func() {
	It("begins with the oldest file, and says which ones are compressed", func() {
		l := newLog(GinkgoT().TempDir())
		DeferCleanup(l.close)
		l.write("zero\n")
		packed := l.rotate()
		compress(packed, time.Now())
		l.write("one\n")
		l.rotate()
		l.write("two\n")
		read, _ := l.readsToEnd(nil)
		Expect(read).To(Equal([]string{"one", "two"}))
		Expect(l.complaints).To(ConsistOf(And(HavePrefix("1 rotated files"), ContainSubstring(packed+".gz"))))
	})

	It("is an error where there is none, or no file", func() {
		folder := GinkgoT().TempDir()
		_, err := NewFile(Options{Path: folder + "/audit.log"}).Next()
		Expect(err).To(MatchError(os.ErrNotExist))
		_, err = NewFile(Options{Path: folder + "/gone/audit.log"}).Next()
		Expect(err).To(MatchError(os.ErrNotExist))
		must(os.Mkdir(folder+"/audit.log", 0o700))
		_, err = NewFile(Options{Path: folder + "/audit.log"}).Next()
		Expect(err).To(MatchError(ContainSubstring("is no regular file")))
	})

	It("is no error where the file is empty", func() {
		l := newLog(GinkgoT().TempDir())
		DeferCleanup(l.close)
		_, err := l.reader(nil, false).Next()
		Expect(err).To(MatchError(io.EOF))
	})
})

var _ = Describe("A folder in which files are renamed", func() {
	// seen are what somebody sees, one look after the other, by the names of files in it.
	seen := func(looks ...string) func(string) (*family, error) {
		folder := GinkgoT().TempDir()
		return func(string) (*family, error) {
			there := &family{}
			for name := range strings.FieldsSeq(looks[0]) {
				path := folder + "/" + name
				must(os.WriteFile(path, nil, 0o600))
				info, err := os.Stat(path)
				must(err)
				there.plain = append(there.plain, sibling{path, info})
			}
			if len(looks) > 1 {
				looks = looks[1:]
			}
			return there, nil
		}
	}

	It("is looked at until it stands still", func() {
		there, err := steady("a", seen("1 2", "2", "1 2 3"))
		Expect(err).NotTo(HaveOccurred())
		Expect(there.plain).To(HaveLen(3))
	})

	It("is an error where it never does", func() {
		_, err := steady("a", seen(append(slices.Repeat([]string{"1", "2"}, looks), "1")...))
		Expect(err).To(MatchError(ContainSubstring("the files of a are renamed all the time")))
	})

	It("is an error where it cannot be looked at", func() {
		broken := errors.New("the disk is gone")
		_, err := steady("a", func(string) (*family, error) { return nil, broken })
		Expect(err).To(MatchError(broken))
	})
})

var _ = DescribeTable("A name in the folder", func(base, name string, isRotated, isCompressed bool) {
	rotated, compressed := kin(base, name)
	Expect(rotated).To(Equal(isRotated))
	Expect(compressed).To(Equal(isCompressed))
},
	Entry("of the file itself", "audit.log", "audit.log", false, false),
	Entry("of the API server's rotation", "audit.log", "audit-2026-07-01T12-00-00.000.log", true, false),
	Entry("of that, compressed", "audit.log", "audit-2026-07-01T12-00-00.000.log.gz", true, true),
	Entry("numbered", "audit.log", "audit.log.1", true, false),
	Entry("numbered and compressed", "audit.log", "audit.log.12.zst", true, true),
	Entry("dated", "audit.log", "audit.log-20260701", true, false),
	Entry("of another log", "audit.log", "audit-policy.log", false, false),
	Entry("of another log's rotation", "audit.log", "audit-policy-2026-07-01T12-00-00.000.log", false, false),
	Entry("of something else", "audit.log", "audit.log.swp", false, false),
	Entry("that is compressed, and none of these", "audit.log", "audit.log.gz", false, false),
	Entry("of a position beside it", "audit.log", "audit.log.position", false, false),
	Entry("without an ending", "audit", "audit-2026", true, false),
)
