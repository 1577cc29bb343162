// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/picture"
)

// maxSeconds is what the API takes at most, for a request: a week.
const maxSeconds = 604800

// parseDuration reads 30m, 1h30m, 2d or 1d12h, in whole seconds.
func parseDuration(text string) (time.Duration, error) {
	days, rest := time.Duration(0), text
	if before, after, found := strings.Cut(text, "d"); found {
		count, err := strconv.ParseUint(before, 10, 16)
		if err != nil {
			return 0, badDuration(text)
		}
		days, rest = time.Duration(count)*24*time.Hour, after
	}
	parsed := time.Duration(0)
	if rest != "" {
		var err error
		if parsed, err = time.ParseDuration(rest); err != nil {
			return 0, badDuration(text)
		}
	}
	sum := days + parsed
	if parsed < 0 || sum < time.Second || sum%time.Second != 0 {
		return 0, badDuration(text)
	}
	return sum, nil
}

func badDuration(text string) error {
	return fmt.Errorf("%q is not a duration: write for instance 30m, 1h30m or 2d", text)
}

// parseTime reads a time of the API, a local date and time, or a local time of day: the next one.
func parseTime(text string, now time.Time) (time.Time, error) {
	if parsed, err := time.Parse(time.RFC3339, text); err == nil {
		return parsed, nil
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02"} {
		if parsed, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return parsed, nil
		}
	}
	if parsed, err := time.Parse("15:04", text); err == nil {
		year, month, day := now.Date()
		next := time.Date(year, month, day, parsed.Hour(), parsed.Minute(), 0, 0, now.Location())
		if !next.After(now) {
			next = time.Date(year, month, day+1, parsed.Hour(), parsed.Minute(), 0, 0, now.Location())
		}
		return next, nil
	}
	return time.Time{}, fmt.Errorf("%q is not a time: write for instance 15:04, \"2006-01-02 15:04\" or 2006-01-02T15:04:05Z", text)
}

// target is an object as it is written on the command line: kind/name, or a name alone.
type target struct {
	// kind is empty where only a name was written.
	kind, name string
}

func parseTarget(text string) (target, error) {
	kind, name, found := strings.Cut(text, "/")
	if !found {
		kind, name = "", text
	}
	parsed := target{name: name}
	switch strings.ToLower(kind) {
	case "":
		if found {
			return target{}, badTarget(text)
		}
	case "user", "users":
		parsed.kind = picture.KindUser
	case "group", "groups":
		parsed.kind = picture.KindGroup
	case "grant", "grants":
		parsed.kind = picture.KindGrant
	default:
		return target{}, badTarget(text)
	}
	if name == "" {
		return target{}, badTarget(text)
	}
	return parsed, nil
}

// parseLockTarget reads what a Lock can be on: a name alone has no kind.
func parseLockTarget(text string) (target, error) {
	kind, name, found := strings.Cut(text, "/")
	if !found {
		return parseTarget(text)
	}
	parsed := target{name: name}
	switch strings.ToLower(kind) {
	case "session", "sessions":
		parsed.kind = string(v1alpha1.LockSession)
	case "device", "devices":
		parsed.kind = string(v1alpha1.LockDevice)
	default:
		return parseTarget(text)
	}
	if name == "" {
		return target{}, fmt.Errorf("%q names nothing: write session/NAME or device/NAME", text)
	}
	return parsed, nil
}

func badTarget(text string) error {
	return fmt.Errorf("%q names nothing: write user/NAME, group/NAME or grant/NAME", text)
}

func (t target) String() string { return strings.ToLower(t.kind) + "/" + t.name }

// objectName is a device's name as one that an object may have: those may have capitals and underscores.
func objectName(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "_", "-")
}

// nameStem is what a generated name begins with: short enough that the whole can be a label's value.
func nameStem(name string) string {
	const longest = 57 // of 63, for a hyphen and five characters of the API server's
	if len(name) > longest {
		name = strings.TrimRight(name[:longest], "-.")
	}
	return name + "-"
}
