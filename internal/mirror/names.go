// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	// maxNameBytes is the longest login or group name that is mirrored.
	maxNameBytes = 253
	// maxIDBytes is the longest id that is mirrored.
	maxIDBytes = 256
	// digestLength is how many hex digits of an id's digest make two object names differ.
	digestLength = 8
	reserved     = "system:"
)

// Skip is why an entry is not mirrored.
type Skip string

// The reasons to skip an entry, as a person reads them.
const (
	SkipNoID          Skip = "without id"
	SkipLongID        Skip = "with an id over 256 bytes"
	SkipSharedID      Skip = "with the id of another entry"
	SkipNoName        Skip = "without name"
	SkipLongName      Skip = "with a name over 253 bytes"
	SkipReservedName  Skip = "with a name that begins with \"system:\""
	SkipUnprintable   Skip = "with a name that is not printable text"
	SkipAmbiguousName Skip = "with the name of another new entry"
)

// Skipped counts entries that are not mirrored, by reason.
type Skipped map[Skip]int

// String lists the counts in a stable order, or is empty where there are none.
func (s Skipped) String() string {
	parts := make([]string, 0, len(s))
	for reason, count := range s {
		parts = append(parts, fmt.Sprintf("%d %s", count, reason))
	}
	slices.SortFunc(parts, func(a, b string) int { return strings.Compare(reasonOf(a), reasonOf(b)) })
	return strings.Join(parts, ", ")
}

func reasonOf(part string) string {
	_, reason, _ := strings.Cut(part, " ")
	return reason
}

// checkName says why a name cannot be mirrored, or returns "".
func checkName(name, prefix string) Skip {
	switch {
	case name == "":
		return SkipNoName
	case len(name) > maxNameBytes:
		return SkipLongName
	case strings.HasPrefix(name, reserved), strings.HasPrefix(prefix+name, reserved):
		return SkipReservedName
	case !printable(name):
		return SkipUnprintable
	}
	return ""
}

// invisible are control and format characters: a name that only looks like another's is no name.
func invisible(r rune) bool { return !unicode.IsGraphic(r) }

func printable(name string) bool {
	return utf8.ValidString(name) && !strings.ContainsFunc(name, invisible) && strings.TrimSpace(name) == name
}

// objectName makes a valid object name of an entry's name: the name itself where that is one and it is free, else made valid
// and told apart by a digest of the entry's id.
func objectName(name, id string, taken func(string) bool) string {
	base := validName(name)
	if base == name && !taken(base) {
		return base
	}
	sum := sha256.Sum256([]byte(id))
	digest := hex.EncodeToString(sum[:])
	for length := digestLength; length < len(digest); length *= 2 {
		candidate := strings.TrimLeft(clip(base, maxNameBytes-length-1)+"-"+digest[:length], "-.")
		if !taken(candidate) {
			return candidate
		}
	}
	return digest
}

// validName turns what a DNS subdomain (RFC 1123) may not hold into dashes. The result may be empty.
func validName(name string) string {
	if len(validation.IsDNS1123Subdomain(name)) == 0 {
		return name
	}
	mapped := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	labels := strings.FieldsFunc(mapped, func(r rune) bool { return r == '.' })
	for i := range labels {
		labels[i] = strings.Trim(labels[i], "-")
	}
	labels = slices.DeleteFunc(labels, func(label string) bool { return label == "" })
	return strings.Join(labels, ".")
}

func clip(name string, length int) string {
	if len(name) > length {
		name = name[:length]
	}
	return strings.TrimRight(name, "-.")
}

// text makes a value from outside fit for a status field: valid, without control characters, at most limit runes.
func text(value string, limit int) string {
	clean := strings.Map(func(r rune) rune {
		if invisible(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(value, "?"))
	clean = strings.TrimSpace(clean)
	if runes := []rune(clean); len(runes) > limit {
		clean = string(runes[:limit])
	}
	return clean
}
