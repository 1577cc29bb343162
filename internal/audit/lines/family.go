// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package lines

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// sibling is a file of the log: the one that is written, or one that was rotated away.
type sibling struct {
	path string
	info fs.FileInfo
}

// family are the files of a log that are there, the oldest first and the one that is written last.
type family struct {
	path              string
	plain, compressed []sibling
}

// looks is how often a folder is looked at that does not stand still.
const looks = 50

// list looks at what there is. That nothing is there is no error.
func list(path string) (*family, error) { return steady(path, look) }

// steady looks until it sees the same twice: a folder cannot be looked at in one moment, and what is renamed meanwhile may be missed.
func steady(path string, look func(path string) (*family, error)) (*family, error) {
	before, err := look(path)
	for range looks {
		if err != nil {
			return nil, err
		}
		var now *family
		if now, err = look(path); err == nil && now.same(before) {
			return now, nil
		}
		before = now
	}
	return nil, fmt.Errorf("the files of %s are renamed all the time: is something wrong with their rotation?", path)
}

// same says whether the same files are there, by the same names.
func (f *family) same(other *family) bool {
	same := func(a, b sibling) bool { return a.path == b.path && os.SameFile(a.info, b.info) }
	return slices.EqualFunc(f.plain, other.plain, same) && slices.EqualFunc(f.compressed, other.compressed, same)
}

func look(path string) (*family, error) {
	folder, base := filepath.Split(path)
	entries, err := os.ReadDir(cmp.Or(folder, "."))
	if err != nil {
		return nil, fmt.Errorf("look for the rotated files of %s: %w", path, err)
	}
	there := &family{path: path}
	for _, entry := range entries {
		rotated, compressed := kin(base, entry.Name())
		if !rotated && entry.Name() != base {
			continue
		}
		at := folder + entry.Name()
		info, err := os.Stat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist): // gone in between
		case err != nil:
			return nil, fmt.Errorf("look at the log: %w", err)
		case !info.Mode().IsRegular() && !rotated:
			return nil, fmt.Errorf("%s is no regular file: give the file that the API server writes", at)
		case !info.Mode().IsRegular():
		case compressed:
			there.compressed = append(there.compressed, sibling{at, info})
		default:
			there.plain = append(there.plain, sibling{at, info})
		}
	}
	slices.SortFunc(there.plain, func(a, b sibling) int { return older(base, a, b) })
	slices.SortFunc(there.compressed, func(a, b sibling) int { return older(base, a, b) })
	return there, nil
}

// kin says whether a name is one that rotation gives to the file of the other name: audit-2026-07-01T12-00-00.000.log, as the API server
// has it, audit.log.1 and audit.log-20260701, as others have it; and each of them compressed.
func kin(base, name string) (rotated, compressed bool) {
	switch ending := filepath.Ext(name); ending {
	case ".gz", ".zst", ".xz", ".bz2":
		name, compressed = strings.TrimSuffix(name, ending), true
	}
	ending := filepath.Ext(base)
	middle, found := strings.CutPrefix(name, strings.TrimSuffix(base, ending)+"-")
	if found && strings.HasSuffix(middle, ending) && startsWithDigit(middle) {
		return true, compressed
	}
	rest, found := strings.CutPrefix(name, base)
	rotated = found && len(rest) > 1 && (rest[0] == '.' || rest[0] == '-') && startsWithDigit(rest[1:])
	return rotated, rotated && compressed
}

// startsWithDigit keeps audit-policy.log, which is another log, out.
func startsWithDigit(s string) bool { return s != "" && '0' <= s[0] && s[0] <= '9' }

// older compares by when they were written last. The one that is written now is the youngest. Clocks of file systems are coarse: else names
// decide, of which those with a time ascend, and those with a number descend.
func older(base string, a, b sibling) int {
	nameA, nameB := filepath.Base(a.path), filepath.Base(b.path)
	if nameA == base || nameB == base {
		return cmp.Compare(boolean(nameA == base), boolean(nameB == base))
	}
	return cmp.Or(a.info.ModTime().Compare(b.info.ModTime()), cmp.Compare(number(nameB), number(nameA)), cmp.Compare(nameA, nameB))
}

// number is that of audit.log.1; 0 if there is none.
func number(name string) uint64 {
	n, _ := strconv.ParseUint(strings.TrimPrefix(filepath.Ext(name), "."), 10, 64)
	return n
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// find is the file of a place: the same, or else a copy of it, as rotation by copying leaves.
func (f *family) find(place *Place) (sibling, bool) {
	same := slices.IndexFunc(f.plain, func(s sibling) bool {
		return place.Inode != 0 && inodeOf(s.info) == place.Inode && s.like(place.Offset, place.like)
	})
	if same >= 0 {
		return f.plain[same], true
	}
	return f.copyOf(place.Offset, place.like)
}

// copyOf is a file that begins like another one, and goes on where that was read to.
func (f *family) copyOf(offset int64, is likeness) (sibling, bool) {
	at := slices.IndexFunc(f.plain, func(s sibling) bool { return s.like(offset, is) })
	if at < 0 {
		return sibling{}, false
	}
	return f.plain[at], true
}

func (s *sibling) like(offset int64, is likeness) bool {
	if s.info.Size() < offset {
		return false
	}
	head, err := headOf(s.path)
	return err == nil && is(head)
}

// oldest is the first file with something in it.
func (f *family) oldest() (sibling, bool) { return withText(f.plain) }

// after is the first file with something in it that is younger than this one, which may be deleted by now.
func (f *family) after(this fs.FileInfo) (sibling, bool) {
	if at := f.index(this); at >= 0 {
		return withText(f.plain[at+1:])
	}
	return withText(f.since(this))
}

func (f *family) index(this fs.FileInfo) int {
	return slices.IndexFunc(f.plain, func(s sibling) bool { return os.SameFile(s.info, this) })
}

// since are the files that were written last when this one was, or later; the one that is written now, whatever the clock said.
func (f *family) since(this fs.FileInfo) []sibling {
	at := slices.IndexFunc(f.plain, func(s sibling) bool { return s.path == f.path || !s.info.ModTime().Before(this.ModTime()) })
	if at < 0 {
		return nil
	}
	return f.plain[at:]
}

func withText(files []sibling) (sibling, bool) {
	at := slices.IndexFunc(files, func(s sibling) bool { return s.info.Size() > 0 })
	if at < 0 {
		return sibling{}, false
	}
	return files[at], true
}
