// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/rollcall-iam/rollcall/internal/audit"
)

// maxDocument bounds what is decompressed: more than any batch that the receiver takes.
const maxDocument = 64 << 20

// codec compresses what is kept.
type codec struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

func newCodec() (*codec, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, err
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxDocument), zstd.WithDecoderLowmem(true))
	return &codec{encoder: encoder, decoder: decoder}, err
}

func (c *codec) compress(content []byte) []byte { return c.encoder.EncodeAll(content, nil) }

func (c *codec) decompress(content []byte) ([]byte, error) {
	plain, err := c.decoder.DecodeAll(content, nil)
	if err != nil {
		return nil, fmt.Errorf("decompress what is in the audit store: %w", err)
	}
	return plain, nil
}

// joined are the lines of a batch as they are kept, and as their digest is made: each ends with a line feed.
func joined(lines []audit.Line) []byte {
	size := 0
	for _, line := range lines {
		size += len(line.Raw) + 1
	}
	all := make([]byte, 0, size)
	for _, line := range lines {
		all = append(append(all, line.Raw...), '\n')
	}
	return all
}

// lineOf is one line of a batch, counted from 0.
func lineOf(lines []byte, number int) ([]byte, error) {
	at := 0
	for line := range bytes.Lines(lines) {
		if at == number {
			return bytes.TrimSuffix(line, []byte{'\n'}), nil
		}
		at++
	}
	return nil, fmt.Errorf("a batch in the audit store has %d lines, and number %d is looked for", at, number)
}
