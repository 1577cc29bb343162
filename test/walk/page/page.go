// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package page reads a page of documentation as something that can be walked: its blocks of commands, in order, and what each prints.
//
// What a reader sees decides. A block ```sh is run; a ```text after it is what it prints. A block whose first line is a comment with a
// file's name is that file. A first line such as "# Terminal 2: the operator" says where the reader types it, and "until Ctrl-C" there
// that it goes on. Only what a reader does not need is in a comment before the block:
//
//	<!-- walk: fails -->           the block's one command fails, as the output after it shows
//	<!-- walk: soon -->            the reader looks again until it is so
//	<!-- walk: not run: REASON --> shown, and not walked
//	<!-- walk: cluster -->         for a page: the reader has a cluster, which kubectl finds
//	<!-- walk: fragment: KIND -->  a part of an object of that kind; test/integration completes it and asks the API server
//
// A block that is none of these is an error: nothing is left out silently.
package page

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Kind is what becomes of a block.
type Kind string

// The kinds.
const (
	Commands Kind = "run"
	Output   Kind = "compared"
	File     Kind = "written"
	NotRun   Kind = "not run"
)

// Block is a fenced block of a page.
type Block struct {
	Kind Kind
	// Line is that of its first line of text, from 1 on.
	Line     int
	Language string
	Text     string
	// Terminal is where commands are typed; "1" unless the block says so. Stays: they go on until the end of the page.
	Terminal string
	Stays    bool
	// Fails: the command must fail. Soon: the block is run again until its output is so.
	Fails, Soon bool
	// Path is where a file goes.
	Path string
	// Reason is why a block is not run, and Fragment of which kind it is a part.
	Reason, Fragment string
}

// Page is what is walked.
type Page struct {
	Name string
	// Cluster: the reader has a cluster before the page begins.
	Cluster bool
	Blocks  []Block
}

// Count is how many blocks are of a kind.
func (p *Page) Count(kind Kind) int {
	count := 0
	for i := range p.Blocks {
		if p.Blocks[i].Kind == kind {
			count++
		}
	}
	return count
}

// Compared is how many outputs show something: one that is only "..." accepts everything.
func (p *Page) Compared() int {
	count := 0
	for i := range p.Blocks {
		if b := &p.Blocks[i]; b.Kind == Output && strings.Trim(b.Text, ". \n") != "" {
			count++
		}
	}
	return count
}

var (
	directive = regexp.MustCompile(`^\s*<!-- walk: (.*?) -->\s*$`)
	fence     = regexp.MustCompile("^( *)(`{3,}|~{3,})([^`]*)$")
	terminal  = regexp.MustCompile(`^# Terminal (\d+)\b`)
	fileName  = regexp.MustCompile(`^# ([\w./-]+\.(?:ya?ml|json|ldif|conf|txt))$`)
	indented  = regexp.MustCompile(`^( {4}|\t)\S`)
)

const goesOn = "until Ctrl-C"

// Parse reads a page and says what becomes of each of its blocks.
func Parse(name, text string) (*Page, error) {
	fenced, err := read(name, text, true)
	if err != nil {
		return nil, err
	}
	p := &Page{Name: name}
	for i := range fenced.blocks {
		found := &fenced.blocks[i]
		if err := p.take(found); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, found.line, err)
		}
	}
	p.Cluster = fenced.cluster
	for i := range p.Blocks {
		if p.Blocks[i].Fails && (i+1 == len(p.Blocks) || p.Blocks[i+1].Kind != Output) {
			return nil, fmt.Errorf("%s:%d: what fails must be followed by what it prints (```text): else anything that fails will do",
				name, p.Blocks[i].Line)
		}
	}
	return p, nil
}

// Fenced are all fenced blocks of any page, by language and fragment, whether it is walked or not.
func Fenced(name, text string) ([]Block, error) {
	fenced, err := read(name, text, false)
	if err != nil {
		return nil, err
	}
	blocks := make([]Block, len(fenced.blocks))
	for i := range fenced.blocks {
		found := &fenced.blocks[i]
		blocks[i] = Block{Kind: NotRun, Line: found.line + 1, Language: found.language, Text: found.text}
		for _, said := range found.said {
			if kind, is := strings.CutPrefix(said, "fragment: "); is {
				blocks[i].Fragment = kind
			}
		}
	}
	return blocks, nil
}

// take decides about the next block.
func (p *Page) take(found *raw) error {
	b := Block{Line: found.line + 1, Language: found.language, Text: found.text, Terminal: "1"}
	for _, said := range found.said {
		if err := b.obey(said); err != nil {
			return err
		}
	}
	if err := p.classify(&b); err != nil {
		return err
	}
	if (b.Fails || b.Soon) && b.Kind != Commands {
		return fmt.Errorf("only commands fail or are run again, not what is %s", b.Kind)
	}
	if b.Kind == Commands {
		if err := b.noticed(); err != nil {
			return err
		}
	}
	p.Blocks = append(p.Blocks, b)
	return nil
}

