// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/credential"
)

var _ = Describe("What a User tells of a certificate", func() {
	at := func(d time.Duration) metav1.Time { return metav1.NewTime(now.Add(d)) }
	place := v1alpha1.SecretReference{Namespace: "iam", Name: "robot"}
	asksFor := func(seconds int32) *v1alpha1.User {
		return &v1alpha1.User{Spec: v1alpha1.UserSpec{Kubeconfig: &v1alpha1.KubeconfigSpec{SecretRef: place, DurationSeconds: seconds}}}
	}
	issued := func(fingerprint string, notAfter time.Duration, groups ...string) v1alpha1.SessionCertificate {
		return v1alpha1.SessionCertificate{
			Fingerprint: fingerprint, SerialNumber: "0" + fingerprint, NotBefore: at(-5 * time.Minute), NotAfter: at(notAfter), Groups: groups,
		}
	}
	in := func(certificates ...v1alpha1.SessionCertificate) *v1alpha1.Session {
		return &v1alpha1.Session{
			ObjectMeta: metav1.ObjectMeta{Name: "robot-kubeconfig-1"}, Status: v1alpha1.SessionStatus{Certificates: certificates},
		}
	}

	It("is what its Session says of the last one, and where it is", func() {
		Expect(credential.Record(asksFor(3600), in(issued("f1", 30*time.Minute), issued("f2", time.Hour, "corp:a")), now)).To(
			Equal(&v1alpha1.Certificate{
				Fingerprint: "f2", SerialNumber: "0f2", NotBefore: at(-5 * time.Minute), NotAfter: at(time.Hour), LastNotAfter: at(time.Hour),
				RenewTime: metav1.NewTime(credential.RenewTime(now, now.Add(time.Hour), "f2")), SecretRef: place, Session: "robot-kubeconfig-1",
				Groups: until(now.Add(time.Hour), "corp:a"),
			}))
	})

	It("has it renewed by what was asked for, where the signer gave more", func() {
		record := credential.Record(asksFor(600), in(issued("f1", time.Hour)), now)
		Expect(record.RenewTime.Time).To(Equal(credential.RenewTime(now, now.Add(10*time.Minute), "f1")))
	})

	It("has it renewed by what there is, where the signer gave less", func() {
		record := credential.Record(asksFor(7200), in(issued("f1", time.Hour)), now)
		Expect(record.RenewTime.Time).To(Equal(credential.RenewTime(now, now.Add(time.Hour), "f1")))
	})

	It("counts those before it that are still valid, and were not told of", func() {
		goesOn := in(issued("f0", -time.Minute, "corp:gone"), issued("f1", time.Hour, "corp:a"), issued("f2", time.Minute))
		record := credential.Record(asksFor(600), goesOn, now)
		Expect(record).To(And(HaveField("Fingerprint", "f2"), HaveField("LastNotAfter", at(time.Hour)),
			HaveField("Groups", Equal(until(now.Add(time.Hour), "corp:a")))))
	})

	It("keeps what was told of those of other Sessions", func() {
		user := asksFor(600)
		user.Status.Certificate = &v1alpha1.Certificate{
			Fingerprint: "f0", LastNotAfter: at(2 * time.Hour), Groups: until(now.Add(2*time.Hour), "corp:a"),
		}
		record := credential.Record(user, in(issued("f1", time.Hour, "corp:a", "corp:b")), now)
		Expect(record).To(And(HaveField("Fingerprint", "f1"), HaveField("LastNotAfter", at(2*time.Hour)),
			HaveField("Groups", Equal(append(until(now.Add(2*time.Hour), "corp:a"), until(now.Add(time.Hour), "corp:b")...)))))
	})
})
