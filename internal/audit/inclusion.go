// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Inclusion shows that a line is among those of a Root, without showing the others.
type Inclusion struct {
	// Index is the line's place, counted from 0, and Size how many lines there are.
	Index uint64 `json:"index"`
	Size  uint64 `json:"size"`
	// Hashes lead from the line to the root (RFC 6962, section 2.1.1), in base64.
	Hashes [][]byte `json:"hashes"`
}

// Include finds what shows that one of some lines, each of which ends with a line feed, is among them.
func Include(lines []byte, index uint64) (Inclusion, error) {
	var leaves [][]byte
	for line := range bytes.Lines(lines) {
		leaves = append(leaves, rfc6962.DefaultHasher.HashLeaf(bytes.TrimSuffix(line, []byte{'\n'})))
	}
	found := Inclusion{Index: index, Size: uint64(len(leaves)), Hashes: [][]byte{}}
	if index >= found.Size {
		return found, fmt.Errorf("there is no line %d among %d", index, found.Size)
	}
	for at := int(index); len(leaves) > 1; { //nolint:gosec // It is less than a length.
		// The left half is the largest that is full.
		left := 1
		for 2*left < len(leaves) {
			left *= 2
		}
		other := leaves[left:]
		if at < left {
			leaves = leaves[:left]
		} else {
			other, leaves, at = leaves[:left], other, at-left
		}
		hash, err := rootOf(other)
		if err != nil {
			return found, err
		}
		found.Hashes = append([][]byte{hash}, found.Hashes...)
	}
	return found, nil
}

func rootOf(leaves [][]byte) ([]byte, error) {
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for _, leaf := range leaves {
		if err := tree.Append(leaf, nil); err != nil {
			return nil, err
		}
	}
	return tree.GetRootHash(nil)
}

// Root is what the line leads to. An error is what leads nowhere.
func (i *Inclusion) Root(line []byte) ([]byte, error) {
	return proof.RootFromInclusionProof(rfc6962.DefaultHasher, i.Index, i.Size, rfc6962.DefaultHasher.HashLeaf(line), i.Hashes)
}
