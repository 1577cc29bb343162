// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package lines

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// headOf is what a file begins with; of a compressed one, what was compressed.
func headOf(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // It is a rotated file of the log that somebody asked for.
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	var text io.Reader = file
	if filepath.Ext(path) == ".gz" {
		if text, err = gzip.NewReader(file); err != nil {
			return nil, err
		}
	}
	return io.ReadAll(io.LimitReader(text, headSize))
}

// opened is the file that is being read.
type opened struct {
	file *os.File
	// path is where it was when somebody looked last.
	path string
	info os.FileInfo
	// offset is the beginning of the line that comes next.
	offset int64
	// seen is what the file began with when it was read, up to headSize; head is its sum, once it does not change any more.
	seen []byte
	head string
}

// errMoved says that a file is not where it just was.
var errMoved = errors.New("the file was moved")

func open(at sibling, offset int64) (*opened, error) {
	file, err := os.Open(at.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errMoved
	}
	if err != nil {
		return nil, err // says open and which file
	}
	o := &opened{file: file, path: at.path, offset: offset, seen: make([]byte, min(offset, headSize))}
	if o.info, err = file.Stat(); err == nil && !os.SameFile(o.info, at.info) {
		err = errMoved
	}
	if err == nil && offset > 0 {
		_, err = io.ReadFull(io.NewSectionReader(file, 0, headSize), o.seen)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return o, nil
}

// see keeps what the file begins with.
func (o *opened) see(offset int64, text []byte) {
	if missing := headSize - len(o.seen); offset == int64(len(o.seen)) && missing > 0 {
		o.seen = append(o.seen, text[:min(missing, len(text))]...)
	}
}

// replaced says whether the file has less in it than was read, or something else: it was truncated, and perhaps written again. Asked
// after reading, so that nothing is taken for the old file's that is not.
func (o *opened) replaced(read int64) (bool, error) {
	info, err := o.file.Stat()
	if err != nil {
		return false, err
	}
	o.info = info
	if info.Size() < read {
		return true, nil
	}
	now := make([]byte, len(o.seen))
	n, err := o.file.ReadAt(now, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return !bytes.Equal(now[:n], o.seen), nil
}

// place is where to go on now.
func (o *opened) place() Place {
	head := o.head
	if head == "" && o.offset > 0 {
		head = sum(o.seen[:min(o.offset, headSize)])
	}
	if o.offset >= headSize {
		o.head = head
	}
	return Place{Inode: inodeOf(o.info), Offset: o.offset, Head: head, Modified: o.info.ModTime()}
}
