// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package page_test

import (
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/walk/page"
)

func TestPage(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Pages that are walked")
}

// text is a page, with ' for what Go cannot write into such a string.
func text(lines ...string) string { return strings.ReplaceAll(strings.Join(lines, "\n"), "'''", "```") }

var _ = Describe("What becomes of a block", func() {
	parse := func(lines ...string) *page.Page {
		GinkgoHelper()
		p, err := page.Parse("page.md", text(lines...))
		Expect(err).NotTo(HaveOccurred())
		return p
	}

	It("runs commands, compares what comes after them, and writes files", func() {
		p := parse("# Title", "", "'''sh", "echo a", "'''", "", "It prints", "",
			"'''text", "a", "'''", "", "'''yaml", "# people/a.yaml", "kind: User", "'''")
		Expect(p.Blocks).To(Equal([]page.Block{
			{Kind: page.Commands, Line: 4, Language: "sh", Text: "echo a\n", Terminal: "1"},
			{Kind: page.Output, Line: 10, Language: "text", Text: "a\n", Terminal: "1"},
			{Kind: page.File, Line: 14, Language: "yaml", Text: "# people/a.yaml\nkind: User\n", Terminal: "1", Path: "people/a.yaml"},
		}))
		Expect(p.Count(page.Commands)).To(Equal(1))
		Expect(p.Count(page.NotRun)).To(Equal(0))
		Expect(p.Cluster).To(BeFalse())
	})

	It("types commands where the block says, and lets them go on", func() {
		p := parse("'''sh", "# Terminal 2: the operator, until Ctrl-C", "bin/manager", "'''", "'''sh", "# Terminal 3", "true", "'''")
		Expect(p.Blocks[0].Terminal).To(Equal("2"))
		Expect(p.Blocks[0].Stays).To(BeTrue())
		Expect(p.Blocks[1].Terminal).To(Equal("3"))
		Expect(p.Blocks[1].Stays).To(BeFalse())
	})

	It("does what the comment before it says", func() {
		p := parse("<!-- walk: cluster -->", "", "<!-- walk: fails -->", "'''sh", "false", "'''", "'''text", "'''",
			"<!-- walk: soon -->", "'''sh", "true", "'''",
			"<!-- walk: not run: it takes a browser -->", "'''sh", "login", "'''", "<!-- walk: fragment: User -->", "'''yaml", "spec: {}", "'''")
		Expect(p.Cluster).To(BeTrue())
		Expect(p.Blocks[0].Fails).To(BeTrue())
		Expect(p.Blocks[2].Soon).To(BeTrue())
		Expect(p.Blocks[3].Kind).To(Equal(page.NotRun))
		Expect(p.Blocks[3].Reason).To(Equal("it takes a browser"))
		Expect(p.Blocks[4].Kind).To(Equal(page.NotRun))
		Expect(p.Blocks[4].Fragment).To(Equal("User"))
	})

	It("takes a block in a list for what it is without the list's indentation, and keeps longer fences apart", func() {
		p := parse("1. First", "", "   '''sh", "   cat <<E", "     x", "   E", "   '''", "", "````text", "'''", "````")
		Expect(p.Blocks[0].Text).To(Equal("cat <<E\n  x\nE\n"))
		Expect(p.Blocks[1].Text).To(Equal("```\n"))
	})

	DescribeTable("refuses what would be left out silently, with the line",
		func(wanted string, lines ...string) {
			_, err := page.Parse("page.md", text(lines...))
			Expect(err).To(MatchError(ContainSubstring(wanted)))
		},
		Entry("a block of some other language", "page.md:2: a block ```yaml is neither", "", "'''yaml", "kind: User", "'''"),
		Entry("a block of none", "page.md:1: a block ``` is neither", "'''", "ls", "'''"),
		Entry("output of nothing", "page.md:1: no block of commands", "'''text", "a", "'''"),
		Entry("a second output", "page.md:7: no block of commands", "'''sh", "ls", "'''", "'''text", "a", "'''", "'''text", "b", "'''"),
		Entry("a block that does not end", "page.md:1: this block does not end", "'''sh", "ls"),
		Entry("an indented block", "page.md:3: this is indented", "Text", "", "    ls"),
		Entry("a comment that means nothing", `page.md:2: a walk cannot do "sometimes"`, "<!-- walk: sometimes -->", "'''sh", "ls", "'''"),
		Entry("no reason", `a walk cannot do "not run: "`, "<!-- walk: not run:  -->", "'''sh", "ls", "'''"),
		Entry("a comment before prose", `page.md:2: "fails" must be on the line before a block`,
			"<!-- walk: fails -->", "Text", "'''sh", "ls", "'''"),
		Entry("a comment before nothing", `no block comes after "fails"`, "<!-- walk: fails -->"),
		Entry("an output that fails", "only commands fail", "'''sh", "ls", "'''", "<!-- walk: fails -->", "'''text", "a", "'''"),
		Entry("a cluster that comes too late", "page.md:4: the cluster must be there", "'''sh", "ls", "'''", "<!-- walk: cluster -->"),
		Entry("a part of a list that may fail", `page.md:1: a shell does not tell that "cd x && ls" failed`,
			"'''sh", "cd x && ls", "true", "'''"),
		Entry("one of the same line", `does not tell that "a || b" failed`, "'''sh", "a || b; true", "'''"),
		Entry("one of two lines", `does not tell that "a &&\n b" failed`, "'''sh", "a &&", " b", "true", "'''"),
		Entry("one after a quote", `does not tell that "echo 'a' && b" failed`, "'''sh", "echo 'a' && b", "true", "'''"),
		Entry("two commands of which one fails", "page.md:2: what fails must be one command",
			"<!-- walk: fails -->", "'''sh", "ls", "false", "'''", "'''text", "'''"),
		Entry("a list of which one fails", "what fails must be one command",
			"<!-- walk: fails -->", "'''sh", "ls && x", "'''", "'''text", "'''"),
		Entry("what fails anyhow", "page.md:3: what fails must be followed by what it prints",
			"<!-- walk: fails -->", "'''sh", "ls", "'''", "'''sh", "ls", "'''"),
		Entry("two clusters", "page.md:2: the cluster must be there", "<!-- walk: cluster -->", "<!-- walk: cluster -->"),
	)

	It("counts no output as compared that accepts everything", func() {
		p := parse("'''sh", "ls", "'''", "'''text", "...", "'''", "'''sh", "ls", "'''", "'''text", "...", "a", "'''")
		Expect(p.Count(page.Output)).To(Equal(2))
		Expect(p.Compared()).To(Equal(1))
	})

	DescribeTable("takes lists of which a failure is noticed", func(lines ...string) {
		parse(append(append([]string{"'''sh"}, lines...), "'''")...)
	},
		Entry("in the last line", "true", "cd - && make down"),
		Entry("in the last command, with a comment after it", "true", "cd - &&", "  make down # and it is gone", "# a && b", ""),
		Entry("within quotes", `awk '!/a/ || /b/' x`, `echo "a && \" || b"`, "echo 'a", "&& b'", "true"),
		Entry("in a comment", "ls # a && b", "true"),
		Entry("in a line that goes on", "a && \\", "  b"),
	)

	It("finds the blocks of pages that are not walked, with the kinds that they are parts of", func() {
		blocks, err := page.Fenced("page.md", text("    indented", "", "'''yaml", "a: 1", "'''",
			"<!-- walk: fragment: Grant -->", "'''yaml", "spec: {}", "'''"))
		Expect(err).NotTo(HaveOccurred())
		Expect(blocks).To(Equal([]page.Block{
			{Kind: page.NotRun, Line: 4, Language: "yaml", Text: "a: 1\n"},
			{Kind: page.NotRun, Line: 8, Language: "yaml", Text: "spec: {}\n", Fragment: "Grant"},
		}))
	})
})

