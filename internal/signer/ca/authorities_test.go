// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"bytes"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/outcome"
	"github.com/rollcall-iam/rollcall/internal/pki"
)

// life of the authorities here, which are founded at now.
const life = 90 * time.Hour

var now = time.Unix(1795000000, 0).UTC()

// kept is the Secret of an authority that the operator made at some time.
func kept(at time.Time) *corev1.Secret {
	GinkgoHelper()
	data, err := found(at, life)
	Expect(err).NotTo(HaveOccurred())
	return &corev1.Secret{Data: data}
}

func read(secret *corev1.Secret) *authorities {
	GinkgoHelper()
	a, err := parse(secret)
	Expect(err).NotTo(HaveOccurred())
	return a
}

// takes goes some steps, one after the other.
func takes(secret *corev1.Secret, at time.Time, steps ...step) {
	GinkgoHelper()
	for _, next := range steps {
		Expect(read(secret).take(next, secret.Data, at, life)).To(Succeed())
	}
}

var _ = Describe("A rotation", func() {
	at := func(d time.Duration, trusted bool, want step, before ...step) {
		GinkgoHelper()
		secret := kept(now)
		takes(secret, now.Add(60*time.Hour), before...)
		a, fingerprint := read(secret), ""
		if trusted && a.next != nil {
			fingerprint = pki.Fingerprint(a.next.Certificate)
		}
		Expect(a.step(now.Add(d), fingerprint)).To(Equal(want))
	}
	// An authority is founded an hour back: two thirds of it are 60 hours and 40 minutes.
	DescribeTable("goes on", at,
		Entry("with nothing, for two thirds of the authority's life", 59*time.Hour, false, rest),
		Entry("with nothing, whatever was trusted before", time.Hour, true, rest),
		Entry("with the next authority, when two thirds have passed", 61*time.Hour, false, makeNext),
		Entry("with waiting, until the next one is trusted", 89*time.Hour, false, rest, makeNext),
		Entry("with the next one, once it is trusted", 61*time.Hour, true, promote, makeNext),
		Entry("with waiting, whatever the clock says, since it may be wrong", 100*time.Hour, false, rest, makeNext),
		Entry("with the previous one known, while what it signed may be valid", 84*time.Hour, false, rest, makeNext, promote),
		Entry("with the previous one forgotten after that", 85*time.Hour, false, forget, makeNext, promote),
		Entry("with nothing, once it is over", 86*time.Hour, false, rest, makeNext, promote, forget),
		Entry("with another next one, where that has expired", 60*time.Hour+life, true, makeNext, makeNext),
		Entry("with another next one, where a clock that was ahead made it", time.Hour, true, makeNext, makeNext),
	)

	It("never goes on with another next one than the one that is trusted", func() {
		secret := kept(now)
		takes(secret, now.Add(61*time.Hour), makeNext)
		tried := pki.Fingerprint(read(secret).next.Certificate)
		takes(secret, now.Add(61*time.Hour), makeNext)
		Expect(read(secret).step(now.Add(61*time.Hour), tried)).To(Equal(rest))
	})

	It("does nothing where somebody else keeps the Secret, though the operator made it once", func() {
		secret, theirs := kept(now), kept(now)
		for _, key := range []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey} {
			secret.Data[key] = theirs.Data[key]
		}
		Expect(read(secret).step(now.Add(1000*time.Hour), "")).To(Equal(rest))
		delete(theirs.Data, madeBy)
		Expect(read(theirs).step(now.Add(1000*time.Hour), "")).To(Equal(rest))
	})

	It("does not care how somebody ended the lines of the files", func() {
		secret := kept(now)
		for _, at := range []time.Time{now.Add(61 * time.Hour), now.Add(122 * time.Hour)} {
			takes(secret, at, makeNext)
			for key := range secret.Data {
				secret.Data[key] = bytes.TrimSpace(secret.Data[key])
			}
			takes(secret, at, promote)
			Expect(read(secret).trouble).To(BeEmpty())
		}
	})

	It("does not gather what has expired", func() {
		secret := kept(now)
		for i := range 100 {
			takes(secret, now.Add(time.Duration(i)*20*time.Hour), makeNext, promote)
		}
		Expect(len(read(secret).previous)).To(BeNumerically("<=", 5))
	})

	It("has API servers know all three for as long as they matter, who signs first", func() {
		secret := kept(now)
		first := read(secret).current.Certificate
		takes(secret, now.Add(60*time.Hour), makeNext)
		second := read(secret).next.Certificate
		Expect(read(secret).bundle()).To(Equal(slicesOf(secret, corev1.TLSCertKey, nextCert)))

		takes(secret, now.Add(61*time.Hour), promote)
		promoted := read(secret)
		Expect(promoted.current.Certificate).To(Equal(second))
		Expect(promoted.next).To(BeNil())
		Expect(promoted.previous).To(HaveExactElements(first))
		Expect(promoted.previousUntil).To(Equal(now.Add((61 + 25) * time.Hour)))
		Expect(read(secret).bundle()).To(Equal(slicesOf(secret, corev1.TLSCertKey, previousCerts)))

		By("rotating once more, before the first is forgotten")
		takes(secret, now.Add(62*time.Hour), makeNext, promote)
		Expect(read(secret).previous).To(HaveExactElements(second, first))

		takes(secret, now.Add(100*time.Hour), forget)
		Expect(read(secret).bundle()).To(Equal(secret.Data[corev1.TLSCertKey]))
		Expect(secret.Data).To(HaveLen(3), "nothing is left over")
	})
})

