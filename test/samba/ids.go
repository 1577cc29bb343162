// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package samba

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// formatGUID: the first three fields are little-endian.
func formatGUID(raw []byte) (string, error) {
	if len(raw) != len(uuid.UUID{}) {
		return "", fmt.Errorf("objectGUID %x is not 16 bytes", raw)
	}
	var id uuid.UUID
	binary.BigEndian.PutUint32(id[0:], binary.LittleEndian.Uint32(raw[0:]))
	binary.BigEndian.PutUint16(id[4:], binary.LittleEndian.Uint16(raw[4:]))
	binary.BigEndian.PutUint16(id[6:], binary.LittleEndian.Uint16(raw[6:]))
	copy(id[8:], raw[8:])
	return id.String(), nil
}

// formatSID: revision, how many numbers, the authority as six bytes, the numbers.
func formatSID(raw []byte) (string, error) {
	const head = 8
	if len(raw) < head || len(raw) != head+4*int(raw[1]) {
		return "", fmt.Errorf("objectSid %x is not a SID", raw)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "S-%d-%d", raw[0], raw[head-1])
	for at := head; at < len(raw); at += 4 {
		fmt.Fprintf(&out, "-%d", binary.LittleEndian.Uint32(raw[at:]))
	}
	return out.String(), nil
}
