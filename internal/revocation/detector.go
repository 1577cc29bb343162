// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/index"
	"github.com/rollcall-iam/rollcall/internal/meter"
)

const (
	// reasonUnknownCertificate is the reason of the event.
	reasonUnknownCertificate = "UnknownCertificate"
	// toldKept and toldFor bound what is remembered of alarms: each certificate is told of once in that time.
	toldKept, toldFor = 1024, time.Hour
	// eventEvery and eventsAtOnce bound the events: whoever can sign can sign any number of certificates.
	eventEvery, eventsAtOnce = 10 * time.Second, 30
	// maxName is as much of a name that somebody chose as goes into an event.
	maxName = 128
)

// Detector raises the alarm about certificates that name a managed person, that the API server accepts, and that we never issued.
type Detector struct {
	cache    client.Reader
	recorder events.EventRecorder
	clock    clock.PassiveClock
	told     *cache.LRUExpireCache
	events   *rate.Limiter
	count    *prometheus.CounterVec
}

// NewDetector registers its metric, and tells of certificates by events.
func NewDetector(reader client.Reader, recorder events.EventRecorder, to prometheus.Registerer, c clock.PassiveClock) *Detector {
	return &Detector{
		cache: reader, recorder: recorder, clock: c,
		count: meter.Counter(to, meter.Metric{
			Name: "rollcall_unknown_certificates_total", Teller: meter.Witnesses,
			Help: "Certificates that name a managed person and that the API server accepts, but that were never issued to them." +
				" Each counts once an hour.",
			Watch: "Any: `RollcallUnknownCertificate`.",
		}),
		told: cache.NewLRUExpireCacheWithClock(toldKept, c), events: rate.NewLimiter(rate.Every(eventEvery), eventsAtOnce),
	}
}

// What became of the request that told of a certificate: how an alarm begins.
const (
	Denied = "denied a request"
	Made   = "a request was made"
)

// Alarm tells of a certificate, unless it did within the hour: what became of the request, and what the certificate is instead.
func (d *Detector) Alarm(ctx context.Context, became, username, fingerprint, what string) {
	username, fingerprint = clipped(username), clipped(fingerprint)
	if _, told := d.told.Get(fingerprint); told {
		return
	}
	d.told.Add(fingerprint, struct{}{}, toldFor)
	d.count.WithLabelValues().Inc()
	if !d.events.AllowN(d.clock.Now(), 1) {
		return // The metric counts on.
	}
	regarding := d.regarding(ctx, username)
	log.FromContext(ctx).Info("a certificate was not issued to whoever uses it",
		"fingerprint", fingerprint, "regarding", regarding.GetName())
	d.recorder.Eventf(regarding, nil, corev1.EventTypeWarning, reasonUnknownCertificate, "Authorize",
		"%s as %q: the certificate with SHA-256 %q %s, and yet the API server accepts it. Whoever made it can sign with a"+
			" client CA of this cluster, or approve certificate requests: find out who that is, take it from them, and rotate the CA",
		became, username, fingerprint, what)
}

// regarding is the User of that username, or else the installation.
func (d *Detector) regarding(ctx context.Context, username string) client.Object {
	if users, err := index.UsersWithUsername(ctx, d.cache, username); err == nil && len(users) > 0 {
		return users[0].DeepCopy()
	}
	installation := &v1alpha1.Installation{}
	if err := d.cache.Get(ctx, client.ObjectKey{Name: v1alpha1.InstallationName}, installation); err != nil {
		return &v1alpha1.Installation{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.InstallationName}}
	}
	return installation
}

func clipped(name string) string {
	if len(name) > maxName {
		return name[:maxName] + "..."
	}
	return name
}
