// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package lines

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestLines(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Lines")
}

// log is one that somebody writes and rotates.
type log struct {
	folder, path string
	file         *os.File
	rotations    int
	complaints   []string
	// limit of a line, if it is another than the default.
	limit int
}

func newLog(folder string) *log {
	l := &log{folder: folder, path: filepath.Join(folder, "audit.log")}
	l.create()
	return l
}

// must is for what fails on no machine that works. It runs in fuzz tests, too.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (l *log) create() {
	var err error
	l.file, err = os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(err)
}

func (l *log) write(text string) {
	_, err := l.file.WriteString(text)
	must(err)
}

// rotated is the name of the next rotated file: it ascends.
func (l *log) rotated() string {
	l.rotations++
	return filepath.Join(l.folder, fmt.Sprintf("audit-2026-07-01T12-%02d-%02d.000.log", l.rotations/60, l.rotations%60))
}

// rotate renames the file and makes a new one, as the API server does.
func (l *log) rotate() string {
	to := l.rotated()
	must(l.file.Close())
	must(os.Rename(l.path, to))
	l.create()
	return to
}

// copyAndTruncate is what others do.
func (l *log) copyAndTruncate() string {
	to := l.rotated()
	text, err := os.ReadFile(l.path)
	must(err)
	must(os.WriteFile(to, text, 0o600))
	must(l.file.Truncate(0))
	return to
}

func (l *log) close() { must(l.file.Close()) }

// complainf keeps what a person would be told.
func (l *log) complainf(format string, args ...any) {
	l.complaints = append(l.complaints, fmt.Sprintf(format, args...))
}

// reader reads from a place on, as one does that was just started.
func (l *log) reader(from *Place, follow bool) *File {
	return NewFile(Options{Path: l.path, From: from, Follow: follow, MaxLine: l.limit, Complain: l.complainf})
}

// all reads what is there; the place is that after the last line.
func all(from Source) (read []string, at *Place, err error) {
	for {
		line, err := from.Next()
		if err != nil {
			return read, at, err
		}
		read, at = append(read, string(line.Text)), &line.After
	}
}

// reads is what is there now.
func reads(from *File) []string {
	GinkgoHelper()
	read, _, err := all(from)
	Expect(err).To(MatchError(ErrNone))
	return read
}

// readsToEnd starts anew at a place, and reads to the end.
func (l *log) readsToEnd(from *Place) ([]string, *Place) {
	GinkgoHelper()
	reader := l.reader(from, false)
	defer func() { Expect(reader.Close()).To(Succeed()) }()
	read, at, err := all(reader)
	Expect(err).To(MatchError(io.EOF))
	if at == nil {
		at = from
	}
	return read, at
}

// numbered are n lines that differ.
func numbered(from, n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf(`{"auditID":"%d"}`, from+i)
	}
	return texts
}

// isEnd says whether an error is the end of what can be read.
func isEnd(err error) bool { return errors.Is(err, ErrNone) || errors.Is(err, io.EOF) }