var _ = Describe("What came, held against what a page shows", func() {
	DescribeTable("agrees",
		func(shown, came string) { Expect(page.Compare(shown, came)).To(BeEmpty()) },
		Entry("the same", "a\nb\n", "a\nb\n"),
		Entry("nothing", "", "\n"),
		Entry("other spaces at the ends of lines", "a\n", "a  \r\n\n"),
		Entry("any text in a line", "alice-... is x", "alice-r3ydge is x"),
		Entry("no text in a line", "a...b", "ab"),
		Entry("any number of lines", "a\n...\nz", "a\nb\nc\nz"),
		Entry("no lines", "a\n...\nz", "a\nz"),
		Entry("an age", "robin   True   5s", "robin   True   1m58s"),
		Entry("a fresh age", "robin   True   30s", "robin   True   12ms"),
		Entry("an age about as long", "robin 2m10s", "robin 70s"),
		Entry("a promise in another unit", "in 1h", "in 59m"),
		Entry("a promise right after any text", "...15m", "in15m"),
		Entry("two promises", "in 15m ... 30d", "in 14m59s or 29d"),
		Entry("a time", "at 2026-11-27T03:04:05Z.", "at 2027-01-01T00:00:00.123456Z."),
		Entry("a time for people", "until 2026-11-27 15:58 (in 12h)", "until 2027-01-01 00:00 (in 11h)"),
		Entry("a UUID", "id 43847b6b-97a9-4312-ba61-3b6e0e068b5d", "id 00000000-97a9-4312-ba61-3b6e0e068b5d"),
		Entry("a fingerprint", strings.Repeat("0a", 32), strings.Repeat("ff", 32)),
		Entry("columns of another width", "NAME       AGE\nalice-...  5s", "NAME                 AGE\nalice-gokxuv   12s"),
		Entry("what means something in a regular expression", "a.b (c) [d] *", "a.b (c) [d] *"),
		Entry("letters of any language", "Zoë → Ω ...", "Zoë → Ω x"),
	)

	DescribeTable("does not agree, and says where",
		func(shown, came, diff string) { Expect(page.Compare(shown, came)).To(Equal(diff)) },
		Entry("another word", "a\nb", "a\nc", "  a\n- b\n+ c\n"),
		Entry("a line too many", "a", "a\nb", "  a\n+ b\n"),
		Entry("a line too few", "a\nb", "a", "  a\n- b\n"),
		Entry("nothing came", "a", "", "- a\n"),
		Entry("something came", "", "a", "+ a\n"),
		Entry("a place within any lines", "a\n...\nz", "a\nb\ny", "  a\n  b\n  y\n- z\n"),
		Entry("an age that is none", "x 5s", "x soon", "- x 5s\n+ x soon\n"),
		Entry("a promise that is not kept", "(in 15m)", "(in 7m)", "- (in 15m)\n+ (in 7m)\n"),
		Entry("one that is more than kept", "(in 12h)", "(in 25h)", "- (in 12h)\n+ (in 25h)\n"),
		Entry("the second of two", "5s 12h", "5s 12m", "- 5s 12h\n+ 5s 12m\n"),
		Entry("what is fresh on the page and old now", "x 5s", "x 2m1s", "- x 5s\n+ x 2m1s\n"),
		Entry("digits in a word", "pod5s", "pod6s", "- pod5s\n+ pod6s\n"),
		Entry("one space for columns", "a   b", "a b", "- a   b\n+ a b\n"),
		Entry("columns for one space", "a b", "a   b", "- a b\n+ a   b\n"),
		Entry("a dot is a dot", "a.b", "axb", "- a.b\n+ axb\n"),
		Entry("another letter", "Zoë", "Zoé", "- Zoë\n+ Zoé\n"),
		Entry("a shorter fingerprint", strings.Repeat("0a", 32), "0a", "- "+strings.Repeat("0a", 32)+"\n+ 0a\n"),
	)
})

