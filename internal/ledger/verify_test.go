// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"

	"github.com/rollcall-iam/rollcall/internal/ledger"
)

// written is a small ledger, with files of when it was smaller, and its key.
func written(tb testing.TB, count int, who string) (files fstest.MapFS, key string) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	private, key, err := note.GenerateKey(rand.Reader, "example.com/ledger")
	check(tb, err)
	signer, err := note.NewSigner(private)
	check(tb, err)
	dir := tb.TempDir()
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	check(tb, err)
	appender, shutdown, _, err := tessera.NewAppender(ctx, driver, tessera.NewAppendOptions().WithCheckpointSigner(signer).
		WithBatching(64, time.Millisecond).WithCheckpointInterval(100*time.Millisecond))
	check(tb, err)
	for i := range count {
		add := appender.Add(ctx, tessera.NewEntry(fmt.Appendf(nil, `{"kind":"UserChanged","whom":"%s%d"}`, who, i)))
		if i%7 == 0 || i == count-1 {
			_, err := add()
			check(tb, err)
		}
	}
	check(tb, shutdown(ctx))
	files = fstest.MapFS{}
	root := os.DirFS(dir)
	check(tb, fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(path, ".") {
			return err
		}
		content, err := fs.ReadFile(root, path)
		files[path] = &fstest.MapFile{Data: content}
		return err
	}))
	return files, key
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// Entries that are changed together with the whole tree do not come to what was signed.
func TestRewritten(t *testing.T) {
	files, key := written(t, 40, "corp:p")
	others, _ := written(t, 40, "corp:x")
	others["checkpoint"] = files["checkpoint"]
	c, err := ledger.NewCopy(others, key)
	check(t, err)
	report, err := c.Verify()
	check(t, err)
	if len(report.Problems) != 1 || !strings.Contains(report.Problems[0].Message, "do not come to the root that was signed") {
		t.Fatalf("%+v", report)
	}
}

// Whatever somebody puts in the place of a file, it is found out, or it is what was there.
func FuzzVerify(f *testing.F) {
	files, key := written(f, 300, "corp:p")
	paths := slices.Sorted(maps.Keys(files))
	for i, path := range paths {
		data := files[path].Data
		f.Add(uint8(i), data)
		f.Add(uint8(i), data[:len(data)/2])
		f.Add(uint8(i), append([]byte{0, 0}, data...))
		f.Add(uint8(i), append(bytes.Clone(data), data...))
		f.Add(uint8(i), files["checkpoint"].Data)
		for _, at := range []int{0, len(data) / 3, len(data) - 1} {
			flipped := bytes.Clone(data)
			flipped[at] ^= 1
			f.Add(uint8(i), flipped)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, content []byte) {
		path := paths[int(which)%len(paths)]
		changed := maps.Clone(files)
		changed[path] = &fstest.MapFile{Data: content}
		c, err := ledger.NewCopy(changed, key)
		check(t, err)
		report, err := c.Verify(files["checkpoint"].Data)
		found := err != nil || len(report.Problems) > 0
		if same := bytes.Equal(content, files[path].Data); same == found {
			// A file that was completed since needs not be there, and whoever signs again signs the same.
			t.Fatalf("%s is the same: %t, and something was found: %t: %v %+v", path, same, found, err, report)
		}
		for number := range uint64(3) {
			if proof, err := c.Prove(t.Context(), number); err == nil && c.Check(proof) != nil {
				t.Fatal("a proof that is none")
			}
		}
	})
}

// The key and the proof are from outside, too.
func FuzzProof(f *testing.F) {
	files, key := written(f, 10, "corp:p")
	c, err := ledger.NewCopy(files, key)
	check(f, err)
	for number := range uint64(10) {
		proof, err := c.Prove(f.Context(), number)
		check(f, err)
		f.Add(key, number, proof.Entry, bytes.Join(proof.Hashes, nil), proof.Checkpoint)
		f.Add(key, number, []byte("another"), bytes.Join(proof.Hashes, nil), proof.Checkpoint)
		f.Add(key, number+1, proof.Entry, bytes.Join(proof.Hashes, nil), proof.Checkpoint)
	}
	f.Fuzz(func(t *testing.T, name string, number uint64, entry, hashes, checkpoint []byte) {
		other, err := ledger.NewCopy(fstest.MapFS{}, name)
		if err != nil {
			return
		}
		given := &ledger.Proof{Number: number, Entry: entry, Checkpoint: checkpoint}
		for hash := range slices.Chunk(hashes, 32) {
			given.Hashes = append(given.Hashes, hash)
		}
		if other.Check(given) != nil || name != key {
			return
		}
		at, err := c.Checkpoint()
		check(t, err)
		if kept, err := c.Entry(number, at); err != nil || !bytes.Equal(kept, entry) {
			t.Fatalf("entry %d is proved, and is not there: %q", number, entry)
		}
	})
}
