// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package pki_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-iam/rollcall/internal/pki"
)

// signed is a certificate of a subject, for a key.
func signed(key *ecdsa.PrivateKey, subject pkix.Name) []byte {
	GinkgoHelper()
	return certificate(key.Public(), func(c *x509.Certificate) { c.Subject = subject })
}

// certified is a certificate of corp:alice in some organizations, as it is read from PEM.
func certified(organizations ...string) *x509.Certificate {
	GinkgoHelper()
	leaf, err := pki.ParseCertificate(signed(newKey(), name("corp:alice", organizations...)))
	Expect(err).NotTo(HaveOccurred())
	return leaf
}

var _ = Describe("The groups that a certificate speaks for", func() {
	DescribeTable("are its organizations but the marker group, sorted", func(organizations, want []string) {
		Expect(pki.Groups(certified(organizations...))).To(HaveExactElements(want))
	},
		Entry("no organization", nil, nil),
		Entry("the marker group alone", []string{"rollcall:managed"}, nil),
		Entry("one more", []string{"rollcall:managed", "corp:ops"}, []string{"corp:ops"}),
		Entry("the marker group between others", []string{"corp:ops", "rollcall:managed", "corp:dev"}, []string{"corp:dev", "corp:ops"}),
		Entry("one without the marker group", []string{"corp:ops"}, []string{"corp:ops"}),
		Entry("names like the marker group's", []string{"rollcall:managed2", "Rollcall:managed"},
			[]string{"Rollcall:managed", "rollcall:managed2"}),
		Entry("what is ours to refuse", []string{"system:masters", "rollcall:managed"}, []string{"system:masters"}),
	)

	It("are left in the certificate as they were", func() {
		leaf := certified("rollcall:managed", "corp:ops", "corp:dev")
		before := slices.Clone(leaf.Subject.Organization)
		pki.Groups(leaf)
		Expect(leaf.Subject.Organization).To(Equal(before))
	})

	DescribeTable("are those that were asked for", func(groups, want []string) {
		key, given := newKey(), slices.Clone(groups)
		subject := pki.Subject{Username: "corp:alice", Groups: groups}
		request, err := pki.NewRequest(key, subject)
		Expect(err).NotTo(HaveOccurred())
		Expect(pki.CheckRequest(request, subject)).To(Succeed())
		block, _ := pem.Decode(request)
		parsed, err := x509.ParseCertificateRequest(block.Bytes)
		Expect(err).NotTo(HaveOccurred())
		leaf, err := pki.CheckCertificate(signed(key, parsed.Subject), key.Public(), subject)
		Expect(err).NotTo(HaveOccurred())
		Expect(pki.Groups(leaf)).To(HaveExactElements(want))
		Expect(groups).To(Equal(given), "as they were given")
	},
		Entry("none", nil, nil),
		Entry("one", []string{"corp:ops"}, []string{"corp:ops"}),
		Entry("some, in any order", []string{"corp:ops", "corp:dev"}, []string{"corp:dev", "corp:ops"}),
		Entry("the same twice", []string{"corp:ops", "corp:ops"}, []string{"corp:ops"}),
		Entry("the marker group among them", []string{"rollcall:managed", "corp:ops"}, []string{"corp:ops"}),
	)

	DescribeTable("are refused where they are not those", func(organizations ...string) {
		key := newKey()
		asked := pki.Subject{Username: "corp:alice", Groups: []string{"corp:ops"}}
		_, err := pki.CheckCertificate(signed(key, name("corp:alice", organizations...)), key.Public(), asked)
		Expect(err).To(MatchError(ContainSubstring("the organizations are")))
	},
		Entry("one less", "rollcall:managed"),
		Entry("one more", "rollcall:managed", "corp:ops", "system:masters"),
		Entry("another", "rollcall:managed", "corp:dev"),
		Entry("without the marker group", "corp:ops"),
		Entry("one twice", "rollcall:managed", "corp:ops", "corp:ops"),
	)
})
