// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLoad sees that whatever is in the file of a login breaks nothing, and leads to no file but those of logins.
func FuzzLoad(f *testing.F) {
	outside := f.TempDir()
	const secret = "not of a login"
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte(secret), fileMode); err != nil {
		f.Fatal(err)
	}
	folder := filepath.Join(outside, "rollcall")
	kept, err := Open(folder, false, func(string, ...any) {})
	if err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "p.key"), []byte("key"), fileMode); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		`{"version":1,"session":"s","key":{"in":"file","name":"p.key"},"refreshToken":{"in":"file","name":"p.key"}}`,
		`{"version":1,"key":{"in":"file","name":"../secret"}}`, `{"version":1,"key":{"in":"file","name":".."}}`,
		`{"version":1,"key":{"in":"file","name":""}}`, `{"version":2,"key":{}}`, `{"version":1,"key":null}`, `{"version":1,"certificate":"x"}`,
		`{"version":1,"key":{"in":"file","name":"p.json"},"notAfter":"2026-01-01T00:00:00Z"}`, "", "{", "null", "[]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(filepath.Join(folder, "p"+suffix), text, fileMode); err != nil {
			t.Fatal(err)
		}
		state, err := kept.Load("p")
		if err != nil {
			return
		}
		if state.Key.In == inFile {
			if got, err := kept.Get(state.Key); err == nil && strings.Contains(string(got), secret) {
				t.Fatalf("%q led to a file elsewhere", text)
			}
		}
		if err := kept.Save("p", state); err != nil {
			t.Fatal(err)
		}
		if _, err := kept.Load("p"); err != nil {
			t.Fatalf("%q was kept, and is of no use: %v", text, err)
		}
	})
}
