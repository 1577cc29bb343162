// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package index

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestIndex(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Indexes")
}
