// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package lines

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// headSize is how much of a file's beginning tells it from others. Events of the audit log have an id among their first bytes.
const headSize = 1 << 10

// Place is where in which file to go on.
type Place struct {
	// Inode is the file's, where the operating system has such. It may be another file's by now. Its device is of no use: that may have
	// another number after the machine was started again.
	Inode uint64 `json:"inode,omitempty"`
	// Offset is where in the file.
	Offset int64 `json:"offset"`
	// Head is the SHA-256 of what the file begins with, up to headSize and Offset: it tells other files of that inode, and copies of
	// this one.
	Head string `json:"head,omitempty"`
	// Modified is when the file was last written, as far as it was read.
	Modified time.Time `json:"modified,omitzero"`
}

// likeness says whether a file that begins so may be the one.
type likeness func(head []byte) bool

// like is the likeness of the file of a place.
func (p *Place) like(head []byte) bool {
	n := min(p.Offset, headSize)
	return n > 0 && int64(len(head)) >= n && sum(head[:n]) == p.Head
}

// beginsWith is the likeness of a file that was read.
func beginsWith(seen []byte) likeness {
	return func(head []byte) bool { return len(seen) > 0 && bytes.HasPrefix(head, seen) }
}

func sum(head []byte) string {
	hash := sha256.Sum256(head)
	return hex.EncodeToString(hash[:])
}
