// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"slices"

	"github.com/rollcall-iam/rollcall/internal/directory"
)

// membership answers which groups a person is in.
type membership struct {
	// direct are the indexes of the groups that list a ref.
	direct map[string][]int
	// reach are, for each group, the names that being in it gives: its own, and with nesting those of the groups around it.
	reach [][]string
}

// memberships prepares the answer for a snapshot. Groups without a name in names are not mirrored, and still connect others.
func memberships(groups []directory.Group, nested bool, names map[int]string) membership {
	direct := make(map[string][]int)
	for i := range groups {
		for _, ref := range groups[i].Members {
			direct[ref] = append(direct[ref], i)
		}
	}
	reach := make([][]string, len(groups))
	for i := range groups {
		for _, j := range around(groups, direct, i, nested) {
			if name := names[j]; name != "" {
				reach[i] = append(reach[i], name)
			}
		}
	}
	return membership{direct: direct, reach: reach}
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
		ref := groups[found[next]].Ref
		if ref == "" {
			continue
		}
		for _, parent := range direct[ref] {
			if !seen[parent] {
				seen[parent] = true
				found = append(found, parent)
			}
		}
	}
	return found
}

// of returns the sorted names of the groups that a person is in.
func (m membership) of(person *directory.Person) []string {
	var names []string
	for _, ref := range person.Refs {
		for _, group := range m.direct[ref] {
			names = append(names, m.reach[group]...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
