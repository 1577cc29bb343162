// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package plain_test

import (
	"testing"
	"unicode"
	"unicode/utf8"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/plain"
)

func TestPlain(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Plain text")
}

var _ = DescribeTable("A line", func(given, shown string) { Expect(plain.Line(given)).To(Equal(shown)) },
	Entry("as it is", "Zoë 王 – on-call \\n", "Zoë 王 – on-call \\n"),
	Entry("terminal escape sequences", "\x1b[31mroot\x1b[0m\x07", `\x1b[31mroot\x1b[0m\x07`),
	Entry("the same in one byte's worth of C1", "\u009b31m", `\u009b31m`),
	Entry("line breaks and tabs", "a\nb\r\nc\td\u2028e", "a b  c d e"),
	Entry("backspace and delete", "a\bb\x7f", `a\x08b\x7f`),
	Entry("bytes that are no text", "a\xff\x9bb", `a\xff\x9bb`),
	Entry("the character that stands for them", "a\ufffdb", "a\ufffdb"),
	Entry("reversed writing", "a\u202egnp.exe\u2069", `a\u202egnp.exe\u2069`),
	Entry("what nobody sees", "ad\u200bmin\u00ad\U000e0041", `ad\u200bmin\u00ad\U000e0041`),
	Entry("unusual spaces", "a\u00a0b\u3000c", "a b c"),
)

var _ = Describe("Lines", func() {
	It("keeps the line breaks and nothing else", func() {
		Expect(plain.Lines("a\x1b\nb\r\n")).To(Equal("a\\x1b\nb \n"))
	})
})

var _ = DescribeTable("Shortening", func(given string, columns int, short string) {
	Expect(plain.Short(given, columns)).To(Equal(short))
	Expect(plain.Width(short)).To(BeNumerically("<=", columns))
},
	Entry("what fits", "alice", 5, "alice"),
	Entry("what does not", "alices", 5, "alic…"),
	Entry("wide characters", "王小明先生", 6, "王小…"),
	Entry("wide characters that fit", "王小明", 6, "王小明"),
	Entry("combining characters, which take no room", "e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"),
)

func FuzzLine(f *testing.F) {
	for _, seed := range []string{"", "alice", "\x1b]0;title\x07", "\u009b", "\xff", "a\n\u202eb", "\ufffd"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, given string) {
		shown := plain.Line(given)
		if !utf8.ValidString(shown) {
			t.Fatalf("%q became %q, which is no text", given, shown)
		}
		for _, r := range shown {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q became %q, which has %q", given, shown, r)
			}
		}
		if plain.Line(shown) != shown {
			t.Fatalf("%q became %q, which would change again", given, shown)
		}
	})
}
