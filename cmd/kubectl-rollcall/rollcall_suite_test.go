// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestRollcall(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "kubectl rollcall")
}

// zone is two hours east, so that a time in the wrong zone shows.
func zone() *time.Location { return time.FixedZone("east", 2*60*60) }

func now() time.Time { return time.Date(2026, 7, 1, 12, 0, 0, 0, zone()) }
