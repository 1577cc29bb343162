// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Memory is what a process holds now, and the most that it held, in bytes; 0 where the system does not tell.
func Memory(pid int) (now, peak int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0 // Not Linux.
	}
	return Kilobytes(string(text), "VmRSS:"), Kilobytes(string(text), "VmHWM:")
}

// Kilobytes reads a line of /proc, a name, a number, and kB, and returns bytes.
func Kilobytes(text, name string) int64 {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == name {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0
			}
			return n << 10
		}
	}
	return 0
}

// CPU is how long a process has had processors so far, its own work and the kernel's for it; 0 where the system does not tell.
func CPU(pid int) time.Duration {
	// The second field is a name in parentheses, with whatever in it; user and system time are the 14th and 15th, in hundredths.
	const user, system, tick = 14 - 3, 15 - 3, 10 * time.Millisecond
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) <= system {
		return 0
	}
	var total time.Duration
	for _, field := range []string{fields[user], fields[system]} {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0
		}
		total += time.Duration(n) * tick
	}
	return total
}
