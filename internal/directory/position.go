// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package directory

import (
	"maps"
	"slices"
	"strings"
)

// Position is how new a server's data is: for each provider that writes to the directory the last of its changes that arrived, in a form
// whose alphabetical order is that of time.
type Position map[string]string

// Behind says whether a server at p lacks changes that one at known had: it lags, or was restored from a backup.
// Providers that only one of the two knows say nothing.
func (p Position) Behind(known Position) bool {
	for provider, at := range known {
		if here, found := p[provider]; found && here < at {
			return true
		}
	}
	return false
}

// And is the newer of both for each provider.
func (p Position) And(other Position) Position {
	merged := maps.Clone(p)
	if merged == nil {
		merged = Position{}
	}
	for provider, at := range other {
		merged[provider] = max(merged[provider], at)
	}
	return merged
}

// Strings are a form to be stored, sorted.
func (p Position) Strings() []string {
	parts := make([]string, 0, len(p))
	for provider, at := range p {
		parts = append(parts, provider+" "+at)
	}
	slices.Sort(parts)
	return parts
}

// ParsePosition reads what Strings made, and passes over what it did not.
func ParsePosition(parts []string) Position {
	p := Position{}
	for _, part := range parts {
		if i := strings.LastIndexByte(part, ' '); i > 0 {
			p[part[:i]] = part[i+1:]
		}
	}
	return p
}
