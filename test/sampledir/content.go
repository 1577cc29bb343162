// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package sampledir

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/go-ldap/ldap/v3"
	"github.com/go-ldap/ldif"
)

//go:embed corp.ldif
var corp []byte

// entry is one entry with its name parsed.
type entry struct {
	dn         string
	name       *ldap.DN
	attributes []*ldap.EntryAttribute
}

// content is the file and what it said when it could last be read.
type content struct {
	path    string
	onError func(error)

	mu      sync.Mutex
	seen    os.FileInfo
	entries []*entry
}

func (s *Server) openFile(options Options) (err error) {
	path := options.File
	if path == "" {
		if s.temporary, err = os.MkdirTemp("", "rollcall-sample-directory-"); err != nil {
			return err
		}
		path = filepath.Join(s.temporary, "corp.ldif")
	}
	if err := writeUnlessThere(path); err != nil {
		return err
	}
	s.content = &content{path: path, onError: options.OnError}
	return s.content.read()
}

func writeUnlessThere(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write the sample company: %w", err)
	}
	_, err = file.Write(corp)
	return errors.Join(err, file.Close())
}

// current returns the entries, having read the file again if it changed. A file that cannot be read is reported once
// per change, and the last good content stays.
func (c *content) current() []*entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.read(); err != nil && c.onError != nil {
		c.onError(err)
	}
	return c.entries
}

func (c *content) read() error {
	info, err := os.Stat(c.path)
	if err != nil {
		return c.missing(err)
	}
	if c.unchanged(info) {
		return nil
	}
	c.seen = info
	text, err := os.ReadFile(c.path)
	if err != nil {
		return err
	}
	entries, err := parse(text)
	if err != nil {
		return fmt.Errorf("read the directory from %s: %w", c.path, err)
	}
	c.entries = entries
	return nil
}

// missing reports a file that is gone, once.
func (c *content) missing(err error) error {
	if c.entries != nil && c.seen == nil {
		return nil
	}
	c.seen = nil
	return err
}

func (c *content) unchanged(info os.FileInfo) bool {
	return c.seen != nil && os.SameFile(c.seen, info) && c.seen.ModTime().Equal(info.ModTime()) && c.seen.Size() == info.Size()
}

func parse(text []byte) ([]*entry, error) {
	var parsed ldif.LDIF
	if err := ldif.Unmarshal(bytes.NewReader(text), &parsed); err != nil {
		return nil, err
	}
	entries := make([]*entry, 0, len(parsed.Entries))
	known := map[string]bool{}
	for _, record := range parsed.Entries {
		e, err := newEntry(record)
		if err != nil {
			return nil, err
		}
		key := strings.ToLower(e.name.String())
		if known[key] {
			return nil, fmt.Errorf("two entries are called %s", e.dn)
		}
		known[key] = true
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, errors.New("the file is empty: an editor may be writing it")
	}
	return entries, nil
}

func newEntry(record *ldif.Entry) (*entry, error) {
	if record.Entry == nil {
		return nil, errors.New("the file must list entries, not changes: remove the changetype lines")
	}
	name, err := ldap.ParseDN(record.Entry.DN)
	if err != nil {
		return nil, fmt.Errorf("entry %q: %w", record.Entry.DN, err)
	}
	return &entry{dn: record.Entry.DN, name: name, attributes: record.Entry.Attributes}, nil
}

// values are an attribute's values, whatever the case of its name.
func (e *entry) values(attribute string) []string {
	var values []string
	for _, a := range e.attributes {
		if strings.EqualFold(a.Name, attribute) {
			values = append(values, a.Values...)
		}
	}
	return values
}
