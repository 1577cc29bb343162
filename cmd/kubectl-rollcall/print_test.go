// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"testing"
	"unicode"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/yaml"
)

var _ = Describe("A table", func() {
	table := func(colour bool) string {
		w := &tableWriter{}
		w.Row("name", "why")
		w.Row("alice", "a\tb\nc\x1b[31m")
		w.Row("bob", "")
		return w.render(colour)
	}

	It("has columns, and nothing in them that a terminal acts on", func() {
		Expect(table(false)).To(Equal("NAME    WHY\nalice   a b c\\x1b[31m\nbob\n"))
	})

	It("has a bold header where there is colour", func() {
		Expect(table(true)).To(HavePrefix("\x1b[1mNAME    WHY\x1b[0m\nalice "))
	})

	It("is empty without rows", func() { Expect((&tableWriter{}).render(true)).To(BeEmpty()) })
})

// stdout is a tool and where it prints to.
func stdout(output string) (t *tool, printed func() string) {
	streams, _, out, _ := genericiooptions.NewTestIOStreams()
	return &tool{streams: streams, output: output}, out.String
}

var _ = DescribeTable("What programs read", func(output string, read func(text []byte, into any) error) {
	written := map[string]string{"why": "a\x1b[31m\u009b\u202e\U000e0041\u2028\n'\"\\: - #"}
	t, printed := stdout(output)
	Expect(t.print(written, nil)).To(Succeed())
	Expect(firstUnprintable(printed())).To(BeZero())
	got := map[string]string{}
	Expect(read([]byte(printed()), &got)).To(Succeed())
	Expect(got).To(Equal(written))
},
	Entry("as JSON", outputJSON, json.Unmarshal),
	Entry("as YAML", outputYAML, readYAML),
)

var _ = Describe("YAML", func() {
	It("is YAML where nothing speaks against it", func() {
		t, printed := stdout(outputYAML)
		Expect(t.print(map[string]string{"why": "Zoë"}, nil)).To(Succeed())
		Expect(printed()).To(Equal("why: Zoë\n"))
	})
})

var _ = Describe("A complaint", func() {
	It("quotes nothing that a terminal acts on", func() {
		streams, _, _, complaints := genericiooptions.NewTestIOStreams()
		complain(streams, errors.New("no such thing \x1b]0;owned\a\nnor another"))
		Expect(complaints.String()).To(Equal("Error: no such thing \\x1b]0;owned\\x07\nnor another\n"))
	})
})

var _ = DescribeTable("The arguments", func(args, want []string) { Expect(arguments(args)).To(Equal(want)) },
	Entry("of the plugin", []string{"/bin/kubectl-rollcall", "tree", "x"}, []string{"tree", "x"}),
	Entry("of kubectl's completion", []string{"/bin/kubectl_complete-rollcall", "tree", ""}, []string{"__complete", "tree", ""}),
)

func firstUnprintable(text string) rune {
	for _, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			return r
		}
	}
	return 0
}

func readYAML(text []byte, into any) error { return yaml.Unmarshal(text, into) }

func FuzzPrint(f *testing.F) {
	for _, seed := range []string{"", "a\x1b[31m", "\u009b", "\xff", "\u202e", "\x85", "- a: b\n---\n", "\U0010ffff", "\\u001b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		table, printed := stdout(outputTable)
		if err := table.print(nil, func(w *tableWriter) { w.Row(text, text); w.Row(text) }); err != nil {
			t.Fatal(err)
		}
		table.sayf("%s", text)
		if r := firstUnprintable(printed()); r != 0 {
			t.Fatalf("%q got through in %q", r, printed())
		}
		for output, read := range map[string]func([]byte, any) error{outputJSON: json.Unmarshal, outputYAML: readYAML} {
			tool, printed := stdout(output)
			if err := tool.print(map[string]string{"k": text}, nil); err != nil {
				t.Fatal(err)
			}
			if r := firstUnprintable(printed()); r != 0 {
				t.Fatalf("%s: %q got through in %q", output, r, printed())
			}
			got := map[string]string{}
			if err := read([]byte(printed()), &got); err != nil || got["k"] != string([]rune(text)) {
				t.Fatalf("%s: %q came back as %q: %v", output, text, got["k"], err)
			}
		}
	})
}
