// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package departure_test

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/rollcall-iam/rollcall/internal/departure"
)

func TestDeparture(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Departure")
}

var _ = Describe("The watch of those who leave", func() {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var (
		clock    *clocktesting.FakePassiveClock
		registry *prometheus.Registry
		w        *departure.Watch
	)
	BeforeEach(func() {
		clock, registry = clocktesting.NewFakePassiveClock(noon), prometheus.NewRegistry()
		w = departure.NewWatch(registry, clock)
	})
	measured := func() (bindings int, seconds float64) {
		GinkgoHelper()
		families, err := registry.Gather()
		Expect(err).NotTo(HaveOccurred())
		histogram := families[0].GetMetric()[0].GetHistogram()
		return int(histogram.GetSampleCount()), histogram.GetSampleSum()
	}

	It("measures each binding from when it was known that somebody left", func() {
		w.Left("corp:alice", noon)
		w.Left("corp:alice", noon.Add(time.Second))
		clock.SetTime(noon.Add(2 * time.Second))
		w.Dropped([]string{"corp:alice", "corp:bob"})
		clock.SetTime(noon.Add(5 * time.Second))
		w.Dropped([]string{"corp:alice"})
		bindings, seconds := measured()
		Expect(bindings).To(Equal(2))
		Expect(seconds).To(BeEquivalentTo(7))
	})
	It("measures nobody who is back, nobody without a name, and nobody after a day", func() {
		w.Left("corp:alice", noon)
		w.Back("corp:alice")
		w.Left("", noon)
		w.Left("corp:carol", noon)
		w.Dropped([]string{"corp:alice", ""})
		clock.SetTime(noon.Add(25 * time.Hour))
		w.Dropped([]string{"corp:carol"})
		bindings, _ := measured()
		Expect(bindings).To(BeZero())
	})
	It("does nothing where nobody asks", func() {
		var none *departure.Watch
		none.Left("corp:alice", noon)
		none.Back("corp:alice")
		none.Dropped([]string{"corp:alice"})
	})
})
