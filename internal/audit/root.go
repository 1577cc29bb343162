// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"crypto/sha256"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Root is the digest of lines that are kept together, each of which ends with a line feed: the root of the Merkle tree (RFC 6962, section
// 2.1) whose leaves they are, without that. So one of them can be shown to be among them without showing the others, which are about
// other people.
func Root(lines []byte) [sha256.Size]byte {
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for line := range bytes.Lines(lines) {
		// Appending a leaf of the right size to a range that begins at 0 cannot fail.
		_ = tree.Append(rfc6962.DefaultHasher.HashLeaf(bytes.TrimSuffix(line, []byte{'\n'})), nil)
	}
	root, _ := tree.GetRootHash(nil)
	if root == nil {
		root = rfc6962.DefaultHasher.EmptyRoot()
	}
	return [sha256.Size]byte(root)
}
