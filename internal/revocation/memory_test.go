// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// What is remembered is bounded in number and in time; the specs against the real API server show what it is good for.
var _ = Describe("The detector", func() {
	var (
		clock    *clocktesting.FakePassiveClock
		recorder *events.FakeRecorder
		count    prometheus.Collector
		d        *Detector
	)
	BeforeEach(func(ctx SpecContext) {
		clock, recorder = clocktesting.NewFakePassiveClock(now), events.NewFakeRecorder(1000)
		store := &stored{indexers: map[string]toolscache.Indexer{}}
		Expect(index.Register(ctx, store)).To(Succeed())
		d = NewDetector(store, recorder, prometheus.NewRegistry(), clock)
		count = d.count
	})
	counted := func() float64 {
		registry := prometheus.NewPedanticRegistry()
		Expect(registry.Register(count)).To(Succeed())
		families, err := registry.Gather()
		Expect(err).NotTo(HaveOccurred())
		return families[0].GetMetric()[0].GetCounter().GetValue()
	}

	It("tells of a certificate once an hour", func(ctx SpecContext) {
		d.Alarm(ctx, Denied, "alice", digest(1), "x")
		clock.SetTime(now.Add(time.Hour - time.Second))
		d.Alarm(ctx, Denied, "alice", digest(1), "x")
		Expect(recorder.Events).To(HaveLen(1))
		d.Alarm(ctx, Denied, "alice", digest(2), "x")
		Expect(recorder.Events).To(HaveLen(2))
		clock.SetTime(now.Add(time.Hour + time.Second))
		d.Alarm(ctx, Denied, "alice", digest(1), "x")
		Expect(recorder.Events).To(HaveLen(3))
		Expect(counted()).To(BeEquivalentTo(3))
	})
	It("counts all of a flood, and makes events of a few", func(ctx SpecContext) {
		for i := range 500 {
			d.Alarm(ctx, Denied, "alice", digest(i), "x")
		}
		Expect(recorder.Events).To(HaveLen(eventsAtOnce))
		Expect(counted()).To(BeEquivalentTo(500))
		clock.SetTime(now.Add(eventEvery))
		d.Alarm(ctx, Denied, "alice", digest(501), "x")
		Expect(recorder.Events).To(HaveLen(eventsAtOnce + 1))
	})
	It("makes events that the API server takes, whatever somebody is called", func(ctx SpecContext) {
		d.Alarm(ctx, Denied, strings.Repeat("\x1b", 5000), strings.Repeat("f", 5000), "x")
		event := <-recorder.Events
		Expect(len(event)).To(BeNumerically("<", 1024+len("Warning UnknownCertificate ")))
		Expect(event).NotTo(ContainSubstring("\x1b"))
	})
})

var _ = Describe("Deleted Sessions", func() {
	It("are remembered while their certificates are valid", func() {
		clock := clocktesting.NewFakePassiveClock(now)
		d := newDeletions(clock)
		of := &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: "alice-1"}}
		of.Status.Certificates = []v1alpha1.SessionCertificate{
			{Fingerprint: "old", NotAfter: metav1.NewTime(now)}, {Fingerprint: "new", NotAfter: metav1.NewTime(now.Add(time.Minute))},
		}
		d.handler().OnDelete(toolscache.DeletedFinalStateUnknown{Obj: of})
		name, gone := d.session("new")
		Expect(gone).To(BeTrue())
		Expect(name).To(Equal("alice-1"))
		_, gone = d.session("old")
		Expect(gone).To(BeFalse())
		clock.SetTime(now.Add(time.Minute + time.Second))
		_, gone = d.session("new")
		Expect(gone).To(BeFalse())
	})
})

var _ = Describe("What was seen", func() {
	session := func(seen time.Duration, idle int32) *v1alpha1.Session {
		of := &v1alpha1.Session{ObjectMeta: metav1.ObjectMeta{Name: "alice-1", UID: "u"}}
		of.Status.LastSeenTime = &metav1.Time{Time: now.Add(-seen)}
		of.Spec.IdleTimeoutSeconds = idle
		return of
	}
	noted := func(of *v1alpha1.Session) bool {
		s := newSights(nil)
		s.note(of, now)
		return len(s.sightings) == 1
	}
	It("is worth a write where it is a minute newer than what is stored", func() {
		Expect(noted(session(59*time.Second, 0))).To(BeFalse())
		Expect(noted(session(time.Minute, 0))).To(BeTrue())
		never := session(0, 0)
		never.Status.LastSeenTime = nil
		Expect(noted(never)).To(BeTrue())
	})
	It("is written more often where a Session may be idle for moments only: who is at work is not idle", func() {
		Expect(noted(session(19*time.Second, 60))).To(BeFalse())
		Expect(noted(session(20*time.Second, 60))).To(BeTrue())
		Expect(noted(session(59*time.Second, 3600))).To(BeFalse())
	})
	It("is bounded, and goes on for those that are known", func() {
		s := newSights(nil)
		for i := range seenKept + 10 {
			of := session(time.Hour, 0)
			of.Name = digest(i)
			s.note(of, now)
		}
		Expect(s.sightings).To(HaveLen(seenKept))
		of := session(time.Hour, 0)
		of.Name = digest(0)
		s.note(of, now.Add(time.Second))
		Expect(s.sightings[of.Name].at).To(Equal(now.Add(time.Second)))
	})
	It("is looked for with a jitter of a tenth", func() {
		for range 100 {
			Expect(jittered(time.Minute)).To(BeNumerically("~", time.Minute, 6*time.Second))
		}
		Expect(jittered(time.Hour)).NotTo(Equal(jittered(time.Hour)))
	})
	It("is not looked for any more once the operator ends", func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		every(ctx, time.Hour, func(context.Context) { Fail("too late") })
	})
})
