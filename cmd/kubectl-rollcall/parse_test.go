// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = DescribeTable("A duration", func(text string, want time.Duration) {
	got, err := parseDuration(text)
	if want == 0 {
		Expect(err).To(MatchError(ContainSubstring("is not a duration")))
		return
	}
	Expect(err).NotTo(HaveOccurred())
	Expect(got).To(Equal(want))
},
	Entry(nil, "30m", 30*time.Minute),
	Entry(nil, "1h30m", 90*time.Minute),
	Entry(nil, "2d", 48*time.Hour),
	Entry(nil, "1d12h", 36*time.Hour),
	Entry(nil, "1s", time.Second),
	Entry(nil, "", 0*time.Second),
	Entry(nil, "0s", 0*time.Second),
	Entry(nil, "0d", 0*time.Second),
	Entry(nil, "-1h", 0*time.Second),
	Entry(nil, "1d-1h", 0*time.Second),
	Entry(nil, "-1d", 0*time.Second),
	Entry(nil, "d", 0*time.Second),
	Entry(nil, "1.5d", 0*time.Second),
	Entry(nil, "500ms", 0*time.Second),
	Entry(nil, "1h1ms", 0*time.Second),
	Entry(nil, "60", 0*time.Second),
	Entry(nil, "99999d", 0*time.Second),
)

var _ = DescribeTable("A time", func(text, want string) {
	got, err := parseTime(text, now())
	if want == "" {
		Expect(err).To(MatchError(ContainSubstring("is not a time")))
		return
	}
	Expect(err).NotTo(HaveOccurred())
	Expect(got.Format(time.RFC3339)).To(Equal(want))
},
	Entry(nil, "2026-07-02T10:00:00Z", "2026-07-02T10:00:00Z"),
	Entry(nil, "2026-07-02 10:00", "2026-07-02T10:00:00+02:00"),
	Entry(nil, "2026-07-02T10:00", "2026-07-02T10:00:00+02:00"),
	Entry(nil, "2026-07-02", "2026-07-02T00:00:00+02:00"),
	Entry("later today", "15:04", "2026-07-01T15:04:00+02:00"),
	Entry("earlier is tomorrow's", "09:00", "2026-07-02T09:00:00+02:00"),
	Entry("and so is now", "12:00", "2026-07-02T12:00:00+02:00"),
	Entry(nil, "tomorrow", ""),
	Entry(nil, "25:00", ""),
	Entry(nil, "", ""),
)

var _ = DescribeTable("A target", func(text, want string) {
	got, err := parseTarget(text)
	if want == "" {
		Expect(err).To(MatchError(ContainSubstring("names nothing")))
		return
	}
	Expect(err).NotTo(HaveOccurred())
	Expect(got.String()).To(Equal(want))
},
	Entry(nil, "alice", "/alice"),
	Entry(nil, "user/alice", "user/alice"),
	Entry(nil, "User/alice", "user/alice"),
	Entry(nil, "groups/payments", "group/payments"),
	Entry(nil, "grant/edit", "grant/edit"),
	Entry(nil, "", ""),
	Entry(nil, "user/", ""),
	Entry(nil, "/alice", ""),
	Entry(nil, "lock/x", ""),
)

var _ = DescribeTable("What a generated name begins with", func(name, stem string) { Expect(nameStem(name)).To(Equal(stem)) },
	Entry(nil, "edit", "edit-"),
	Entry(nil, strings.Repeat("a", 57), strings.Repeat("a", 57)+"-"),
	Entry(nil, strings.Repeat("a", 63), strings.Repeat("a", 57)+"-"),
	Entry("no two separators in a row", strings.Repeat("a", 55)+"-.bbb", strings.Repeat("a", 55)+"-"),
)

var _ = DescribeTable("What a lock is on", func(text, want string) {
	got, err := parseLockTarget(text)
	if want == "" {
		Expect(err).To(MatchError(ContainSubstring("names nothing")))
		return
	}
	Expect(err).NotTo(HaveOccurred())
	Expect(got.String()).To(Equal(want))
},
	Entry(nil, "alice", "/alice"),
	Entry(nil, "Session/alice-x", "session/alice-x"),
	Entry(nil, "devices/LT-0042", "device/LT-0042"),
	Entry(nil, "group/x", "group/x"),
	Entry(nil, "session/", ""),
	Entry(nil, "device", "/device"),
	Entry(nil, "pod/x", ""),
)

var _ = DescribeTable("A device's name in an object's", func(name, want string) { Expect(objectName(name)).To(Equal(want)) },
	Entry(nil, "LT_0042", "lt-0042"),
	Entry(nil, "alice", "alice"),
)
