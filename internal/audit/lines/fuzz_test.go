// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package lines

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// FuzzFile writes lines in chunks, rotates in either way, reads in between and starts anew, as the bytes of a plan say: what is read are
// the lines that were written, each once and in order.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		"", "wrwr", "wwwwR", "wrcrwr", "wrRwRwRr", "hrhrwRr", "wsrwsRws", "wrccwr", "wrwcwcwsr", "wrRhcsr", "lrlcrlRs",
		"wcwRwcwRs", "hRhRhrs", "HrHrwr", "rHRHcwrs", "wrwRcwRs",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, plan []byte) {
		p := &player{log: newLog(t.TempDir())}
		p.limit = 4 << 10
		p.reader = p.log.reader(nil, true)
		for _, step := range plan[:min(len(plan), 64)] {
			p.step(t, step)
		}
		p.write("\n")
		p.read(t)
		p.restart()
		p.write("the end\n")
		p.read(t)
		p.close()
		_ = p.reader.Close()
		want := strings.Split(strings.TrimSuffix(p.written, "\n"), "\n")
		for i := range want {
			if len(want[i]) > p.limit {
				want[i] = "" // It is handed over without its text.
			}
		}
		if !slices.Equal(p.got, want) {
			t.Fatalf("plan %q:\nread    %.60q\nwritten %.60q\ntold %q", plan, p.got, want, p.complaints)
		}
	})
}

// player does what a plan says.
type player struct {
	*log

	reader  *File
	at      *Place
	written string
	got     []string
	n       int
}

func (p *player) write(text string) {
	p.log.write(text)
	p.written += text
}

func (p *player) step(t *testing.T, step byte) {
	t.Helper()
	p.n++
	const steps = "wrshlHRc"
	if !strings.ContainsRune(steps, rune(step)) {
		step = steps[int(step)%len(steps)] // So that most plans do something.
	}
	switch step {
	case 'r':
		p.read(t)
	case 's':
		p.restart()
	case 'h': // half a line
		p.write(fmt.Sprintf("half %d ", p.n))
	case 'l': // a line longer than what tells files apart
		p.write(fmt.Sprintf("long %d %s\n", p.n, strings.Repeat("x", headSize)))
	case 'H': // more of a line than there may be
		p.write(fmt.Sprintf("huge %d %s", p.n, strings.Repeat("y", p.limit)))
	case 'R':
		p.endLine() // A rotated file ends with a line: whoever writes there writes whole ones.
		p.rotate()
	case 'c':
		p.endLine()
		p.copyAndTruncate()
	default:
		p.write(fmt.Sprintf("line %d\n", p.n))
	}
}

func (p *player) endLine() {
	if p.written != "" && !strings.HasSuffix(p.written, "\n") {
		p.write("\n")
	}
}

func (p *player) read(t *testing.T) {
	t.Helper()
	read, at, err := all(p.reader)
	if !isEnd(err) {
		t.Fatal(err)
	}
	p.got = append(p.got, read...)
	if at != nil {
		p.at = at
	}
}

// restart reads on from where the last line was read.
func (p *player) restart() {
	_ = p.reader.Close()
	p.reader = p.log.reader(p.at, true)
}

func BenchmarkFile(b *testing.B) {
	l := newLog(b.TempDir())
	text := strings.Repeat(`{"kind":"Event","verb":"get"}`+strings.Repeat(" ", 1170)+"\n", 1000)
	const blocks = 100
	for range blocks {
		l.write(text)
	}
	b.SetBytes(int64(len(text)) / 1000)
	b.ReportAllocs()
	lines := 0
	for lines < b.N {
		reader := l.reader(nil, false)
		for lines < b.N {
			if _, err := reader.Next(); err != nil {
				break
			}
			lines++
		}
		_ = reader.Close()
	}
	l.close()
}
