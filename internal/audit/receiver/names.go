// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package receiver

import "sync"

// names are those of the API servers that have sent events, so many at most.
type names struct {
	mutex sync.Mutex
	most  int
	known map[string]bool
}

func newNames(most int) *names { return &names{most: most, known: map[string]bool{}} }

func (n *names) admit(name string) bool {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if !n.known[name] && len(n.known) < n.most {
		n.known[name] = true
	}
	return n.known[name]
}
