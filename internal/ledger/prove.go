// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
)

// Proof shows that an entry is in a ledger, to whoever has the ledger's key and nothing else of it.
type Proof struct {
	Number uint64 `json:"number"`
	// Entry as it was written.
	Entry []byte `json:"entry"`
	// Hashes lead from the entry to the root (RFC 6962, section 2.1.1).
	Hashes [][]byte `json:"hashes"`
	// Checkpoint with that root, as it was signed.
	Checkpoint []byte `json:"checkpoint"`
}

// Prove makes the proof for an entry, and checks it.
func (c *Copy) Prove(ctx context.Context, number uint64) (*Proof, error) {
	at, err := c.Checkpoint()
	if err != nil {
		return nil, err
	}
	return c.ProveAt(ctx, number, at)
}

// ProveAt makes the proof for an entry that leads to a certain checkpoint, and checks it.
func (c *Copy) ProveAt(ctx context.Context, number uint64, at *Checkpoint) (*Proof, error) {
	entry, err := c.Entry(number, at)
	if err != nil {
		return nil, err
	}
	builder, err := client.NewProofBuilder(ctx, at.Size, c.tile)
	if err != nil {
		return nil, fmt.Errorf("prove entry %d: %w", number, err)
	}
	hashes, err := builder.InclusionProof(ctx, number)
	if err != nil {
		return nil, fmt.Errorf("prove entry %d: %w", number, err)
	}
	made := &Proof{Number: number, Entry: entry, Hashes: hashes, Checkpoint: at.Raw}
	return made, c.Check(made)
}

// Check finds that a proof is one: by the key alone.
func (c *Copy) Check(p *Proof) error {
	at, err := c.Parse(p.Checkpoint)
	if err != nil {
		return err
	}
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, p.Number, at.Size, leafHash(p.Entry), p.Hashes, at.Hash); err != nil {
		return fmt.Errorf("entry %d is not the one that the checkpoint of %d entries has there: %w", p.Number, at.Size, err)
	}
	return nil
}

// proofFormat is the first line of a proof's text.
const proofFormat = "c2sp.org/tlog-proof@v1"

// Text is the proof in the format c2sp.org/tlog-proof@v1, which does not hold the entry.
func (p *Proof) Text() []byte {
	var text bytes.Buffer
	_, _ = fmt.Fprintf(&text, "%s\nindex %d\n", proofFormat, p.Number)
	for _, hash := range p.Hashes {
		_, _ = fmt.Fprintln(&text, base64.StdEncoding.EncodeToString(hash))
	}
	text.WriteByte('\n')
	text.Write(p.Checkpoint)
	return text.Bytes()
}

// ParseProof reads a proof for an entry as Text writes it, and in no other spelling. It is not checked by that.
func ParseProof(text, entry []byte) (*Proof, error) {
	head, checkpoint, found := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || len(lines) < 2 || lines[0] != proofFormat {
		return nil, fmt.Errorf("it does not begin as %s does", proofFormat)
	}
	number, err := strconv.ParseUint(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("its index is no number: %.64q", lines[1])
	}
	p := &Proof{Number: number, Entry: entry, Checkpoint: checkpoint}
	for _, line := range lines[2:] {
		hash, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(hash) != nodeSize {
			return nil, fmt.Errorf("%.64q is no hash", line)
		}
		p.Hashes = append(p.Hashes, hash)
	}
	if !bytes.Equal(p.Text(), text) {
		return nil, fmt.Errorf("it is not spelled as %s says", proofFormat)
	}
	return p, nil
}

// Extends finds that a ledger is one that a checkpoint was of, and that only grew since.
func (c *Copy) Extends(ctx context.Context, earlier, at *Checkpoint) error {
	if earlier.Size > at.Size {
		return fmt.Errorf("%w: it has %d entries, and there was a checkpoint of %d", ErrTruncated, at.Size, earlier.Size)
	}
	if earlier.Size == 0 {
		return nil
	}
	builder, err := client.NewProofBuilder(ctx, at.Size, c.tile)
	if err != nil {
		return err
	}
	hashes, err := builder.ConsistencyProof(ctx, earlier.Size, at.Size)
	if err != nil {
		return fmt.Errorf("compare with the checkpoint of %d entries: %w", earlier.Size, err)
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, earlier.Size, at.Size, hashes, earlier.Hash, at.Hash); err != nil {
		return fmt.Errorf("%w: of a checkpoint of %d entries, and of this: %w", ErrTwoHistories, earlier.Size, err)
	}
	return nil
}
