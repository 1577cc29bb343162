// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// Stdout is what --ocsf says for stdout.
const Stdout = "-"

// Output is stdout, or a file.
func Output(path string) io.Writer {
	if path == Stdout {
		return &Stream{To: os.Stdout}
	}
	return &File{Path: path}
}

// Stream is something that lines cannot be taken back from: one that was cut off is ended, so that the next one is whole.
type Stream struct {
	To  io.Writer
	cut bool
}

func (s *Stream) Write(lines []byte) (int, error) {
	if s.cut {
		if _, err := s.To.Write([]byte("\n")); err != nil {
			return 0, err
		}
		s.cut = false
	}
	n, err := s.To.Write(lines)
	s.cut = n > 0 && lines[n-1] != '\n'
	return n, err
}

// File is one that lines are appended to. Where it was moved or removed, another is made: no signal is needed.
type File struct {
	Path string
	file *os.File
}

// Write appends lines. Of one that there is no room for nothing stays.
func (f *File) Write(lines []byte) (int, error) {
	if err := f.open(); err != nil {
		return 0, fmt.Errorf("open the file of events for the SIEM: %w", err)
	}
	at, err := f.file.Stat()
	if err != nil {
		return 0, err
	}
	n, err := f.file.Write(lines)
	if err == nil {
		return n, nil
	}
	if at.Mode().IsRegular() {
		n = bytes.LastIndexByte(lines[:n], '\n') + 1
		err = errors.Join(err, f.file.Truncate(at.Size()+int64(n)))
	}
	return n, err
}

// open opens the file unless it is open, and the one that has the name.
func (f *File) open() error {
	if f.file != nil {
		open, err := f.file.Stat()
		named, namedErr := os.Stat(f.Path)
		if err == nil && namedErr == nil && os.SameFile(open, named) {
			return nil
		}
		_ = f.file.Close()
		f.file = nil
	}
	var err error
	f.file, err = os.OpenFile(f.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	return err
}
