// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import "strings"

// quoted is a word of a command that is to be copied. What a cluster says may hold what a shell would act on.
func quoted(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/=-") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// command is one to be copied, of which each word is quoted that a shell would read otherwise.
func command(words ...string) string {
	safe := make([]string, len(words))
	for i, word := range words {
		safe[i] = quoted(word)
	}
	return strings.Join(safe, " ")
}
