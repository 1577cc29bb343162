// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Whatever people are called, the object's name is valid, free, and the login name itself where that is both.
func FuzzObjectName(f *testing.F) {
	for _, name := range []string{
		"alice", "Alice", "alice@corp", "-", ".", "a.-b", "jürgen", "王", "İ", "K", "\xff", "a\x00b", strings.Repeat("a", 253),
		strings.Repeat("a.", 140), strings.Repeat("A", 245) + "-.-b", "..a..", "a b",
	} {
		f.Add(name, "id", uint8(0))
		f.Add(name, "", uint8(3))
	}
	f.Fuzz(func(t *testing.T, name, id string, refusals uint8) {
		if name == "" {
			return // Entries without name are not mirrored.
		}
		left := refusals % 4
		var free string
		chosen := objectName(name, id, func(candidate string) bool {
			if left > 0 {
				left--
				return true
			}
			free = candidate
			return false
		})
		if problems := validation.IsDNS1123Subdomain(chosen); len(problems) > 0 {
			t.Errorf("name %q, id %q: %q: %v", name, id, chosen, problems)
		}
		if free != "" && free != chosen {
			t.Errorf("name %q: %q is free, %q was chosen", name, free, chosen)
		}
		if refusals%4 == 0 && len(validation.IsDNS1123Subdomain(name)) == 0 && chosen != name {
			t.Errorf("%q is valid and free, %q was chosen", name, chosen)
		}
	})
}

// Whatever the directory says, status can hold it.
func FuzzText(f *testing.F) {
	f.Add("Alice Ng", 5)
	f.Add("\x00\xff é\n", 2)
	f.Fuzz(func(t *testing.T, value string, limit int) {
		limit &= 0x1ff
		got := text(value, limit)
		if len([]rune(got)) > limit || strings.ToValidUTF8(got, "") != got || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' }) {
			t.Errorf("text(%q, %d) = %q", value, limit, got)
		}
	})
}
