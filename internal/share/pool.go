// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

// Package share lets objects that stay in memory share what is equal in them. Each is decoded by itself, so that a hundred thousand Users
// come with as many copies of their Directory's name, and of the message that all is well.
package share

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// generation is how many values of a sort a Pool is shown before it begins to forget those that were not among them.
const generation = 1 << 14

// Pool gives the same value for all that are equal. It is for what many objects have: what one alone has costs a look and pushes others
// out. What it gives is others', too, and not to be changed. The zero Pool is ready, and any number of goroutines may use it.
type Pool struct {
	mutex   sync.Mutex
	strings values[string]
	lists   values[[]string]
	labels  values[map[string]string]
}

// values are those that were asked for last, by a key each, and those before them. A value that is in use stays, and few others do.
type values[T any] struct{ young, old map[string]T }

// of is the value of a key, made where there is none.
func (v *values[T]) of(key string, fresh func(key string) T) T {
	if value, known := v.young[key]; known {
		return value
	}
	key = strings.Clone(key) // It may be part of something large.
	value, known := v.old[key]
	if !known {
		value = fresh(key)
	}
	if v.young == nil || len(v.young) == generation {
		v.young, v.old = map[string]T{}, v.young
	}
	v.young[key] = value
	return value
}

// String is an equal string.
func (p *Pool) String(s string) string {
	if s == "" {
		return ""
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.strings.of(s, func(own string) string { return own })
}

// longest is how many bytes the strings of a list have at most for it to be shared as one: long ones are rarely equal, and would be kept as
// keys, too.
const longest = 512

// List is an equal list without room for more.
func (p *Pool) List(list []string) []string {
	if len(list) == 0 {
		return list
	}
	own := func(string) []string {
		own := make([]string, len(list))
		for i, s := range list {
			own[i] = p.strings.of(s, func(own string) string { return own })
		}
		return own
	}
	key := joined(list)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if len(key) > longest {
		return own(key)
	}
	found := p.lists.of(key, own)
	if !slices.Equal(found, list) {
		return list // Other strings, which are the same when they are joined.
	}
	return found
}

// Labels is an equal map.
func (p *Pool) Labels(labels map[string]string) map[string]string {
	if len(labels) == 0 {
		return labels
	}
	flat := make([]string, 0, len(labels))
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		flat = append(flat, name, labels[name])
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	found := p.labels.of(joined(flat), func(string) map[string]string { return labels })
	if !maps.Equal(found, labels) {
		return labels
	}
	return found
}

// joined is a key of strings.
func joined(list []string) string { return strings.Join(list, "\x00") }
