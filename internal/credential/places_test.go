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

var _ = Describe("The places of certificates", func() {
	now := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	place := func(name string) *v1alpha1.SecretReference {
		return &v1alpha1.SecretReference{Namespace: "iam", Name: name}
	}
	issued := func(to *v1alpha1.SecretReference, until time.Time) v1alpha1.SessionCertificate {
		return v1alpha1.SessionCertificate{SecretRef: to, NotAfter: metav1.NewTime(until)}
	}
	in := func(certificates ...v1alpha1.SessionCertificate) v1alpha1.Session {
		return v1alpha1.Session{Status: v1alpha1.SessionStatus{Certificates: certificates}}
	}
	told := func(name string) *v1alpha1.User {
		return &v1alpha1.User{Status: v1alpha1.UserStatus{Certificate: &v1alpha1.Certificate{SecretRef: *place(name)}}}
	}
	later, earlier := now.Add(time.Hour), now.Add(-time.Hour)

	DescribeTable("are", func(user *v1alpha1.User, sessions []v1alpha1.Session, want ...string) {
		wanted := make([]v1alpha1.SecretReference, len(want))
		for i, name := range want {
			wanted[i] = *place(name)
		}
		Expect(credential.Places(user, sessions, now)).To(HaveExactElements(wanted))
	},
		Entry("none for somebody new", &v1alpha1.User{}, nil),
		Entry("where the User tells of", told("a"), nil, "a"),
		Entry("where a Session tells of, if the User does not", &v1alpha1.User{}, []v1alpha1.Session{in(issued(place("b"), later))}, "b"),
		Entry("one, if both tell of it", told("a"), []v1alpha1.Session{in(issued(place("a"), later))}, "a"),
		Entry("both, if they differ", told("a"), []v1alpha1.Session{in(issued(place("b"), later))}, "a", "b"),
		Entry("those of all Sessions", &v1alpha1.User{},
			[]v1alpha1.Session{in(issued(place("b"), later)), in(issued(place("c"), later)), in(issued(place("b"), later))}, "b", "c"),
		Entry("of a Session the last one's", &v1alpha1.User{},
			[]v1alpha1.Session{in(issued(place("b"), later), issued(place("c"), later))}, "c"),
		Entry("not those of a certificate that has expired", &v1alpha1.User{}, []v1alpha1.Session{in(issued(place("b"), earlier))}),
		Entry("nor of one that was valid until now", &v1alpha1.User{}, []v1alpha1.Session{in(issued(place("b"), now))}),
		Entry("nor of one that people keep themselves", &v1alpha1.User{}, []v1alpha1.Session{in(issued(nil, later))}),
		Entry("nor of a Session without any", &v1alpha1.User{}, []v1alpha1.Session{in()}),
	)
})
