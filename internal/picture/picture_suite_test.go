// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package picture_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestPicture(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Picture")
}