// FuzzParse: each block of a page is there once, in order, whatever the page is, and a page that shows what came agrees with it.
func FuzzParse(f *testing.F) {
	f.Add("# a\n\n```sh\nls\n```\n\n```text\na\n```\n")
	f.Add("<!-- walk: cluster -->\n<!-- walk: fails -->\n```sh\n# Terminal 2: x, until Ctrl-C\nls\n```\n")
	f.Add("1. a\n\n   ````yaml\n   # a.yaml\n   ```\n   ````\n")
	f.Add("~~~sh\n\r\n~~~")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := page.Parse("page.md", text)
		all, looser := page.Fenced("page.md", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "page.md:") {
				t.Fatalf("the error does not say where: %v", err)
			}
			return
		}
		if looser != nil || len(all) != len(p.Blocks) {
			t.Fatalf("%d blocks are walked of %d: %v", len(p.Blocks), len(all), looser)
		}
		if sum := p.Count(page.Commands) + p.Count(page.Output) + p.Count(page.File) + p.Count(page.NotRun); sum != len(p.Blocks) {
			t.Fatalf("of %d blocks %d are counted", len(p.Blocks), sum)
		}
		for i := range p.Blocks {
			if p.Blocks[i].Text != all[i].Text || p.Blocks[i].Line != all[i].Line {
				t.Fatalf("block %d is %q, and was %q", i, p.Blocks[i].Text, all[i].Text)
			}
			if diff := page.Compare(p.Blocks[i].Text, p.Blocks[i].Text); diff != "" {
				t.Fatalf("it does not agree with itself:\n%s", diff)
			}
		}
	})
}
