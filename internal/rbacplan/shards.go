// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package rbacplan

import (
	"slices"
	"strconv"
	"strings"
)

// current reads which shard names whom now. Names that are no shard's are left out, and so deleted.
func current(holder Holder, existing []Binding) map[int][]string {
	shards := map[int][]string{}
	for _, b := range existing {
		if index, ok := shardIndex(holder, b.Name); ok {
			shards[index] = b.Usernames
		}
	}
	return shards
}

func shardIndex(holder Holder, name string) (int, bool) {
	first := holder.BindingName(0)
	if name == first {
		return 0, true
	}
	number, found := strings.CutPrefix(name, first+":")
	index, err := strconv.Atoi(number)
	return index, found && err == nil && index > 0 && strconv.Itoa(index) == number
}

// remaining are those of the usernames that some shard names now.
func remaining(usernames []string, now map[int][]string) []string {
	named := map[string]bool{}
	for _, shard := range now {
		for _, username := range shard {
			named[username] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(usernames), func(username string) bool { return !named[username] })
}

// distribute puts every username into exactly one shard of at most ShardSize. Whoever has a place keeps it, so that one
// person's change rewrites one shard; newcomers fill the gaps, lowest shard first; no shard is empty.
func distribute(usernames []string, now map[int][]string) map[int][]string {
	shards, placed := keep(usernames, now)
	next := 0
	for _, username := range usernames {
		if placed[username] {
			continue
		}
		for len(shards[next]) >= ShardSize {
			next++
		}
		shards[next] = append(shards[next], username)
	}
	for _, members := range shards {
		slices.Sort(members)
	}
	return shards
}

// keep leaves everyone who is still wanted where they are; of two places the lower counts.
func keep(usernames []string, now map[int][]string) (shards map[int][]string, placed map[string]bool) {
	wanted := make(map[string]bool, len(usernames))
	for _, username := range usernames {
		wanted[username] = true
	}
	shards, placed = map[int][]string{}, make(map[string]bool, len(usernames))
	for _, index := range sortedKeys(now) {
		for _, username := range now[index] {
			if wanted[username] && !placed[username] && len(shards[index]) < ShardSize {
				shards[index] = append(shards[index], username)
				placed[username] = true
			}
		}
	}
	return shards, placed
}

func sortedKeys(shards map[int][]string) []int {
	keys := make([]int, 0, len(shards))
	for index := range shards {
		keys = append(keys, index)
	}
	slices.Sort(keys)
	return keys
}
