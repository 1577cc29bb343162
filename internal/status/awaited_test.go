// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package status_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/internal/status"
)

var _ = DescribeTable("What is awaited of an object that was made", func(ago, want time.Duration) {
	Expect(status.Awaited(metav1.NewTime(now.Add(-ago)), time.Minute, now)).To(Equal(want))
},
	Entry("now, comes within a minute", time.Duration(0), time.Minute),
	Entry("a while ago, comes within the rest of it", 20*time.Second, 40*time.Second),
	Entry("a minute ago, comes no more", time.Minute, time.Duration(0)),
	Entry("long ago, comes no more", time.Hour, time.Duration(0)),
	Entry("in the second that the API server counts to, comes within a minute", -time.Second, 61*time.Second),
	Entry("by a clock that is ahead, is not waited for", -2*time.Second, time.Duration(0)),
)