// noticed says whether the walk would see it if a command of the block failed, or if another did than the one that should.
func (b *Block) noticed() error {
	found := commands(b.Text)
	if b.Fails && (len(found) != 1 || found[0].list) {
		return fmt.Errorf("what fails must be one command in a block of its own: else it is not known which of them did")
	}
	for i, c := range found {
		if c.list && i < len(found)-1 {
			return fmt.Errorf("a shell does not tell that %q failed where more comes after it: give each command a line",
				strings.TrimSpace(c.text))
		}
	}
	return nil
}

// obey does what a comment before the block says.
func (b *Block) obey(said string) error {
	word, rest, _ := strings.Cut(said, ": ")
	switch {
	case said == "fails":
		b.Fails = true
	case said == "soon":
		b.Soon = true
	case word == "not run" && strings.TrimSpace(rest) != "":
		b.Reason = rest
	case word == "fragment" && strings.TrimSpace(rest) != "":
		b.Fragment, b.Reason = rest, "a part of a "+rest
	default:
		return fmt.Errorf("a walk cannot do %q", said)
	}
	return nil
}

func (p *Page) classify(b *Block) error {
	first, _, _ := strings.Cut(b.Text, "\n")
	named := fileName.FindStringSubmatch(first)
	switch {
	case b.Reason != "":
		b.Kind = NotRun
	case b.Language == "sh":
		b.Kind = Commands
		if in := terminal.FindStringSubmatch(first); in != nil {
			b.Terminal, b.Stays = in[1], strings.Contains(first, goesOn)
		}
	case b.Language == "text":
		b.Kind = Output
		if len(p.Blocks) == 0 || p.Blocks[len(p.Blocks)-1].Kind != Commands {
			return fmt.Errorf("no block of commands (```sh) comes before this output")
		}
	case named != nil:
		b.Kind, b.Path = File, named[1]
	default:
		return fmt.Errorf("a block ```%s is neither commands (sh), output (text) nor a file (its first line names it): "+
			"say <!-- walk: not run: REASON --> before it", b.Language)
	}
	return nil
}

// raw is a fenced block, and what was said before it. Its line is that of the fence.
type raw struct {
	line     int
	language string
	text     string
	said     []string
}

// reader is where one is in a page.
type reader struct {
	// strict: nothing looks like a block that is none.
	strict  bool
	blocks  []raw
	cluster bool

	open   *raw
	closer string
	indent int
	said   []string
	blank  bool
}

func read(name, text string, strict bool) (*reader, error) {
	r := &reader{strict: strict, blank: true}
	for i, line := range strings.Split(text, "\n") {
		if err := r.line(i+1, strings.TrimSuffix(line, "\r")); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
	}
	if r.open != nil {
		return nil, fmt.Errorf("%s:%d: this block does not end", name, r.open.line)
	}
	if len(r.said) > 0 {
		return nil, fmt.Errorf("%s: no block comes after %q", name, r.said[0])
	}
	return r, nil
}

func (r *reader) line(number int, line string) error {
	if r.open != nil {
		r.inside(line)
		return nil
	}
	if found := directive.FindStringSubmatch(line); found != nil {
		return r.directive(found[1])
	}
	if found := fence.FindStringSubmatch(line); found != nil {
		language, _, _ := strings.Cut(strings.TrimSpace(found[3]), " ")
		r.open = &raw{line: number, language: language, said: r.said}
		r.indent, r.closer, r.said = len(found[1]), found[2], nil
		return nil
	}
	if len(r.said) > 0 {
		return fmt.Errorf("%q must be on the line before a block", r.said[0])
	}
	if r.strict && r.blank && indented.MatchString(line) {
		return fmt.Errorf("this is indented so far that it is a block of code: put it between ``` and ```, with its language")
	}
	r.blank = strings.TrimSpace(line) == ""
	return nil
}

func (r *reader) directive(said string) error {
	if said != "cluster" {
		r.said = append(r.said, said)
		return nil
	}
	if r.cluster || len(r.blocks) > 0 && r.anyRun() {
		return fmt.Errorf("the cluster must be there before the first command, and once")
	}
	r.cluster = true
	return nil
}

// anyRun: a block came that is run.
func (r *reader) anyRun() bool {
	return slices.ContainsFunc(r.blocks, func(b raw) bool { return b.language == "sh" && len(b.said) == 0 })
}

func (r *reader) inside(line string) {
	trimmed := strings.TrimSpace(line)
	if len(trimmed) >= len(r.closer) && strings.Trim(trimmed, r.closer[:1]) == "" {
		r.blocks = append(r.blocks, *r.open)
		r.open, r.blank = nil, false
		return
	}
	// A block in a list is indented as the list is.
	cut := 0
	for cut < r.indent && cut < len(line) && line[cut] == ' ' {
		cut++
	}
	r.open.text += line[cut:] + "\n"
}
