// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package credential_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/api/v1alpha1"
	"github.com/rollcall-iam/rollcall/internal/credential"
)

var _ = Describe("The places of certificates", func() {
	place := func(name string) *v1alpha1.SecretReference {
		return &v1alpha1.SecretReference{Namespace: "iam", Name: name}
	}
	issued := func(to *v1alpha1.SecretReference) v1alpha1.SessionCertificate {
		return v1alpha1.SessionCertificate{SecretRef: to}
	}
	in := func(certificates ...v1alpha1.SessionCertificate) v1alpha1.Session {
		return v1alpha1.Session{Status: v1alpha1.SessionStatus{Certificates: certificates}}
	}
	told := func(name string) *v1alpha1.User {
		return &v1alpha1.User{Status: v1alpha1.UserStatus{Certificate: &v1alpha1.Certificate{SecretRef: *place(name)}}}
	}

	DescribeTable("are", func(user *v1alpha1.User, sessions []v1alpha1.Session, want ...string) {
		wanted := make([]v1alpha1.SecretReference, len(want))
		for i, name := range want {
			wanted[i] = *place(name)
		}
		Expect(credential.Places(user, sessions)).To(HaveExactElements(wanted))
	},
		Entry("none for somebody new", &v1alpha1.User{}, nil),
		Entry("where the User tells of", told("a"), nil, "a"),
		Entry("where a Session tells of, if the User does not", &v1alpha1.User{}, []v1alpha1.Session{in(issued(place("b")))}, "b"),
		Entry("one, if both tell of it", told("a"), []v1alpha1.Session{in(issued(place("a")))}, "a"),
		Entry("both, if they differ", told("a"), []v1alpha1.Session{in(issued(place("b")))}, "a", "b"),
		Entry("those of all Sessions", &v1alpha1.User{},
			[]v1alpha1.Session{in(issued(place("b"))), in(issued(place("c"))), in(issued(place("b")))}, "b", "c"),
		Entry("of a Session all that it tells of", &v1alpha1.User{},
			[]v1alpha1.Session{in(issued(place("b")), issued(place("c")), issued(place("b")))}, "b", "c"),
		Entry("not of a certificate that people keep themselves", &v1alpha1.User{}, []v1alpha1.Session{in(issued(nil))}),
		Entry("nor of a Session without any", &v1alpha1.User{}, []v1alpha1.Session{in()}),
	)
})
