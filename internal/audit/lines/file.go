// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package lines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// remembered is how many files that were read are told from others once they are compressed.
const remembered = 32

// Options say how a file is read.
type Options struct {
	// Path of the file that is written. Files that were rotated away are looked for beside it.
	Path string
	// From is where to go on; nil to begin with the oldest file that is there.
	From *Place
	// Follow says to wait for more at the end.
	Follow bool
	// MaxLine is how long a line may be. Default MaxLine.
	MaxLine int
	// Complain tells a person what may be missing.
	Complain func(format string, args ...any)
}

// File reads a log that is being written and rotated. Its methods are not to be called at the same time.
type File struct {
	options Options
	current *opened
	split   splitter
	// finished are the beginnings of the files that were read to their end, and told the compressed ones that somebody was told of.
	finished [][]byte
	told     []os.FileInfo
	waiting  bool
}

var _ Source = &File{}

// NewFile makes a File. Close closes it.
func NewFile(options Options) *File {
	if options.MaxLine == 0 {
		options.MaxLine = MaxLine
	}
	if options.Complain == nil {
		options.Complain = func(string, ...any) {}
	}
	return &File{options: options, split: splitter{limit: options.MaxLine}}
}

// Close closes what is open.
func (f *File) Close() error {
	if f.current == nil {
		return nil
	}
	return f.current.file.Close()
}

// Next implements Source.
func (f *File) Next() (Line, error) {
	for {
		if f.current != nil {
			if piece, ok := f.split.next(); ok {
				return f.line(piece), nil
			}
		}
		more, err := f.more()
		switch {
		case errors.Is(err, errMoved): // Rotated just now: look again.
		case err != nil:
			return Line{}, err
		case !more && f.options.Follow:
			return Line{}, ErrNone
		case !more:
			return Line{}, f.end()
		}
	}
}

// more reads on, here or in the next file; false if there is nothing more.
func (f *File) more() (bool, error) {
	if f.current == nil {
		return f.begin()
	}
	if got, err := f.fill(); got || err != nil {
		return got, err
	}
	return f.advance()
}

// end is that of a log that nobody waits for.
func (f *File) end() error {
	if f.current == nil {
		if _, err := os.Stat(f.options.Path); err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
	} else if held := f.split.held(); held > 0 {
		f.options.Complain("%s has a last line at byte %d without an end, which may be half written: it is left for the next time",
			f.current.path, f.current.offset)
	}
	return io.EOF
}

func (f *File) line(p piece) Line {
	line := Line{Text: p.text, TooLong: p.tooLong, File: f.current.path, Offset: f.current.offset}
	f.current.offset += p.size
	line.After = f.current.place()
	return line
}

// begin opens the file to begin with, once there is one with something in it: an empty one may be rotated away before it is read, unseen.
func (f *File) begin() (bool, error) {
	there, err := list(f.options.Path)
	if err != nil {
		return false, err
	}
	at, ok := there.oldest()
	if !ok {
		f.wait(there)
		return false, nil
	}
	from := f.options.From
	if from == nil {
		f.tellUnread(there)
		return true, f.open(at, 0)
	}
	f.tellMissed(there, from.Modified, nil)
	if found, ok := there.find(from); ok {
		return true, f.open(found, from.Offset)
	}
	f.options.Complain("the file that was read last, to byte %d, is not among those of %s any more (inode %d): lines between that and %s, "+
		"which is the oldest, may be missing", from.Offset, f.options.Path, from.Inode, at.path)
	return true, f.open(at, 0)
}

// wait tells once that the file is waited for.
func (f *File) wait(there *family) {
	if f.options.Follow && !f.waiting && len(there.plain) == 0 {
		f.options.Complain("%s does not exist: waiting for it", f.options.Path)
		f.waiting = true
	}
}

func (f *File) open(at sibling, offset int64) error {
	next, err := open(at, offset)
	if err != nil {
		return err
	}
	if f.current != nil {
		_ = f.current.file.Close() // It was only read.
	}
	f.split.reset()
	f.current = next
	return nil
}

