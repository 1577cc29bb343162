// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/test/internal/checkout"
	"github.com/rollcall-iam/rollcall/test/walk/page"
)

func TestWalk(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "A walk")
}

// walked walks a page, whose fences are written as ”', on a clean clone.
func walked(ctx context.Context, lines ...string) error {
	GinkgoHelper()
	root, err := checkout.Root()
	Expect(err).NotTo(HaveOccurred())
	dir, err := os.MkdirTemp("", "rollcall-walk-spec-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, dir)
	m, err := newMachine(ctx, root, filepath.Join(dir, "1"))
	Expect(err).NotTo(HaveOccurred())
	p, err := page.Parse("page.md", strings.ReplaceAll(strings.Join(lines, "\n"), "'''", "```"))
	Expect(err).NotTo(HaveOccurred())
	return walkPage(ctx, m, p, false)
}

var _ = Describe("A page that says what is so", func() {
	DescribeTable("is walked to its end", func(ctx context.Context, lines ...string) {
		Expect(walked(ctx, lines...)).To(Succeed())
	},
		Entry("what is set and where one is holds for the next block",
			"'''sh", "export A=1", "cd docs", "'''", "'''sh", "echo $A $(basename $PWD)", "'''", "'''text", "1 docs", "'''"),
		Entry("in another terminal it does not",
			"'''sh", "export A=1", "'''", "'''sh", "# Terminal 2", "echo =$A=", "'''", "'''text", "==", "'''"),
		Entry("the home is empty, and the clone is clean",
			"'''sh", "ls -A ~; git status --porcelain; ls README.md", "'''", "'''text", "README.md", "'''"),
		Entry("a file is where the reader is",
			"'''sh", "mkdir ~/x; cd ~/x", "'''", "'''yaml", "# a/b.yaml", "kind: User", "'''", "'''sh", "cat ~/x/a/b.yaml", "'''",
			"'''text", "# a/b.yaml", "kind: User", "'''"),
		Entry("what should fail fails, and what comes after it goes on in the same shell",
			"'''sh", "A=1", "'''", "<!-- walk: fails -->",
			"'''sh", "ls nothing 2>/dev/null", "'''", "'''text", "'''", "'''sh", "echo $A", "'''", "'''text", "1", "'''"),
		Entry("what is not so yet is looked at again",
			"'''sh", "# Terminal 2", "(sleep 1; touch ~/there) &", "'''", "<!-- walk: soon -->",
			"'''sh", "ls ~/there", "'''", "'''text", "...there", "'''"),
		Entry("what goes on ends with the page",
			"'''sh", "# Terminal 2: a server, until Ctrl-C", "echo begins; sleep 600", "'''", "'''text", "begins", "'''", "'''sh", "true", "'''"),
		Entry("a target that is not run is there", "<!-- walk: not run: it takes long -->", "'''sh", "make demo   # a minute", "'''"),
	)
})

var _ = Describe("A page that says what is not so", func() {
	DescribeTable("is not walked, and the error says where", func(ctx context.Context, wanted string, lines ...string) {
		Expect(walked(ctx, lines...)).To(MatchError(ContainSubstring(wanted)))
	},
		Entry("a command that fails, by its own line", "page.md:4: this failed (2): ls nothing",
			"", "'''sh", "echo a", "ls nothing", "echo b", "'''"),
		Entry("a command of a pipe that fails", "page.md:2: this failed (2): ls nothing | cat", "'''sh", "ls nothing | cat", "'''"),
		Entry("one that ends the shell", "page.md:2: it ended the shell", "'''sh", "exit 0", "'''"),
		Entry("something else is printed", "page.md:5: the commands of line 2 print something else (- on the page, + now):\n  a\n- c\n+ b\n",
			"'''sh", "echo a; echo b >&2", "'''", "'''text", "a", "c", "'''"),
		Entry("what should fail does not", "page.md:3: this should fail, and did not", "<!-- walk: fails -->", "'''sh", "true", "'''",
			"'''text", "'''"),
		Entry("the first part of a list that fails", "this failed (1): false && true", "", "'''sh", "false && true", "'''"),
		Entry("what should go on ends", "page.md:2: this should go on, and has ended", "'''sh", "# Terminal 2: until Ctrl-C", "true", "'''",
			"'''text", "never", "'''"),
		Entry("what should go on ends later", "page.md:2: this should go on, and has ended; it printed:\nbegins",
			"'''sh", "# Terminal 2: until Ctrl-C", "echo begins; sleep 0.5", "'''", "'''text", "begins", "'''",
			"'''sh", "sleep 2", "'''", "'''sh", "false", "'''"),
		Entry("a target that is not there", "page.md:3: there is no such target: make dinner",
			"<!-- walk: not run: it takes long -->", "'''sh", "make dinner", "'''"),
		Entry("a file outside of the reader's folder", "leads out of the reader's folder", "'''yaml", "# ../a.yaml", "'''"),
		Entry("a process that is left", "is left: sleep 600", "'''sh", "setsid sleep 600 &", "'''"),
		Entry("a file that is left in the clone", "the clone is not as it was:\n?? left", "'''sh", "touch left", "'''"),
		Entry("a temporary file that is left", "a temporary file is left: tmp.", "'''sh", "mktemp", "'''"),
	)
})

var _ = Describe("A terminal", func() {
	It("stops a block that may fail at the command that does, and goes on with the next block", func(ctx context.Context) {
		dir := GinkgoT().TempDir()
		t, err := openTerminal(dir, filepath.Join(dir, "files"), os.Environ())
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(t.close)
		for _, block := range []string{"A=1\necho a\n(exit 3)\necho b\n", "A=1\necho a\n(exit 3) | true\necho b\n"} {
			got, err := t.runs(ctx, block, true)
			Expect(err).NotTo(HaveOccurred())
			Expect(got).To(Equal(result{output: "a\n", status: 3}))
		}
		got, err := t.runs(ctx, "echo $A\n", false)
		Expect(err).NotTo(HaveOccurred())
		Expect(got).To(Equal(result{output: "1\n"}))
	})
})

var _ = Describe("A machine", func() {
	DescribeTable("is known by its folder", func(text string, is bool) {
		Expect(inFolder(text, "/x/walk/1")).To(Equal(is))
	},
		Entry("at the end", "cd\x00/x/walk/1", true),
		Entry("by a file in it", "HOME=/x/walk/1/home", true),
		Entry("in a list", "PATH=/x/walk/1:/bin", true),
		Entry("before the next argument", "/x/walk/1\x00a", true),
		Entry("not by another's", "/x/walk/10/home", false),
		Entry("not by one that begins the same", "/x/walk/1-a", false),
		Entry("after another's", "/x/walk/10\x00/x/walk/1/a", true),
		Entry("not by none", "", false),
	)
})

var _ = Describe("A work tree", func() {
	It("is warned of where something in it is in no commit", func(ctx context.Context) {
		dir := GinkgoT().TempDir()
		_, err := git(ctx, dir, "init", "--quiet")
		Expect(err).NotTo(HaveOccurred())
		Expect(notWalked(ctx, dir)).To(BeEmpty())
		Expect(os.WriteFile(filepath.Join(dir, "page.md"), nil, 0o600)).To(Succeed())
		Expect(notWalked(ctx, dir)).To(SatisfyAll(ContainSubstring("without these changes"), ContainSubstring("page.md")))
	})
})
