// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package share

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestShare(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Sharing")
}
