// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	"golang.org/x/mod/sumdb/note"
)

// What the operator publishes of its ledger.
const (
	// PublishedName is the ConfigMap, in the operator's namespace, with the newest checkpoint and the key that it is verified with.
	PublishedName = "rollcall-ledger"
	// CheckpointKey is the ConfigMap's key of the checkpoint.
	CheckpointKey = "checkpoint"
	// VerifierKey is its key of the ledger's key.
	VerifierKey = "key"
)

// Copy is the files of a ledger, and the key that its checkpoints must be signed with.
type Copy struct {
	files fs.FS
	key   note.Verifier
}

// NewCopy reads a ledger from files. The key is as the operator publishes it: NAME+ID+BASE64 (golang.org/x/mod/sumdb/note).
func NewCopy(files fs.FS, key string) (*Copy, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return nil, fmt.Errorf("%q is no key of a ledger: %w", key, err)
	}
	return &Copy{files: files, key: verifier}, nil
}

// Checkpoint is what the ledger was at some time: so many entries, with that root.
type Checkpoint struct {
	log.Checkpoint

	// Raw is the checkpoint as it was signed.
	Raw []byte
}

// Checkpoint reads the newest one.
func (c *Copy) Checkpoint() (*Checkpoint, error) {
	raw, err := fs.ReadFile(c.files, layout.CheckpointPath)
	if err != nil {
		return nil, fmt.Errorf("read the ledger's checkpoint: %w", err)
	}
	return c.Parse(raw)
}

// Parse reads a checkpoint, and finds that it is signed.
func (c *Copy) Parse(raw []byte) (*Checkpoint, error) {
	parsed, _, _, err := log.ParseCheckpoint(raw, c.key.Name(), c.key)
	if err != nil {
		return nil, fmt.Errorf("the checkpoint is not one that was signed with key %s: %w", c.key.Name(), err)
	}
	return &Checkpoint{Checkpoint: *parsed, Raw: raw}, nil
}

// Checkpoints takes those apart that were written into a file one after the other: each ends with its signatures.
func Checkpoints(content []byte) [][]byte {
	var all [][]byte
	var one []byte
	signed := false
	for line := range bytes.Lines(content) {
		signature := bytes.HasPrefix(line, []byte("— "))
		if signed && !signature {
			all, one, signed = append(all, one), nil, false
		}
		if len(one) == 0 && len(bytes.TrimSpace(line)) == 0 {
			continue // Between two.
		}
		one, signed = append(one, line...), signature
	}
	if len(one) > 0 {
		all = append(all, one)
	}
	return all
}

// Entries calls a function for each entry from one number on, up to the size of a checkpoint.
func (c *Copy) Entries(from uint64, at *Checkpoint, each func(number uint64, entry []byte) error) error {
	for number := from; number < at.Size; {
		bundle, err := c.bundle(number/layout.EntryBundleWidth, at.Size)
		if err != nil {
			return err
		}
		for _, entry := range bundle[number%layout.EntryBundleWidth:] {
			if err := each(number, entry); err != nil {
				return err
			}
			number++
		}
	}
	return nil
}

// Entry is one entry.
func (c *Copy) Entry(number uint64, at *Checkpoint) ([]byte, error) {
	if number >= at.Size {
		return nil, fmt.Errorf("there is no entry %d: the ledger has %d", number, at.Size)
	}
	bundle, err := c.bundle(number/layout.EntryBundleWidth, at.Size)
	if err != nil {
		return nil, err
	}
	return bundle[number%layout.EntryBundleWidth], nil
}

// bundle are entries that are kept in one file: as many of them as a ledger of that size has there.
func (c *Copy) bundle(index, size uint64) ([][]byte, error) {
	width := widthOf(0, index, size)
	raw, err := c.resource(func(p uint8) string { return layout.EntriesPath(index, p) }, layout.PartialTileSize(0, index, size))
	if err != nil {
		return nil, fmt.Errorf("read entries %d to %d: %w", index*layout.EntryBundleWidth, index*layout.EntryBundleWidth+width-1, err)
	}
	var bundle api.EntryBundle
	if err := bundle.UnmarshalText(raw); err != nil || uint64(len(bundle.Entries)) < width {
		return nil, fmt.Errorf("entries %d to %d cannot be told apart: %d were found",
			index*layout.EntryBundleWidth, index*layout.EntryBundleWidth+width-1, len(bundle.Entries))
	}
	return bundle.Entries[:width], nil
}

// resource reads a file that may have been completed since: then the whole one has what is wanted.
func (c *Copy) resource(path func(partial uint8) string, partial uint8) ([]byte, error) {
	raw, err := fs.ReadFile(c.files, path(partial))
	if partial != 0 && errors.Is(err, fs.ErrNotExist) {
		return fs.ReadFile(c.files, path(0))
	}
	return raw, err
}

// tile is client.TileFetcherFunc.
func (c *Copy) tile(_ context.Context, level, index uint64, partial uint8) ([]byte, error) {
	return c.resource(func(p uint8) string { return layout.TilePath(level, index, p) }, partial)
}

// widthOf is how many nodes, or entries, there are in a file, in a ledger of that size.
func widthOf(level, index, size uint64) uint64 {
	if partial := layout.PartialTileSize(level, index, size); partial != 0 {
		return uint64(partial)
	}
	return layout.TileWidth
}

func leafHash(entry []byte) []byte { return rfc6962.DefaultHasher.HashLeaf(entry) }

// Paths are the files of a ledger of that size, each with what it is called once it is full.
func Paths(size uint64) iter.Seq2[string, string] {
	return func(yield func(path, whole string) bool) {
		for index := uint64(0); index*layout.EntryBundleWidth < size; index++ {
			if !yield(layout.EntriesPath(index, layout.PartialTileSize(0, index, size)), layout.EntriesPath(index, 0)) {
				return
			}
		}
		for level := uint64(0); size>>(tileHeight*level) > 0; level++ {
			for index := uint64(0); index*layout.TileWidth < size>>(tileHeight*level); index++ {
				path := layout.TilePath(level, index, layout.PartialTileSize(level, index, size))
				if !yield(path, layout.TilePath(level, index, 0)) {
					return
				}
			}
		}
	}
}
