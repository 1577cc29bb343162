// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"slices"

	"github.com/rollcall-iam/rollcall/internal/directory"
)

// membership answers which groups a person is in.
type membership struct {
	// direct are the indexes of the groups that list a ref, called those of the groups that a ref stands for.
	direct, called map[string][]int
	// above are, for each group, itself and with nesting the groups around it; reach are their names.
	above [][]int
	reach [][]string
}

// memberships prepares the answer for a snapshot.
func memberships(groups []directory.Group, nested bool) membership {
	direct, called := make(map[string][]int), make(map[string][]int)
	for i := range groups {
		for _, ref := range groups[i].Members {
			direct[ref] = append(direct[ref], i)
		}
		for _, ref := range groups[i].Refs {
			called[ref] = append(called[ref], i)
		}
	}
	above := make([][]int, len(groups))
	for i := range groups {
		above[i] = around(groups, direct, i, nested)
	}
	return membership{direct: direct, called: called, above: above, reach: make([][]string, len(groups))}
}

// call gives groups names. Those without are not mirrored, and still connect others.
func (m membership) call(names map[int]string) {
	for i, above := range m.above {
		for _, j := range above {
			if name := names[j]; name != "" {
				m.reach[i] = append(m.reach[i], name)
			}
		}
	}
}

// around returns the group itself and, with nesting, every group that holds it, directly or not. Each is visited once, so
// cycles end.
func around(groups []directory.Group, direct map[string][]int, start int, nested bool) []int {
	found := []int{start}
	if !nested {
		return found
	}
	seen := map[int]bool{start: true}
	for next := 0; next < len(found); next++ {
		for _, ref := range groups[found[next]].Refs {
			for _, parent := range direct[ref] {
				if !seen[parent] {
					seen[parent] = true
					found = append(found, parent)
				}
			}
		}
	}
	return found
}

// under are some groups and all that are in one of them.
func (m membership) under(some map[int]bool) map[int]bool {
	found := map[int]bool{}
	for i, above := range m.above {
		if slices.ContainsFunc(above, func(j int) bool { return some[j] }) {
			found[i] = true
		}
	}
	return found
}

// holding are the indexes of the groups that a person is in directly; some may be named twice.
func (m membership) holding(person *directory.Person) []int {
	var found []int
	for _, ref := range person.Refs {
		found = append(found, m.direct[ref]...)
	}
	for _, ref := range person.MemberOf {
		found = append(found, m.called[ref]...)
	}
	return found
}

// of returns the sorted names of the groups that a person is in.
func (m membership) of(person *directory.Person) []string {
	var names []string
	for _, group := range m.holding(person) {
		names = append(names, m.reach[group]...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
