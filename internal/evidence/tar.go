// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package evidence

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"
)

// MaxSize of a bundle, in bytes: more than the largest event that the audit service takes, and all that is said of it.
const MaxSize = 64 << 20

// Fault is what is wrong with a bundle, and in which of its files.
type Fault struct {
	// File is empty where it is the tar itself.
	File string
	Why  string
}

func (f *Fault) Error() string {
	if f.File == "" {
		return "the bundle " + f.Why
	}
	return f.File + ": " + f.Why
}

func faultf(file, format string, args ...any) error {
	return &Fault{File: file, Why: fmt.Sprintf(format, args...)}
}

// Tar is the bundle as a file: the same bundle is the same bytes.
func (b Bundle) Tar() ([]byte, error) {
	var text bytes.Buffer
	w := tar.NewWriter(&text)
	for _, name := range b.names() {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: name, Size: int64(len(b[name])), Mode: 0o600, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR,
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("write a bundle: %w", err)
		}
		if _, err := w.Write(b[name]); err != nil {
			return nil, fmt.Errorf("write a bundle: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write a bundle: %w", err)
	}
	return text.Bytes(), nil
}

// Read reads a bundle that somebody handed over. It takes what Tar writes, to the byte, and so nothing beside or between.
func Read(from io.Reader) (Bundle, error) {
	raw, err := io.ReadAll(io.LimitReader(from, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the bundle: %w", err)
	}
	if len(raw) > MaxSize {
		return nil, faultf("", "is larger than %d bytes", MaxSize)
	}
	// What takes more room outside than inside is no bundle.
	b, left := Bundle{}, len(raw)
	reader := tar.NewReader(bytes.NewReader(raw))
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, faultf("", "is no tar: %v", err)
		}
		if err := b.expects(header); err != nil {
			return nil, err
		}
		content, err := io.ReadAll(io.LimitReader(reader, int64(left)+1))
		if left -= len(content); err != nil || left < 0 {
			return nil, faultf(header.Name, "breaks off, or is larger than the tar")
		}
		b[header.Name] = content
	}
	again, err := b.Tar()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, raw) {
		return nil, faultf("", "was not written by this program: there is something in it beside its files")
	}
	return b, nil
}

// expects says whether a file may come next.
func (b Bundle) expects(header *tar.Header) error {
	if _, is := sorts()[header.Name]; !is || header.Typeflag != tar.TypeReg {
		return faultf("", "has something in it that belongs in none: %.64q", header.Name)
	}
	if _, twice := b[header.Name]; twice {
		return faultf(header.Name, "is in it twice")
	}
	return nil
}
