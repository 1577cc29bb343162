// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package issue

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rollcall-iam/rollcall/internal/meter"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/signer/ca"
	"github.com/rollcall-iam/rollcall/internal/signer/csr"
)

// Metrics count certificates. Nil Metrics count nothing.
type Metrics struct {
	certificates *prometheus.CounterVec
	signing      *prometheus.HistogramVec
}

// Values of the label result.
const (
	resultIssued  = "issued"
	resultRefused = "refused"
	resultFailed  = "failed"
)

// NewMetrics registers the metrics, or finds those that are registered. What comes of the signer's certificates is told from zero, so that
// the first is an increase.
func NewMetrics(to prometheus.Registerer, signs string) *Metrics {
	const firstBucket, factor, buckets = 0.001, 2, 16 // 1 ms to 33 s.
	results := []string{resultIssued, resultRefused, resultFailed}
	signer := meter.Label{Name: "signer", Values: []string{csr.Name, ca.Name}}
	m := &Metrics{
		certificates: meter.Counter(to, meter.Metric{
			Name: "rollcall_certificates_total", Teller: meter.Everyone,
			Help: "Certificates that were asked for, by signer and by what came of it: issued; refused (the request or its session is not " +
				"such that it may have one); failed (the signer, the ledger or the API server did not do its part).",
			Labels: []meter.Label{signer, {Name: "result", Values: results}},
			Watch:  "`failed`: `RollcallCertificatesFail`. A few `refused` are normal: sessions end, and groups change.",
		}),
		signing: meter.Histogram(to, meter.Metric{
			Name: "rollcall_certificate_signing_duration_seconds", Teller: meter.Everyone,
			Help:   "How long it took the signer to sign a certificate, or to fail.",
			Labels: []meter.Label{signer}, Buckets: prometheus.ExponentialBuckets(firstBucket, factor, buckets),
			Watch: "Seconds with signer `" + csr.Name + "`: the cluster's own signer (kube-controller-manager) is slow or away.",
		}),
	}
	for _, result := range results {
		m.certificates.WithLabelValues(signs, result)
	}
	return m
}

func (m *Metrics) answered(signer, result string) {
	if m != nil {
		m.certificates.WithLabelValues(signer, result).Inc()
	}
}

func (m *Metrics) signed(signer string, took time.Duration) {
	if m != nil {
		m.signing.WithLabelValues(signer).Observe(took.Seconds())
	}
}

// refusal tells errors that are of what was asked for from those of who was to answer.
func refusal(err error) string {
	_, subject := errors.AsType[*SubjectError](err)
	_, problem := errors.AsType[*outcome.Problem](err)
	if subject || problem || errors.Is(err, ErrEnded) || errors.Is(err, ErrKey) {
		return resultRefused
	}
	return resultFailed
}