// fill reads what is new in the file; true if something was, or another file is open now.
func (f *File) fill() (bool, error) {
	room, from := f.split.room(), f.current.offset+f.split.held()
	n, err := f.current.file.ReadAt(room, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read the log at byte %d: %w", from, err)
	}
	replaced, err := f.current.replaced(from + int64(n))
	if err != nil {
		return false, fmt.Errorf("look at the log: %w", err)
	}
	if replaced {
		return true, f.restart()
	}
	f.current.see(from, room[:n])
	f.split.took(n)
	return n > 0, nil
}

// restart reads a file from its beginning that was truncated: before that, the rest of the copy that was made of it.
func (f *File) restart() error {
	there, err := list(f.options.Path)
	if err != nil {
		return err
	}
	if rest, ok := there.copyOf(f.current.offset, beginsWith(f.current.seen)); ok {
		return f.open(rest, f.current.offset)
	}
	f.options.Complain("%s was truncated after byte %d was read, and no copy of it is there: what was written in between may be missing",
		f.current.path, f.current.offset)
	f.tellMissed(there, f.current.info.ModTime(), f.current.seen)
	if at := there.index(f.current.info); at >= 0 {
		return f.open(there.plain[at], 0)
	}
	_ = f.current.file.Close() // It is deleted, too: begin with what there is.
	f.current, f.options.From = nil, nil
	return nil
}

// advance goes on to the next file, once something is in there: until then, whoever writes may not have closed this one.
func (f *File) advance() (bool, error) {
	if now, err := os.Stat(f.options.Path); err == nil && os.SameFile(now, f.current.info) {
		return false, nil
	}
	there, err := list(f.options.Path)
	if err != nil {
		return false, err
	}
	if at := there.index(f.current.info); at >= 0 {
		f.current.path = there.plain[at].path
	}
	next, ok := there.after(f.current.info)
	if !ok {
		return false, nil
	}
	if got, err := f.fill(); got || err != nil {
		return got, err // It was written before the next one was.
	}
	if f.split.finish() {
		return true, nil
	}
	f.finished = append(f.finished, f.current.seen)
	f.finished = f.finished[max(0, len(f.finished)-remembered):]
	f.tellMissed(there, f.current.info.ModTime(), f.current.seen)
	return true, f.open(next, 0)
}

// tellUnread tells once what is compressed already.
func (f *File) tellUnread(there *family) {
	for _, s := range there.compressed {
		f.told = append(f.told, s.info)
	}
	if n := len(there.compressed); n > 0 {
		f.options.Complain("%d rotated files of %s are compressed, and are not read (%s to %s): to send them, too, decompress them into "+
			"standard input", n, f.options.Path, there.compressed[0].path, there.compressed[n-1].path)
	}
}

// tellMissed tells of files that are compressed, were written since, and are not known to have been read.
func (f *File) tellMissed(there *family, since time.Time, seen []byte) {
	for _, s := range there.compressed {
		if !s.info.ModTime().After(since) || slices.ContainsFunc(f.told, func(t os.FileInfo) bool { return os.SameFile(t, s.info) }) {
			continue
		}
		f.told = append(f.told, s.info)
		head, err := headOf(s.path)
		known := func(begin []byte) bool { return beginsWith(begin)(head) }
		if err == nil && (known(seen) || slices.ContainsFunc(f.finished, known)) {
			continue
		}
		f.options.Complain("%s was compressed before it was read, as far as is known: its lines may be missing; to send them, decompress it "+
			"into standard input", s.path)
	}
	f.told = slices.DeleteFunc(f.told, func(t os.FileInfo) bool {
		return !slices.ContainsFunc(there.compressed, func(s sibling) bool { return os.SameFile(t, s.info) })
	})
}

// Wait implements Source.
func (f *File) Wait(ctx context.Context, atMost time.Duration) { doze(ctx, min(atMost, pollInterval)) }

// Lag implements Source.
func (f *File) Lag() int64 {
	there, err := list(f.options.Path)
	if err != nil {
		return 0
	}
	files, lag := there.plain, int64(0)
	if f.current != nil {
		if info, err := f.current.file.Stat(); err == nil {
			lag = info.Size() - f.current.offset
		}
		if at := there.index(f.current.info); at >= 0 {
			files = files[at+1:]
		} else {
			files = there.since(f.current.info)
		}
	}
	for _, s := range files {
		lag += s.info.Size()
	}
	return max(lag, 0)
}
