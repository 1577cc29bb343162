// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package shortledger makes ledgers of a few entries, in memory: in the same files as a real one, without a cluster to keep its key.
package shortledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing/fstest"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api/layout"
	"golang.org/x/mod/sumdb/note"

	"github.com/rollcall-iam/rollcall/internal/ledger"
)

// Ledger has fewer entries than fill a file.
type Ledger struct {
	// Key that it is verified with.
	Key string

	signer  note.Signer
	entries [][]byte
}

// New has no entries. Its key comes of the seed, so that it is the same in each process.
func New(name, seed string) (*Ledger, error) {
	const ed25519Key = 1
	private := sha256.Sum256([]byte(seed))
	public, isKey := ed25519.NewKeyFromSeed(private[:]).Public().(ed25519.PublicKey)
	if !isKey {
		return nil, errors.New("no key of Ed25519")
	}
	key, err := note.NewEd25519VerifierKey(name, public)
	if err != nil {
		return nil, err
	}
	id := strings.Split(key, "+")[1]
	signer, err := note.NewSigner("PRIVATE+KEY+" + name + "+" + id + "+" +
		base64.StdEncoding.EncodeToString(append([]byte{ed25519Key}, private[:]...)))
	return &Ledger{Key: key, signer: signer}, err
}

// Add adds entries, and returns the number of the last.
func (l *Ledger) Add(entries ...*ledger.Entry) (uint64, error) {
	for _, e := range entries {
		raw, err := e.Marshal()
		if err != nil {
			return 0, err
		}
		l.entries = append(l.entries, raw)
	}
	if len(l.entries) >= layout.EntryBundleWidth {
		return 0, fmt.Errorf("%d entries are too many for a short ledger", len(l.entries))
	}
	return uint64(len(l.entries) - 1), nil
}

// Copy is the ledger as it is now, for whoever has a key.
func (l *Ledger) Copy(key string) (*ledger.Copy, error) {
	files, err := l.files()
	if err != nil {
		return nil, err
	}
	return ledger.NewCopy(files, key)
}

func (l *Ledger) files() (fstest.MapFS, error) {
	var bundle, tile []byte
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for _, entry := range l.entries {
		hash := rfc6962.DefaultHasher.HashLeaf(entry)
		bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(entry))), entry...)
		tile = append(tile, hash...)
		if err := tree.Append(hash, nil); err != nil {
			return nil, err
		}
	}
	root, err := tree.GetRootHash(nil)
	if err != nil {
		return nil, err
	}
	if root == nil {
		root = rfc6962.DefaultHasher.EmptyRoot()
	}
	var body bytes.Buffer
	_, _ = fmt.Fprintf(&body, "%s\n%d\n%s\n", l.signer.Name(), len(l.entries), base64.StdEncoding.EncodeToString(root))
	checkpoint, err := note.Sign(&note.Note{Text: body.String()}, l.signer)
	files, partial := fstest.MapFS{layout.CheckpointPath: {Data: checkpoint}}, uint8(len(l.entries))
	if partial > 0 {
		files[layout.EntriesPath(0, partial)] = &fstest.MapFile{Data: bundle}
		files[layout.TilePath(0, 0, partial)] = &fstest.MapFile{Data: tile}
	}
	return files, err
}