func slicesOf(secret *corev1.Secret, keys ...string) []byte {
	parts := make([][]byte, len(keys))
	for i, key := range keys {
		parts[i] = secret.Data[key]
	}
	return bytes.Join(parts, nil)
}

var _ = Describe("A Secret that holds no authority", func() {
	DescribeTable("is told of, with the key that is wrong, and what to do", func(edit func(*corev1.Secret), words ...string) {
		secret := kept(now)
		edit(secret)
		_, err := parse(secret)
		problem := outcome.Of(err, "other")
		Expect(problem).To(SatisfyAll(HaveField("Kind", outcome.Terminal), HaveField("Reason", v1alpha1.ReasonAuthorityUnusable),
			HaveField("Message", ContainSubstring("delete the Secret"))))
		for _, word := range words {
			Expect(problem.Message).To(ContainSubstring(word))
		}
		Expect(problem.Message).NotTo(ContainSubstring("PRIVATE"))
	},
		Entry("since it is empty", func(s *corev1.Secret) { s.Data = nil }, "tls.crt"),
		Entry("since it is garbage", func(s *corev1.Secret) { s.Data[corev1.TLSCertKey] = []byte("garbage") }, "tls.crt"),
		Entry("since its key is another's", func(s *corev1.Secret) {
			s.Data[corev1.TLSPrivateKeyKey] = kept(now).Data[corev1.TLSPrivateKeyKey]
		}, "tls.key", "not that of the certificate"),
	)

	DescribeTable("signs all the same where something else is wrong, and is not rotated", func(edit func(*corev1.Secret), word string) {
		secret := kept(now)
		edit(secret)
		a := read(secret)
		Expect(a.trouble).To(ContainSubstring(word))
		Expect(a.bundle()).To(Equal(secret.Data[corev1.TLSCertKey]))
		Expect(a.step(now.Add(1000*time.Hour), "")).To(Equal(rest))
	},
		Entry("the next one has no key", func(s *corev1.Secret) { s.Data[nextCert] = kept(now).Data[corev1.TLSCertKey] }, "next.key"),
		Entry("the previous ones are garbage", func(s *corev1.Secret) { s.Data[previousCerts] = []byte("garbage") }, "previous.crt"),
		Entry("a time is none", func(s *corev1.Secret) { s.Data[previousUntil] = []byte("tomorrow") }, "previous-until"),
	)
})

// FuzzParse sees that nothing that somebody puts into the Secret breaks the operator, and that its steps can be taken.
func FuzzParse(f *testing.F) {
	certificate, key, err := pki.NewAuthority("current", now, now.Add(life))
	if err != nil {
		f.Fatal(err)
	}
	trimmed := bytes.TrimSpace(certificate)
	f.Add(certificate, key, certificate, key, certificate, "2026-11-26T12:00:00Z", int64(70))
	f.Add(trimmed, key, trimmed, key, trimmed, "2026-11-26T12:00:00Z", int64(61))
	f.Add(certificate, key, []byte{}, []byte{}, []byte{}, "", int64(1000))
	f.Fuzz(func(t *testing.T, crt, key, nextCrt, nextPrivate, previous []byte, until string, hours int64) {
		secret := &corev1.Secret{Data: map[string][]byte{
			corev1.TLSCertKey: crt, corev1.TLSPrivateKeyKey: key, nextCert: nextCrt, nextKey: nextPrivate,
			previousCerts: previous, previousUntil: []byte(until),
		}}
		if leaf, err := pki.ParseCertificate(crt); err == nil {
			secret.Data[madeBy] = []byte(pki.Fingerprint(leaf))
		}
		a, err := parse(secret)
		if err != nil {
			if strings.Contains(err.Error(), "PRIVATE KEY") {
				t.Fatal("the message repeats the key")
			}
			return
		}
		at := now.Add(time.Duration(hours%1000) * time.Hour)
		before := a.trouble
		trusted := ""
		if a.next != nil {
			trusted = pki.Fingerprint(a.next.Certificate)
		}
		for range 4 {
			if err := a.take(a.step(at, trusted), secret.Data, at, life); err != nil {
				t.Fatal(err)
			}
			if a, err = parse(secret); err != nil || a.trouble != before {
				t.Fatalf("a step leaves a Secret that cannot be read: %v %s", err, a.trouble)
			}
		}
	})
}
